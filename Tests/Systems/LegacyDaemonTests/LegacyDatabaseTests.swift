import Crypto
@testable import LegacyDaemon
import MariaDB
import Rig
import SQL
import Testing

@Suite(.enabled(if: ThrowAwayMariaDB.obstacle == nil, "needs a MariaDB server: \(ThrowAwayMariaDB.obstacle ?? "")"))
struct LegacyDatabaseTests {
    private static let volume = "a7f226a7-95a0-43b6-942e-acc909ef0c08"
    private static let appliance = "aaaa0000-0000-4000-8000-000000000001"

    private func fresh() async throws -> MariaDBAddress { try await ThrowAwayMariaDB.shared().freshDatabase() }

    @Test func `the deployed tables are read as they are`() async throws {
        let old = try OldDaemonDatabase(at: try await fresh())
        try old.configure(endpoint: "https://cloud/client/api", apiKey: "k", secretKey: "s", appliance: Self.appliance)
        try old.attach(
            Self.volume, to: Self.appliance, path: "/dev/disk/by-id/virtio-a7f226a795a043b6942e", sizeInBytes: 5 << 30,
            file: "/etc/nbd-server/conf.d/migration-vol-\(Self.volume).conf")
        let tables = try await LegacyDatabase(old.address).tables()
        let mapping = try #require(tables.mappings.first)
        #expect(mapping.volume == Self.volume)
        #expect(mapping.machine == Self.appliance)
        #expect(mapping.mode == "oma")
        #expect(mapping.devicePath == "/dev/disk/by-id/virtio-a7f226a795a043b6942e")
        #expect(mapping.sizeInBytes == 5 << 30)
        #expect(mapping.persistentName == nil)
        let export = try #require(tables.exports.first)
        #expect(export.volume == Self.volume)
        #expect(export.mapping == nil)
        #expect(export.port == 10_809)
        #expect(export.status == "active")
        #expect(export.configPath?.hasSuffix(".conf") == true)
        #expect(tables.volumes.first?.status == "attached")
        #expect(tables.configs.first?.isActive == true)
        #expect(tables.configs.first?.machine == Self.appliance)
        #expect("\(tables)".contains("(set)"))
        #expect(!"\(tables.configs)".contains("\"s\""))
        #expect(tables.layout.tables.count == 7)
    }

    @Test func `columns that an installation lacks, or has renamed, are tolerated`() async throws {
        let address = try await fresh()
        let connection = try MariaDBConnection(address)
        try connection.execute(
            """
            CREATE TABLE device_mappings (volume_id VARCHAR(64), vm_id VARCHAR(64), device_path VARCHAR(100));
            CREATE TABLE nbd_exports (export_name VARCHAR(191), volume_uuid VARCHAR(64));
            INSERT INTO device_mappings VALUES ('\(Self.volume)', 'm', '/dev/vdb');
            INSERT INTO nbd_exports VALUES ('migration-vol-1', '\(Self.volume)');
            """)
        let tables = try await LegacyDatabase(address).tables()
        #expect(tables.mappings.map(\.volume) == [Self.volume])
        #expect(tables.mappings.first?.mode == nil)
        #expect(tables.mappings.first?.sizeInBytes == nil)
        #expect(tables.exports.map(\.volume) == [Self.volume])
        #expect(tables.exports.first?.port == nil)
        #expect(tables.configs.isEmpty)
        #expect(!tables.layout.has(.configs))
    }

    @Test func `another program's table of the same name is not taken for the old daemon's`() async throws {
        let address = try await fresh()
        try MariaDBConnection(address).execute(
            "CREATE TABLE device_mappings (attachment VARCHAR(36), serial VARCHAR(20))")
        await #expect {
            _ = try await LegacyDatabase(address).tables()
        } throws: { error in
            "\(error)".contains("has no tables of the old daemon")
                && "\(error)".contains("device_mappings has no column")
        }
    }

    @Test func `a server that lets nobody in is named without the password`() async throws {
        let server = try await ThrowAwayMariaDB.shared()
        var address = server.address(database: "x", overTCP: true)
        address.user = "nobody"
        address.password = MariaDBPassword("very-secret")
        let wrong = address
        await #expect {
            _ = try await LegacyDatabase(wrong).tables()
        } throws: { error in
            "\(error)".contains("the address, user and password") && !"\(error)".contains("very-secret")
        }
    }
}

@Suite struct LegacyCredentialsTests {
    private static let key = [UInt8](0..<32)
    private static let plain = String(repeating: "aB3-_", count: 17) + "x"

    private func row(_ api: String, _ secret: String, _ endpoint: String = "https://c") -> LegacyTables.Config {
        LegacyTables.Config(
            id: 1, name: "p", endpoint: endpoint, apiKey: LegacySecret(api), secretKey: LegacySecret(secret),
            machine: "", isActive: true)
    }

    @Test func `sealed keys are opened, plain ones are taken as they stand`() throws {
        let sealed = Base64.encode(SealedBytes.seal(Array(Self.plain.utf8), key: Self.key))
        let key = LegacySecret(Base64.encode(Self.key) + "\n")
        let found = try LegacyCredentials(row(sealed, "plain"), encryptionKey: key)
        #expect(found.apiKey.text == Self.plain)
        #expect(found.secretKey.text == "plain")
        let unsealed = try LegacyCredentials(row(Self.plain, Self.plain), encryptionKey: nil)
        #expect(unsealed.apiKey.text == Self.plain)
    }

    @Test func `a sealed key without the right encryption key is an error that says where to take it from`() {
        let sealed = Base64.encode(SealedBytes.seal(Array(Self.plain.utf8), key: Self.key))
        let wrong = LegacySecret(Base64.encode([UInt8](repeating: 9, count: 32)))
        for key in [nil, wrong] {
            #expect {
                _ = try LegacyCredentials(row(sealed, "s"), encryptionKey: key)
            } throws: { "\($0)".contains("MIGRATEKIT_CRED_ENCRYPTION_KEY") && !"\($0)".contains(sealed) }
        }
        #expect(throws: LegacyError.self) {
            _ = try LegacyCredentials(row("a", "s"), encryptionKey: LegacySecret("short"))
        }
    }

    @Test(arguments: [
        ("https://c", "https://c/client/api"), ("https://c/", "https://c/client/api"),
        ("https://c/client", "https://c/client/api"), ("https://c/client/", "https://c/client/api"),
        ("https://c:8443/client/api", "https://c:8443/client/api"), ("http://c/api/", "http://c/api"), ("", ""),
    ]) func `an endpoint without the API's path gets it`(given: String, meant: String) throws {
        #expect(try LegacyCredentials(row("a", "b", given), encryptionKey: nil).endpoint == meant)
    }
}

@Suite struct LegacyAddressTests {
    @Test(arguments: [
        "oma:p@ss/w@tcp(db:3307)/migratekit?parseTime=true", "\n  oma:p@ss/w@tcp(db:3307)/migratekit\n",
        "# the old unit\nLOG_LEVEL=info\nDATABASE_DSN=\"oma:p@ss/w@tcp(db:3307)/migratekit?parseTime=true\"\n",
        "DB_HOST=db\nDB_PORT=3307\nDB_USER=oma\nDB_PASS='p@ss/w'\nDB_NAME=migratekit\nPORT=8090\n",
        "export DB_HOST=db\nexport DB_PORT=3307\nDB_USER=oma\nDB_PASSWORD=p@ss/w\nDB_NAME=migratekit",
    ]) func `an address, and the old unit's environment, are understood`(text: String) throws {
        let address = try MariaDBAddress(legacy: text)
        #expect(address.description == "mariadb://oma@db:3307/migratekit")
        #expect(address.password == MariaDBPassword("p@ss/w"))
    }

    @Test(arguments: ["", "DB_HOST=db\nDB_PASS=geheim\n", "nothing at all"])
    func `what is none is refused without its words`(text: String) {
        #expect {
            _ = try MariaDBAddress(legacy: text)
        } throws: { !"\($0)".contains("geheim") && "\($0)".hasPrefix("cannot read the address") }
    }
}
