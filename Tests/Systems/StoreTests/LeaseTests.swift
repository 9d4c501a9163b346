import Reconciliation
import SQL
@testable import Store
import Testing
import VolumeModel

/// LEASE, as the row in the store has it.
@Suite struct LeaseTests {
    private func record(_ epoch: Int64, _ nonce: UInt64) -> LeaseRecord {
        LeaseRecord(
            token: LeaseToken(epoch: epoch, nonce: UUIDValue(high: 1, low: nonce)), holder: "process \(nonce)",
            lifetime: .milliseconds(2_500))
    }

    @Test(arguments: Engine.present)
    func `the row is taken when it is as it was read, renewed and given back by its holder alone`(
        _ engine: Engine
    ) async throws {
        let store = try await StoreFixture(engine).open()
        #expect(try await store.lease() == nil)
        let mine = record(1, 1)
        #expect(try await store.takeLease(mine, replacing: nil))
        #expect(try await store.lease() == mine)
        #expect(try await store.renewLease(mine.token))
        // It beat since it was read.
        #expect(try await !store.takeLease(record(2, 2), replacing: mine))
        #expect(try await !store.takeLease(record(1, 3), replacing: nil))
        let seen = try #require(try await store.lease())
        #expect(seen.beat == 1 && seen.token == mine.token)
        // The same epoch given out twice is another holding.
        #expect(try await !store.renewLease(record(1, 2).token))
        try await store.releaseLease(record(1, 2).token)
        #expect(try await store.lease() == seen)
        try await store.releaseLease(mine.token)
        let released = try #require(try await store.lease())
        #expect(released.isReleased)
        #expect(try await !store.renewLease(mine.token))
        #expect(try await store.takeLease(record(2, 2), replacing: released))
        #expect(try await store.lease() == record(2, 2))
    }

    @Test(arguments: Engine.present)
    func `of two who take it at the same moment one has it`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let first = try await it.open()
        let second = engine == .sqlite ? first : try await it.open()
        var seen: LeaseRecord?
        for round in 1...10 {
            let records = [record(Int64(round), 1), record(Int64(round), 2)]
            let before = seen
            async let one = first.takeLease(records[0], replacing: before)
            async let two = second.takeLease(records[1], replacing: before)
            let taken = try await [one, two]
            #expect(taken.filter(\.self).count == 1)
            seen = try await first.lease()
            #expect(seen == (taken[0] ? records[0] : records[1]))
        }
    }

    @Test(arguments: Engine.present)
    func `LEASE: whose lease was taken writes nothing more for the loop`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        _ = try await store.apply([edit("one")], dryRun: false)
        let one = try #require(try await objects(store).first)
        try await store.permitInUse(
            one.id,
            InUseOverride(
                volume: VolumeID(UUIDValue(high: 1, low: 1)), diskSequence: 1, reason: "r",
                expiresAt: Instant(nanoseconds: .max)))
        #expect(try await store.takeLease(record(1, 1), replacing: nil))
        try await store.append(line(1))
        let drift = DriftRecord(
            attachment: one.id, name: "one",
            drift: Drift(world: .export, kind: .exportMissing, wanted: "a", observed: "b"),
            seenAt: Instant(nanoseconds: 5), endedAt: nil, repairedBy: "")
        let event = EventRecord(
            at: Instant(nanoseconds: 1), attachment: nil, name: "", severity: .normal, reason: "r", message: "m")
        let client = try it.client()
        func contents() throws -> [[[SQLValue]]] {
            try [
                "ledger", "open_intents", "bindings", "status", "recorded_events", "recorded_drifts",
                "in_use_overrides", "departing_volume_attachments",
            ].map { try client.run("SELECT * FROM \($0)") }
        }
        try client.execute("DELETE FROM desired_volume_attachments")
        let before = try contents()
        try client.execute("UPDATE node_leases SET epoch = 2, nonce = '00000000-0000-0001-0000-000000000002'")
        let writes: [@Sendable () async throws -> Void] = [
            { try await store.append(line(2)) },
            { try await store.append(line(1, .ended(.succeeded), at: 2)) },
            { try await store.bind(one.id, to: VolumeID(UUIDValue(high: 1, low: 1))) },
            { try await store.save([detail(device: nil)]) }, { try await store.record([event]) },
            { try await store.record([drift]) }, { try await store.consumeOverride(of: one.id) },
            { try await store.forget(one.id) },
        ]
        for write in writes { await #expect(throws: StoreError.leaseLost) { try await write() } }
        #expect(try contents() == before)
        #expect(try await !store.renewLease(record(1, 1).token))
        // People go on.
        try await store.protect(VolumeID(UUIDValue(high: 1, low: 1)), reason: "of value")
    }

    @Test(arguments: Engine.present)
    func `a line of the ledger is a beat, so that who saw the row before does not take it`(
        _ engine: Engine
    ) async throws {
        let store = try await StoreFixture(engine).open()
        #expect(try await store.takeLease(record(1, 1), replacing: nil))
        let seen = try await store.lease()
        try await store.append(line(1))
        #expect(try await store.lease() != seen)
        #expect(try await !store.takeLease(record(2, 2), replacing: seen))
    }

    @Test(.enabled(if: Engine.present.contains(.mariaDB), "no MariaDB here"))
    func `each node has a lease of its own`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let first = try await it.open(node: "appliance-1")
        let second = try await it.open(node: "appliance-2")
        #expect(try await first.takeLease(record(1, 1), replacing: nil))
        #expect(try await second.lease() == nil)
        #expect(try await second.takeLease(record(1, 2), replacing: nil))
        try await first.append(line(1))
        try await second.append(line(2))
        #expect(try await first.lease()?.holder == "process 1")
    }
}
