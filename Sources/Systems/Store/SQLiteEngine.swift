import Glibc
import LinuxCalls
import SQL
import SQLite
import VolumeModel

/// The embedded store: one file of SQLite's, in which one hawserd at a time keeps its state, and any other process may edit
/// rows.
struct SQLiteEngine: StoreEngine {
    let path: String

    var commitsInOrder: Bool { true }
    var lateness: Duration { .zero }
    var triggersSeeAll: Bool { true }
    var patienceWithMissing: Duration { .zero }
    /// A transaction that writes has the file for itself from its beginning.
    var lockingRead: String { "" }
    var exclusiveRead: String { "" }
    var now: String { SQLiteSchema.now }

    func open(_ use: ConnectionUse) throws(SQLError) -> any SQLConnection {
        switch use {
        case .loop, .people: try SQLiteConnection(path: path, cacheInKibibytes: 1_000)
        // What it reads again and again are a few pages; a start reads everything, but once.
        case .reading: try SQLiteConnection(path: path, isForReading: true, cacheInKibibytes: 256)
        }
    }

    func migrate(_ database: any SQLConnection) throws { try SQLiteSchema.migrate(database) }

    func commitMark(_ database: any SQLConnection) throws(SQLError) -> Int64? {
        try database.run("PRAGMA data_version").first?.first?.integer
    }

    // MARK: Following

    /// Where nothing tells of writes, it is looked for once a second; else now and then, for what nobody thought of.
    private static let periodWithoutEvents = Duration.seconds(1)
    private static let period = Duration.seconds(10)

    func follow(with reader: StoreReader) async {
        await reader.look()
        let written = try? DirectoryChanges.stream(of: [parentDirectory(of: path)], includingWrites: true)
        await withDiscardingTaskGroup { group in
            let period = written == nil ? Self.periodWithoutEvents : Self.period
            group.addTask {
                // A cancelled sleep ends the loop.
                while (try? await Task.sleep(for: period)) != nil { await reader.look() }
            }
            guard let written else { return }
            for await _ in written { await reader.lookForWrite() }
            await reader.lookNoMore()
            group.cancelAll()
        }
    }

    // MARK: Findings

    /// Below this a ledger entry may soon not be written, and then no step is taken.
    private static let scarceBytes: UInt64 = 64 << 20

    func findings(_ database: any SQLConnection) -> [Finding] { [integrity(database), room()] }

    private func integrity(_ database: any SQLConnection) -> Finding {
        let subject = "store"
        let remedy = "stop hawserd, keep a copy of the file, and recover it with sqlite3's .recover"
        do {
            let answer = try database.run("PRAGMA quick_check(1)").first?.first?.text ?? "no answer"
            guard answer == "ok" else { return Finding(subject, .bad, answer, remedy: remedy) }
            return Finding(
                subject, .good, "a file: SQLite, sound, schema version \(StoreSchema.version), \(path)")
        } catch {
            return Finding(subject, .bad, error.description, remedy: remedy)
        }
    }

    private func room() -> Finding {
        let subject = "room for the store"
        let directory = parentDirectory(of: path)
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else {
            return Finding(subject, .warning, "cannot be told for \(directory)")
        }
        let free = UInt64(status.f_bavail) * UInt64(status.f_frsize)
        let text = "\(free >> 20) MiB are free in \(directory)"
        guard free < Self.scarceBytes else { return Finding(subject, .good, text) }
        return Finding(subject, .bad, text, remedy: "make room: without it no step can be recorded, and none is taken")
    }
}
