import LinuxCalls
import MariaDB
import Reconciliation
import Rig
import SQL
@testable import Store
import Testing
import VolumeModel

/// The views that people read, through a client that knows nothing of Hawser.
@Suite struct ViewTests {
    private static let views = ["volume_attachment_status", "drift", "events"]
    /// 14 November 2023, 22:13:20.123.
    private let moment = Instant(nanoseconds: 1_700_000_000_123_999_999)
    private let time = "2023-11-14 22:13:20.123"

    /// As the loop says it of an object as it is now.
    private func said(of object: DesiredAttachment, _ cause: Cause? = nil) -> AttachmentDetail {
        var detail = detail(device: nil, of: object.id)
        detail.report.name = object.name.text
        detail.report.generation = object.generation
        detail.report.since = moment
        if let cause { detail.report.readiness = .notReady(cause) }
        return detail
    }

    private func rows(_ it: StoreFixture, _ columns: String, _ rest: String = "") throws -> [[String]] {
        try it.client().run("SELECT \(columns) FROM volume_attachment_status \(rest) ORDER BY name").map { row in
            row.map { value in
                if case .integer(let number) = value { return "\(number)" }
                return value.text ?? "NULL"
            }
        }
    }

    @Test(arguments: Engine.present)
    func `what nobody has looked at yet is pending, and again when it is wanted otherwise`(_ engine: Engine)
        async throws
    {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        _ = try await store.apply([edit("one")], dryRun: false)
        let pending = ["one", "00000000-0000-0001-0000-000000000001", "self", "Pending", "NotSeenYet", "hawser"]
        let columns = "name, volume_id, vm, phase, reason, mover"
        #expect(try rows(it, columns) == [pending])
        let begun = try it.client().run("SELECT since FROM volume_attachment_status")[0][0].text
        #expect(begun?.hasPrefix("20") == true)
        try await store.save([said(of: try #require(try await objects(store).first))])
        #expect(try rows(it, "name, phase, reason, message, next, since") == [["one", "Ready", "", "", "", time]])
        #expect(try rows(it, "volume_id") == [["00000000-0000-0001-0000-000000000001"]])
        try it.client().execute("UPDATE desired_volume_attachments SET export_read_only = 0")
        #expect(try rows(it, columns) == [pending])
        #expect(try rows(it, "generation") == [["2"]])
    }

    @Test(arguments: Engine.present)
    func `why something is not ready, whose move it is and what is next stands there`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.three()
        let objects = try await objects(store)
        let job = JobID(UUIDValue(high: 9, low: 9))
        let causes: [Cause] = [
            .working("attach it"), .waitingForJob(job, verb: "attach", since: moment), .volumeNotFound("named 'x'"),
        ]
        try await store.save(zip(objects, causes).map { said(of: $0, $1) })
        #expect(
            try rows(it, "name, phase, reason, message, mover, next, since") == [
                ["o1", "Working", "Working", "attach it", "hawser", "Hawser goes on by itself", time],
                [
                    "o2", "Waiting", "WaitingForJob", "waiting for CloudStack's job \(job) (attach)", "cloudstack",
                    "Hawser looks again when CloudStack has moved on", time,
                ],
                [
                    "o3", "Blocked", "VolumeNotFound", "no volume named 'x'", "person", "nothing until a person acts",
                    time,
                ],
            ])
        // With whatever collation a client brings along.
        #expect(try rows(it, "name", "WHERE phase = 'Blocked' AND mover <> 'hawser'") == [["o3"]])
        #expect(try rows(it, "name", "WHERE name LIKE 'o%' AND reason IN ('Working', 'WaitingForJob')").count == 2)
    }

    @Test(arguments: Engine.present)
    func `what departs stands there until it is gone, and whether a person is waited for`(_ engine: Engine) async throws
    {
        let it = try await StoreFixture(engine)
        let store = try await it.three()
        let client = try it.client()
        try client.execute("DELETE FROM desired_volume_attachments WHERE name <> 'o2'")
        #expect(
            try rows(it, "name, phase, reason") == [
                ["o1", "Departing", "NotSeenYet"], ["o2", "Pending", "NotSeenYet"], ["o3", "Departing", "NotSeenYet"],
            ])
        try client.execute("UPDATE departing_volume_attachments SET departing_since = \(moment.nanoseconds)")
        #expect(try rows(it, "since", "WHERE name <> 'o2'") == [[time], [time]])
        let objects = try await objects(store)
        try await store.save([
            said(of: objects[0], .inUseByClients(2)), said(of: objects[1]), said(of: objects[2], .braked("3 removals")),
        ])
        #expect(
            try rows(it, "name, phase, reason, next") == [
                ["o1", "Departing", "InUseByClients", "Hawser goes on when the last client has disconnected"],
                ["o2", "Ready", "", ""],
                ["o3", "Blocked", "Braked", "nothing until a person acts"],
            ])
        try await store.forget(objects[0].id)
        #expect(try rows(it, "name") == [["o2"], ["o3"]])
    }

    @Test(arguments: Engine.present)
    func `a volume that an object found by its name stands there by its id`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        try it.client().run(
            "INSERT INTO desired_volume_attachments (name, volume_name, volume_zone, vm) VALUES ('one', 'v', 'z', 'other')"
        )
        #expect(try rows(it, "volume_id, vm") == [["NULL", "other"]])
        try await store.save([said(of: try #require(try await objects(store).first))])
        #expect(try rows(it, "volume_id, vm") == [["00000000-0000-0001-0000-000000000001", "other"]])
    }

    @Test(arguments: Engine.present)
    func `drift and events are read with times`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        let one = AttachmentID(UUIDValue(high: 0, low: 1))
        var drift = DriftRecord(
            attachment: one, name: "one",
            drift: Drift(world: .export, kind: .exportMissing, wanted: "a", observed: "b"), seenAt: moment,
            endedAt: nil, repairedBy: "")
        let client = try it.client()
        func drifts() throws -> [[SQLValue]] {
            try client.run("SELECT name, world, kind, wanted, observed, seen_at, ended_at, repaired_by FROM drift")
        }
        let begin: [SQLValue] =
            ["one", drift.drift.world.rawValue, drift.drift.kind.rawValue, "a", "b", time].map { .text($0) }
        try await store.record([drift])
        #expect(try drifts() == [begin + [.null, .text("")]])
        drift.endedAt = moment + .seconds(1)
        drift.repairedBy = "export"
        try await store.record([drift])
        #expect(try drifts() == [begin + [.text("2023-11-14 22:13:21.123"), .text("export")]])
        try await store.record([
            EventRecord(
                at: moment, attachment: one, name: "one", severity: .warning, reason: "Tested", message: "it's so"),
            EventRecord(at: moment, attachment: nil, name: "", severity: .normal, reason: "r", message: "m"),
        ])
        #expect(
            try client.run("SELECT at, name, severity, reason, message, id FROM events ORDER BY line") == [
                [time, "one", "Warning", "Tested", "it's so", one.description].map { .text($0) },
                [time, "", "Normal", "r", "m"].map { .text($0) } + [.null],
            ])
    }

    @Test(arguments: Engine.present, views)
    func `no view can be written`(_ engine: Engine, view: String) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.three()
        try await store.save(try await objects(store).map { said(of: $0) })
        let client = try it.client()
        for statement in [
            "INSERT INTO \(view) (name) VALUES ('x')", "UPDATE \(view) SET name = 'x'", "DELETE FROM \(view)",
        ] { #expect(throws: SQLError.self, "\(statement)") { try client.run(statement) } }
        #expect(try rows(it, "name, phase") == [["o1", "Ready"], ["o2", "Ready"], ["o3", "Ready"]])
    }

    @Test(arguments: Engine.present)
    func `every SELECT in the page about the table can be run`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.three()
        let root = parentDirectory(of: #filePath, 4)
        let page = try readTextFile("\(root)/docs/desired-state-table.md")
        let statements = page.split(separator: "\n").filter { $0.hasPrefix("    SELECT ") }
        #expect(statements.count >= 5)
        let client = try it.client()
        for statement in statements { try client.run("\(statement.prefix { $0 != ";" })") }
        withExtendedLifetime(store) {}
    }

    private func parentDirectory(of path: String, _ levels: Int) -> String {
        (0..<levels).reduce(path) { path, _ in LinuxCalls.parentDirectory(of: path) }
    }

    /// Somebody may be given these, and none of the tables.
    @Test(.enabled(if: Engine.present.contains(.mariaDB), "no MariaDB here"))
    func `who may read a view alone reads it`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let store = try await it.three()
        let client = try it.client()
        var address = try await it.engine(mayReadLog: true).address
        let name = "reader_of_\(address.database)"
        try client.execute("CREATE USER \(name)")
        for view in Self.views { try client.execute("GRANT SELECT ON \(address.database).\(view) TO \(name)") }
        address.user = name
        let reader = try MariaDBConnection(address)
        #expect(try reader.run("SELECT name FROM volume_attachment_status").count == 3)
        #expect(throws: SQLError.self) { try reader.run("SELECT name FROM status") }
        withExtendedLifetime(store) {}
    }
}
