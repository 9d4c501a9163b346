import CMariaDB
public import SQL

/// Owns one connection to a MariaDB server (10.6 or newer), or to a node of a Galera cluster.
///
/// A connection is used by one thread at a time (mariadb.com/kb/en/thread-safety-mariadb-connectorc): let an actor with a thread
/// of its own hold it, since every call waits for the network. Statements are prepared, kept and used again; values travel
/// apart from the statement, in the binary protocol.
///
/// After an error of the kind `disconnected` the connection is dead, and every further call fails at once: open another. In
/// any case of `lostRace` the transaction is rolled back.
///
/// What a session means does not depend on the server's configuration: texts are utf8mb4 and compared by their bytes, times are
/// UTC, what does not fit is an error (`sql_mode` with STRICT_ALL_TABLES), and transactions are REPEATABLE READ. That is what
/// WITH CONSISTENT SNAPSHOT needs, what a node of Galera gives at best, and with `innodb_snapshot_isolation` it tells a
/// writer that others changed what it had read, which READ COMMITTED never does.
public final class MariaDBConnection: SQLConnection {
    private let server: ServerHandle
    private let session: ServerHandle.Session
    private let keptStatements: Int
    private var statements: [String: PreparedStatement] = [:]
    private var uses: UInt64 = 0
    private var isInTransaction = false

    /// Which of the address's endpoints it is connected to.
    public let endpoint: MariaDBAddress.Endpoint
    /// As the server tells it: `10.11.19-MariaDB-…`.
    public let serverVersion: String
    /// The server's number of this connection: what `KILL` and `SHOW PROCESSLIST` name it by.
    public let connectionID: UInt64

    /// `false` once a call failed as `disconnected`. A connection that nobody used meanwhile may be gone all the same: ``check()``
    /// asks.
    public private(set) var isAlive = true

    /// How many rows the last INSERT, REPLACE, UPDATE or DELETE of ``run(_:_:)`` inserted, deleted or found to change, whether
    /// or not a found row had those values before (CLIENT_FOUND_ROWS), as in SQLite. Two statements count otherwise: REPLACE
    /// counts the row that it replaces, too, and an INSERT whose ON DUPLICATE KEY UPDATE changes a row counts 2. What returns
    /// rows, RETURNING as well, leaves it as it was.
    public private(set) var changes = 0

    /// Whether the server is a node of a Galera cluster. Statements then wait for what others committed before
    /// (`wsrep_sync_wait`), and the others may be first at COMMIT, which is a lost race.
    public var isGalera: Bool { session.isGalera }

    /// Connects to the first endpoint of the address that lets us in, as a working node if it is one of Galera.
    ///
    /// - Throws: ``SQL/SQLError`` of the kind `disconnected`, whatever the reason: with what each endpoint said, and the number of
    ///   the last one. The password is in none of it.
    public init(_ address: MariaDBAddress, _ options: MariaDBOptions = MariaDBOptions()) throws(SQLError) {
        (server, endpoint, session) = try ServerHandle.connect(to: address, options)
        keptStatements = max(1, options.keptStatements)
        serverVersion = String(cString: mysql_get_server_info(server.pointer))
        connectionID = UInt64(mysql_thread_id(server.pointer))
    }

    deinit {
        LibraryThread.enter()
        // Before the connection.
        statements = [:]
    }

    /// Whether the server answers and, as a node of Galera, can be worked with: `SELECT 1` succeeds on a node that lost its
    /// cluster, where every table is refused (error 1047).
    ///
    /// - Throws: ``SQL/SQLError`` of the kind `disconnected` with the reason.
    public func check() throws(SQLError) {
        try attempt("") { () throws(SQLError) in try server.check(session) }
    }

    /// Runs statements without parameters, `;` between them, and drops their rows. Bodies of triggers keep their own semicolons.
    /// What is defined (CREATE, ALTER, DROP) is committed by itself, also within a transaction (mariadb.com/kb/en/sql-statements-that-cause-an-implicit-commit).
    ///
    /// - Throws: ``SQL/SQLError`` that names which of them failed, counted from 1; those after it are not run.
    public func execute(_ sql: String) throws(SQLError) {
        try attempt(sql) { () throws(SQLError) in try server.execute(sql) }
    }

    @discardableResult
    public func run(_ sql: String, _ values: [SQLValue]) throws(SQLError) -> [[SQLValue]] {
        var rows: [[SQLValue]] = []
        try perform(sql, values) { row in rows.append(row.kinds.indices.map { row.value($0) }) }
        return rows
    }

    /// Runs one statement and hands out its rows one by one as they arrive: they are never in memory together. The server waits
    /// meanwhile (`net_write_timeout`, 60 s for each part).
    public func forEachRow(
        _ sql: String, _ values: [SQLValue], _ body: (borrowing SQLRow) -> Void
    ) throws(SQLError) {
        try perform(sql, values) { row in body(SQLRow(row)) }
    }

    /// A reading one sees the database as it is at this call. A writing one sees it as it is at its first SELECT, its own
    /// changes besides.
    public func begin(_ purpose: SQLTransactionPurpose) throws(SQLError) {
        // The server would commit the open one.
        guard !isInTransaction else {
            throw SQLError(kind: .other, code: 0, message: "cannot begin: a transaction is open", statement: "")
        }
        switch purpose {
        case .writing: try execute("START TRANSACTION")
        case .reading: try execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        }
        isInTransaction = true
    }

    /// - Throws: ``SQL/SQLError``: `lostRace` when nothing was committed; `disconnected` when it is not known whether.
    public func commit() throws(SQLError) {
        // The server would say yes to nothing: after a lost race there is nothing left.
        guard isInTransaction else {
            throw SQLError(kind: .other, code: 0, message: "cannot commit: no transaction is open", statement: "COMMIT")
        }
        try execute("COMMIT")
        isInTransaction = false
    }

    public func rollBack() {
        isInTransaction = false
        guard isAlive else { return }
        LibraryThread.enter()
        do throws(SQLError) { try server.execute("ROLLBACK") } catch {
            // Then the connection is gone, and the server rolls back by itself.
            isAlive = false
        }
    }

    // MARK: -

    private func perform(_ sql: String, _ values: [SQLValue], _ take: (RowBuffers) -> Void) throws(SQLError) {
        try attempt(sql) { () throws(SQLError) in
            let statement = try prepared(sql)
            do throws(SQLError) {
                try statement.execute(values, on: server)
                while try statement.fetch(server, values) {
                    if let row = statement.row { take(row) }
                }
            } catch {
                statement.finish()
                // A table may have been altered, and the statement be worth nothing any more.
                if error.kind == .other { statements[sql] = nil }
                throw error
            }
            if let count = statement.changes { changes = count }
            statement.finish()
        }
    }

    private func prepared(_ sql: String) throws(SQLError) -> PreparedStatement {
        uses += 1
        if let statement = statements[sql] {
            statement.lastUse = uses
            return statement
        }
        if statements.count >= keptStatements, let oldest = statements.values.min(by: { $0.lastUse < $1.lastUse }) {
            statements[oldest.sql] = nil
        }
        let statement = try PreparedStatement(sql, on: server)
        statement.lastUse = uses
        statements[sql] = statement
        return statement
    }

    /// Runs a call of the library, and does what its error asks for.
    private func attempt(_ sql: String, _ body: () throws(SQLError) -> Void) throws(SQLError) {
        LibraryThread.enter()
        guard isAlive else {
            throw SQLError(
                kind: .disconnected, code: Int(CR_SERVER_GONE_ERROR), message: "the connection was lost before",
                statement: sql)
        }
        do throws(SQLError) { try body() } catch {
            switch error.kind {
            case .disconnected:
                isAlive = false
                isInTransaction = false
            // Error 1205 takes back the statement alone (mariadb.com/kb/en/innodb-system-variables/#innodb_rollback_on_timeout).
            case .lostRace: rollBack()
            case .constraint, .other: break
            }
            throw error
        }
    }
}
