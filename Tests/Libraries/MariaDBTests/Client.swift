import ActorThreads
import MariaDB
import Rig
import SQL

/// A connection with a thread of its own, as its owners in the daemon have.
actor Client {
    private let executor = ThreadExecutor(name: "mariadb-client")
    private let address: MariaDBAddress
    private let options: MariaDBOptions
    private var connection: MariaDBConnection?

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(_ address: MariaDBAddress, _ options: MariaDBOptions = MariaDBOptions()) {
        self.address = address
        self.options = options
    }

    /// In a database of its own, of the server that all tests share.
    static func fresh(
        _ schema: String = "", _ options: MariaDBOptions = MariaDBOptions()
    ) async throws -> Client {
        let client = Client(try await ThrowAwayMariaDB.shared().freshDatabase(), options)
        if !schema.isEmpty { try await client.execute(schema) }
        return client
    }

    /// Another connection to the same database.
    nonisolated func another() -> Client { Client(address, options) }

    func with<Result: Sendable>(
        _ body: @Sendable (MariaDBConnection) throws(SQLError) -> Result
    ) throws(SQLError) -> Result {
        if let connection { return try body(connection) }
        let opened = try MariaDBConnection(address, options)
        connection = opened
        return try body(opened)
    }

    func close() { connection = nil }

    func execute(_ sql: String) throws(SQLError) { try with { (it) throws(SQLError) in try it.execute(sql) } }

    @discardableResult
    func run(_ sql: String, _ values: [SQLValue] = []) throws(SQLError) -> [[SQLValue]] {
        try with { (it) throws(SQLError) in try it.run(sql, values) }
    }

    /// What it changed.
    func changes(_ sql: String, _ values: [SQLValue] = []) throws(SQLError) -> Int {
        try with { (it) throws(SQLError) in
            try it.run(sql, values)
            return it.changes
        }
    }

    func begin(_ purpose: SQLTransactionPurpose = .writing) throws(SQLError) {
        try with { (it) throws(SQLError) in try it.begin(purpose) }
    }

    func commit() throws(SQLError) { try with { (it) throws(SQLError) in try it.commit() } }

    func rollBack() throws(SQLError) { try with { (it) throws(SQLError) in it.rollBack() } }

    /// The error of a statement that must fail.
    func failure(of sql: String, _ values: [SQLValue] = []) -> SQLError? {
        do throws(SQLError) { try run(sql, values) } catch { return error }
        return nil
    }
}
