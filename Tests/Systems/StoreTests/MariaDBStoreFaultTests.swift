import LinuxCalls
import MariaDB
import Reconciliation
import Rig
import SQL
@testable import Store
import Synchronization
import Testing
import VolumeModel

/// Servers that go away under a store, hang, or throw it out.
@Suite(.disabled(if: ThrowAwayMariaDB.obstacle != nil, "no MariaDB here"), .timeLimit(.minutes(5)))
struct MariaDBStoreFaultTests {
    @Test func `DURABLE: what was accepted is there after the server was killed, and the store goes on by itself`()
        async throws
    {
        let server = try await ThrowAwayMariaDB(.init(settings: ["--innodb-flush-log-at-trx-commit=1"]))
        let store = try await SQLStore.shared(at: try await server.freshDatabase(), node: "n")
        let changes = await store.desiredChanges()
        for _ in 1...3 {
            let before = try await store.openLedger().count
            async let accepted = append(to: store, from: before)
            // It is killed in the middle.
            while try await store.openLedger().count < before + 20 {}
            await server.kill()
            let (last, error) = await accepted
            guard case .unavailable = error else { throw error }
            // Every time.
            await #expect(throws: StoreError.self) { try await store.append(line(9_999)) }
            await #expect(throws: StoreError.self) { try await store.desiredState() }
            try await server.start()
            let found = try await patiently { try await store.openLedger() }
            // One may have been committed whose answer was lost.
            #expect(found.count == last || found.count == last + 1, "\(found.count), \(last)")
            try await patiently { try await store.append(line(UInt64(found.count) + 1)) }
        }
        // Whoever could not read is told to try again.
        for await _ in changes { break }
        _ = try await store.apply([edit("one")], dryRun: false)
        try await server.remove()
    }

    /// Writes lines until one is refused.
    private func append(to store: SQLStore, from count: Int) async -> (accepted: Int, StoreError) {
        var accepted = count
        while true {
            do throws(StoreError) { try await store.append(line(UInt64(accepted) + 1)) } catch {
                return (accepted, error)
            }
            accepted += 1
        }
    }

    /// Does what may fail until it does not, and until the test's end at the longest.
    @discardableResult
    private func patiently<Result>(_ body: () async throws -> Result) async throws -> Result {
        while true {
            do { return try await body() } catch StoreError.unavailable {
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    @Test func `a connection that was lost while nobody used it is no error`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let store = try await it.three()
        _ = try await store.openLedger()
        try await store.append(line(1))
        let client = try it.client()
        let others = try client.run(
            "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()")
        #expect(others.count >= 3)
        for row in others {
            // One may have gone by itself.
            _ = try? client.run("KILL \(row[0].integer ?? 0)")
        }
        #expect(try await objects(store).count == 3)
        _ = try await store.apply([edit("o1", export: "other")], dryRun: false)
        try await store.append(line(2))
        #expect(try await store.openLedger().count == 2)
    }

    /// As after an upgrade of the server.
    @Test
    func
        `a store that follows a server goes on when that was restarted, and misses nothing that was written meanwhile`()
        async throws
    {
        let server = try await ThrowAwayMariaDB(.init(keepsBinaryLog: true))
        let address = try await server.freshDatabase()
        let engine = MariaDBEngine(address, MariaDBOptions())
        let store = try await SQLStore.shared(engine, node: "n")
        let changes = await store.desiredChanges()
        var revision = try await store.desiredState().revision
        let isFollowed = { engine.binaryLog.isFollowed }
        try await wait(for: "the binary log to be followed") { isFollowed() }
        for round in 1...2 {
            await server.stop()
            await #expect(throws: StoreError.self) { try await store.desiredState() }
            try await server.start()
            // Before the store has looked.
            for part in ["early", "late"] {
                try MariaDBConnection(address).run(
                    "INSERT INTO desired_volume_attachments (name, volume_name, volume_zone) VALUES (?, ?, 'z')",
                    Array(repeating: .text("\(part)-\(round)"), count: 2))
                var told: [String] = []
                while told.isEmpty {
                    for await _ in changes { break }
                    guard let delta = try? await store.desiredDelta(since: revision) else { continue }
                    revision = delta.revision
                    told = try delta.changed.map { try object($0).name.text }
                }
                #expect(told == ["\(part)-\(round)"])
                try await wait(for: "the binary log to be followed again") { isFollowed() }
            }
            try await patiently { _ = try await store.apply([edit("own", export: "e\(round)")], dryRun: false) }
            revision = try await store.desiredDelta(since: revision).revision
        }
        #expect(try await objects(store).map(\.name.text) == ["early-1", "early-2", "late-1", "late-2", "own"])
        try await server.remove()
    }

    @Test(.timeLimit(.minutes(1))) func `a server that hangs keeps nobody for longer than the time-outs`() async throws
    {
        let server = try await ThrowAwayMariaDB()
        var options = MariaDBOptions()
        options.connectTimeout = .seconds(1)
        options.readTimeout = .seconds(1)
        let store = try await SQLStore.shared(at: try await server.freshDatabase(), node: "n", options)
        _ = try await store.apply([edit("one")], dryRun: false)
        try await server.pause()
        async let isWritten = (try? store.append(line(1))) != nil
        async let isRead = (try? store.desiredState()) != nil
        #expect(await [isWritten, isRead] == [false, false])
        await server.resume()
        #expect(try await patiently { try await store.desiredState() }.entries.count == 1)
        try await patiently { try await store.append(line(1)) }
        #expect(try await store.openLedger().count == 1)
        try await server.remove()
    }

    @Test func `rows that somebody keeps locked stop neither the loop nor its lease`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let store = try await it.three()
        let person = try it.client()
        try person.begin(.writing)
        try person.run("UPDATE desired_volume_attachments SET vm = 'other'")
        let isEdited = Mutex(false)
        async let edited = patiently {
            let edits = try await store.apply([edit("o1", export: "other")], dryRun: false)
            isEdited.withLock { $0 = true }
            return edits
        }
        let record = LeaseRecord(
            token: LeaseToken(epoch: 1, nonce: UUIDValue(high: 1, low: 1)), holder: "h", lifetime: .seconds(2))
        #expect(try await store.takeLease(record, replacing: nil))
        for number in 1...20 {
            try await store.append(line(UInt64(number)))
            try await store.save([detail(device: nil)])
            #expect(try await store.renewLease(record.token))
            #expect(try await store.desiredState().entries.count == 3)
        }
        #expect(!isEdited.withLock { $0 }, "the rows are locked")
        try person.commit()
        #expect(try await edited.map(\.change) == [.configured])
    }
}
