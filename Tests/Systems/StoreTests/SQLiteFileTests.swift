import Glibc
import LinuxCalls
import Reconciliation
import SQL
import SQLite
@testable import Store
import Testing
import VolumeModel

/// What holds of a store that is one file.
@Suite struct SQLiteFileTests {
    private let it: StoreFixture
    private var path: String { it.path }

    init() async throws {
        it = try await StoreFixture(.sqlite)
    }

    @Test func `one change is found without reading all objects`() throws {
        let store = try SQLStore.embedded(path: path)
        let database = try SQLiteConnection(path: path, isForReading: true)
        for table in DesiredReading.Table.allCases {
            let plan = try database.run(
                "EXPLAIN QUERY PLAN \(DesiredReading.selection(of: .changed, in: table))", [.integer(7), .integer(9)]
            ).compactMap { $0.last?.text }
            #expect(plan.contains("SEARCH desired_changes USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"), "\(plan)")
            #expect(plan.contains { $0.hasPrefix("SEARCH w USING INDEX") && $0.hasSuffix("LEFT-JOIN") }, "\(plan)")
            #expect(!plan.contains { $0.hasPrefix("SCAN") && $0 != "SCAN c" }, "\(plan)")
        }
        #expect(throws: SQLError.self) { try database.execute("DELETE FROM bindings") }
        withExtendedLifetime(store) {}
    }

    @Test func `a second controller is refused, and told who holds the store`() throws {
        let store = try SQLStore.embedded(path: path)
        let error = #expect(throws: StoreError.self) { try SQLStore.embedded(path: path) }
        #expect(error?.description.contains("process \(getpid())") == true)
        withExtendedLifetime(store) {}
    }

    /// Makes a file as an earlier program left it.
    private func makeFile(of version: Int, _ statements: String) throws {
        let old = try SQLiteConnection(path: path)
        try old.execute("CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT")
        for step in SQLiteSchema.steps.prefix(version) { try old.execute(step) }
        try old.run("INSERT INTO schema_version VALUES (?)", [.integer(Int64(version))])
        try old.execute(statements)
    }

    @Test(arguments: 1..<StoreSchema.version)
    func `a file of an earlier version becomes one of today's, and keeps what is in it`(version: Int) async throws {
        try makeFile(
            of: version,
            """
            INSERT INTO desired_volume_attachments (name, volume_id) VALUES ('kept', 'a7f226a7-95a0-43b6-942e-acc909ef0c08');
            INSERT INTO desired_volume_attachments (name, volume_id) VALUES ('leaving', 'b7f226a7-95a0-43b6-942e-acc909ef0c08');
            DELETE FROM desired_volume_attachments WHERE name = 'leaving';
            """)
        let store = try SQLStore.embedded(path: path)
        let found = try await objects(store)
        #expect(found.map(\.name.text) == ["kept", "leaving"] && found.map(\.isDeparting) == [false, true])
        let kept = try #require(found.first)
        #expect(kept.mode == .enforce && kept.deletion.data == .retain && kept.role == .data)
        #expect(found.last?.departingSince != nil)
        try await store.save([detail(device: nil)])
        #expect(try it.client().run("PRAGMA integrity_check") == [[.text("ok")]])
    }

    @Test func `a file of version 6 keeps rows of every kind`() async throws {
        let (one, two) = ("11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002")
        let volume = "a7f226a7-95a0-43b6-942e-acc909ef0c08"
        try makeFile(
            of: 6,
            """
            INSERT INTO desired_volume_attachments (id, name, template_disk_offering, template_zone, template_size_in_bytes,
                template_name, vm, attach_as, export_name, export_read_only, mode, deletion_policy, deletion_grace_seconds,
                labels, source, generation) VALUES ('\(one)', 'one', 'custom', 'zone-1', 1073741824, 't', 'other', 'Root', 'e',
                1, 'Observe', 'Delete', 60, 'a=b', 'directory:d/x.yaml', 7);
            INSERT INTO desired_volume_attachments (id, name, volume_id, volume_size_in_bytes, export_name, generation)
                VALUES ('\(two)', 'two', '\(volume)', 2147483648, 'f', 4);
            UPDATE desired_volume_attachments SET departing = 1 WHERE name = 'two';
            UPDATE desired_volume_attachments SET removal_approved = 1 WHERE name = 'two';
            INSERT INTO desired_volume_attachments (name, volume_name, mode) VALUES ('wrong', 'v', 'enforce');
            INSERT INTO suspensions VALUES ('\(one)', 'a move', 5);
            INSERT INTO in_use_overrides VALUES ('\(two)', '\(volume)', 9, 'hangs', 8);
            INSERT INTO protections VALUES ('\(volume)', 'of value');
            INSERT INTO bindings VALUES ('\(one)', '\(volume)');
            INSERT INTO ledger (intent, attachment, verb, name, phase, at, evidence)
                VALUES ('\(two)', '\(one)', 'create', 't', 'intended', 3, 'none');
            INSERT INTO open_intents VALUES ('\(two)');
            INSERT INTO events (at, name, severity, reason, message) VALUES (1, '', 'Normal', 'r', 'm');
            INSERT INTO status (attachment, name, generation, ready, reason, message, since, volume, cloudstack, device, export,
                fingerprint) VALUES ('\(one)', 'one', 7, 1, '', '', 5, '\(volume)', 'attached', 'vdb', 'live', 77);
            INSERT INTO status (attachment, name, generation, ready, reason, message, since, cloudstack, device, export,
                fingerprint) VALUES ('\(two)', 'two', 4, 0, 'Braked', 'm', 6, '?', '-', '-', -5);
            INSERT INTO device_mappings VALUES ('\(one)', '\(volume)', 'a7f226a795a043b6942e', 'vdb', '/dev/vdb', NULL,
                '254:16', 9, 1073741824);
            INSERT INTO exports VALUES ('\(one)', 'e', '\(volume)', 1, 1, 2);
            """)
        let store = try SQLStore.embedded(path: path)
        let state = try await store.desiredState()
        let first = try object(state.entries[0])
        let template = VolumeTemplate(
            name: "t", sizeInBytes: 1 << 30, offering: .named("custom"), zone: .named("zone-1"))
        #expect(first.id == AttachmentID(one) && first.generation == 7 && first.volume == .created(template))
        #expect(first.machine == .named("other") && first.role == .root && first.mode == .observe)
        #expect(first.export?.isReadOnly == true && first.labels == ["a": "b"])
        #expect(first.deletion == DeletionPolicy(data: .delete, grace: .seconds(60)))
        #expect(first.suspension == Suspension(reason: "a move", until: Instant(nanoseconds: 5)))
        let second = try object(state.entries[1])
        #expect(second.isDeparting && second.isRemovalApproved && second.generation == 5)
        #expect(second.departingSince != nil && second.inUseOverride?.reason == "hangs")
        #expect(second.wantedSizeInBytes == 2 << 30 && !first.isDeparting)
        guard case .invalid(_, "wrong", 1, let problems, _) = state.entries[2] else {
            throw Unexpected(entry: state.entries[2])
        }
        #expect(problems.map(\.field) == ["volume_zone", "mode"])
        #expect(state.protections.count == 1)
        #expect(try await store.bindings().count == 1)
        #expect(try await store.openLedger().count == 1)
        #expect(try await store.events(of: nil, limit: 9).count == 1)
        let statuses = try await store.savedStatuses().sorted { $0.code > $1.code }
        // What it does not say yet is said as soon as the object is known again.
        #expect(statuses.map(\.fingerprint) == [77, 4] && statuses[1].since == Instant(nanoseconds: 6))
        let saved = try #require(statuses.first)
        #expect(saved.since == Instant(nanoseconds: 5) && saved.code == "Ready" && saved.volume == VolumeID(volume))
        #expect(saved.device?.number == DeviceNumber("254:16") && saved.device?.diskSequence == 9)
        #expect(try it.client().run("SELECT clients FROM observed_exports") == [[.integer(2)]])
        #expect(try await store.directoryObjects(besides: []).map(\.text) == ["one"])
        // It goes on by today's rules.
        try await store.forget(second.id)
        try it.client().execute("DELETE FROM desired_volume_attachments WHERE name = 'one'")
        let delta = try await store.desiredDelta(since: state.revision)
        #expect(delta.removed == [second.id])
        #expect(try delta.changed.map { try object($0).isDeparting } == [true])
        let left = try it.client().run(
            "SELECT name FROM sqlite_schema WHERE sql LIKE '%until_6%' OR sql LIKE '%desired_revision%'")
        #expect(left == [])
    }

    @Test func `a file of a newer program is refused`() async throws {
        do { _ = try SQLStore.embedded(path: path) }
        try it.client().execute("INSERT INTO schema_version VALUES (99)")
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
}
