import Arguments
import VolumeModel
import YAML

/// Reads manifests, and finds everything that is wrong with them: one run shows all there is to repair.
public struct ManifestReader: Sendable {
    public private(set) var manifests: [Manifest] = []
    public private(set) var problems: [ManifestProblem] = []
    private var file = ""

    public init() {}

    /// Adds the documents of one file.
    public mutating func read(_ text: [UInt8], file: String) {
        self.file = file
        let documents: [Node]
        do { documents = try YAMLReader().documents(text) } catch {
            problems.append(ManifestProblem(error.message, at: Place(file: file, mark: error.mark)))
            return
        }
        for document in documents {
            // An empty document, as between two separators, says nothing.
            if document.value == .null { continue }
            if let manifest = manifest(document) { manifests.append(manifest) }
        }
    }

    /// Checks what only shows when all files are read: names, volumes and export names that two objects claim.
    public mutating func finish() {
        var names: [ObjectName: Place] = [:]
        var volumes: [VolumeID: Manifest] = [:]
        var exports: [ExportName: Manifest] = [:]
        for manifest in manifests {
            if let other = names[manifest.name] {
                note(
                    "'\(manifest.name)' is already written at \(other); give one of them another name",
                    at: manifest.place)
            } else {
                names[manifest.name] = manifest.place
            }
            if case .id(let volume) = manifest.volume {
                if let other = volumes[volume] {
                    note(
                        "volume \(volume) is already claimed by '\(other.name)' at \(other.place); "
                            + "one volume belongs to one object", at: manifest.place)
                } else {
                    volumes[volume] = manifest
                }
            }
            if let name = manifest.export?.name {
                if let other = exports[name] {
                    note(
                        "export name '\(name)' is already claimed by '\(other.name)' at \(other.place); choose another",
                        at: manifest.place)
                } else {
                    exports[name] = manifest
                }
            }
        }
    }

    // MARK: One document

    private mutating func note(_ message: String, at place: Place) {
        problems.append(ManifestProblem(message, at: place))
    }

    private mutating func note(_ message: String, at mark: Mark) {
        note(message, at: Place(file: file, mark: mark))
    }

    private mutating func manifest(_ document: Node) -> Manifest? {
        let before = problems.count
        guard case .map = document.value else {
            note(
                "a manifest is a map with apiVersion, kind, metadata and spec, not \(document.kind)", at: document.mark)
            return nil
        }
        let version = document["apiVersion"]?.source ?? ""
        let kind = document["kind"]?.source ?? ""
        guard version == ManifestFields.apiVersion, kind == ManifestFields.kind else {
            note(
                "this is apiVersion '\(version)', kind '\(kind)', which is not Hawser's: "
                    + "write apiVersion: \(ManifestFields.apiVersion) and kind: \(ManifestFields.kind)",
                at: document.mark)
            return nil
        }
        check(document, allows: ManifestFields.document, in: "the document")
        let metadata = required("metadata", of: document, in: "the document")
        let spec = required("spec", of: document, in: "the document")
        let name = metadata.flatMap { objectNameField(in: $0) }
        let labels = metadata.map { labelsField(in: $0) } ?? [:]
        guard let spec, check(spec, allows: ManifestFields.spec, in: "spec") else { return nil }
        let volume = required("volume", of: spec, in: "spec").flatMap { volumeField(in: $0, objectName: name) }
        let machine = machineField(in: spec)
        let export = spec["export"].flatMap { exportField(in: $0) }
        let detach = spec["detach"].map { detachField(in: $0) } ?? DetachPolicy()
        let mode = wordField("mode", of: spec, ReconcileMode.self) ?? .enforce
        let role = wordField("attachAs", of: spec, DiskRole.self) ?? .data
        if role == .root, machine == .thisMachine, let node = spec["attachAs"] {
            note("a root disk belongs to another, stopped machine: vm cannot be self", at: node.mark)
        }
        let deletion = deletionField(in: spec, volume: volume)
        let size = sizeField(in: spec, volume: volume)
        guard problems.count == before, let name, let volume, let machine else { return nil }
        return Manifest(
            name: name, labels: labels, volume: volume, machine: machine, export: export, detach: detach, mode: mode,
            wantedSizeInBytes: size, role: role, deletion: deletion,
            place: Place(file: file, mark: document.mark))
    }

    /// Finds fields that nobody reads; a misspelt one would otherwise be silently left out.
    @discardableResult
    private mutating func check(_ node: Node, allows fields: [String], in place: String) -> Bool {
        guard case .map(let entries) = node.value else {
            note("\(place) is a map, not \(node.kind)", at: node.mark)
            return false
        }
        for entry in entries where !fields.contains(entry.key) {
            let hint = Spelling.nearest(to: entry.key, among: fields).map { "; did you mean '\($0)'?" }
            note(
                "\(place) has no field '\(entry.key)'"
                    + (hint ?? "; it takes \(fields.joined(separator: ", "))"), at: entry.keyMark)
        }
        return true
    }

    private mutating func required(_ field: String, of node: Node, in place: String) -> Node? {
        guard let value = node[field], value.value != .null else {
            note("\(place) lacks '\(field)'", at: node.mark)
            return nil
        }
        return value
    }

    /// A scalar as it was written: `1e3` for a name is the text, not a number.
    private mutating func text(_ node: Node, _ field: String) -> String? {
        switch node.value {
        case .text(let text): return text
        case .integer, .real, .flag: return node.source
        case .null, .list, .map:
            note("\(field) is text, not \(node.kind)", at: node.mark)
            return nil
        }
    }

    /// A name that is there: an empty one would mean nothing, or everything.
    private mutating func filledText(_ node: Node, _ field: String) -> String? {
        guard let text = text(node, field) else { return nil }
        guard !text.isEmpty else {
            note("\(field) is empty", at: node.mark)
            return nil
        }
        return text
    }

    private mutating func requiredText(_ field: String, of node: Node, in place: String) -> String? {
        required(field, of: node, in: place).flatMap { filledText($0, "\(place).\(field)") }
    }

    private mutating func objectNameField(in metadata: Node) -> ObjectName? {
        guard check(metadata, allows: ManifestFields.metadata, in: "metadata"),
            let node = required("name", of: metadata, in: "metadata"), let text = text(node, "metadata.name")
        else { return nil }
        guard let name = ObjectName(text) else {
            note("'\(text)' is no name: \(ObjectName.rule)", at: node.mark)
            return nil
        }
        return name
    }

    private mutating func labelsField(in metadata: Node) -> [String: String] {
        guard let node = metadata["labels"], node.value != .null else { return [:] }
        guard case .map(let entries) = node.value else {
            note("metadata.labels is a map of text, not \(node.kind)", at: node.mark)
            return [:]
        }
        var labels: [String: String] = [:]
        for entry in entries {
            guard let value = text(entry.value, "label '\(entry.key)'") else { continue }
            if let problem = Labels.problem(key: entry.key, value: value) { note(problem, at: entry.keyMark) }
            labels[entry.key] = value
        }
        return labels
    }

    private mutating func volumeField(in node: Node, objectName: ObjectName?) -> VolumeReference? {
        guard check(node, allows: ManifestFields.volume, in: "spec.volume") else { return nil }
        let ways = ["id", "name", "template"].filter { node[$0] != nil }
        guard ways.count == 1 else {
            note("spec.volume takes one of: id; name and zone; template", at: node.mark)
            return nil
        }
        if ways[0] == "template", let size = node["size"] {
            note("the size of a new volume stands in its template", at: size.mark)
        }
        switch ways[0] {
        case "id":
            if let zone = node["zone"] { note("a volume that is named by its id needs no zone", at: zone.mark) }
            guard let value = node["id"], let text = text(value, "spec.volume.id") else { return nil }
            guard let id = VolumeID(text) else {
                note("'\(text)' is no volume id: use the UUID that CloudStack shows, or name and zone", at: value.mark)
                return nil
            }
            return .id(id)
        case "name":
            guard let name = requiredText("name", of: node, in: "spec.volume"),
                let zone = requiredText("zone", of: node, in: "spec.volume")
            else { return nil }
            return .named(name, zone: zoneReference(zone))
        default:
            guard let template = node["template"] else { return nil }
            if let zone = node["zone"] { note("the zone of a new volume stands in its template", at: zone.mark) }
            return templateField(in: template, objectName: objectName).map { .created($0) }
        }
    }

    private mutating func templateField(in node: Node, objectName: ObjectName?) -> VolumeTemplate? {
        let place = "spec.volume.template"
        guard check(node, allows: ManifestFields.template, in: place) else { return nil }
        let name = node["name"].flatMap { filledText($0, "\(place).name") } ?? objectName?.text
        let offering = requiredText("diskOffering", of: node, in: place)
        let zone = requiredText("zone", of: node, in: place)
        var size: Int64?
        if let value = node["size"], let text = text(value, "\(place).size") {
            size = VolumeSize.bytes(text)
            if size == nil { note("'\(text)' is no size of a volume: \(VolumeSize.rule)", at: value.mark) }
        }
        guard let name, let offering, let zone else { return nil }
        return VolumeTemplate(
            name: name, sizeInBytes: size,
            offering: DiskOfferingID(offering).map { .id($0) } ?? .named(offering), zone: zoneReference(zone))
    }

    private func zoneReference(_ text: String) -> ZoneReference { ZoneID(text).map { .id($0) } ?? .named(text) }

    private mutating func machineField(in spec: Node) -> MachineReference? {
        guard let text = requiredText("vm", of: spec, in: "spec") else { return nil }
        if text == "self" { return .thisMachine }
        return MachineID(text).map { .id($0) } ?? .named(text)
    }

    private mutating func exportField(in node: Node) -> DesiredExport? {
        if node.value == .null { return nil }
        guard check(node, allows: ManifestFields.export, in: "spec.export"),
            let value = required("name", of: node, in: "spec.export"), let text = text(value, "spec.export.name")
        else { return nil }
        guard let name = ExportName(text) else {
            note("'\(text)' is no export name: \(ExportName.rule)", at: value.mark)
            return nil
        }
        var isReadOnly = false
        if let flag = node["readOnly"] {
            guard case .flag(let value) = flag.value else {
                note("spec.export.readOnly is true or false, not \(flag.kind)", at: flag.mark)
                return nil
            }
            isReadOnly = value
        }
        return DesiredExport(name: name, isReadOnly: isReadOnly)
    }

    /// A field that takes one of a few words.
    private mutating func wordField<Word: RawRepresentable & CaseIterable>(
        _ field: String, of spec: Node, _: Word.Type
    ) -> Word? where Word.RawValue == String {
        guard let node = spec[field], node.value != .null, let text = text(node, "spec.\(field)") else { return nil }
        if let word = Word(rawValue: text) { return word }
        let words = Word.allCases.map(\.rawValue)
        let hint = Spelling.nearest(to: text, among: words).map { "; did you mean '\($0)'?" } ?? ""
        note("spec.\(field) is \(words.joined(separator: " or ")), not '\(text)'\(hint)", at: node.mark)
        return nil
    }

    private mutating func deletionField(in spec: Node, volume: VolumeReference?) -> DeletionPolicy {
        var policy = DeletionPolicy()
        if let data = wordField("deletionPolicy", of: spec, DeletionPolicy.Data.self) { policy.data = data }
        if policy.data == .delete, let volume, let node = spec["deletionPolicy"] {
            if case .created = volume {
            } else {
                note(
                    "deletionPolicy: Delete is only for a volume that Hawser makes from spec.volume.template; write Retain",
                    at: node.mark)
            }
        }
        if let node = spec["deletionGrace"], node.value != .null, let text = text(node, "spec.deletionGrace") {
            if let grace = Durations.parse(text) {
                policy.grace = .seconds(grace.components.seconds)
            } else {
                note("spec.deletionGrace is a time such as 30m, 24h or 7d, not '\(text)'", at: node.mark)
            }
        }
        return policy
    }

    private mutating func sizeField(in spec: Node, volume: VolumeReference?) -> Int64? {
        if case .created(let template)? = volume { return template.sizeInBytes }
        guard let node = spec["volume"]?["size"], node.value != .null, let text = text(node, "spec.volume.size") else {
            return nil
        }
        guard let size = VolumeSize.bytes(text) else {
            note("'\(text)' is no size of a volume: \(VolumeSize.rule)", at: node.mark)
            return nil
        }
        return size
    }

    private mutating func detachField(in node: Node) -> DetachPolicy {
        guard node.value != .null, check(node, allows: ManifestFields.detach, in: "spec.detach"),
            let value = node["whenInUse"], let text = text(value, "spec.detach.whenInUse")
        else { return DetachPolicy() }
        guard let whenInUse = DetachPolicy.WhenInUse(rawValue: text) else {
            let allowed = DetachPolicy.WhenInUse.allCases.map(\.rawValue).joined(separator: ", ")
            note("spec.detach.whenInUse is \(allowed), not '\(text)'", at: value.mark)
            return DetachPolicy()
        }
        return DetachPolicy(whenInUse: whenInUse)
    }
}
