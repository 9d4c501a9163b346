import Reconciliation
import SQL
@testable import Store
import Testing
import VolumeModel

/// The log that triggers write.
@Suite struct ChangeLogTests {
    private func fill(_ client: any SQLConnection, _ engine: Engine, _ count: Int, at: String) throws {
        let numbers =
            switch engine {
            case .sqlite:
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(count)) SELECT NULL, \(at) FROM n"
            case .mariaDB: "SELECT NULL, \(at) FROM seq_1_to_\(count)"
            }
        try client.execute("INSERT INTO desired_changes (attachment, at) \(numbers)")
    }

    /// How many lines there would be if no number were missing.
    private func span(_ client: any SQLConnection) throws -> Int64 {
        let row = try #require(try client.run("SELECT min(revision), max(revision) FROM desired_changes").first)
        return try #require(row[1].integer) - (try #require(row[0].integer)) + 1
    }

    @Test(arguments: Engine.present)
    func `it is cut to its last hundred thousand lines, but for those of the last hour`(_ engine: Engine) async throws {
        let it = try await StoreFixture(engine)
        let store = try await it.three()
        let before = try await store.desiredState()
        let client = try it.client()
        try await store.people.trimChanges()
        #expect(try span(client) < 10)
        try fill(client, engine, 125_000, at: "1")
        #expect(try span(client) > 125_000)
        try await store.people.trimChanges()
        #expect(try span(client) == 100_000)
        // Who was told before misses nothing.
        let delta = try await store.desiredDelta(since: before.revision)
        #expect(delta.removed.isEmpty && delta.changed.map(\.id) == before.entries.map(\.id))
        try client.execute("UPDATE desired_volume_attachments SET vm = 'other' WHERE name = 'o2'")
        #expect(try await store.desiredDelta(since: delta.revision).changed.map { try object($0).name.text } == ["o2"])
        try client.execute("UPDATE desired_changes SET at = 9000000000000000000")
        let young = try span(client)
        #expect(young > 100_000)
        try await store.people.trimChanges()
        #expect(try span(client) == young)
    }
}
