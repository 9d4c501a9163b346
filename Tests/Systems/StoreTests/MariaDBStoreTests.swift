import LinuxCalls
import MariaDB
import Reconciliation
import Rig
import SQL
@testable import Store
import Testing
import VolumeModel

/// What holds of a store that several share.
@Suite(.disabled(if: ThrowAwayMariaDB.obstacle != nil, "no MariaDB here"), .timeLimit(.minutes(5)))
struct MariaDBStoreTests {
    private static let table = "desired_volume_attachments"

    private func insert(_ name: String) -> String {
        "INSERT INTO \(Self.table) (name, volume_name, volume_zone) VALUES ('\(name)', '\(name)', 'z')"
    }

    private func changed(_ delta: DesiredDelta) throws -> [String] {
        try delta.changed.map { try object($0).name.text }
    }

    // MARK: Commits in any order

    @Test func `a smaller revision that is committed later is told`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let store = try await it.open()
        let (slow, quick) = (try it.client(), try it.client())
        let start = try await store.desiredState().revision
        try slow.begin(.writing)
        try slow.run(insert("slow"))
        try quick.run(insert("quick"))
        let first = try await store.desiredDelta(since: start)
        #expect(try changed(first) == ["quick"])
        try slow.commit()
        let second = try await store.desiredDelta(since: first.revision)
        #expect(try changed(second).contains("slow") && second.revision > first.revision)
        // Who has not heard of either is told of both, and who has heard of both of none.
        #expect(try Set(changed(try await store.desiredDelta(since: start))) == ["slow", "quick"])
        #expect(try await store.desiredDelta(since: second.revision).changed.isEmpty)
    }

    /// It can have begun before this hawserd did.
    @Test func `a revision that was given out before the start is told when it is committed`() async throws {
        let it = try await StoreFixture(.mariaDB)
        do { _ = try await it.open() }
        let (slow, quick) = (try it.client(), try it.client())
        try slow.begin(.writing)
        try slow.run(insert("slow"))
        try quick.run(insert("quick"))
        let store = try await it.open()
        let start = try await store.desiredState()
        #expect(start.entries.count == 1)
        try slow.commit()
        #expect(try changed(try await store.desiredDelta(since: start.revision)).contains("slow"))
    }

    @Test func `a revision that was rolled back is missed by nobody`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let store = try await it.open()
        let client = try it.client()
        let start = try await store.desiredState().revision
        try client.begin(.writing)
        try client.run(insert("never"))
        client.rollBack()
        try client.run(insert("after"))
        let delta = try await store.desiredDelta(since: start)
        #expect(try changed(delta) == ["after"] && delta.removed.isEmpty)
        #expect(try await store.desiredDelta(since: delta.revision).revision == delta.revision)
    }

    /// With the binary log, and for a user who may not read it.
    @Test(arguments: [true, false])
    func `what others commit is told without asking, also when it comes late`(mayReadLog: Bool) async throws {
        let it = try await StoreFixture(.mariaDB)
        _ = try await it.open()
        let engine = try await it.engine(mayReadLog: mayReadLog)
        let store = try await SQLStore.shared(engine, node: "n")
        let changes = await store.desiredChanges()
        let (slow, quick) = (try it.client(), try it.client())
        let start = try await store.desiredState().revision
        try slow.begin(.writing)
        try slow.run(insert("slow"))
        try quick.run(insert("quick"))
        var told: Set<String> = []
        var revision = start
        for await _ in changes {
            let delta = try await store.desiredDelta(since: revision)
            revision = delta.revision
            told.formUnion(try changed(delta))
            if told == ["quick"] { try? slow.commit() }
            if told == ["quick", "slow"] { break }
        }
        while engine.binaryLog.standing == .untried { try await Task.sleep(for: .milliseconds(2)) }
        switch engine.binaryLog.standing {
        case .followed: #expect(mayReadLog)
        case .unusable(let reason): #expect(!mayReadLog && reason.contains("GRANT"), "\(reason)")
        case .untried, .lost: Issue.record("\(engine.binaryLog.standing)")
        }
    }

    /// With the binary log, and for a user who may not read it.
    @Test(arguments: [true, false])
    func `an UPDATE of five thousand rows by somebody else is told as one batch`(mayReadLog: Bool) async throws {
        let it = try await StoreFixture(.mariaDB)
        _ = try await it.open()
        let client = try it.client()
        try client.execute(
            """
            INSERT INTO \(Self.table) (name, volume_name, volume_zone)
                SELECT concat('o', seq), concat('o', seq), 'z' FROM seq_1_to_5000
            """)
        let store = try await SQLStore.shared(try await it.engine(mayReadLog: mayReadLog), node: "n")
        let changes = await store.desiredChanges()
        var revision = try await store.desiredState().revision
        try client.execute("UPDATE \(Self.table) SET vm = 'other' WHERE name LIKE 'o%'")
        try client.execute("UPDATE \(Self.table) SET vm = 'last' WHERE name = 'o1'")
        var batches: [Int] = []
        listening: for await _ in changes {
            let delta = try await store.desiredDelta(since: revision)
            revision = delta.revision
            if !delta.changed.isEmpty { batches.append(delta.changed.count) }
            for entry in delta.changed where try object(entry).machine == .named("last") { break listening }
        }
        // Of the second statement it is known alone, or along with the first.
        #expect(batches == [5_000] || batches == [5_000, 1], "\(batches)")
    }

    // MARK: What no trigger sees

    @Test func `what a TRUNCATE took is told as removed when it was missed twice, and an event says so`() async throws {
        let it = try await StoreFixture(.mariaDB)
        var engine = try await it.engine(mayReadLog: true)
        engine.patienceWithMissing = .milliseconds(1)
        let store = try await SQLStore.shared(engine, node: "n")
        _ = try await store.apply([edit("one")], dryRun: false)
        let state = try await store.desiredState()
        let one = try object(state.entries.first)
        try await store.save([detail(device: nil, of: one.id)])
        let changes = await store.desiredChanges()
        try it.client().execute("TRUNCATE \(Self.table)")
        #expect(try await store.desiredDelta(since: state.revision).removed.isEmpty)
        #expect(try await store.reader.readAll().isEmpty)
        var removed: [AttachmentID] = []
        for await _ in changes {
            let delta = try await store.desiredDelta(since: state.revision)
            removed = delta.removed
            #expect(delta.changed.isEmpty)
            if !removed.isEmpty { break }
        }
        #expect(removed == [one.id])
        var events: [EventRecord] = []
        while events.isEmpty { events = try await store.events(of: one.id, limit: 9) }
        #expect(events.map(\.reason) == ["Vanished"] && events.map(\.name) == ["one"])
    }

    @Test func `what was changed behind the triggers is found by reading everything`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let store = try await it.open()
        _ = try await store.apply([edit("one"), edit("two", volume: 2, export: "f")], dryRun: false)
        let state = try await store.desiredState()
        let client = try it.client()
        try client.execute("DROP TRIGGER desired_updated; UPDATE \(Self.table) SET vm = 'other' WHERE name = 'two'")
        #expect(try await store.desiredDelta(since: state.revision).changed.isEmpty)
        _ = try await store.reader.readAll()
        #expect(try changed(try await store.desiredDelta(since: state.revision)) == ["two"])
        let findings = await store.examine()
        #expect(findings.contains { $0.verdict == .bad && $0.message.contains("triggers") }, "\(findings)")
    }

    @Test func `a log that somebody has emptied leads to everything being read`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let store = try await it.three()
        let state = try await store.desiredState()
        try it.client().execute("TRUNCATE desired_changes; UPDATE \(Self.table) SET vm = 'other' WHERE name = 'o2'")
        let delta = try await store.desiredDelta(since: state.revision)
        #expect(try changed(delta) == ["o1", "o2", "o3"] && delta.removed.isEmpty)
        try it.client().execute("UPDATE \(Self.table) SET vm = 'third' WHERE name = 'o3'")
        #expect(try changed(try await store.desiredDelta(since: delta.revision)) == ["o3"])
    }

    // MARK: Several at once

    @Test func `of two who change an object at the same time none overwrites the other's change`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let stores = [try await it.open(), try await it.open()]
        _ = try await stores[0].apply([edit("one")], dryRun: false)
        for generation in 1...Int64(10) {
            let edits = try stores.indices.map { index in
                var edit = try edit("one", export: "e\(generation)-\(index)")
                edit.expectedGeneration = generation
                return edit
            }
            let successes = await withTaskGroup(of: Bool.self) { group in
                for (store, edit) in zip(stores, edits) {
                    group.addTask { (try? await store.apply([edit], dryRun: false)) != nil }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(successes == 1)
            #expect(try await objects(stores[0]).map(\.generation) == [generation + 1])
        }
    }

    @Test func `an object that others change all the time is changed all the same`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let stores = [try await it.open(), try await it.open(), try await it.open()]
        _ = try await stores[0].apply([edit("one")], dryRun: false)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, store) in stores.enumerated() {
                group.addTask {
                    for number in 1...10 {
                        _ = try await store.apply([edit("one", export: "e\(index)-\(number)")], dryRun: false)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await objects(stores[0]).map(\.generation) == [31])
    }

    @Test func `a name that another is just deleting is given to nobody`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let store = try await it.open()
        _ = try await store.apply([edit("one")], dryRun: false)
        let (deleter, writer) = (try it.client(), try it.client())
        // Who reads first sees what was there then, until the end of the transaction.
        try writer.begin(.writing)
        try writer.run("SELECT * FROM wanted_volume_attachments")
        try deleter.run("DELETE FROM \(Self.table)")
        let error = #expect(throws: SQLError.self) { try writer.run(insert("one")) }
        #expect(error?.message == StoreSchema.Refusal.name)
    }

    private func removal(of object: DesiredAttachment) -> LedgerEntry {
        LedgerEntry(
            intent: IntentID(UUIDValue(high: 0, low: 1)), attachment: object.id,
            action: .deleteVolume(VolumeID(UUIDValue(high: 1, low: 1))), job: nil, phase: .intended,
            at: (object.departingSince ?? Instant(nanoseconds: 0)) + .seconds(1), evidence: "idle",
            countsAsRemoval: true)
    }

    private func untilSomebodyWaits(for client: any SQLConnection) async throws {
        // The tables of InnoDB's locks show nothing new to who reads them more often than each tenth of a second.
        let waits = """
            SELECT 1 FROM information_schema.processlist WHERE db = database() AND id <> connection_id()
                AND command = 'Execute' AND time_ms > 20 AND info LIKE '%departing_volume_attachments%'
            """
        try await wait(for: "somebody to wait for a lock") { try !client.run(waits).isEmpty }
    }

    @Test func `ORDER: a removal that is begun while its object is taken back is not begun`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let store = try await it.three()
        let client = try it.client()
        try client.execute("DELETE FROM \(Self.table) WHERE name = 'o1'")
        let departing = try #require(try await objects(store).first { $0.isDeparting })
        // As taking back does it.
        try client.begin(.writing)
        try client.run("SELECT 1 FROM departing_volume_attachments WHERE name = 'o1' FOR UPDATE")
        async let isBegun = store.intend(removal(of: departing), generation: departing.generation)
        try await untilSomebodyWaits(for: client)
        try client.run("DELETE FROM departing_volume_attachments WHERE name = 'o1'")
        try client.run(
            "INSERT INTO \(Self.table) (id, name, volume_name, volume_zone, generation) VALUES (?, 'o1', 'v', 'z', 9)",
            [.text(departing.id.description)])
        try client.commit()
        #expect(try await !isBegun)
        #expect(try await store.openLedger().isEmpty)
    }

    @Test func `ORDER: an object is not taken back while its removal is just begun`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let store = try await it.three()
        let client = try it.client()
        try client.execute("DELETE FROM \(Self.table) WHERE name = 'o1'")
        let departing = try #require(try await objects(store).first { $0.isDeparting })
        // As a step begins.
        try client.begin(.writing)
        try client.run("SELECT generation FROM departing_volume_attachments WHERE name = 'o1' LOCK IN SHARE MODE")
        try LoopWriting(database: client).append(removal(of: departing))
        let again = try edit("o1", export: "e1")
        async let refusal: StoreError? = {
            do throws(StoreError) { _ = try await store.apply([again], dryRun: false) } catch { return error }
            return nil
        }()
        try await untilSomebodyWaits(for: client)
        try client.commit()
        let name = try #require(ObjectName("o1"))
        #expect(await refusal == .departing(name))
        #expect(try await objects(store).contains { $0.isDeparting })
    }

    // MARK: The tables

    @Test func `two who make the tables at the same time make them once`() async throws {
        let it = try await StoreFixture(.mariaDB)
        async let first = it.open()
        async let second = it.open()
        let stores = try await [first, second]
        _ = try await stores[0].apply([edit("one")], dryRun: false)
        #expect(try await objects(stores[1]).count == 1)
    }

    @Test func `tables that a crash left half made are completed, and keep what is in them`() async throws {
        let it = try await StoreFixture(.mariaDB)
        do { _ = try await it.three() }
        let client = try it.client()
        try client.execute(
            """
            DELETE FROM schema_version; DROP TRIGGER desired_deleted; DROP VIEW wanted_volume_attachments;
            DROP TABLE node_leases
            """)
        let store = try await it.open()
        #expect(try await objects(store).count == 3)
        let findings = await store.examine()
        #expect(findings.filter { $0.verdict != .good } == [], "\(findings)")
        #expect(findings.contains { $0.message.contains("schema version \(StoreSchema.version)") })
    }

    @Test func `tables of a newer program are refused`() async throws {
        let it = try await StoreFixture(.mariaDB)
        do { _ = try await it.open() }
        try it.client().execute("INSERT INTO schema_version VALUES (99)")
        await #expect(throws: StoreError.tooNew(found: 99, understood: StoreSchema.version)) {
            try await it.open()
        }
    }

    @Test func `a user who may not define triggers is told what to grant, and goes on from there`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let engine = try await it.engine(mayReadLog: false)
        let error = await #expect(throws: StoreError.self) { try await SQLStore.shared(engine, node: "n") }
        #expect(error?.description.contains("log_bin_trust_function_creators = 1") == true, "\(error as Any)")
        _ = try await it.open()
        let store = try await SQLStore.shared(engine, node: "n")
        _ = try await store.apply([edit("one")], dryRun: false)
        #expect(await store.examine().filter { $0.verdict != .good } == [])
    }

    @Test func `every column and table says what it is for`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let store = try await it.open()
        let without = try it.client().run(
            """
            SELECT c.table_name, column_name FROM information_schema.columns AS c JOIN information_schema.tables AS t
                ON t.table_schema = c.table_schema AND t.table_name = c.table_name
            WHERE c.table_schema = database() AND table_type = 'BASE TABLE' AND (column_comment = '' OR table_comment = '')
            """)
        #expect(without == [])
        withExtendedLifetime(store) {}
    }
}
