import Reconciliation
import SQL
@testable import Store
import Testing
import VolumeModel

/// What the loop writes down before and after each effect.
@Suite struct LedgerTests {
    @Test(arguments: Engine.present)
    func `DURABLE: what was written is there for the next process`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let failed = LedgerPhase.ended(.failed(.limitReached, "full"))
        do {
            let store = try await it.open()
            try await store.append(line(1, .intended))
            try await store.append(line(1, .accepted))
            try await store.append(line(2, .intended))
            try await store.append(line(2, failed, evidence: "full"))
            try await store.bind(AttachmentID(UUIDValue(high: 0, low: 1)), to: VolumeID(UUIDValue(high: 1, low: 1)))
        }
        let store = try await it.open()
        #expect(try await store.openLedger() == [line(1, .intended), line(1, .accepted)])
        #expect(try await store.bindings().count == 1)
        let operations = try await store.operations(of: nil, limit: 10)
        #expect(operations.first?.because == "seen free")
        #expect(operations.first?.evidence == "full")
        #expect(operations.map(\.phase) == [failed, .accepted])
        #expect(try await store.operations(of: nil, limit: 1).map(\.phase) == [failed])
        let other = AttachmentID(UUIDValue(high: 0, low: 2))
        #expect(try await store.operations(of: other, limit: 10).isEmpty)
    }

    /// The answer to the first commit may have been lost, so that the loop writes the line again.
    @Test(arguments: Engine.present)
    func `a line that is written twice is there once`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        for entry in [line(1), line(1), line(1, .accepted, at: 2), line(1, .accepted, at: 2)] {
            try await store.append(entry)
        }
        #expect(try await store.openLedger() == [line(1), line(1, .accepted, at: 2)])
        for _ in 1...2 { try await store.append(line(1, .ended(.succeeded), at: 3)) }
        #expect(try await store.openLedger().isEmpty)
        #expect(try it.client().run("SELECT count(*) FROM ledger").first?.first?.integer == 3)
    }

    @Test(arguments: Engine.present)
    func `LIVE-PROOF: a step is not begun in the store when its object was changed since, deleted, or taken back`(
        _ engine: Engine
    ) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        let sql = try it.client()
        func intend(_ intent: UInt64, _ object: DesiredAttachment) async throws -> Bool {
            let entry = LedgerEntry(
                intent: IntentID(UUIDValue(high: 0, low: intent)), attachment: object.id,
                action: .deleteVolume(VolumeID(UUIDValue(high: 1, low: 1))), job: nil, phase: .intended,
                at: Instant(nanoseconds: Int64(intent)), evidence: "idle")
            return try await store.intend(entry, generation: object.generation)
        }
        _ = try await store.apply([edit("one")], dryRun: false)
        let applied = try #require(try await objects(store).first)
        #expect(try await intend(1, applied))
        try sql.execute("UPDATE desired_volume_attachments SET export_read_only = 0 WHERE name = 'one'")
        #expect(try await !intend(2, applied))
        let edited = try #require(try await objects(store).first)
        try sql.execute("DELETE FROM desired_volume_attachments WHERE name = 'one'")
        #expect(try await !intend(3, edited))
        let departing = try #require(try await objects(store).first)
        _ = try await store.apply([edit("one")], dryRun: false)
        #expect(try await !intend(4, departing))
        var stranger = edited
        stranger.id = AttachmentID(UUIDValue(high: 9, low: 9))
        #expect(try await store.openLedger().count == 1, "nothing was written of what was refused")
        #expect(try await !intend(5, stranger), "nobody knows the object")
    }

    @Test(arguments: Engine.present)
    func `NO-BLIND-REPEAT: a createVolume that made a volume stays open until its object is bound`(
        _ engine: Engine
    ) async throws {
        let it = try await StoreFixture(engine)
        func create(_ intent: UInt64, _ phase: LedgerPhase) -> LedgerEntry {
            line(intent, phase, action: .createVolume(name: "made"))
        }
        let made = [create(1, .intended), create(1, .accepted), create(1, .ended(.succeeded))]
        do {
            let store = try await it.open()
            for entry in made { try await store.append(entry) }
            for entry in [create(2, .intended), create(2, .ended(.neverArrived))] { try await store.append(entry) }
        }
        let store = try await it.open()
        #expect(try await store.openLedger() == made)
        try await store.bind(AttachmentID(UUIDValue(high: 0, low: 1)), to: VolumeID(UUIDValue(high: 1, low: 1)))
        #expect(try await store.openLedger().isEmpty)
    }
}
