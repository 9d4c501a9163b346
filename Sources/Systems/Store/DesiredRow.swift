import Reconciliation
import SQLite
import VolumeModel

/// One row of `desired_volume_attachments`, as text: whoever wrote it, it is read with the same rules.
struct DesiredRow: Equatable {
    static let specColumns = [
        "name", "volume_id", "volume_name", "volume_zone", "volume_size_in_bytes", "template_name",
        "template_size_in_bytes", "template_disk_offering", "template_zone", "vm", "attach_as", "export_name",
        "export_read_only", "detach_when_in_use", "mode", "deletion_policy", "deletion_grace_seconds", "labels",
        "source",
    ]
    /// What says which volume an object means: it never changes in the life of an object.
    static let identityColumns = [
        "volume_id", "volume_name", "volume_zone", "template_name", "template_disk_offering", "template_zone",
    ]
    /// A row, and what is kept beside it.
    static let selection = """
        SELECT \((["id"] + specColumns + ["departing", "departing_since", "generation"]).joined(separator: ", ")),
            s.reason, s.until, o.volume, o.disk_sequence, o.reason, o.expires_at
        FROM desired_volume_attachments LEFT JOIN suspensions AS s ON s.attachment = id
            LEFT JOIN in_use_overrides AS o ON o.attachment = id
        """

    var id: String
    var spec: [SQLiteValue]
    var isDeparting: Bool
    var departingSince: Instant?
    var generation: Int64
    var suspension: Suspension?
    var inUseOverride: InUseOverride?

    init(_ values: [SQLiteValue]) {
        let count = Self.specColumns.count
        id = values[0].text ?? ""
        spec = Array(values[1...count])
        isDeparting = values[count + 1].integer == 1
        departingSince = values[count + 2].integer.map { Instant(nanoseconds: $0) }
        generation = values[count + 3].integer ?? 0
        suspension = values[count + 4].text.map { reason in
            Suspension(reason: reason, until: values[count + 5].integer.map { Instant(nanoseconds: $0) })
        }
        if let volume = values[count + 6].text.flatMap({ VolumeID($0) }), let expires = values[count + 9].integer {
            inUseOverride = InUseOverride(
                volume: volume, diskSequence: values[count + 7].integer.map { UInt64(bitPattern: $0) },
                reason: values[count + 8].text ?? "", expiresAt: Instant(nanoseconds: expires))
        }
    }

    init(id: String, edit: DesiredEdit) {
        self.id = id
        isDeparting = false
        generation = 1
        var values: [String: SQLiteValue] = ["name": .text(edit.name.text)]
        switch edit.volume {
        case .id(let volume): values["volume_id"] = .text(volume.description)
        case .named(let name, let zone):
            values["volume_name"] = .text(name)
            values["volume_zone"] = .text(Self.text(zone))
        case .created(let template):
            values["template_name"] = .text(template.name)
            values["template_size_in_bytes"] = template.sizeInBytes.map { .integer($0) }
            values["template_zone"] = .text(Self.text(template.zone))
            switch template.offering {
            case .id(let offering): values["template_disk_offering"] = .text(offering.description)
            case .named(let name): values["template_disk_offering"] = .text(name)
            }
        }
        switch edit.machine {
        case .thisMachine: values["vm"] = .text("self")
        case .id(let machine): values["vm"] = .text(machine.description)
        case .named(let name): values["vm"] = .text(name)
        }
        if case .created = edit.volume {
        } else {
            values["volume_size_in_bytes"] = edit.wantedSizeInBytes.map { .integer($0) }
        }
        values["attach_as"] = .text(edit.role.rawValue)
        values["mode"] = .text(edit.mode.rawValue)
        values["deletion_policy"] = .text(edit.deletion.data.rawValue)
        values["deletion_grace_seconds"] = .integer(edit.deletion.grace.components.seconds)
        values["export_name"] = edit.export.map { .text($0.name.text) }
        values["export_read_only"] = .integer(edit.export?.isReadOnly == true ? 1 : 0)
        values["detach_when_in_use"] = .text(edit.detach.whenInUse.rawValue)
        values["labels"] = .text(
            edit.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "\n"))
        switch edit.source {
        case .row: values["source"] = .text("row")
        case .manifest(let file): values["source"] = .text("manifest:\(file)")
        case .directory(let file): values["source"] = .text("directory:\(file)")
        }
        spec = Self.specColumns.map { values[$0] ?? .null }
    }

    private static func text(_ zone: ZoneReference) -> String {
        switch zone {
        case .id(let id): id.description
        case .named(let name): name
        }
    }

    subscript(_ column: String) -> SQLiteValue {
        Self.specColumns.firstIndex(of: column).map { spec[$0] } ?? .null
    }

    /// What differs, as `field: old → new`; where an object was written down does not count as what is wanted.
    func differences(to new: DesiredRow) -> [String] {
        Self.specColumns.filter { $0 != "source" && self[$0] != new[$0] }.map { column in
            "\(column): \(Self.shown(self[column])) → \(Self.shown(new[column]))"
        }
    }

    private static func shown(_ value: SQLiteValue) -> String {
        switch value {
        case .null: "none"
        case .integer(let number): String(number)
        case .real(let number): String(number)
        case .text(let text): text.isEmpty ? "none" : text.split(separator: "\n").joined(separator: ", ")
        case .blob: "bytes"
        }
    }

    /// What the row wants; nil for a row whose id is none, which only a person with a SQL client can make.
    var entry: DesiredEntry? {
        guard let attachment = AttachmentID(id) else { return nil }
        var problems: [SpecProblem] = []
        let rawName = self["name"].text ?? ""
        let name = ObjectName(rawName)
        if name == nil {
            problems.append(SpecProblem(field: "name", message: "'\(rawName)' is no name: \(ObjectName.rule)"))
        }
        let volume = volume(&problems)
        let export = export(&problems)
        let policy = word("detach_when_in_use", DetachPolicy.WhenInUse.self, &problems)
        let mode = word("mode", ReconcileMode.self, &problems)
        let role = role(&problems)
        let deletion = deletion(of: volume, &problems)
        guard problems.isEmpty, let name, let volume, let policy, let mode, let role, let deletion else {
            return .invalid(id: attachment, name: rawName, generation: generation, problems: problems)
        }
        return .valid(
            DesiredAttachment(
                id: attachment, name: name, generation: generation, labels: labels, volume: volume, machine: machine,
                export: export, detach: DetachPolicy(whenInUse: policy), mode: mode,
                wantedSizeInBytes: wantedSizeInBytes, role: role, deletion: deletion, source: source,
                isDeparting: isDeparting, departingSince: departingSince, suspension: suspension,
                inUseOverride: inUseOverride))
    }

    /// A column that takes one of a few words.
    private func word<Word: RawRepresentable & CaseIterable>(
        _ column: String, _: Word.Type, _ problems: inout [SpecProblem]
    ) -> Word? where Word.RawValue == String {
        let text = self[column].text ?? ""
        if let word = Word(rawValue: text) { return word }
        let words = Word.allCases.map(\.rawValue).joined(separator: " or ")
        problems.append(SpecProblem(field: column, message: "write \(words), not '\(text)'"))
        return nil
    }

    private func role(_ problems: inout [SpecProblem]) -> DiskRole? {
        guard let role = word("attach_as", DiskRole.self, &problems) else { return nil }
        if role == .root, machine == .thisMachine {
            problems.append(
                SpecProblem(field: "attach_as", message: "a root disk belongs to another, stopped machine, not to self")
            )
        }
        return role
    }

    private func deletion(of volume: VolumeReference?, _ problems: inout [SpecProblem]) -> DeletionPolicy? {
        guard let data = word("deletion_policy", DeletionPolicy.Data.self, &problems) else { return nil }
        if data == .delete, let volume {
            guard case .created = volume else {
                problems.append(
                    SpecProblem(
                        field: "deletion_policy",
                        message: "Delete is only for a volume that Hawser made from a template; write Retain"))
                return nil
            }
        }
        return DeletionPolicy(data: data, grace: .seconds(self["deletion_grace_seconds"].integer ?? 86_400))
    }

    /// In bytes; of whichever way of naming the volume.
    var wantedSizeInBytes: Int64? { self["volume_size_in_bytes"].integer ?? self["template_size_in_bytes"].integer }

    private func volume(_ problems: inout [SpecProblem]) -> VolumeReference? {
        if let size = self["volume_size_in_bytes"].integer, size % (1 << 30) != 0 {
            problems.append(SpecProblem(field: "volume_size_in_bytes", message: "\(size) is no whole number of GiB"))
        }
        if let text = self["volume_id"].text {
            if let id = VolumeID(text) { return .id(id) }
            problems.append(SpecProblem(field: "volume_id", message: "'\(text)' is no UUID"))
            return nil
        }
        if let name = self["volume_name"].text {
            if let zone = self["volume_zone"].text { return .named(name, zone: Self.zone(zone)) }
            problems.append(SpecProblem(field: "volume_zone", message: "a volume that is named needs its zone"))
            return nil
        }
        if let offering = self["template_disk_offering"].text, let zone = self["template_zone"].text {
            let size = self["template_size_in_bytes"].integer
            if let size, size % (1 << 30) != 0 {
                problems.append(
                    SpecProblem(field: "template_size_in_bytes", message: "\(size) is no whole number of GiB"))
            }
            return .created(
                VolumeTemplate(
                    name: self["template_name"].text ?? self["name"].text ?? "", sizeInBytes: size,
                    offering: DiskOfferingID(offering).map { .id($0) } ?? .named(offering), zone: Self.zone(zone)))
        }
        problems.append(
            SpecProblem(
                field: "volume_id",
                message: "write volume_id; or volume_name and volume_zone; or template_disk_offering and template_zone")
        )
        return nil
    }

    private static func zone(_ text: String) -> ZoneReference { ZoneID(text).map { .id($0) } ?? .named(text) }

    private var machine: MachineReference {
        let text = self["vm"].text ?? "self"
        return text == "self" ? .thisMachine : MachineID(text).map { .id($0) } ?? .named(text)
    }

    private func export(_ problems: inout [SpecProblem]) -> DesiredExport? {
        guard let text = self["export_name"].text else { return nil }
        guard let name = ExportName(text) else {
            problems.append(
                SpecProblem(field: "export_name", message: "'\(text)' is no export name: \(ExportName.rule)"))
            return nil
        }
        return DesiredExport(name: name, isReadOnly: self["export_read_only"].integer == 1)
    }

    private var labels: [String: String] {
        let pairs = (self["labels"].text ?? "").split(separator: "\n").compactMap { line -> (String, String)? in
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
        }
        return Dictionary(pairs) { _, last in last }
    }

    private var source: DesiredSource {
        let text = self["source"].text ?? "row"
        if text.hasPrefix("manifest:") { return .manifest(file: String(text.dropFirst("manifest:".count))) }
        if text.hasPrefix("directory:") { return .directory(file: String(text.dropFirst("directory:".count))) }
        return .row
    }

    /// The file of a followed directory that the object stands in.
    var directoryFile: String? { if case .directory(let file) = source { file } else { nil } }
}
