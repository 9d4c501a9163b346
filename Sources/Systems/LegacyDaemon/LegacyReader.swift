import MariaDB
import SQL

/// Reads the tables through the columns that they have.
struct LegacyReader {
    private let connection: MariaDBConnection
    private let layout: LegacyLayout

    init(_ connection: MariaDBConnection, _ layout: LegacyLayout) {
        self.connection = connection
        self.layout = layout
    }

    func tables() throws(SQLError) -> LegacyTables {
        var tables = LegacyTables(layout: layout)
        tables.configs = try configs()
        tables.mappings = try mappings()
        tables.exports = try exports()
        tables.machineExports = try machineExports()
        tables.volumes = try volumes()
        return tables
    }

    /// One row, by the names of its columns; of a column that the layout lacks nothing is found.
    private struct Row {
        var values: [String: SQLValue]

        func text(_ name: String?) -> String? {
            switch name.flatMap({ values[$0] }) {
            case .text(let text)?: text
            case .integer(let number)?: String(number)
            case .blob(let bytes)?: String(decoding: bytes, as: UTF8.self)
            case .real, .null, nil: nil
            }
        }

        func integer(_ name: String) -> Int64? {
            switch values[name] {
            case .integer(let number)?: number
            case .text(let text)?: Int64(text)
            case .blob(let bytes)?: bytes.count <= 8 ? bytes.reduce(0) { $0 << 8 | Int64($1) } : nil
            case .real, .null, nil: nil
            }
        }

        /// Where the layout has no such column, all rows count.
        func flag(_ name: String) -> Bool { values[name] == nil ? true : integer(name) ?? 0 != 0 }
    }

    /// - Parameter wanted: names of this program's own; only those that the table has reach the statement.
    private func rows(of table: LegacyLayout.Table, _ wanted: [String]) throws(SQLError) -> [Row] {
        guard layout.has(table) else { return [] }
        let columns = wanted.filter { layout.has($0, in: table) }
        var found: [Row] = []
        let order = layout.has("id", in: table) ? " ORDER BY id" : ""
        for values in try connection.run("SELECT \(columns.joined(separator: ", ")) FROM \(table.rawValue)\(order)") {
            found.append(Row(values: Dictionary(uniqueKeysWithValues: zip(columns, values))))
        }
        return found
    }

    func configs() throws(SQLError) -> [LegacyTables.Config] {
        try rows(of: .configs, ["id", "name", "api_url", "api_key", "secret_key", "oma_vm_id", "is_active"]).map {
            row in
            LegacyTables.Config(
                id: row.integer("id") ?? 0, name: row.text("name") ?? "", endpoint: row.text("api_url") ?? "",
                apiKey: LegacySecret(row.text("api_key") ?? ""), secretKey: LegacySecret(row.text("secret_key") ?? ""),
                machine: row.text("oma_vm_id") ?? "", isActive: row.flag("is_active"))
        }
    }

    private func mappings() throws(SQLError) -> [LegacyTables.Mapping] {
        let volume = layout.first(of: "volume_uuid", "volume_id", in: .mappings)
        return try rows(
            of: .mappings,
            [
                "volume_uuid", "volume_id", "vm_id", "operation_mode", "device_path", "cloudstack_state", "linux_state",
                "size", "persistent_device_name", "symlink_path",
            ]
        ).map { row in
            LegacyTables.Mapping(
                volume: row.text(volume) ?? "", machine: row.text("vm_id") ?? "", mode: row.text("operation_mode"),
                devicePath: row.text("device_path") ?? "", cloudStackState: row.text("cloudstack_state"),
                linuxState: row.text("linux_state"), sizeInBytes: row.integer("size"),
                persistentName: row.text("persistent_device_name"), symlinkPath: row.text("symlink_path"))
        }
    }

    private func exports() throws(SQLError) -> [LegacyTables.Export] {
        let volume = layout.first(of: "volume_id", "volume_uuid", in: .exports)
        return try rows(
            of: .exports,
            [
                "id", "volume_id", "volume_uuid", "device_mapping_uuid", "export_name", "port", "device_path",
                "config_path", "status",
            ]
        ).map { row in
            LegacyTables.Export(
                id: row.integer("id") ?? 0, volume: row.text(volume) ?? "", mapping: row.text("device_mapping_uuid"),
                name: row.text("export_name") ?? "", port: row.integer("port"), devicePath: row.text("device_path"),
                configPath: row.text("config_path"), status: row.text("status"))
        }
    }

    private func machineExports() throws(SQLError) -> [LegacyTables.MachineExport] {
        try rows(of: .machineExports, ["vm_id", "disk_unit_number", "export_name", "device_path", "status"]).map {
            row in
            LegacyTables.MachineExport(
                machine: row.text("vm_id") ?? "", disk: row.integer("disk_unit_number"),
                name: row.text("export_name") ?? "", devicePath: row.text("device_path") ?? "",
                isActive: (row.text("status") ?? "active") == "active")
        }
    }

    private func volumes() throws(SQLError) -> [LegacyTables.Volume] {
        try rows(of: .volumes, ["volume_id", "volume_name", "device_path", "status", "vm_context_id"]).map { row in
            LegacyTables.Volume(
                volume: row.text("volume_id") ?? "", name: row.text("volume_name"),
                devicePath: row.text("device_path"), status: row.text("status"), context: row.text("vm_context_id"))
        }
    }
}
