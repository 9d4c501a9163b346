import Reconciliation
import SQL
@testable import Store
import Testing
import VolumeModel

/// What the loop writes of what it found.
@Suite struct StatusTests {
    @Test(arguments: Engine.present)
    func `what was saved of an attachment is known at the next start`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        let detail = detail(device: nil)
        try await store.save([detail])
        #expect(
            try await store.savedStatuses() == [
                SavedStatus(
                    attachment: detail.report.attachment, generation: 1, code: "Ready", since: detail.report.since,
                    fingerprint: detail.fingerprint, volume: detail.report.volume)
            ])
        try await store.forget(detail.report.attachment)
        #expect(try await store.savedStatuses().isEmpty)
    }

    @Test(arguments: Engine.present, [nil, Instant(nanoseconds: 9)])
    func `how often something was undone is known at the next start, and forgotten with it`(
        _ engine: Engine, undoneAt: Instant?
    ) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        var detail = detail(device: nil)
        detail.contest = Contest(
            machine: MachineID(UUIDValue(high: 5, low: 6)), stoodSince: Instant(nanoseconds: 7), undoneAt: undoneAt,
            times: 3)
        try await store.save([detail])
        #expect(try await store.savedStatuses().map(\.contest) == [detail.contest])
        detail.contest = nil
        try await store.save([detail])
        #expect(try await store.savedStatuses().map(\.contest) == [nil])
    }

    @Test(arguments: Engine.present)
    func `drifts are written as they begin, and again as they end`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        var drift = DriftRecord(
            attachment: AttachmentID(UUIDValue(high: 0, low: 1)), name: "one",
            drift: Drift(world: .export, kind: .exportMissing, wanted: "a", observed: "b"),
            seenAt: Instant(nanoseconds: 5), endedAt: nil, repairedBy: "")
        try await store.record([drift])
        #expect(try await store.openDrifts() == [drift])
        drift.endedAt = Instant(nanoseconds: 9)
        drift.repairedBy = "export"
        try await store.record([drift])
        #expect(try await store.openDrifts().isEmpty)
        #expect(try await store.driftHistory(since: Instant(nanoseconds: 7), limit: 10) == [drift])
        #expect(try await store.driftHistory(since: Instant(nanoseconds: 10), limit: 10).isEmpty)
    }

    @Test(arguments: Engine.present)
    func `where a volume is can be read with SQL, and is gone when the device is`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        let device = DeviceRecord(
            kernelName: "vdb", number: DeviceNumber(major: 254, minor: 16), path: "/dev/vdb",
            byIDLinks: ["/dev/disk/by-id/virtio-x"], serial: nil, diskSequence: 7, sizeInBytes: 4096, isReadOnly: false)
        let client = try it.client()
        func rows() throws -> [[SQLValue]] {
            try client.run(
                """
                SELECT path, disk_sequence, size_in_bytes, name, live, clients
                FROM observed_devices JOIN observed_exports USING (attachment)
                """)
        }
        try await store.save([detail(device: device)])
        #expect(
            try rows() == [
                [.text("/dev/vdb"), .integer(7), .integer(4096), .text("one"), .integer(1), .integer(2)]
            ])
        try await store.save([detail(device: nil)])
        #expect(try rows() == [])
    }

    /// The answer to the first may have been lost, so that the loop records them again.
    @Test(arguments: Engine.present)
    func `what is recorded twice is there once, and newest first`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        let one = AttachmentID(UUIDValue(high: 0, low: 1))
        let events = [(one, 1), (nil, 2), (one, 2)].map { (attachment: AttachmentID?, at: Int64) in
            EventRecord(
                at: Instant(nanoseconds: at), attachment: attachment, name: attachment == nil ? "" : "one",
                severity: .warning, reason: "Tested", message: "it's \(at)")
        }
        try await store.record(events)
        try await store.record(events)
        #expect(try await store.events(of: nil, limit: 10) == events.reversed())
        #expect(try await store.events(of: one, limit: 1) == [events[2]])
    }
}
