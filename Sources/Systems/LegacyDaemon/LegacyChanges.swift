import SQL
public import VolumeModel

/// What is true of one volume, in the words of the old daemon's tables.
public struct LegacyTruth: Sendable, Equatable {
    public enum Whereabouts: Sendable, Equatable {
        /// Attached to this appliance, as this device.
        case here(path: String, device: DeviceNumber, sizeInBytes: Int64)
        case elsewhere(MachineID, isRoot: Bool)
        case nowhere
    }

    /// An export that is served.
    public struct Export: Sendable, Equatable {
        public var name: ExportName
        public var port: Int64?
        /// The file that defines it.
        public var file: String

        public init(name: ExportName, port: Int64?, file: String) {
            self.name = name
            self.port = port
            self.file = file
        }
    }

    public var volume: VolumeID
    public var whereabouts: Whereabouts
    public var export: Export?

    public init(volume: VolumeID, whereabouts: Whereabouts, export: Export?) {
        self.volume = volume
        self.whereabouts = whereabouts
        self.export = export
    }
}

/// One row of the old daemon's tables that is to be written. Its tables and columns are this program's own words, and only those
/// that the layout has.
public struct LegacyChange: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case insert
        case update
        case delete
    }

    var kind: Kind
    var table: LegacyLayout.Table
    var key: String
    var keyValue: String
    /// Columns to be set; nil for NULL.
    var values: [String: Value]

    enum Value: Sendable, Equatable {
        case text(String)
        case integer(Int64)
        case null
        case now
        case moment(Instant)
    }

    /// For people.
    public var description: String {
        let what =
            switch kind {
            case .insert: "a row is added"
            case .update: "\(values.keys.filter { values[$0] != .now }.sorted().joined(separator: ", ")) set"
            case .delete: "the row is deleted"
            }
        return "\(table.rawValue), \(key) \(LegacyComparison.shown(keyValue)): \(what)"
    }

    /// The statement, with its parameters in their order.
    func statement(_ layout: LegacyLayout) -> (sql: String, values: [SQLValue])? {
        let columns = values.keys.filter { layout.has($0, in: table) }.sorted()
        let marks = columns.map { column in
            switch values[column] {
            case .now?: "CURRENT_TIMESTAMP(3)"
            case .moment?: "FROM_UNIXTIME(? / 1000000000)"
            case .text?, .integer?, .null?, nil: "?"
            }
        }
        let bound: [SQLValue] = columns.compactMap { column in
            switch values[column] {
            case .text(let text)?: .text(text)
            case .integer(let number)?: .integer(number)
            case .null?: .null
            case .moment(let at)?: .integer(at.nanoseconds)
            case .now?, nil: nil
            }
        }
        switch kind {
        case .insert:
            return (
                "INSERT INTO \(table.rawValue) (\(([key] + columns).joined(separator: ", "))) "
                    + "VALUES (\((["?"] + marks).joined(separator: ", ")))", [.text(keyValue)] + bound
            )
        case .update:
            guard !columns.isEmpty else { return nil }
            let assignments = zip(columns, marks).map { "\($0) = \($1)" }.joined(separator: ", ")
            return ("UPDATE \(table.rawValue) SET \(assignments) WHERE \(key) = ?", bound + [.text(keyValue)])
        case .delete: return ("DELETE FROM \(table.rawValue) WHERE \(key) = ?", [.text(keyValue)])
        }
    }
}

/// What has to be written so that the old daemon's tables say what is true; nothing where they do.
///
/// What others write there stays: the mode, snapshots, contexts and jobs. A path that leads to the right disk is right, in whatever
/// form it was written.
public struct LegacyChanges {
    private let tables: LegacyTables
    private let here: MachineID
    private let places: [String: LegacyPlace]
    private(set) var changes: [LegacyChange] = []

    /// - Parameters:
    ///   - here: this appliance.
    ///   - places: where the paths of the tables lead.
    public static func changes(
        of tables: LegacyTables, toward truths: [LegacyTruth], here: MachineID, places: [String: LegacyPlace]
    ) -> [LegacyChange] {
        var all = LegacyChanges(tables, here, places)
        for truth in truths { all.write(truth) }
        return all.changes
    }

    /// The rows in which an old path becomes the by-id path.
    public static func changes(
        of tables: LegacyTables, converting conversion: LegacySurvey.Conversion, here: MachineID,
        places: [String: LegacyPlace]
    ) -> [LegacyChange] {
        var all = LegacyChanges(tables, here, places)
        all.convert(conversion)
        return all.changes
    }

    private init(_ tables: LegacyTables, _ here: MachineID, _ places: [String: LegacyPlace]) {
        self.tables = tables
        self.here = here
        self.places = places
    }

    private var mappingKey: String {
        tables.layout.first(of: "volume_uuid", "volume_id", in: .mappings) ?? "volume_uuid"
    }

    private func leads(_ path: String?, to device: DeviceNumber) -> Bool {
        switch path.flatMap({ places[$0] }) {
        case .device(device)?, .layer(_, _, over: device)?: true
        case .device?, .layer?, .other?, nil: false
        }
    }

    private mutating func write(_ truth: LegacyTruth) {
        writeMapping(truth)
        writeExport(truth)
        writeVolume(truth)
    }

    // MARK: device_mappings

    /// Placeholders of volumes on other machines. The old daemon's own could not tell two data disks of one machine apart, which
    /// the table's unique key refuses; readers test the first part only.
    private static func placeholder(_ machine: MachineID, _ volume: VolumeID, isRoot: Bool) -> String {
        isRoot ? "remote-vm-root-\(machine)" : "remote-vm-\(machine)-\(volume)"
    }

    private mutating func writeMapping(_ truth: LegacyTruth) {
        guard tables.layout.has(.mappings) else { return }
        let id = truth.volume.description
        let row = tables.mappings.first { VolumeID($0.volume) == truth.volume }
        let machine: MachineID
        let path: String
        let isRight: Bool
        var values: [String: LegacyChange.Value] = ["cloudstack_state": .text("attached"), "last_sync": .now]
        switch truth.whereabouts {
        case .nowhere:
            if let row { change(.delete, .mappings, mappingKey, row.volume, [:]) }
            return
        case .here(let byID, let device, let size):
            (machine, path) = (here, byID)
            isRight = leads(row?.devicePath, to: device)
            values["linux_state"] = .text("detected")
            values["size"] = .integer(size)
        case .elsewhere(let other, let isRoot):
            (machine, path) = (other, Self.placeholder(other, truth.volume, isRoot: isRoot))
            isRight = row?.devicePath.hasPrefix("remote-vm-") == true
            values["linux_state"] = .text("n/a")
        }
        values["vm_id"] = .text(machine.description)
        guard let row else {
            values["device_path"] = .text(path)
            values["operation_mode"] = .text(machine == here ? "oma" : "failover")
            values["requires_device_correlation"] = .integer(machine == here ? 1 : 0)
            if let context = tables.volumes.first(where: { VolumeID($0.volume) == truth.volume })?.context {
                values["vm_context_id"] = .text(context)
            }
            change(.insert, .mappings, mappingKey, id, values)
            return
        }
        guard MachineID(row.machine) != machine || !isRight else { return }
        if !isRight {
            values["device_path"] = .text(path)
            values["persistent_device_name"] = .null
            values["symlink_path"] = .null
        }
        change(.update, .mappings, mappingKey, row.volume, values)
    }

    // MARK: nbd_exports

    /// A row stays when its volume goes: the name is reserved for it.
    private mutating func writeExport(_ truth: LegacyTruth) {
        guard tables.layout.has(.exports), let export = truth.export,
            case .here(let path, let device, _) = truth.whereabouts
        else { return }
        let volumeColumn = tables.layout.first(of: "volume_id", "volume_uuid", in: .exports) ?? "volume_id"
        var values: [String: LegacyChange.Value] = [
            volumeColumn: .text(truth.volume.description), "device_path": .text(path),
            "config_path": .text(export.file),
            "status": .text("active"), "updated_at": .now,
        ]
        if let port = export.port { values["port"] = .integer(port) }
        guard let row = tables.exports.first(where: { $0.name == export.name.text }) else {
            values["created_at"] = .now
            if let context = tables.volumes.first(where: { VolumeID($0.volume) == truth.volume })?.context {
                values["vm_context_id"] = .text(context)
            }
            change(.insert, .exports, "export_name", export.name.text, values)
            return
        }
        guard VolumeID(row.volume) != truth.volume || (row.devicePath != nil && !leads(row.devicePath, to: device))
        else { return }
        change(.update, .exports, "export_name", row.name, values)
    }

    // MARK: ossea_volumes

    /// Clients insert the rows; the old daemon changed those that it found.
    private mutating func writeVolume(_ truth: LegacyTruth) {
        guard let row = tables.volumes.first(where: { VolumeID($0.volume) == truth.volume }), row.status != "deleted"
        else {
            return
        }
        switch truth.whereabouts {
        case .here(let path, let device, _):
            var values: [String: LegacyChange.Value] = [:]
            if !leads(row.devicePath, to: device) { values["device_path"] = .text(path) }
            if row.status != "attached" { values["status"] = .text("attached") }
            if !values.isEmpty { change(.update, .volumes, "volume_id", row.volume, values) }
        case .elsewhere(let machine, let isRoot):
            guard row.status != "attached" || row.devicePath?.hasPrefix("remote-vm-") != true else { return }
            change(
                .update, .volumes, "volume_id", row.volume,
                [
                    "device_path": .text(Self.placeholder(machine, truth.volume, isRoot: isRoot)),
                    "status": .text("attached"),
                ])
        case .nowhere:
            guard row.status != "detached" || row.devicePath != nil else { return }
            change(
                .update, .volumes, "volume_id", row.volume, ["device_path": .null, "status": .text("detached")])
        }
    }

    // MARK: Old paths

    private mutating func convert(_ conversion: LegacySurvey.Conversion) {
        func isOld(_ path: String?) -> Bool { path != conversion.to && leads(path, to: conversion.device) }
        for row in tables.mappings where VolumeID(row.volume) == conversion.volume && isOld(row.devicePath) {
            change(
                .update, .mappings, mappingKey, row.volume,
                [
                    "device_path": .text(conversion.to), "persistent_device_name": .null, "symlink_path": .null,
                    "last_sync": .now,
                ])
        }
        for row in tables.exports where VolumeID(row.volume) == conversion.volume && isOld(row.devicePath) {
            change(
                .update, .exports, "export_name", row.name, ["device_path": .text(conversion.to), "updated_at": .now])
        }
        for row in tables.volumes where VolumeID(row.volume) == conversion.volume && isOld(row.devicePath) {
            change(.update, .volumes, "volume_id", row.volume, ["device_path": .text(conversion.to)])
        }
    }

    private mutating func change(
        _ kind: LegacyChange.Kind, _ table: LegacyLayout.Table, _ key: String, _ value: String,
        _ values: [String: LegacyChange.Value]
    ) {
        changes.append(LegacyChange(kind: kind, table: table, key: key, keyValue: value, values: values))
    }
}
