import Reconciliation
import SQL
@testable import Store
import Testing
import VolumeModel

/// Rows that people and other programs write with SQL.
@Suite struct RowTests {
    private static let volume = "a7f226a7-95a0-43b6-942e-acc909ef0c08"

    /// What the table says to a statement that it refuses.
    private func refusal(_ client: any SQLConnection, _ sql: String) -> SQLError? {
        do throws(SQLError) { try client.run(sql) } catch { return error }
        return nil
    }

    @Test(arguments: Engine.present)
    func `a protection that somebody writes by hand is noticed, too`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        var changes = await store.desiredChanges().makeAsyncIterator()
        let volume = try #require(VolumeID(Self.volume))
        try it.client().execute("INSERT INTO protections VALUES ('\(volume)', 'mine')")
        await changes.next()
        #expect(try await store.desiredDelta(since: 0).protections == [volume: "mine"])
    }

    @Test(arguments: Engine.present)
    func `rows that people write are noticed, checked, and a deleted row departs`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        var changes = await store.desiredChanges().makeAsyncIterator()
        let client = try it.client()
        try client.execute(
            """
            INSERT INTO desired_volume_attachments (name, volume_id, export_name) VALUES ('good', '\(Self.volume)', 'g');
            INSERT INTO desired_volume_attachments (name, volume_id) VALUES ('bad', '7');
            """)
        var entries: [DesiredEntry] = []
        while entries.count < 2 {
            await changes.next()
            entries = try await store.desiredState().entries
        }
        guard case .invalid(_, "bad", _, let problems, _)? = entries.first else {
            Issue.record("\(entries)")
            return
        }
        #expect(problems.map(\.field) == ["volume_id"])
        let good = try object(entries.last)
        #expect(good.source == .row && good.machine == .thisMachine && good.generation == 1)
        let revision = try await store.desiredState().revision
        try client.execute("DELETE FROM desired_volume_attachments WHERE name = 'good'")
        var delta = try await store.desiredDelta(since: revision)
        while delta.changed.isEmpty {
            await changes.next()
            delta = try await store.desiredDelta(since: revision)
        }
        let departing = try object(delta.changed.first)
        #expect(departing.isDeparting && departing.id == good.id && departing.generation == 2)
        #expect(try #require(departing.departingSince).nanoseconds > 1_700_000_000_000_000_000)
        #expect(delta.changed.count == 1 && delta.removed.isEmpty)
    }

    @Test(arguments: Engine.present)
    func `an UPDATE of five thousand rows is one change`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        let client = try it.client()
        try client.begin(.writing)
        for number in 0..<5_000 {
            try client.run(
                "INSERT INTO desired_volume_attachments (name, volume_name) VALUES (?, 'v')", [.text("o\(number)")])
        }
        try client.commit()
        let before = try await store.desiredState()
        #expect(before.entries.count == 5_000)
        try client.execute("UPDATE desired_volume_attachments SET vm = 'other'")
        let delta = try await store.desiredDelta(since: before.revision)
        #expect(delta.changed.count == 5_000 && delta.revision == before.revision + 1)
        // What changes nothing is no change.
        try client.execute("UPDATE desired_volume_attachments SET vm = 'other'")
        #expect(try await store.desiredState().revision == delta.revision)
        let generations = try client.run("SELECT min(generation), max(generation) FROM desired_volume_attachments")
        #expect(generations == [[.integer(2), .integer(2)]])
    }

    @Test(arguments: Engine.present)
    func `a row that would shrink a volume is refused at the door`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        let client = try it.client()
        try client.execute(
            """
            INSERT INTO desired_volume_attachments (name, volume_id, volume_size_in_bytes)
                VALUES ('one', '\(Self.volume)', 21474836480)
            """)
        let error = try #require(
            refusal(client, "UPDATE desired_volume_attachments SET volume_size_in_bytes = 10737418240"))
        #expect(error.kind == .constraint)
        #expect(error.message == "volumes never shrink: write at least the size that was written before")
        #expect(try await objects(store).first?.wantedSizeInBytes == 20 << 30)
    }

    @Test(arguments: Engine.present)
    func `what is being taken down keeps its name, its volume and its export name until it is gone`(
        _ engine: Engine
    ) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        let client = try it.client()
        let table = "desired_volume_attachments"
        try client.execute(
            """
            INSERT INTO \(table) (name, volume_id, export_name) VALUES ('one', '\(Self.volume)', 'e');
            INSERT INTO \(table) (name, volume_id, export_name) VALUES ('two', 'v2', 'f');
            """)
        let one = try #require(try await readable(store, "one").first)
        try client.execute("DELETE FROM \(table) WHERE name = 'one'")
        for (sql, words) in [
            ("INSERT INTO \(table) (name, volume_id) VALUES ('one', 'v3')", StoreSchema.Refusal.name),
            ("INSERT INTO \(table) (id, name) VALUES ('\(one.id)', 'three')", StoreSchema.Refusal.name),
            ("INSERT INTO \(table) (name, volume_id) VALUES ('three', '\(Self.volume)')", StoreSchema.Refusal.volume),
            ("INSERT INTO \(table) (name, export_name) VALUES ('three', 'e')", StoreSchema.Refusal.export),
            ("UPDATE \(table) SET name = 'one' WHERE name = 'two'", StoreSchema.Refusal.name),
            ("UPDATE \(table) SET volume_id = '\(Self.volume)' WHERE name = 'two'", StoreSchema.Refusal.volume),
            ("UPDATE \(table) SET export_name = 'e' WHERE name = 'two'", StoreSchema.Refusal.export),
        ] {
            let error = try #require(refusal(client, sql), "\(sql)")
            #expect(error.kind == .constraint && error.message == words, "\(sql): \(error)")
        }
        let wanted = try await store.desiredState()
        #expect(wanted.entries.count == 2)
        await #expect(throws: StoreError.conflict("cannot apply 'three': export name e is claimed by 'one'")) {
            try await store.apply([edit("three", volume: 3, export: "e")], dryRun: false)
        }
        try await store.forget(one.id)
        try client.execute("INSERT INTO \(table) (name, volume_id, export_name) VALUES ('one', '\(Self.volume)', 'e')")
        let delta = try await store.desiredDelta(since: wanted.revision)
        #expect(delta.removed == [one.id] && delta.changed.count == 1)
    }

    /// SQLite's REPLACE deletes without a word to triggers: the object that had the name was lost, and what it had stayed.
    @Test(arguments: Engine.present)
    func `a REPLACE that would lose an object is refused, and an upsert is not`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        let client = try it.client()
        let table = "desired_volume_attachments"
        try client.execute("INSERT INTO \(table) (name, volume_id, export_name) VALUES ('one', '\(Self.volume)', 'e')")
        for values in ["(name) VALUES ('one')", "(name, export_name) VALUES ('two', 'e')"] {
            #expect(refusal(client, "REPLACE INTO \(table) \(values)")?.kind == .constraint, "\(values)")
        }
        #expect(refusal(client, "UPDATE \(table) SET id = 'b7f226a7-95a0-43b6-942e-acc909ef0c08'")?.kind == .constraint)
        let insert = "INSERT INTO \(table) (name, volume_id, vm) VALUES ('one', '\(Self.volume)', 'other')"
        switch engine {
        case .sqlite: try client.run("\(insert) ON CONFLICT (name) DO UPDATE SET vm = excluded.vm")
        case .mariaDB: try client.run("\(insert) ON DUPLICATE KEY UPDATE vm = VALUES(vm)")
        }
        let one = try #require(try await objects(store).first)
        #expect(one.machine == .named("other") && one.generation == 2 && one.export?.name.text == "e")
        try client.execute("REPLACE INTO \(table) (name, volume_name, volume_zone) VALUES ('two', 'v', 'z')")
        #expect(try await objects(store).map(\.name.text) == ["one", "two"])
    }

    @Test(arguments: Engine.present)
    func `a row that is wrong is shown with the reason or refused by name, and others go on`(
        _ engine: Engine
    ) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.open()
        let client = try it.client()
        let table = "desired_volume_attachments"
        try client.execute(
            """
            INSERT INTO \(table) (name, volume_id) VALUES ('good', '\(Self.volume)');
            INSERT INTO \(table) (name) VALUES ('none');
            INSERT INTO \(table) (name, volume_name) VALUES ('half', 'v');
            INSERT INTO \(table) (name, volume_id) VALUES ('Wrong Name', 'b7f226a7-95a0-43b6-942e-acc909ef0c08');
            INSERT INTO \(table) (name, volume_name, volume_zone, volume_size_in_bytes) VALUES ('odd', 'v', 'z', 7);
            """)
        var fields: [String: [String]] = [:]
        for entry in try await store.desiredState().entries {
            if case .invalid(_, let name, _, let problems, _) = entry { fields[name] = problems.map(\.field) }
        }
        #expect(
            fields == [
                "none": ["volume_id"], "half": ["volume_zone"], "Wrong Name": ["name"], "odd": ["volume_size_in_bytes"],
            ])
        let refused = [
            ("volume_size_in_bytes = 0", ""), ("deletion_grace_seconds = -1", "deletion_grace_seconds is 0 or more"),
            ("export_read_only = 2", "export_read_only is 0 or 1"),
        ]
        for (change, _) in refused {
            #expect(
                refusal(client, "UPDATE \(table) SET \(change) WHERE name = 'good'")?.kind == .constraint, "\(change)")
        }
        // A closed list of words can be said in SQL; a file of SQLite's may hold others from before.
        for (change, name) in [
            ("mode = 'enforce'", "mode is Enforce or Observe"), ("attach_as = 'root'", "attach_as is Data or Root"),
            ("deletion_policy = 'Keep'", "deletion_policy is Retain or Delete"),
            ("detach_when_in_use = 'Force'", "detach_when_in_use is Wait"),
        ] {
            let error = refusal(client, "UPDATE \(table) SET \(change) WHERE name = 'none'")
            switch engine {
            case .sqlite: #expect(error == nil)
            case .mariaDB:
                #expect(error?.kind == .constraint && error?.message.contains(name) == true, "\(error as Any)")
            }
        }
    }

    private func readable(_ store: SQLStore, _ name: String) async throws -> [DesiredAttachment] {
        try await store.desiredState().entries.compactMap { entry in
            if case .valid(let object) = entry, object.name.text == name { object } else { nil }
        }
    }
}
