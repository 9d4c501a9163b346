import SQL
import VolumeModel

/// A database that can hold the store: all that differs from one to another.
///
/// The statements of the store are the same for all of them, and so are the tables (``SQLiteSchema``, ``MariaDBSchema``).
protocol StoreEngine: Sendable {
    /// What commits later has a greater revision, and each revision below the greatest was committed or never will be.
    var commitsInOrder: Bool { get }

    /// How long a transaction may be open that has a revision already, and be told when it commits. What is open for longer is
    /// found by a reading of everything.
    var lateness: Duration { get }

    /// Rows change only as the triggers of the tables see it.
    var triggersSeeAll: Bool { get }

    /// Objects that are missing without a word count as gone when they still are after so long: tables that are being loaded anew
    /// are empty for a moment.
    var patienceWithMissing: Duration { get }

    /// What stands behind a SELECT whose rows are to stay as they are until the transaction ends.
    var lockingRead: String { get }

    /// The same, and nobody else reads them so either.
    var exclusiveRead: String { get }

    /// The moment of the statement by the database's clock, in whole nanoseconds since 1970.
    var now: String { get }

    func open(_ use: ConnectionUse) throws(SQLError) -> any SQLConnection

    /// Brings the tables to the present version.
    func migrate(_ database: any SQLConnection) throws

    /// A number that is another one after each commit of somebody else, and costs next to nothing to ask for.
    func commitMark(_ database: any SQLConnection) throws(SQLError) -> Int64?

    /// Has the reader look for what others have committed, as soon as they have, until the task is cancelled.
    func follow(with reader: StoreReader) async

    /// What a person wants to know of it.
    func findings(_ database: any SQLConnection) -> [Finding]
}

/// What a connection is for.
enum ConnectionUse: Sendable {
    /// What the loop writes, and its lease.
    case loop
    /// What people write: it may wait for what others hold locked.
    case people
    case reading
}
