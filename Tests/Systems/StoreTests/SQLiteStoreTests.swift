import Glibc
import LinuxCalls
import Reconciliation
@testable import Store
import Testing
import VolumeModel

private let sqlite3 = ["/usr/bin/sqlite3"].first { (path: String) in access(path, X_OK) == 0 }

@Suite struct SQLiteStoreTests {
    private let directory: TemporaryDirectory
    private var path: String { "\(directory.path)/hawser.db" }

    init() throws {
        directory = try TemporaryDirectory(prefix: "hawser-store-test")
    }

    private func edit(
        _ name: String, volume: UInt64 = 1, export: String? = "e", labels: [String: String] = ["a": "b"]
    ) throws -> DesiredEdit {
        DesiredEdit(
            name: try #require(ObjectName(name)), labels: labels,
            volume: .id(VolumeID(UUIDValue(high: volume, low: volume))), machine: .thisMachine,
            export: try export.map { DesiredExport(name: try #require(ExportName($0)), isReadOnly: true) },
            detach: DetachPolicy(), source: .manifest(file: "x.yaml"))
    }

    private func object(_ entry: DesiredEntry?) throws -> DesiredAttachment {
        guard case .valid(let object)? = entry else { throw Unexpected(entry: entry) }
        return object
    }

    private struct Unexpected: Error { let entry: DesiredEntry? }

    @Test func `an applied object reads back as it was wanted`() async throws {
        let store = try SQLiteStore(path: path)
        let created = try await store.apply([edit("one")], dryRun: false)
        #expect(created.map(\.change) == [.created])
        let one = try object(try await store.desiredState().entries.first)
        let wanted = try edit("one")
        #expect(one.name == wanted.name && one.volume == wanted.volume && one.machine == wanted.machine)
        #expect(one.export == wanted.export && one.labels == wanted.labels && one.source == wanted.source)
        #expect(one.generation == 1 && !one.isDeparting)
    }

    @Test func `applying again changes nothing, and a real change raises the generation`() async throws {
        let store = try SQLiteStore(path: path)
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

    @Test func `apply is all or nothing`() async throws {
        let store = try SQLiteStore(path: path)
        _ = try await store.apply([edit("one")], dryRun: false)
        await #expect(throws: StoreError.self) {
            try await store.apply(
                [edit("two", volume: 2, export: "f"), edit("three", volume: 3, export: "e")], dryRun: false)
        }
        #expect(try await store.desiredState().entries.count == 1)
        await #expect(throws: StoreError.self) { try await store.apply([edit("two", export: "f")], dryRun: false) }
    }

    @Test func `a deleted object departs, and is forgotten when it is gone`() async throws {
        let store = try SQLiteStore(path: path)
        _ = try await store.apply([edit("one")], dryRun: false)
        let name = try #require(ObjectName("one"))
        #expect(try await store.delete([name], dryRun: false).map(\.change) == [.deleted])
        let one = try object(try await store.desiredState().entries.first)
        #expect(one.isDeparting && one.generation == 2)
        await #expect(throws: StoreError.departing(name)) { try await store.apply([edit("one")], dryRun: false) }
        let before = try await store.desiredState().revision
        try await store.forget(one.id)
        let delta = try await store.desiredDelta(since: before)
        #expect(delta.removed == [one.id])
        #expect(try await store.desiredState().entries.isEmpty)
    }

    @Test func `DURABLE: what was written is there for the next process`() async throws {
        let action = LedgerAction.attachVolume(
            VolumeID(UUIDValue(high: 1, low: 1)), to: MachineID(UUIDValue(high: 2, low: 2)))
        func line(_ intent: UInt64, _ phase: LedgerPhase, evidence: String = "seen free") -> LedgerEntry {
            LedgerEntry(
                intent: IntentID(UUIDValue(high: 0, low: intent)), attachment: AttachmentID(UUIDValue(high: 0, low: 1)),
                action: action, job: JobID(UUIDValue(high: 9, low: intent)), phase: phase,
                at: Instant(nanoseconds: Int64(intent)), evidence: evidence)
        }
        do {
            let store = try SQLiteStore(path: path)
            try await store.append(line(1, .intended))
            try await store.append(line(1, .accepted))
            try await store.append(line(2, .intended))
            try await store.append(line(2, .ended(.failed(.limitReached, "full")), evidence: "full"))
            try await store.bind(AttachmentID(UUIDValue(high: 0, low: 1)), to: VolumeID(UUIDValue(high: 1, low: 1)))
        }
        let store = try await reopened()
        #expect(try await store.openLedger() == [line(1, .intended), line(1, .accepted)])
        #expect(try await store.bindings().count == 1)
        let operations = try await store.operations(of: nil, limit: 10)
        #expect(operations.first?.because == "seen free")
        #expect(operations.first?.evidence == "full")
        #expect(operations.map(\.phase) == [.ended(.failed(.limitReached, "full")), .accepted])
    }

    @Test func `NO-BLIND-REPEAT: a createVolume that made a volume stays open until its object is bound`() async throws
    {
        let object = AttachmentID(UUIDValue(high: 0, low: 1))
        func line(_ intent: UInt64, _ phase: LedgerPhase) -> LedgerEntry {
            LedgerEntry(
                intent: IntentID(UUIDValue(high: 0, low: intent)), attachment: object,
                action: .createVolume(name: "made"), job: JobID(UUIDValue(high: 9, low: intent)), phase: phase,
                at: Instant(nanoseconds: Int64(intent)), evidence: "")
        }
        let made = [line(1, .intended), line(1, .accepted), line(1, .ended(.succeeded))]
        do {
            let store = try SQLiteStore(path: path)
            for entry in made { try await store.append(entry) }
            for entry in [line(2, .intended), line(2, .ended(.neverArrived))] { try await store.append(entry) }
        }
        let store = try await reopened()
        #expect(try await store.openLedger() == made)
        try await store.bind(object, to: VolumeID(UUIDValue(high: 1, low: 1)))
        #expect(try await store.openLedger().isEmpty)
    }

    /// The lock's descriptor may live on for a moment in a child that another test is just starting.
    private func reopened() async throws -> SQLiteStore {
        for _ in 0..<12_000 {
            if let store = try? SQLiteStore(path: path) { return store }
            try await Task.sleep(for: .milliseconds(5))
        }
        return try SQLiteStore(path: path)
    }

    @Test func `a second controller is refused, and told who holds the store`() throws {
        let store = try SQLiteStore(path: path)
        let error = #expect(throws: StoreError.self) { try SQLiteStore(path: path) }
        #expect(error?.description.contains("process \(getpid())") == true)
        withExtendedLifetime(store) {}
    }

    private func detail(device: DeviceRecord?) -> AttachmentDetail {
        let volume = VolumeID(UUIDValue(high: 1, low: 1))
        return AttachmentDetail(
            report: AttachmentReport(
                attachment: AttachmentID(UUIDValue(high: 0, low: 1)), name: "one", generation: 1, volume: volume,
                machine: nil, isHere: true, isDeparting: false, readiness: .ready, since: Instant(nanoseconds: 1),
                cloudWord: "attached", deviceWord: "vdb", exportWord: "live", clients: nil, drifts: [], next: nil,
                nextAt: nil),
            conditions: [], volume: nil, device: device,
            export: device.map { device in
                ExportEntry(
                    name: ExportName("one").unsafelyUnwrapped, isReadOnly: false, owner: .hawser(volume),
                    target: .device(device.number, diskSequence: 7), liveness: .live, clients: .known(2))
            })
    }

    @Test(.enabled(if: sqlite3 != nil, "needs the sqlite3 shell"))
    func `where a volume is can be read with SQL, and is gone when the device is`() async throws {
        let store = try SQLiteStore(path: path)
        let device = DeviceRecord(
            kernelName: "vdb", number: DeviceNumber(major: 254, minor: 16), path: "/dev/vdb",
            byIDLinks: ["/dev/disk/by-id/virtio-x"], serial: nil, diskSequence: 7, sizeInBytes: 4096, isReadOnly: false)
        func rows() async throws -> String {
            try await ChildProcess.run(
                .init(
                    sqlite3 ?? "sqlite3",
                    [
                        path,
                        "SELECT path, disk_sequence, size_in_bytes, name, live, clients FROM device_mappings JOIN exports USING (attachment)",
                    ]
                )
            ).output
        }
        try await store.save([detail(device: device)])
        #expect(try await rows() == "/dev/vdb|7|4096|one|1|2\n")
        try await store.save([detail(device: nil)])
        #expect(try await rows() == "")
    }

    @Test(.enabled(if: sqlite3 != nil, "needs the sqlite3 shell"))
    func `a file of the first version becomes one of today's, and keeps what is in it`() async throws {
        do { _ = try SQLiteStore(path: path) }
        let shell = try await ChildProcess.run(
            .init(
                sqlite3 ?? "sqlite3",
                [
                    path,
                    "DROP TABLE device_mappings; DROP TABLE exports; DELETE FROM schema_version;"
                        + "INSERT INTO schema_version VALUES (1); INSERT INTO desired_volume_attachments (name, volume_id) "
                        + "VALUES ('kept', 'a7f226a7-95a0-43b6-942e-acc909ef0c08')",
                ]))
        #expect(shell.status.isSuccess, "\(shell.errors)")
        let store = try await reopened()
        #expect(try object(try await store.desiredState().entries.first).name.text == "kept")
        try await store.save([detail(device: nil)])
    }

    @Test func `drifts are written as they begin, and again as they end`() async throws {
        let store = try SQLiteStore(path: path)
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

    @Test(.enabled(if: sqlite3 != nil, "needs the sqlite3 shell"))
    func `rows that people write are noticed, checked, and a deleted row departs`() async throws {
        let store = try SQLiteStore(path: path)
        var changes = await store.desiredChanges().makeAsyncIterator()
        func shell(_ sql: String) async throws {
            let outcome = try await ChildProcess.run(.init(sqlite3 ?? "sqlite3", ["-cmd", ".timeout 5000", path, sql]))
            #expect(outcome.status.isSuccess, "\(outcome.errors)")
        }
        try await shell(
            """
            INSERT INTO desired_volume_attachments (name, volume_id, export_name)
                VALUES ('good', 'a7f226a7-95a0-43b6-942e-acc909ef0c08', 'g');
            INSERT INTO desired_volume_attachments (name, volume_id) VALUES ('bad', '7');
            """)
        await changes.next()
        let entries = try await store.desiredState().entries
        #expect(entries.count == 2)
        guard case .invalid(_, "bad", _, let problems)? = entries.first else {
            Issue.record("\(entries)")
            return
        }
        #expect(problems.map(\.field) == ["volume_id"])
        #expect(try object(entries.last).source == .row)
        try await shell("DELETE FROM desired_volume_attachments WHERE name = 'good'")
        await changes.next()
        #expect(try object(try await store.desiredState().entries.last).isDeparting)
    }

    @Test(.enabled(if: sqlite3 != nil, "needs the sqlite3 shell"))
    func `a file of a newer program is refused`() async throws {
        do { _ = try SQLiteStore(path: path) }
        _ = try await ChildProcess.run(.init(sqlite3 ?? "sqlite3", [path, "INSERT INTO schema_version VALUES (99)"]))
        for _ in 0..<12_000 {
            do throws(StoreError) { _ = try SQLiteStore(path: path) } catch {
                if case .unavailable = error {
                    try await Task.sleep(for: .milliseconds(5))
                    continue
                }
                #expect(error == .tooNew(found: 99, understood: StoreSchema.version))
                return
            }
        }
        Issue.record("the newer file was opened")
    }
}
