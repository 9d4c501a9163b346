import Reconciliation
@testable import Store
import Testing
import VolumeModel

/// What people want, applied and deleted by calls.
@Suite struct DesiredStateTests {
    @Test(arguments: Engine.present)
    func `an applied object reads back as it was wanted`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        let created = try await store.apply([edit("one")], dryRun: false)
        #expect(created.map(\.change) == [.created])
        let one = try object(try await store.desiredState().entries.first)
        let wanted = try edit("one")
        #expect(one.name == wanted.name && one.volume == wanted.volume && one.machine == wanted.machine)
        #expect(one.export == wanted.export && one.labels == wanted.labels && one.source == wanted.source)
        #expect(one.generation == 1 && !one.isDeparting)
    }

    @Test(arguments: Engine.present)
    func `applying again changes nothing, and a real change raises the generation`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        _ = try await store.apply([edit("one")], dryRun: false)
        let before = try await store.desiredState()
        #expect(try await store.apply([edit("one")], dryRun: false).map(\.change) == [.unchanged])
        #expect(try await store.desiredState() == before)
        let dry = try await store.apply([edit("one", export: "f")], dryRun: true)
        #expect(dry.first?.differences == ["export_name: e → f"])
        #expect(try await store.desiredState() == before)
        #expect(try await store.apply([edit("one", export: "f")], dryRun: false).first?.generation == 2)
        let delta = try await store.desiredDelta(since: before.revision)
        #expect(try object(delta.changed.first).generation == 2)
    }

    @Test(arguments: Engine.present)
    func `apply is all or nothing`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        _ = try await store.apply([edit("one")], dryRun: false)
        await #expect(throws: StoreError.self) {
            try await store.apply(
                [edit("two", volume: 2, export: "f"), edit("three", volume: 3, export: "e")], dryRun: false)
        }
        #expect(try await store.desiredState().entries.count == 1)
        await #expect(throws: StoreError.self) { try await store.apply([edit("two", export: "f")], dryRun: false) }
    }

    @Test(arguments: Engine.present)
    func `an export name goes from one object to another in one apply, and to no third`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        _ = try await store.apply([edit("one"), edit("two", volume: 2, export: "f")], dryRun: false)
        let error = try await #require(throws: StoreError.self) {
            try await store.apply([edit("three", volume: 3, export: "f")], dryRun: false)
        }
        #expect(error.description == "cannot apply 'three': export name f is claimed by 'two'")
        let moved = try await store.apply(
            [edit("one", export: nil), edit("two", volume: 2, export: "e")], dryRun: false)
        #expect(moved.map(\.change) == [.configured, .configured])
    }

    /// It came back as a fault of the store, as if waiting would help.
    @Test(arguments: Engine.present)
    func `one apply that names an object twice is refused as a conflict`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        await #expect(throws: StoreError.conflict("cannot apply 'one': it is given twice")) {
            try await store.apply([edit("one"), edit("one", volume: 2, export: nil)], dryRun: false)
        }
    }

    @Test(arguments: Engine.present)
    func `a volume never shrinks and is never exchanged, and another source's object is not changed`(_ engine: Engine)
        async throws
    {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        let volume = try #require(VolumeID("a7f226a7-95a0-43b6-942e-acc909ef0c08"))
        func edit(_ change: (inout DesiredEdit) -> Void = { _ in }) throws -> DesiredEdit {
            var edit = DesiredEdit(
                name: try #require(ObjectName("one")), labels: [:], volume: .id(volume), machine: .thisMachine,
                export: nil, detach: DetachPolicy(), wantedSizeInBytes: 20 << 30, source: .manifest(file: "f"))
            change(&edit)
            return edit
        }
        _ = try await store.apply([try edit()], dryRun: false)
        let other = try #require(VolumeID("b7f226a7-95a0-43b6-942e-acc909ef0c08"))
        for (wrong, word) in [
            (try edit { $0.wantedSizeInBytes = 10 << 30 }, "never shrink"),
            (try edit { $0.volume = .id(other) }, "never changes"),
            (try edit { $0.source = .directory(file: "d/one.yaml") }, "followed directory"),
        ] {
            let error = try await #require(throws: StoreError.self) { try await store.apply([wrong], dryRun: false) }
            #expect(error.description.contains(word), "\(error)")
        }
        let grown = try await store.apply([try edit { $0.wantedSizeInBytes = 30 << 30 }], dryRun: false)
        #expect(grown.map(\.change) == [.configured])
    }

    /// NUL ended a text, and an accent at its beginning ended a label.
    @Test(arguments: Engine.present)
    func `a text is given back with every sign`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        var odd = try edit("one", labels: ["a": "\u{301}b"])
        odd.volume = .named("a\0b", zone: .named("z"))
        _ = try await store.apply([odd], dryRun: false)
        let found = try object(try await store.desiredState().entries.first)
        #expect(found.volume == odd.volume && found.labels == odd.labels)
    }

    @Test(arguments: Engine.present)
    func `the objects of the followed directory are found among others`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        var followed = try [edit("a", volume: 2, export: nil), edit("b", volume: 3, export: nil)]
        for index in followed.indices { followed[index].source = .directory(file: "d/x.yaml") }
        _ = try await store.apply([edit("one")] + followed, dryRun: false)
        #expect(try await store.directoryObjects(besides: []).map(\.text) == ["a", "b"])
        let kept = try #require(ObjectName("a"))
        #expect(try await store.directoryObjects(besides: [kept]).map(\.text) == ["b"])
        _ = try await store.delete([kept], by: .directory, dryRun: false)
        #expect(try await store.directoryObjects(besides: []).map(\.text) == ["b"])
    }

    @Test(arguments: Engine.present)
    func `a deleted object departs, and is forgotten when it is gone`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        _ = try await store.apply([edit("one")], dryRun: false)
        let name = try #require(ObjectName("one"))
        #expect(try await store.delete([name], by: .person, dryRun: false).map(\.change) == [.deleted])
        let one = try object(try await store.desiredState().entries.first)
        #expect(one.isDeparting && one.generation == 2)
        await #expect(throws: StoreError.departing(name)) { try await store.apply([edit("one")], dryRun: false) }
        let before = try await store.desiredState().revision
        try await store.forget(one.id)
        let delta = try await store.desiredDelta(since: before)
        #expect(delta.removed == [one.id])
        #expect(try await store.desiredState().entries.isEmpty)
    }

    @Test(arguments: Engine.present)
    func `an object's deletion is dated, and its data stays unless it said otherwise`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        let template = VolumeTemplate(
            name: "t", sizeInBytes: 1 << 30, offering: .named("custom"), zone: .named("zone-1"))
        let deletion = DeletionPolicy(data: .delete, grace: .seconds(60))
        let edit = DesiredEdit(
            name: try #require(ObjectName("made")), labels: [:], volume: .created(template), machine: .thisMachine,
            export: nil, detach: DetachPolicy(), wantedSizeInBytes: 1 << 30, deletion: deletion,
            source: .manifest(file: "f"))
        _ = try await store.apply([edit], dryRun: false)
        #expect(try object(try await store.desiredState().entries.first).departingSince == nil)
        _ = try await store.delete([edit.name], by: .person, dryRun: false)
        let gone = try object(try await store.desiredState().entries.first)
        #expect(gone.deletion == deletion)
        // SQLite's clock and the test's are the same; a minute apart would be another century's.
        let since = try #require(gone.departingSince)
        #expect(since.nanoseconds > 1_700_000_000_000_000_000)
        _ = try await store.delete([edit.name], by: .personRetainingData, dryRun: false)
        let retained = try object(try await store.desiredState().entries.first)
        #expect(retained.deletion.data == .retain && retained.departingSince == since)
    }

    @Test(arguments: Engine.present)
    func `of objects that claim one volume one takes it over: the others depart, approved, and leave the data`(
        _ engine: Engine
    ) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        var first = try edit("first")
        first.volume = .created(
            VolumeTemplate(name: "made", sizeInBytes: 1 << 30, offering: .named("o"), zone: .named("z")))
        first.wantedSizeInBytes = nil
        first.deletion = DeletionPolicy(data: .delete, grace: .zero)
        _ = try await store.apply([first, try edit("other", volume: 2, export: "e2")], dryRun: false)
        // One id twice is refused at the door; a name is found out to be the same volume later.
        let maker = try #require(try await objects(store).first { $0.name.text == "first" })
        try await store.bind(maker.id, to: VolumeID(UUIDValue(high: 1, low: 1)))
        try await it.claimByName("second", "third", in: store)
        let name = try #require(ObjectName("second"))
        let before = try await store.desiredState()
        let foreseen = try await store.takeOver(name, as: .manifest(file: "f"), dryRun: true)
        #expect(try await store.desiredState() == before)
        let done = try await store.takeOver(name, as: .manifest(file: "f"), dryRun: false)
        #expect(done == foreseen)
        #expect(done.map(\.name.text) == ["second", "first", "third"])
        #expect(done.map(\.change) == [.configured, .deleted, .deleted])
        let after = try await objects(store)
        #expect(Set(after.filter(\.isDeparting).map(\.name.text)) == ["first", "third"])
        #expect(after.filter(\.isDeparting).allSatisfy { $0.isRemovalApproved && $0.deletion.data == .retain })
        #expect(after.first { $0.name == name }?.source == .manifest(file: "f"))
        #expect(after.first { $0.name.text == "other" }?.isDeparting == false)
        // Once more there is nothing to do; and what departs takes nothing over.
        #expect(try await store.takeOver(name, as: nil, dryRun: false).map(\.change) == [.unchanged])
        for wrong in ["first", "nobody"] {
            let name = try #require(ObjectName(wrong))
            await #expect(throws: StoreError.self) { try await store.takeOver(name, as: nil, dryRun: false) }
        }
    }

    @Test(arguments: Engine.present)
    func `what the followed directory keeps is not taken over: it would come back`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        var kept = try edit("kept")
        kept.source = .directory(file: "d/kept.yaml")
        _ = try await store.apply([kept], dryRun: false)
        try await it.claimByName("row", in: store)
        let before = try await store.desiredState()
        let name = try #require(ObjectName("row"))
        let error = try await #require(throws: StoreError.self) {
            try await store.takeOver(name, as: nil, dryRun: false)
        }
        #expect(error.description.contains("d/kept.yaml"))
        #expect(try await store.desiredState() == before)
    }
}
