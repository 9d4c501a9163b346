import Glibc
import LinuxCalls
import Reconciliation
import SQL
import SQLite
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
        let store = try SQLStore.embedded(path: path)
        let created = try await store.apply([edit("one")], dryRun: false)
        #expect(created.map(\.change) == [.created])
        let one = try object(try await store.desiredState().entries.first)
        let wanted = try edit("one")
        #expect(one.name == wanted.name && one.volume == wanted.volume && one.machine == wanted.machine)
        #expect(one.export == wanted.export && one.labels == wanted.labels && one.source == wanted.source)
        #expect(one.generation == 1 && !one.isDeparting)
    }

    @Test func `applying again changes nothing, and a real change raises the generation`() async throws {
        let store = try SQLStore.embedded(path: path)
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
        let store = try SQLStore.embedded(path: path)
        _ = try await store.apply([edit("one")], dryRun: false)
        await #expect(throws: StoreError.self) {
            try await store.apply(
                [edit("two", volume: 2, export: "f"), edit("three", volume: 3, export: "e")], dryRun: false)
        }
        #expect(try await store.desiredState().entries.count == 1)
        await #expect(throws: StoreError.self) { try await store.apply([edit("two", export: "f")], dryRun: false) }
    }

    @Test func `an export name goes from one object to another in one apply, and to no third`() async throws {
        let store = try SQLStore.embedded(path: path)
        _ = try await store.apply([edit("one"), edit("two", volume: 2, export: "f")], dryRun: false)
        let error = try await #require(throws: StoreError.self) {
            try await store.apply([edit("three", volume: 3, export: "f")], dryRun: false)
        }
        #expect(error.description == "cannot apply 'three': export name f is claimed by 'two'")
        let moved = try await store.apply(
            [edit("one", export: nil), edit("two", volume: 2, export: "e")], dryRun: false)
        #expect(moved.map(\.change) == [.configured, .configured])
    }

    @Test func `what was saved of an attachment is known at the next start`() async throws {
        let store = try SQLStore.embedded(path: path)
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

    @Test(arguments: [nil, Instant(nanoseconds: 9)])
    func `how often something was undone is known at the next start, and forgotten with it`(undoneAt: Instant?)
        async throws
    {
        let store = try SQLStore.embedded(path: path)
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

    @Test func `the objects of the followed directory are found among others`() async throws {
        let store = try SQLStore.embedded(path: path)
        var followed = try [edit("a", volume: 2, export: nil), edit("b", volume: 3, export: nil)]
        for index in followed.indices { followed[index].source = .directory(file: "d/x.yaml") }
        _ = try await store.apply([edit("one")] + followed, dryRun: false)
        #expect(try await store.directoryObjects(besides: []).map(\.text) == ["a", "b"])
        let kept = try #require(ObjectName("a"))
        #expect(try await store.directoryObjects(besides: [kept]).map(\.text) == ["b"])
        _ = try await store.delete([kept], by: .directory, dryRun: false)
        #expect(try await store.directoryObjects(besides: []).map(\.text) == ["b"])
    }

    @Test(.enabled(if: sqlite3 != nil, "needs the sqlite3 shell"))
    func `a protection that somebody writes by hand is noticed, too`() async throws {
        let store = try SQLStore.embedded(path: path)
        var changes = await store.desiredChanges().makeAsyncIterator()
        let volume = try #require(VolumeID("a7f226a7-95a0-43b6-942e-acc909ef0c08"))
        let sql = "INSERT INTO protections VALUES ('\(volume)', 'mine')"
        let outcome = try await ChildProcess.run(.init(sqlite3 ?? "sqlite3", ["-cmd", ".timeout 5000", path, sql]))
        #expect(outcome.status.isSuccess, "\(outcome.errors)")
        await changes.next()
        #expect(try await store.desiredDelta(since: 0).protections == [volume: "mine"])
    }

    @Test func `one change is found without reading all objects`() throws {
        let store = try SQLStore.embedded(path: path)
        let database = try SQLiteConnection(path: path, isForReading: true)
        for table in DesiredReading.Table.allCases {
            let plan = try database.run(
                "EXPLAIN QUERY PLAN \(DesiredReading.selection(of: .changed, in: table))", [.integer(7), .integer(9)]
            ).compactMap { $0.last?.text }
            #expect(plan.contains("SEARCH desired_changes USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"), "\(plan)")
            #expect(plan.contains { $0.hasPrefix("SEARCH w USING INDEX") }, "\(plan)")
            #expect(!plan.contains { $0.hasPrefix("SCAN") && $0 != "SCAN c" }, "\(plan)")
        }
        #expect(throws: SQLError.self) { try database.execute("DELETE FROM bindings") }
        withExtendedLifetime(store) {}
    }

    @Test func `a deleted object departs, and is forgotten when it is gone`() async throws {
        let store = try SQLStore.embedded(path: path)
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

    // MARK: BRAKE

    private func names(_ names: String...) throws -> [ObjectName] { try names.map { try #require(ObjectName($0)) } }

    private func approved(_ store: SQLStore) async throws -> [String] {
        try await store.desiredState().entries.map { try object($0) }.filter(\.isRemovalApproved).map(\.name.text)
    }

    private func three() async throws -> SQLStore {
        let store = try SQLStore.embedded(path: path)
        for number in 1...3 {
            _ = try await store.apply(
                [edit("o\(number)", volume: UInt64(number), export: "e\(number)")], dryRun: false)
        }
        #expect(try await approved(store).isEmpty)
        return store
    }

    @Test func `BRAKE: one that a person deletes by its name is approved; several, and what a directory lost, are not`()
        async throws
    {
        let store = try await three()
        _ = try await store.delete(try names("o1", "o2"), by: .person, dryRun: false)
        #expect(try await approved(store).isEmpty)
        _ = try await store.delete(try names("o3"), by: .directory, approving: .upTo(5), dryRun: false)
        #expect(try await approved(store).isEmpty)
        // To name one of them is a word for that one.
        _ = try await store.delete(try names("o2", "o2"), by: .person, dryRun: false)
        #expect(try await approved(store) == ["o2"])
    }

    @Test func `BRAKE: several are approved by their number, and refused as a whole when there are more`() async throws
    {
        let store = try await three()
        let before = try await store.desiredState()
        await #expect(throws: StoreError.self) {
            try await store.delete(try names("o1", "o2", "o3"), by: .person, approving: .upTo(2), dryRun: false)
        }
        #expect(try await store.desiredState() == before)
        _ = try await store.delete(try names("o1", "o2"), by: .person, approving: .upTo(2), dryRun: false)
        #expect(try await approved(store) == ["o1", "o2"])
    }

    @Test func `BRAKE: an edit that takes something away is approved when its call is about nothing else`() async throws
    {
        let store = try await three()
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

    @Test func `BRAKE: a batch is approved for just what was shown, or not at all`() async throws {
        let store = try await three()
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

    @Test func `BRAKE: rows that some SQL client deletes or changes are approved by nobody`() async throws {
        let store = try await three()
        _ = try await store.apply([edit("o1", volume: 1, export: nil)], dryRun: false)
        #expect(try await approved(store) == ["o1"])
        let client = try SQLiteConnection(path: path)
        try client.execute("DELETE FROM desired_volume_attachments WHERE name = 'o1'")
        try client.execute("UPDATE desired_volume_attachments SET export_name = NULL WHERE name = 'o2'")
        #expect(try await approved(store).isEmpty)
        #expect(try await object(store.desiredState().entries.first).isDeparting)
    }

    @Test(arguments: [
        "vm = 'other'", "export_name = coalesce(export_name, 'e1') || '-x'", "attach_as = 'root'", "volume_id = NULL",
    ])
    func `BRAKE: an UPDATE with a wrong WHERE takes back every approval and gives none`(change: String) async throws {
        let store = try await three()
        _ = try await store.apply([edit("o1", volume: 1, export: nil)], dryRun: false)
        #expect(try await approved(store) == ["o1"])
        let before = try await store.desiredState().revision
        try SQLiteConnection(path: path).execute("UPDATE desired_volume_attachments SET \(change)")
        let rows = try SQLiteConnection(path: path).run(
            "SELECT count(*) FROM desired_volume_attachments WHERE removal_approved = 1")
        #expect(rows.first?[0].integer == 0)
        // The loop is told of all of them at once.
        #expect(try await store.desiredDelta(since: before).changed.count == 3)
    }

    @Test func `BRAKE: what departs by nobody's word can be taken back for as long as nothing of it was begun`()
        async throws
    {
        let store = try await three()
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

    @Test func `BRAKE: what was begun without approval is remembered for the window`() async throws {
        let object = AttachmentID(UUIDValue(high: 0, low: 1))
        func line(_ intent: UInt64, _ at: Int64, counts: Bool) throws -> LedgerEntry {
            LedgerEntry(
                intent: IntentID(UUIDValue(high: 0, low: intent)), attachment: object,
                action: .withdrawExport(try #require(ExportName("e"))), job: nil, phase: .intended,
                at: Instant(nanoseconds: at), evidence: "idle", countsAsRemoval: counts)
        }
        do {
            let store = try SQLStore.embedded(path: path)
            try await store.append(line(1, 10, counts: true))
            try await store.append(line(2, 20, counts: true))
            try await store.append(line(3, 30, counts: false))
        }
        let store = try await reopened()
        #expect(try await store.countedRemovals(since: Instant(nanoseconds: 5)) == [object: Instant(nanoseconds: 20)])
        #expect(try await store.countedRemovals(since: Instant(nanoseconds: 20)).isEmpty)
        #expect(try await store.openLedger().map(\.countsAsRemoval) == [true, true, false])
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
            let store = try SQLStore.embedded(path: path)
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
            let store = try SQLStore.embedded(path: path)
            for entry in made { try await store.append(entry) }
            for entry in [line(2, .intended), line(2, .ended(.neverArrived))] { try await store.append(entry) }
        }
        let store = try await reopened()
        #expect(try await store.openLedger() == made)
        try await store.bind(object, to: VolumeID(UUIDValue(high: 1, low: 1)))
        #expect(try await store.openLedger().isEmpty)
    }

    /// The lock's descriptor may live on for a moment in a child that another test is just starting.
    private func reopened() async throws -> SQLStore {
        for _ in 0..<12_000 {
            if let store = try? SQLStore.embedded(path: path) { return store }
            try await Task.sleep(for: .milliseconds(5))
        }
        return try SQLStore.embedded(path: path)
    }

    @Test func `a second controller is refused, and told who holds the store`() throws {
        let store = try SQLStore.embedded(path: path)
        let error = #expect(throws: StoreError.self) { try SQLStore.embedded(path: path) }
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
        let store = try SQLStore.embedded(path: path)
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

    @Test(arguments: 1..<StoreSchema.version)
    func `a file of an earlier version becomes one of today's, and keeps what is in it`(version: Int) async throws {
        do {
            let old = try SQLiteConnection(path: path)
            try old.execute("CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT")
            for step in SQLiteSchema.steps.prefix(version) { try old.execute(step) }
            try old.run("INSERT INTO schema_version VALUES (?)", [.integer(Int64(version))])
            try old.execute(
                "INSERT INTO desired_volume_attachments (name, volume_id) "
                    + "VALUES ('kept', 'a7f226a7-95a0-43b6-942e-acc909ef0c08')")
        }
        let store = try SQLStore.embedded(path: path)
        let kept = try object(try await store.desiredState().entries.first)
        #expect(kept.name.text == "kept")
        #expect(kept.mode == .enforce && kept.deletion.data == .retain && kept.role == .data)
        try await store.save([detail(device: nil)])
    }

    @Test func `an object's deletion is dated, and its data stays unless it said otherwise`() async throws {
        let store = try SQLStore.embedded(path: path)
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

    @Test func `DURABLE: suspensions, overrides and protections outlive the process, and applying again changes none`()
        async throws
    {
        let volume = try #require(VolumeID("a7f226a7-95a0-43b6-942e-acc909ef0c08"))
        let edit = DesiredEdit(
            name: try #require(ObjectName("one")), labels: [:], volume: .id(volume), machine: .thisMachine, export: nil,
            detach: DetachPolicy(), source: .manifest(file: "f"))
        let suspension = Suspension(reason: "a migration", until: Instant(nanoseconds: 5_000_000_000))
        let override = InUseOverride(
            volume: volume, diskSequence: .max, reason: "hangs", expiresAt: Instant(nanoseconds: 7))
        do {
            let store = try SQLStore.embedded(path: path)
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
        let store = try await reopened()
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

    @Test func `a volume never shrinks and is never exchanged, and another source's object is not changed`()
        async throws
    {
        let store = try SQLStore.embedded(path: path)
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

    @Test(.enabled(if: sqlite3 != nil, "needs the sqlite3 shell"))
    func `a row that would shrink a volume is refused at the door`() async throws {
        let store = try SQLStore.embedded(path: path)
        let id = "a7f226a7-95a0-43b6-942e-acc909ef0c08"
        let shell = try await ChildProcess.run(
            .init(
                sqlite3 ?? "sqlite3",
                [
                    path,
                    "INSERT INTO desired_volume_attachments (name, volume_id, volume_size_in_bytes) "
                        + "VALUES ('one', '\(id)', 21474836480);"
                        + "UPDATE desired_volume_attachments SET volume_size_in_bytes = 10737418240",
                ]))
        #expect(!shell.status.isSuccess)
        #expect(shell.errors.contains("never shrink"), "\(shell.errors)")
        #expect(try object(try await store.desiredState().entries.first).wantedSizeInBytes == 20 << 30)
    }

    @Test func `drifts are written as they begin, and again as they end`() async throws {
        let store = try SQLStore.embedded(path: path)
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
        let store = try SQLStore.embedded(path: path)
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
        do { _ = try SQLStore.embedded(path: path) }
        _ = try await ChildProcess.run(.init(sqlite3 ?? "sqlite3", [path, "INSERT INTO schema_version VALUES (99)"]))
        for _ in 0..<12_000 {
            do throws(StoreError) { _ = try SQLStore.embedded(path: path) } catch {
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

    /// It came back as a fault of the store, as if waiting would help.
    @Test func `one apply that names an object twice is refused as a conflict`() async throws {
        let store = try SQLStore.embedded(path: path)
        await #expect(throws: StoreError.conflict("cannot apply 'one': it is given twice")) {
            try await store.apply([edit("one"), edit("one", volume: 2, export: nil)], dryRun: false)
        }
    }

    /// NUL ended a text, and an accent at its beginning ended a label.
    @Test func `a text is given back with every sign`() async throws {
        let store = try SQLStore.embedded(path: path)
        var odd = try edit("one", labels: ["a": "\u{301}b"])
        odd.volume = .named("a\0b", zone: .named("z"))
        _ = try await store.apply([odd], dryRun: false)
        let found = try object(try await store.desiredState().entries.first)
        #expect(found.volume == odd.volume && found.labels == odd.labels)
    }
}
