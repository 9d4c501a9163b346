import Reconciliation
import SQL
@testable import Store
import Testing
import VolumeModel

/// Which removals somebody has approved (BRAKE).
@Suite struct BrakeTests {
    @Test(arguments: Engine.present)
    func `BRAKE: one that a person deletes by its name is approved; several, and what a directory lost, are not`(
        _ engine: Engine
    ) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.three()
        _ = try await store.delete(try names("o1", "o2"), by: .person, dryRun: false)
        #expect(try await approved(store).isEmpty)
        _ = try await store.delete(try names("o3"), by: .directory, approving: .upTo(5), dryRun: false)
        #expect(try await approved(store).isEmpty)
        // To name one of them is a word for that one.
        _ = try await store.delete(try names("o2", "o2"), by: .person, dryRun: false)
        #expect(try await approved(store) == ["o2"])
    }

    @Test(arguments: Engine.present)
    func `BRAKE: several are approved by their number, and refused as a whole when there are more`(_ engine: Engine)
        async throws
    {
        let it = try await StoreFixture(engine)
        let store = try await it.three()
        let before = try await store.desiredState()
        await #expect(throws: StoreError.self) {
            try await store.delete(try names("o1", "o2", "o3"), by: .person, approving: .upTo(2), dryRun: false)
        }
        #expect(try await store.desiredState() == before)
        _ = try await store.delete(try names("o1", "o2"), by: .person, approving: .upTo(2), dryRun: false)
        #expect(try await approved(store) == ["o1", "o2"])
    }

    @Test(arguments: Engine.present)
    func `BRAKE: an edit that takes something away is approved when its call is about nothing else`(_ engine: Engine)
        async throws
    {
        let it = try await StoreFixture(engine)
        let store = try await it.three()
        let both = try [edit("o1", volume: 1, export: nil), edit("o2", volume: 2, export: "other")]
        #expect(try await store.apply(both, dryRun: true).map(\.isRemoval) == [true, true])
        _ = try await store.apply(both, dryRun: false)
        #expect(try await approved(store).isEmpty)
        // A directory of manifests in which one takes something away: nobody has named that one.
        let one = try [edit("o3", volume: 3, export: nil), edit("o1", volume: 1, export: "e1")]
        #expect(try await store.apply(one, dryRun: true).map(\.isRemoval) == [true, false])
        _ = try await store.apply(one, dryRun: false)
        #expect(try await approved(store).isEmpty)
        _ = try await store.apply([edit("o3", volume: 3, export: "e3")], dryRun: false)
        _ = try await store.apply([edit("o3", volume: 3, export: nil)], dryRun: false)
        #expect(try await approved(store) == ["o3"])
        // Labels change nothing about it; another wish does.
        _ = try await store.apply([edit("o3", volume: 3, export: nil, labels: ["x": "y"])], dryRun: false)
        #expect(try await approved(store) == ["o3"])
        _ = try await store.apply([edit("o3", volume: 3, export: "again")], dryRun: false)
        #expect(try await approved(store).isEmpty)
    }

    @Test(arguments: Engine.present)
    func `BRAKE: a batch is approved for just what was shown, or not at all`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.three()
        _ = try await store.delete(try names("o1", "o2"), by: .person, dryRun: false)
        let held = try await store.desiredState().entries.map { try object($0) }.filter(\.isDeparting)
        var generations = Dictionary(uniqueKeysWithValues: held.map { ($0.id, $0.generation) })
        generations[held[1].id] = held[1].generation - 1
        await #expect(throws: StoreError.self) { try await store.approveRemovals(generations) }
        #expect(try await approved(store).isEmpty)
        let revision = try await store.desiredState().revision
        generations[held[1].id] = held[1].generation
        try await store.approveRemovals(generations)
        #expect(try await approved(store) == ["o1", "o2"])
        // The loop is told, and nothing that is wanted has changed.
        let delta = try await store.desiredDelta(since: revision)
        #expect(try delta.changed.map { try object($0).generation } == held.map(\.generation))
    }

    @Test(arguments: Engine.present)
    func `BRAKE: rows that some SQL client deletes or changes are approved by nobody`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.three()
        _ = try await store.apply([edit("o1", volume: 1, export: nil)], dryRun: false)
        #expect(try await approved(store) == ["o1"])
        let client = try it.client()
        try client.execute("DELETE FROM desired_volume_attachments WHERE name = 'o1'")
        try client.execute("UPDATE desired_volume_attachments SET export_name = NULL WHERE name = 'o2'")
        #expect(try await approved(store).isEmpty)
        #expect(try await object(store.desiredState().entries.first).isDeparting)
    }

    @Test(
        arguments: Engine.present,
        [
            "vm = 'other'", "export_name = replace(coalesce(export_name, 'e1'), 'e', 'x')", "attach_as = 'Root'",
            "volume_id = NULL",
        ])
    func `BRAKE: an UPDATE with a wrong WHERE takes back every approval and gives none`(
        _ engine: Engine, change: String
    ) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.three()
        _ = try await store.apply([edit("o1", volume: 1, export: nil)], dryRun: false)
        #expect(try await approved(store) == ["o1"])
        let before = try await store.desiredState().revision
        try it.client().execute("UPDATE desired_volume_attachments SET \(change)")
        let rows = try it.client().run(
            "SELECT count(*) FROM desired_volume_attachments WHERE removal_approved = 1")
        #expect(rows.first?[0].integer == 0)
        // The loop is told of all of them at once.
        #expect(try await store.desiredDelta(since: before).changed.count == 3)
    }

    @Test(arguments: Engine.present)
    func `BRAKE: what departs by nobody's word can be taken back for as long as nothing of it was begun`(
        _ engine: Engine
    ) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.three()
        _ = try await store.delete(try names("o1", "o2"), by: .person, approving: .none, dryRun: false)
        let begun = try await store.desiredState().entries.map { try object($0) }.first { $0.name.text == "o2" }
        try await store.append(
            LedgerEntry(
                intent: IntentID(UUIDValue(high: 0, low: 1)), attachment: try #require(begun?.id),
                action: .withdrawExport(try #require(ExportName("e2"))), job: nil, phase: .intended,
                at: try #require(begun?.departingSince) + .seconds(1), evidence: "idle", countsAsRemoval: true))
        _ = try await store.apply([edit("o1", volume: 1, export: "e1")], dryRun: false)
        await #expect(throws: StoreError.self) {
            try await store.apply([edit("o2", volume: 2, export: "e2")], dryRun: false)
        }
        #expect(try await store.desiredState().entries.map { try object($0).isDeparting } == [false, true, false])
    }

    @Test(arguments: Engine.present)
    func `an object that only observes can be taken back, once nothing that was begun of its removal is open`(
        _ engine: Engine
    ) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        var observer = try edit("one")
        observer.mode = .observe
        _ = try await store.apply([observer], dryRun: false)
        try it.client().execute("DELETE FROM desired_volume_attachments WHERE name = 'one'")
        let departing = try object(try await store.desiredState().entries.first)
        func line(_ phase: LedgerPhase) throws -> LedgerEntry {
            LedgerEntry(
                intent: IntentID(UUIDValue(high: 0, low: 1)), attachment: departing.id,
                action: .withdrawExport(try #require(ExportName("e"))), job: nil, phase: phase,
                at: try #require(departing.departingSince) + .seconds(1), evidence: "idle", countsAsRemoval: true)
        }
        try await store.append(try line(.intended))
        await #expect(throws: StoreError.self) { try await store.apply([observer], dryRun: false) }
        try await store.append(try line(.ended(.resolvedByReading)))
        observer.mode = .enforce
        #expect(try await store.apply([observer], dryRun: false).map(\.change) == [.configured])
        #expect(try await objects(store).map(\.isDeparting) == [false])
    }

    @Test(arguments: Engine.present)
    func `BRAKE: what was begun without approval is remembered for the window`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let object = AttachmentID(UUIDValue(high: 0, low: 1))
        func line(_ intent: UInt64, _ at: Int64, counts: Bool) throws -> LedgerEntry {
            LedgerEntry(
                intent: IntentID(UUIDValue(high: 0, low: intent)), attachment: object,
                action: .withdrawExport(try #require(ExportName("e"))), job: nil, phase: .intended,
                at: Instant(nanoseconds: at), evidence: "idle", countsAsRemoval: counts)
        }
        do {
            let store = try await it.open()
            try await store.append(line(1, 10, counts: true))
            try await store.append(line(2, 20, counts: true))
            try await store.append(line(3, 30, counts: false))
        }
        let store = try await it.open()
        #expect(try await store.countedRemovals(since: Instant(nanoseconds: 5)) == [object: Instant(nanoseconds: 20)])
        #expect(try await store.countedRemovals(since: Instant(nanoseconds: 20)).isEmpty)
        #expect(try await store.openLedger().map(\.countsAsRemoval) == [true, true, false])
    }
}
