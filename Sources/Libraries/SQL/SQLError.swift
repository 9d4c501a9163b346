/// What a database said, with the statement that it said it of.
public struct SQLError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        /// Refused by a CHECK, UNIQUE or other constraint, or by a trigger, whose words the message is.
        case constraint
        /// Another transaction was first. This one is rolled back, and may be tried again whole.
        case lostRace
        /// The connection is gone, or was never made. What a commit under way did is not known.
        case disconnected
        case other
    }

    public var kind: Kind
    /// The database's own number: of SQLite the extended result code (sqlite.org/rescode.html), of MariaDB the error number
    /// (mariadb.com/kb/en/mariadb-error-code-reference).
    public var code: Int
    public var message: String
    /// Never the bound values: they can be secret.
    public var statement: String

    public init(kind: Kind, code: Int, message: String, statement: String) {
        self.kind = kind
        self.code = code
        self.message = message
        self.statement = statement
    }

    public var description: String {
        "\(message) (error \(code))" + (statement.isEmpty ? "" : " in: \(statement)")
    }
}
