import Reconciliation
@testable import Store
import Testing
import VolumeModel

/// What people allow and forbid beside the objects.
@Suite struct PermissionTests {
    @Test(arguments: Engine.present)
    func `DURABLE: suspensions, overrides and protections outlive the process, and applying again changes none`(
        _ engine: Engine
    ) async throws {
        let it = try await StoreFixture(engine)
        let volume = try #require(VolumeID("a7f226a7-95a0-43b6-942e-acc909ef0c08"))
        let edit = DesiredEdit(
            name: try #require(ObjectName("one")), labels: [:], volume: .id(volume), machine: .thisMachine, export: nil,
            detach: DetachPolicy(), source: .manifest(file: "f"))
        let suspension = Suspension(reason: "a migration", until: Instant(nanoseconds: 5_000_000_000))
        let override = InUseOverride(
            volume: volume, diskSequence: .max, reason: "hangs", expiresAt: Instant(nanoseconds: 7))
        do {
            let store = try await it.open()
            _ = try await store.apply([edit], dryRun: false)
            let object = try object(try await store.desiredState().entries.first)
            let revision = try await store.desiredState().revision
            #expect(try await store.suspend(edit.name, suspension))
            try await store.permitInUse(object.id, override)
            try await store.protect(volume, reason: "of value")
            let delta = try await store.desiredDelta(since: revision)
            #expect(delta.changed.count == 1)
            #expect(delta.protections == [volume: "of value"])
            #expect(try await store.suspend(try #require(ObjectName("none")), suspension) == false)
        }
        let store = try await it.open()
        _ = try await store.apply([edit], dryRun: false)
        let kept = try object(try await store.desiredState().entries.first)
        #expect(kept.suspension == suspension)
        #expect(kept.inUseOverride == override)
        #expect(kept.generation == 1)
        // An order to forget it that comes late finds it taken back, or never deleted.
        try await store.forget(kept.id)
        #expect(try object(try await store.desiredState().entries.first).suspension == suspension)
        try await store.consumeOverride(of: kept.id)
        #expect(try await store.suspend(edit.name, nil))
        try await store.protect(volume, reason: nil)
        let state = try await store.desiredState()
        let freed = try object(state.entries.first)
        #expect(freed.suspension == nil && freed.inUseOverride == nil && state.protections.isEmpty)
    }
}
