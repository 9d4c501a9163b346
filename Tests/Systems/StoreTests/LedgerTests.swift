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
