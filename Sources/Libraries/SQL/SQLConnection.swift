/// One connection to a database, whichever it is.
///
/// It is used by one thread at a time: let an actor own it.
public protocol SQLConnection: AnyObject {
    /// Runs statements without parameters and drops their rows.
    func execute(_ sql: String) throws(SQLError)

    /// Runs one statement, whose parameters are `?`, and returns its rows.
    @discardableResult
    func run(_ sql: String, _ values: [SQLValue]) throws(SQLError) -> [[SQLValue]]

    /// Runs one statement and hands out its rows one by one. `body` does not use the connection.
    func forEachRow(_ sql: String, _ values: [SQLValue], _ body: (borrowing SQLRow) -> Void) throws(SQLError)

    /// How many rows the last statement of ``run(_:_:)`` inserted, deleted, or found to change.
    var changes: Int { get }

    func begin(_ purpose: SQLTransactionPurpose) throws(SQLError)

    /// What was written since ``begin(_:)`` is on the disk when this returns; after an error it may be.
    func commit() throws(SQLError)

    /// Fails only where nothing is left to roll back, which is what was wanted.
    func rollBack()

    /// Whether the database still answers: a connection that nobody used for a while may be gone.
    ///
    /// - Throws: ``SQLError`` of the kind `disconnected` when it does not. What is no server is always there.
    func check() throws(SQLError)
}

public enum SQLTransactionPurpose: Sendable {
    /// It writes.
    case writing
    /// It only reads, and sees one moment, whatever others commit meanwhile.
    case reading
}

extension SQLConnection {
    public func check() throws(SQLError) {}

    @discardableResult
    public func run(_ sql: String) throws(SQLError) -> [[SQLValue]] { try run(sql, []) }

    public func forEachRow(_ sql: String, _ body: (borrowing SQLRow) -> Void) throws(SQLError) {
        try forEachRow(sql, [], body)
    }

    /// Runs `body` in one transaction: all of it is on disk when this returns, or none.
    public func transaction<Result, Failure: Error>(
        for purpose: SQLTransactionPurpose = .writing, _ body: () throws(Failure) -> Result,
        wrap: (SQLError) -> Failure
    ) throws(Failure) -> Result {
        do { try begin(purpose) } catch { throw wrap(error) }
        let result: Result
        do throws(Failure) {
            result = try body()
        } catch {
            rollBack()
            throw error
        }
        do { try commit() } catch {
            rollBack()
            throw wrap(error)
        }
        return result
    }
}
