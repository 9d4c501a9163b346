import MariaDB
import Rig
import SQL
import Testing
import VolumeModel

@testable import LegacyDaemon

@Suite(.enabled(if: ThrowAwayMariaDB.obstacle == nil, "needs a MariaDB server: \(ThrowAwayMariaDB.obstacle ?? "")"))
struct LegacyOperationTests {
    private static let volume: VolumeID = fixed(VolumeID("a7f226a7-95a0-43b6-942e-acc909ef0c08"))
    private static let machine: MachineID = fixed(MachineID("aaaa0000-0000-4000-8000-000000000001"))

    private func record(
        _ phase: LedgerPhase, _ action: LedgerAction = .attachVolume(volume, to: machine), evidence: String = "seen"
    ) throws -> OperationRecord {
        OperationRecord(
            intent: try #require(IntentID("bbbb0000-0000-4000-8000-000000000001")),
            attachment: try #require(AttachmentID("cccc0000-0000-4000-8000-000000000001")), action: action, job: nil,
            startedAt: Instant(nanoseconds: 1_700_000_000_000_000_000), phase: phase,
            changedAt: Instant(nanoseconds: 1_700_000_002_000_000_000), evidence: evidence, because: "")
    }

    @Test func `each change of a status is one row of the history, and nothing is written twice`() async throws {
        let old = try OldDaemonDatabase(at: try await ThrowAwayMariaDB.shared().freshDatabase())
        let database = LegacyDatabase(old.address)
        for phase in [LedgerPhase.intended, .intended, .accepted, .ended(.succeeded), .ended(.succeeded)] {
            try await database.write([try #require(LegacyOperation(record(phase), devicePath: "/dev/x"))])
        }
        let connection = try MariaDBConnection(old.address)
        let row = try connection.run(
            """
            SELECT type, status, volume_id, vm_id, json_value(request, '$.volume_id'), json_value(response, '$.device_path'),
                error, unix_timestamp(created_at), unix_timestamp(completed_at) FROM volume_operations
            """)
        #expect(row.count == 1)
        #expect(
            row[0][..<7] == [
                .text("attach"), .text("completed"), .text("\(Self.volume)"), .text("\(Self.machine)"),
                .text("\(Self.volume)"), .text("/dev/x"), .null,
            ])
        #expect(row[0][7...].map { $0.integer ?? 0 } == [1_700_000_000, 1_700_000_002])
        #expect(
            try connection.run("SELECT previous_status, new_status FROM volume_operation_history ORDER BY id") == [
                [.null, .text("pending")], [.text("pending"), .text("executing")],
                [.text("executing"), .text("completed")],
            ])
    }

    @Test func `a failure has its words, and what the old daemon had no word for is left out`() async throws {
        let old = try OldDaemonDatabase(at: try await ThrowAwayMariaDB.shared().freshDatabase())
        let failed = try #require(
            LegacyOperation(
                record(.ended(.failed(.notThere, "no such volume")), evidence: "no \"such\" volume"), devicePath: nil))
        try await LegacyDatabase(old.address).write([failed])
        #expect(
            try MariaDBConnection(old.address).run("SELECT status, response, error FROM volume_operations")
                == [[.text("failed"), .null, .text("no \"such\" volume")]])
        #expect(
            try LegacyOperation(record(.intended, .resizeVolume(Self.volume, sizeInBytes: 1)), devicePath: nil) == nil)
        let name: ExportName = fixed(ExportName("x"))
        #expect(try LegacyOperation(record(.intended, .publishExport(name, of: Self.volume)), devicePath: nil) == nil)
    }

    @Test func `a database without the tables is left as it is`() async throws {
        let address = try await ThrowAwayMariaDB.shared().freshDatabase()
        try MariaDBConnection(address).execute(
            "CREATE TABLE device_mappings (volume_id VARCHAR(64), vm_id VARCHAR(64), device_path VARCHAR(100))")
        try await LegacyDatabase(address).write([try #require(LegacyOperation(record(.intended), devicePath: nil))])
        #expect(try MariaDBConnection(address).run("SHOW TABLES").count == 1)
    }
}
