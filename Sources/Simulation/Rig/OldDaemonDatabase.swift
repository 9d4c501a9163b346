public import MariaDB
public import SQL

/// The old volume daemon's database as it was deployed, for rehearsals: its tables with the columns, keys and cascades that other
/// programs rely on, and rows as it wrote them.
public struct OldDaemonDatabase: Sendable {
    public let address: MariaDBAddress

    /// Makes the tables.
    public init(at address: MariaDBAddress) throws(SQLError) {
        self.address = address
        let connection = try MariaDBConnection(address)
        try connection.execute(Self.schema)
    }

    /// Writes the active row of `ossea_configs`.
    public func configure(
        endpoint: String, apiKey: String, secretKey: String, appliance: String
    ) throws(SQLError) {
        try MariaDBConnection(address).run(
            """
            INSERT INTO ossea_configs (name, api_url, api_key, secret_key, domain, zone, oma_vm_id, is_active)
            VALUES ('production', ?, ?, ?, 'ROOT', 'zone-1', ?, 1)
            """, [.text(endpoint), .text(apiKey), .text(secretKey), .text(appliance)])
    }

    /// Writes what the old daemon had of an attached and exported volume.
    ///
    /// - Parameters:
    ///   - path: `device_path` of both tables.
    ///   - sizeInBytes: the disk's.
    public func attach(
        _ volume: String, to machine: String, path: String, sizeInBytes: Int64, port: Int64 = 10_809,
        file: String
    ) throws(SQLError) {
        let connection = try MariaDBConnection(address)
        let context = "ctx-\(volume)"
        try connection.run(
            "INSERT INTO vm_replication_contexts (context_id, current_status) VALUES (?, 'replicating')",
            [.text(context)])
        try connection.run(
            """
            INSERT INTO ossea_volumes (vm_context_id, volume_id, volume_name, size_gb, device_path, status)
            VALUES (?, ?, ?, ?, ?, 'attached')
            """, [.text(context), .text(volume), .text("disk"), .integer(sizeInBytes >> 30), .text(path)])
        try connection.run(
            """
            INSERT INTO device_mappings (id, vm_context_id, volume_uuid, vm_id, operation_mode, requires_device_correlation,
                device_path, cloudstack_state, linux_state, size)
            VALUES (?, ?, ?, ?, 'oma', 1, ?, 'attached', 'detected', ?)
            """,
            [
                .text("map-\(volume)"), .text(context), .text(volume), .text(machine), .text(path),
                .integer(sizeInBytes),
            ])
        try connection.run(
            """
            INSERT INTO nbd_exports (vm_context_id, volume_id, export_name, port, device_path, config_path, status,
                created_at, updated_at)
            VALUES (?, ?, ?, ?, ?, ?, 'active', now(3), now(3))
            """,
            [
                .text(context), .text(volume), .text("migration-vol-\(volume)"), .integer(port), .text(path),
                .text(file),
            ])
    }

    /// Every row of every table, as text, so that two moments can be compared.
    public func contents() throws(SQLError) -> [String] {
        let connection = try MariaDBConnection(address)
        var lines: [String] = []
        for table in try connection.run(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name")
        {
            guard let name = table[0].text else { continue }
            // A name that this schema gave.
            lines += try connection.run("SELECT * FROM `\(name)` ORDER BY 1").map { "\(name): \($0)" }
        }
        return lines
    }

    /// The file of an export, as the old daemon wrote it.
    public static func exportFile(of export: String, path: String) -> String {
        """
        [\(export)]
        exportname = \(path)
        readonly = false
        multifile = false
        copyonwrite = false

        """
    }

    private static let schema = """
        CREATE TABLE vm_replication_contexts (
            context_id VARCHAR(64) NOT NULL DEFAULT (uuid()) PRIMARY KEY,
            current_status ENUM('discovered', 'replicating', 'ready_for_failover', 'failed_over_test', 'failed_over_live',
                'completed', 'failed', 'cleanup_required') DEFAULT 'discovered'
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
        CREATE TABLE ossea_configs (
            id INT AUTO_INCREMENT PRIMARY KEY,
            name VARCHAR(191) UNIQUE, api_url VARCHAR(512), api_key VARCHAR(512), secret_key VARCHAR(512),
            domain VARCHAR(191), zone VARCHAR(191), template_id VARCHAR(191), network_id VARCHAR(191),
            service_offering_id VARCHAR(191), disk_offering_id VARCHAR(191), oma_vm_id VARCHAR(191),
            created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
            updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
            is_active TINYINT(1) NOT NULL DEFAULT 1
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
        CREATE TABLE ossea_volumes (
            id INT AUTO_INCREMENT PRIMARY KEY,
            vm_context_id VARCHAR(64), volume_id VARCHAR(191) UNIQUE, volume_name VARCHAR(191), size_gb BIGINT,
            ossea_config_id INT, volume_type VARCHAR(191), device_path VARCHAR(191), mount_point VARCHAR(191),
            status VARCHAR(191) DEFAULT 'creating', snapshot_id VARCHAR(191), snapshot_created_at TIMESTAMP NULL,
            snapshot_status VARCHAR(50) DEFAULT 'none',
            created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
            updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
            FOREIGN KEY (vm_context_id) REFERENCES vm_replication_contexts (context_id) ON DELETE CASCADE,
            FOREIGN KEY (ossea_config_id) REFERENCES ossea_configs (id)
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
        CREATE TABLE device_mappings (
            id VARCHAR(64) NOT NULL DEFAULT (uuid()) PRIMARY KEY,
            vm_context_id VARCHAR(64), volume_uuid VARCHAR(64) NOT NULL UNIQUE, volume_id_numeric BIGINT,
            vm_id VARCHAR(64) NOT NULL, operation_mode ENUM('oma', 'failover') NOT NULL DEFAULT 'oma',
            cloudstack_device_id INT, requires_device_correlation TINYINT(1) DEFAULT 1,
            device_path VARCHAR(255) NOT NULL UNIQUE, cloudstack_state VARCHAR(32), linux_state VARCHAR(32),
            size BIGINT, last_sync TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
            created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
            updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
            ossea_snapshot_id VARCHAR(191), snapshot_created_at TIMESTAMP NULL,
            snapshot_status VARCHAR(50) DEFAULT 'none',
            persistent_device_name VARCHAR(255), symlink_path VARCHAR(255),
            FOREIGN KEY (vm_context_id) REFERENCES vm_replication_contexts (context_id) ON DELETE CASCADE
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
        CREATE TABLE nbd_exports (
            id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
            vm_context_id VARCHAR(64), job_id VARCHAR(191), volume_id VARCHAR(64) DEFAULT '', vm_disk_id BIGINT,
            device_mapping_uuid VARCHAR(64), export_name VARCHAR(191) NOT NULL UNIQUE, port BIGINT,
            device_path LONGTEXT, config_path LONGTEXT, status VARCHAR(191) DEFAULT 'pending',
            created_at DATETIME(3), updated_at DATETIME(3),
            FOREIGN KEY (vm_context_id) REFERENCES vm_replication_contexts (context_id) ON DELETE CASCADE,
            FOREIGN KEY (device_mapping_uuid) REFERENCES device_mappings (volume_uuid) ON DELETE CASCADE
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
        CREATE TABLE vm_export_mappings (
            id INT AUTO_INCREMENT PRIMARY KEY,
            vm_id VARCHAR(36) NOT NULL, disk_unit_number INT NOT NULL, vm_name VARCHAR(191),
            export_name VARCHAR(191) NOT NULL UNIQUE, device_path VARCHAR(191) NOT NULL UNIQUE,
            status ENUM('active', 'inactive') DEFAULT 'active',
            created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
            updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
            UNIQUE (vm_id, disk_unit_number)
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
        CREATE TABLE volume_operations (
            id VARCHAR(64) NOT NULL PRIMARY KEY,
            type ENUM('create', 'attach', 'detach', 'delete', 'cleanup') NOT NULL,
            status ENUM('pending', 'executing', 'completed', 'failed', 'cancelled') NOT NULL DEFAULT 'pending',
            volume_id VARCHAR(64) NOT NULL, vm_id VARCHAR(64), request LONGTEXT NOT NULL CHECK (json_valid(request)),
            response LONGTEXT CHECK (json_valid(response)), error TEXT,
            created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
            updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
            completed_at TIMESTAMP NULL, KEY (volume_id), KEY (vm_id), KEY (status), KEY (type), KEY (created_at)
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
        CREATE TABLE volume_operation_history (
            id BIGINT AUTO_INCREMENT PRIMARY KEY,
            operation_id VARCHAR(64) NOT NULL, previous_status VARCHAR(32), new_status VARCHAR(32) NOT NULL,
            changed_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, details LONGTEXT CHECK (json_valid(details))
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
        """
}
