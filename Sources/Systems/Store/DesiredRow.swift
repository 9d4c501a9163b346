import Reconciliation
import SQLite
import VolumeModel

/// One row of `desired_volume_attachments`, as text: whoever wrote it, it is read with the same rules.
struct DesiredRow: Equatable {
    static let specColumns = [
        "name", "volume_id", "volume_name", "volume_zone", "template_name", "template_size_in_bytes",
        "template_disk_offering", "template_zone", "vm", "export_name", "export_read_only", "detach_when_in_use",
        "labels", "source",
    ]
    static let columns = (["id"] + specColumns + ["departing", "generation", "revision"]).joined(separator: ", ")

    var id: String
    var spec: [SQLiteValue]
    var isDeparting: Bool
    var generation: Int64
    var revision: Int64

    init(_ values: [SQLiteValue]) {
        let count = Self.specColumns.count
        id = values[0].text ?? ""
        spec = Array(values[1...count])
        isDeparting = values[count + 1].integer == 1
        generation = values[count + 2].integer ?? 0
        revision = values[count + 3].integer ?? 0
    }

    init(id: String, edit: DesiredEdit) {
        self.id = id
        isDeparting = false
        generation = 1
        revision = 0
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
        values["export_name"] = edit.export.map { .text($0.name.text) }
        values["export_read_only"] = .integer(edit.export?.isReadOnly == true ? 1 : 0)
        values["detach_when_in_use"] = .text(edit.detach.whenInUse.rawValue)
        values["labels"] = .text(
            edit.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "\n"))
        switch edit.source {
        case .row: values["source"] = .text("row")
        case .manifest(let file): values["source"] = .text("manifest:\(file)")
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
        let policy = self["detach_when_in_use"].text.flatMap { DetachPolicy.WhenInUse(rawValue: $0) }
        if policy == nil { problems.append(SpecProblem(field: "detach_when_in_use", message: "write Wait")) }
        guard problems.isEmpty, let name, let volume, let policy else {
            return .invalid(id: attachment, name: rawName, generation: generation, problems: problems)
        }
        return .valid(
            DesiredAttachment(
                id: attachment, name: name, generation: generation, labels: labels, volume: volume, machine: machine,
                export: export, detach: DetachPolicy(whenInUse: policy), source: source, isDeparting: isDeparting))
    }

    private func volume(_ problems: inout [SpecProblem]) -> VolumeReference? {
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
        return text.hasPrefix("manifest:") ? .manifest(file: String(text.dropFirst("manifest:".count))) : .row
    }
}
