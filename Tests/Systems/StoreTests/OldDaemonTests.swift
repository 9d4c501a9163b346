import MariaDB
import Reconciliation
import Rig
import SQL
@testable import Store
import Testing
import VolumeModel

/// A database in which the tables of the daemon before Hawser are, and programs that go on using them.
struct OldDaemonTests {
    /// As far as they could be mistaken for Hawser's: with their keys, and a row each that a program has written.
    private static let tables = """
        CREATE TABLE vm_replication_contexts (context_id VARCHAR(64) PRIMARY KEY);
        CREATE TABLE device_mappings (id VARCHAR(64) PRIMARY KEY DEFAULT (uuid()), vm_context_id VARCHAR(64),
            volume_uuid VARCHAR(64) NOT NULL UNIQUE, vm_id VARCHAR(64) NOT NULL,
            operation_mode ENUM('oma', 'failover') DEFAULT 'oma', device_path VARCHAR(255) NOT NULL UNIQUE,
            FOREIGN KEY (vm_context_id) REFERENCES vm_replication_contexts (context_id) ON DELETE CASCADE);
        CREATE TABLE nbd_exports (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, volume_id VARCHAR(64) DEFAULT '',
            device_mapping_uuid VARCHAR(64), export_name VARCHAR(191) NOT NULL UNIQUE,
            FOREIGN KEY (device_mapping_uuid) REFERENCES device_mappings (volume_uuid) ON DELETE CASCADE);
        CREATE TABLE volume_operations (id VARCHAR(64) PRIMARY KEY, volume_id VARCHAR(64) NOT NULL);
        CREATE TABLE ossea_configs (id BIGINT PRIMARY KEY, name VARCHAR(191) UNIQUE);
        CREATE TABLE ossea_volumes (id BIGINT PRIMARY KEY, volume_id VARCHAR(191) UNIQUE);
        CREATE TABLE vm_export_mappings (id BIGINT PRIMARY KEY, export_name VARCHAR(191) UNIQUE);
        CREATE TABLE volume_operation_history (id BIGINT PRIMARY KEY, operation_id VARCHAR(64));
        CREATE TABLE volume_daemon_metrics (id BIGINT PRIMARY KEY);
        INSERT INTO device_mappings (id, volume_uuid, vm_id, device_path)
            VALUES ('m', '00000000-0000-0001-0000-000000000001', 'v', '/dev/vdb');
        INSERT INTO nbd_exports (volume_id, device_mapping_uuid, export_name)
            VALUES ('00000000-0000-0001-0000-000000000001', '00000000-0000-0001-0000-000000000001', 'migration-vol-1');
        """

    @Test(arguments: Engine.present)
    func `no table or view has the name of one of the old daemon's`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        let list =
            engine == .sqlite
            ? "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
            : "SELECT table_name FROM information_schema.tables WHERE table_schema = database()"
        let names = try it.client().run(list).compactMap { $0[0].text }
        #expect(names.contains("observed_devices") && names.contains("observed_exports"))
        #expect(Set(names).isDisjoint(with: StoreSchema.namesOfOldDaemon))
        withExtendedLifetime(store) {}
    }

    @Test(.enabled(if: Engine.present.contains(.mariaDB), "no MariaDB here"))
    func `a store is made and works beside them, and changes nothing in them`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let client = try it.client()
        try client.execute(Self.tables)
        func contents() throws -> [[[SQLValue]]] {
            try ["device_mappings", "nbd_exports"].map { table in
                try client.run("SHOW CREATE TABLE \(table)") + client.run("SELECT * FROM \(table)")
            }
        }
        let before = try contents()
        let store = try await it.three()
        let one = try #require(try await objects(store).first)
        let device = DeviceRecord(
            kernelName: "vdb", number: DeviceNumber(major: 254, minor: 16), path: "/dev/vdb", byIDLinks: [],
            serial: nil, diskSequence: 7, sizeInBytes: 4096, isReadOnly: false)
        try await store.save([detail(device: device, of: one.id)])
        #expect(try client.run("SELECT path FROM observed_devices") == [[.text("/dev/vdb")]])
        #expect(try client.run("SELECT name FROM observed_exports") == [[.text("one")]])
        _ = try await store.delete(try names("o1"), by: .person, approving: .none, dryRun: false)
        try await store.forget(one.id)
        #expect(try client.run("SELECT * FROM observed_devices") == [])
        #expect(try contents() == before)
    }
}
