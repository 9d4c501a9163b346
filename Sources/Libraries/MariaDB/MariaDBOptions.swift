/// How long things may take, and how much is kept.
public struct MariaDBOptions: Sendable {
    /// For each endpoint, until it has let us in. Like all times of libmariadb in whole seconds, rounded up, and at least one.
    public var connectTimeout: Duration = .seconds(5)
    /// Until an answer goes on. After it the connection is lost, and what the statement did is not known; so it is longer than
    /// ``lockWait``, and than any statement takes.
    public var readTimeout: Duration = .seconds(30)
    /// Until a part of a statement is sent.
    public var writeTimeout: Duration = .seconds(10)
    /// How long a statement waits for another transaction's lock before it lost the race (`innodb_lock_wait_timeout` and
    /// `lock_wait_timeout`; whole seconds).
    public var lockWait: Duration = .seconds(5)
    /// After so long without a statement the server closes the connection (`wait_timeout`): what a machine that is gone left
    /// behind does not stay for the standard 8 hours.
    public var idleLimit: Duration = .seconds(3_600)
    /// After so long without a statement within a transaction the server closes the connection and rolls back
    /// (`idle_transaction_timeout`): a process that is stopped, or whose machine is gone, does not keep others from its rows.
    public var idleTransactionLimit: Duration = .seconds(30)
    /// How many prepared statements are kept; the one used longest ago makes room. The server has 16,382 for all connections
    /// together (`max_prepared_stmt_count`).
    public var keptStatements = 128
    /// What the server's administrators see as `program_name` (performance_schema.session_connect_attrs).
    public var programName = "hawser"

    public init() {}
}

extension Duration {
    /// Rounded up, and at least one.
    var wholeSeconds: UInt32 {
        let (seconds, attoseconds) = components
        return UInt32(clamping: max(1, attoseconds > 0 ? seconds + 1 : seconds))
    }
}
