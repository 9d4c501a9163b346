import ActorThreads
import MariaDB
import SQL
import VolumeModel

/// The shared store: a database of a MariaDB server, or of a Galera cluster.
struct MariaDBEngine: StoreEngine {
    let address: MariaDBAddress
    let options: MariaDBOptions

    /// Numbers of the log are given out when a row is written, and seen when its transaction commits.
    var commitsInOrder: Bool { false }
    /// TRUNCATE, what foreign keys do, and exchanged partitions pass them by (mariadb.com/kb/en/trigger-limitations).
    var triggersSeeAll: Bool { false }
    var lockingRead: String { " LOCK IN SHARE MODE" }
    var now: String { MariaDBSchema.now }

    func open(_ use: ConnectionUse) throws(SQLError) -> any SQLConnection {
        var options = options
        // The lease waits behind what the loop writes.
        if use == .loop { options.lockWait = min(options.lockWait, .seconds(1)) }
        return try MariaDBConnection(address, options)
    }

    func migrate(_ database: any SQLConnection) throws { try MariaDBSchema.migrate(database) }

    func commitMark(_ database: any SQLConnection) throws(SQLError) -> Int64? {
        try database.run("SELECT max(revision) FROM desired_changes").first?.first?.integer
    }

    func follow(with reader: StoreReader) async {
        while (try? await Task.sleep(for: .milliseconds(20))) != nil { await reader.look() }
    }

    func findings(_ database: any SQLConnection) -> [Finding] { [] }
}
