/// What the old volume daemon's database says, read in one moment.
///
/// Texts are as they were found: nothing in them is a name or a path before it was checked.
public struct LegacyTables: Sendable, Equatable {
    public var layout: LegacyLayout
    public var configs: [Config] = []
    public var mappings: [Mapping] = []
    public var exports: [Export] = []
    /// Of the older scheme, in which clients named their exports themselves.
    public var machineExports: [MachineExport] = []
    public var volumes: [Volume] = []

    public init(layout: LegacyLayout) {
        self.layout = layout
    }

    /// `ossea_configs`: a CloudStack and its keys. The row with `is_active = 1` was read afresh for each operation.
    public struct Config: Sendable, Equatable {
        public var id: Int64
        public var name: String
        /// May lack `/client/api`.
        public var endpoint: String
        public var apiKey: LegacySecret
        public var secretKey: LegacySecret
        /// The appliance's id in CloudStack (`oma_vm_id`).
        public var machine: String
        public var isActive: Bool
    }

    /// `device_mappings`: one row for each attached volume, deleted with the detach.
    public struct Mapping: Sendable, Equatable {
        public var volume: String
        public var machine: String
        /// `oma` or `failover`. Clients write it, and during a failover it runs ahead of where the volume is: never the truth.
        public var mode: String?
        /// Of a volume on another machine a placeholder, `remote-vm-…`.
        public var devicePath: String
        public var cloudStackState: String?
        public var linuxState: String?
        public var sizeInBytes: Int64?
        public var persistentName: String?
        public var symlinkPath: String?
    }

    /// `nbd_exports`: one row for each export.
    public struct Export: Sendable, Equatable {
        public var id: Int64
        public var volume: String
        /// The old daemon never wrote it: nothing follows from its absence.
        public var mapping: String?
        public var name: String
        public var port: Int64?
        public var devicePath: String?
        public var configPath: String?
        public var status: String?
    }

    /// `vm_export_mappings`.
    public struct MachineExport: Sendable, Equatable {
        public var machine: String
        public var disk: Int64?
        public var name: String
        public var devicePath: String
        public var isActive: Bool
    }

    /// `ossea_volumes`: volumes that clients know of; no row is no error.
    public struct Volume: Sendable, Equatable {
        public var volume: String
        public var name: String?
        public var devicePath: String?
        public var status: String?
        /// The row of `vm_replication_contexts` that it goes with.
        public var context: String?
    }
}

/// A key or password, which shows itself in no description, dump or mirror.
public struct LegacySecret: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    public let text: String

    public init(_ text: String) {
        self.text = text
    }

    public var description: String { text.isEmpty ? "(none)" : "(set)" }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// Which tables and columns of the old daemon an installation has: its migrations were run by hand, and not everywhere
/// (the rename of `nbd_exports.volume_id` never was in the deployed one).
public struct LegacyLayout: Sendable, Equatable {
    public enum Table: String, Sendable, Hashable, CaseIterable {
        case configs = "ossea_configs"
        case mappings = "device_mappings"
        case exports = "nbd_exports"
        case machineExports = "vm_export_mappings"
        case volumes = "ossea_volumes"
        case operations = "volume_operations"
        case operationHistory = "volume_operation_history"

        /// Each has to be there, under one of its names, for the table to be the old daemon's: another program can have one of
        /// the same name.
        var needed: [[String]] {
            switch self {
            case .configs: [["api_url"], ["api_key"], ["secret_key"]]
            case .mappings: [["volume_uuid", "volume_id"], ["vm_id"], ["device_path"]]
            case .exports: [["export_name"], ["volume_id", "volume_uuid"]]
            case .machineExports: [["vm_id"], ["export_name"], ["device_path"]]
            case .volumes: [["volume_id"]]
            case .operations: [["id"], ["type"], ["status"], ["volume_id"]]
            case .operationHistory: [["operation_id"], ["new_status"]]
            }
        }
    }

    private var columns: [Table: Set<String>]
    /// Tables of the old daemon's names that are not the old daemon's, and what they lack.
    public private(set) var strangers: [String] = []

    /// - Parameter found: the columns of each table that is there.
    public init(_ found: [Table: Set<String>]) {
        columns = [:]
        for table in Table.allCases {
            guard let names = found[table], !names.isEmpty else { continue }
            let missing = table.needed.filter { names.isDisjoint(with: $0) }
            if missing.isEmpty {
                columns[table] = names
            } else {
                let words = missing.map { $0.joined(separator: " or ") }.joined(separator: ", ")
                strangers.append("\(table.rawValue) has no column \(words)")
            }
        }
    }

    public func has(_ table: Table) -> Bool { columns[table] != nil }

    public func has(_ column: String, in table: Table) -> Bool { columns[table]?.contains(column) == true }

    /// The first of these that the table has.
    public func first(of names: String..., in table: Table) -> String? { names.first { has($0, in: table) } }

    /// The tables that are there.
    public var tables: [Table] { Table.allCases.filter(has) }
}
