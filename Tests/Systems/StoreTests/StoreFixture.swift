import LinuxCalls
import MariaDB
import Reconciliation
import Rig
import SQL
import SQLite
@testable import Store
import Testing
import VolumeModel

/// The databases that hold a store. What is promised of one is tested of both.
enum Engine: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case sqlite
    case mariaDB

    var testDescription: String { rawValue }
    static let present = allCases.filter { $0 == .sqlite || ThrowAwayMariaDB.obstacle == nil }
}

/// A place for one store, gone when the test ends.
struct StoreFixture {
    private enum Place {
        case file(TemporaryDirectory)
        case database(MariaDBAddress)
    }

    private let place: Place

    init(_ engine: Engine) async throws {
        switch engine {
        case .sqlite: place = .file(try TemporaryDirectory(prefix: "hawser-store-test"))
        case .mariaDB: place = .database(try await ThrowAwayMariaDB.shared().freshDatabase())
        }
    }

    /// The file of SQLite's.
    var path: String {
        guard case .file(let directory) = place else { return "" }
        return "\(directory.path)/hawser.db"
    }

    /// Opens the store, or opens it again: the lock of a file may live on for a moment in a child that another test is just
    /// starting.
    func open(node: String = "appliance-1") async throws -> SQLStore {
        guard case .file = place else {
            guard case .database(let address) = place else { throw CancellationError() }
            return try await SQLStore.shared(at: address, node: node)
        }
        for _ in 0..<12_000 {
            if let store = try? SQLStore.embedded(path: path) { return store }
            try await Task.sleep(for: .milliseconds(5))
        }
        return try SQLStore.embedded(path: path)
    }

    /// How one gets to the database who may read the server's binary log, or has no rights but in this database.
    func engine(mayReadLog: Bool) async throws -> MariaDBEngine {
        guard case .database(var address) = place else { throw CancellationError() }
        if !mayReadLog {
            let server = try MariaDBConnection(address)
            let name = "user_of_\(address.database)"
            try server.execute("CREATE USER \(name) IDENTIFIED BY ''; GRANT ALL ON \(address.database).* TO \(name)")
            address.user = name
        }
        return MariaDBEngine(address, MariaDBOptions())
    }

    /// Some other program's connection, which knows nothing of Hawser's manners.
    func client() throws -> any SQLConnection {
        guard case .database(let address) = place else { return try SQLiteConnection(path: path) }
        let client = try MariaDBConnection(address)
        try client.execute("SET SESSION sql_mode = DEFAULT, innodb_snapshot_isolation = OFF; SET NAMES utf8mb4")
        return client
    }

    /// An empty store with three objects.
    func three() async throws -> SQLStore {
        let store = try await open()
        for number in 1...3 {
            _ = try await store.apply(
                [edit("o\(number)", volume: UInt64(number), export: "e\(number)")], dryRun: false)
        }
        #expect(try await approved(store).isEmpty)
        return store
    }
}

// MARK: What is wanted

extension StoreFixture {
    /// Rows of an SQL client whose volume has the name that hawserd has found to be that of volume 1.
    func claimByName(_ names: String..., in store: SQLStore) async throws {
        let volume = VolumeID(UUIDValue(high: 1, low: 1))
        for name in names {
            try client().run(
                "INSERT INTO desired_volume_attachments (name, volume_name, volume_zone) VALUES (?, 'data', 'zone')",
                [.text(name)])
            let found = try await objects(store).first { $0.name.text == name }
            try await store.bind(try #require(found?.id), to: volume)
        }
    }
}

func edit(
    _ name: String, volume: UInt64 = 1, export: String? = "e", labels: [String: String] = ["a": "b"]
) throws -> DesiredEdit {
    DesiredEdit(
        name: try #require(ObjectName(name)), labels: labels,
        volume: .id(VolumeID(UUIDValue(high: volume, low: volume))), machine: .thisMachine,
        export: try export.map { DesiredExport(name: try #require(ExportName($0)), isReadOnly: true) },
        detach: DetachPolicy(), source: .manifest(file: "x.yaml"))
}

/// A row that cannot be read where one should be.
struct Unexpected: Error { let entry: DesiredEntry? }

func object(_ entry: DesiredEntry?) throws -> DesiredAttachment {
    guard case .valid(let object)? = entry else { throw Unexpected(entry: entry) }
    return object
}

func objects(_ store: SQLStore) async throws -> [DesiredAttachment] {
    try await store.desiredState().entries.map { try object($0) }
}

func names(_ names: String...) throws -> [ObjectName] { try names.map { try #require(ObjectName($0)) } }

func approved(_ store: SQLStore) async throws -> [String] {
    try await objects(store).filter(\.isRemovalApproved).map(\.name.text)
}

// MARK: What the loop writes

func detail(
    device: DeviceRecord?, of attachment: AttachmentID = AttachmentID(UUIDValue(high: 0, low: 1))
) -> AttachmentDetail {
    let volume = VolumeID(UUIDValue(high: 1, low: 1))
    return AttachmentDetail(
        report: AttachmentReport(
            attachment: attachment, name: "one", generation: 1, volume: volume,
            machine: nil, isHere: true, isDeparting: false, readiness: .ready, since: Instant(nanoseconds: 1),
            cloudWord: "attached", deviceWord: "vdb", exportWord: "live", clients: nil, drifts: [], next: nil,
            nextAt: nil),
        conditions: [], volume: nil, device: device,
        export: device.map { device in
            ExportEntry(
                name: ExportName("one").unsafelyUnwrapped, isReadOnly: false, owner: .hawser(volume),
                target: .device(device.number, diskSequence: 7), liveness: .live, clients: .known(2))
        })
}

func line(
    _ intent: UInt64, _ phase: LedgerPhase = .intended, at: Int64 = 1, action: LedgerAction? = nil,
    evidence: String = "seen free", counts: Bool = false, of attachment: UInt64 = 1
) -> LedgerEntry {
    let volume = VolumeID(UUIDValue(high: 1, low: 1))
    return LedgerEntry(
        intent: IntentID(UUIDValue(high: 0, low: intent)),
        attachment: AttachmentID(UUIDValue(high: 0, low: attachment)),
        action: action ?? .attachVolume(volume, to: MachineID(UUIDValue(high: 2, low: 2))),
        job: JobID(UUIDValue(high: 9, low: intent)), phase: phase, at: Instant(nanoseconds: at), evidence: evidence,
        countsAsRemoval: counts)
}
