import Reconciliation
import SQL
import VolumeModel

/// One row of `wanted_volume_attachments` as it stands there, for changing it.
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
    static let selection =
        "SELECT \((["id"] + specColumns + ["departing", "generation"]).joined(separator: ", ")) "
        + "FROM wanted_volume_attachments"

    var id: String
    var spec: [SQLValue]
    var isDeparting: Bool
    var generation: Int64

    init(_ values: [SQLValue]) {
        let count = Self.specColumns.count
        id = values[0].text ?? ""
        spec = Array(values[1...count])
        isDeparting = values[count + 1].integer == 1
        generation = values[count + 2].integer ?? 0
        // What a row does not say is the object's name.
        if let template = Self.specColumns.firstIndex(of: "template_name"), spec[template] == .null,
            self["template_disk_offering"] != .null
        {
            spec[template] = self["name"]
        }
    }

    init(id: String, edit: DesiredEdit) {
        self.id = id
        isDeparting = false
        generation = 1
        var values: [String: SQLValue] = ["name": .text(edit.name.text)]
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
        values["source"] = .text(Self.word(of: edit.source))
        spec = Self.specColumns.map { values[$0] ?? .null }
    }

    private static func text(_ zone: ZoneReference) -> String {
        switch zone {
        case .id(let id): id.description
        case .named(let name): name
        }
    }

    subscript(_ column: String) -> SQLValue {
        Self.specColumns.firstIndex(of: column).map { spec[$0] } ?? .null
    }

    static func word(of source: DesiredSource) -> String {
        switch source {
        case .row: "row"
        case .manifest(let file): "manifest:\(file)"
        case .directory(let file): "directory:\(file)"
        }
    }

    /// What differs, as `field: old → new`; where an object was written down does not count as what is wanted.
    func differences(to new: DesiredRow) -> [String] {
        Self.specColumns.filter { $0 != "source" && self[$0] != new[$0] }.map { column in
            "\(column): \(Self.shown(self[column])) → \(Self.shown(new[column]))"
        }
    }

    private static func shown(_ value: SQLValue) -> String {
        switch value {
        case .null: "none"
        case .integer(let number): String(number)
        case .real(let number): String(number)
        case .text(let text): text.isEmpty ? "none" : text.split(separator: "\n").joined(separator: ", ")
        case .blob: "bytes"
        }
    }

    /// Whether something that is there has to be taken away for it to become the new one: a name withdrawn, or the volume
    /// detached.
    func isRemoval(for new: DesiredRow) -> Bool {
        if self["vm"] != new["vm"] || self["attach_as"] != new["attach_as"] { return true }
        guard self["export_name"] != .null else { return false }
        return self["export_name"] != new["export_name"] || self["export_read_only"] != new["export_read_only"]
    }

    /// In bytes; of whichever way of naming the volume.
    var wantedSizeInBytes: Int64? { self["volume_size_in_bytes"].integer ?? self["template_size_in_bytes"].integer }

    /// The file of a followed directory that the object stands in.
    var directoryFile: String? {
        if case .directory(let file) = DesiredSource(text: self["source"].text ?? "") { file } else { nil }
    }
}
