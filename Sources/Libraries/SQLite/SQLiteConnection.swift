import CSQLite
public import SQL

/// A row where SQLite has it.
private struct SQLiteRow: SQLRowSource {
    let statement: OpaquePointer

    func isNull(_ column: Int) -> Bool { sqlite3_column_type(statement, Int32(column)) == SQLITE_NULL }

    func integer(_ column: Int) -> Int64? {
        sqlite3_column_type(statement, Int32(column)) == SQLITE_INTEGER
            ? sqlite3_column_int64(statement, Int32(column)) : nil
    }

    func textBytes(_ column: Int) -> UnsafeBufferPointer<UInt8>? {
        // The text first: asking for the length before could give that of another encoding (sqlite.org/c3ref/column_blob.html).
        guard sqlite3_column_type(statement, Int32(column)) == SQLITE_TEXT,
            let text = sqlite3_column_text(statement, Int32(column))
        else { return nil }
        return UnsafeBufferPointer(start: text, count: Int(sqlite3_column_bytes(statement, Int32(column))))
    }
}

/// Owns one connection to an SQLite database.
///
/// The library is built for any thread, but a connection is used by one thread at a time
/// (sqlite.org/threadsafe.html): let an actor own it. Statements are kept and used again.
public final class SQLiteConnection: SQLConnection {
    private let handle: OpaquePointer
    private var statements: [String: OpaquePointer] = [:]

    /// Opens or creates the file, with foreign keys on, write-ahead logging, and every commit synced to the disk before it
    /// returns (`synchronous=FULL`).
    ///
    /// - Parameters:
    ///   - isForReading: whether it refuses to change anything.
    ///   - cacheInKibibytes: how much of the file it keeps in memory; SQLite's own default is 2,000.
    public init(
        path: String, isForReading: Bool = false, busyTimeoutInMilliseconds: Int32 = 5_000,
        cacheInKibibytes: Int = 2_000
    ) throws(SQLError) {
        var opened: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        let code = sqlite3_open_v2(path, &opened, flags, nil)
        guard let opened else { throw SQLError(kind: .other, code: Int(code), message: "out of memory", statement: "") }
        handle = opened
        guard code == SQLITE_OK else {
            throw SQLError(
                kind: .other, code: Int(code), message: String(cString: sqlite3_errmsg(opened)), statement: "")
        }
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, busyTimeoutInMilliseconds)
        try execute("PRAGMA journal_mode=WAL")
        try execute("PRAGMA synchronous=FULL")
        try execute("PRAGMA foreign_keys=ON")
        try execute("PRAGMA cache_size=-\(cacheInKibibytes)")
        if isForReading { try execute("PRAGMA query_only=ON") }
    }

    deinit {
        for statement in statements.values { sqlite3_finalize(statement) }
        sqlite3_close_v2(handle)
    }

    /// Runs statements without parameters and drops their rows.
    public func execute(_ sql: String) throws(SQLError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure(sql) }
    }

    /// Runs one statement and returns its rows.
    @discardableResult
    public func run(_ sql: String, _ values: [SQLValue]) throws(SQLError) -> [[SQLValue]] {
        let statement = try prepare(sql)
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        for (index, value) in values.enumerated() { try bind(value, at: Int32(index + 1), of: statement, sql) }
        var rows: [[SQLValue]] = []
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: rows.append(row(of: statement))
            case SQLITE_DONE: return rows
            default: throw failure(sql)
            }
        }
    }

    /// Runs one statement and hands out its rows one by one.
    public func forEachRow(
        _ sql: String, _ values: [SQLValue], _ body: (borrowing SQLRow) -> Void
    ) throws(SQLError) {
        let statement = try prepare(sql)
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        for (index, value) in values.enumerated() { try bind(value, at: Int32(index + 1), of: statement, sql) }
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: body(SQLRow(SQLiteRow(statement: statement)))
            case SQLITE_DONE: return
            default: throw failure(sql)
            }
        }
    }

    /// A reading one sees the file as it is at its first statement.
    public func begin(_ purpose: SQLTransactionPurpose) throws(SQLError) {
        switch purpose {
        case .writing: try execute("BEGIN IMMEDIATE")
        case .reading: try execute("BEGIN DEFERRED")
        }
    }

    public func commit() throws(SQLError) { try execute("COMMIT") }

    public func rollBack() {
        sqlite3_exec(handle, "ROLLBACK", nil, nil, nil)
    }

    /// How many rows the last statement changed.
    public var changes: Int { Int(sqlite3_changes(handle)) }

    /// Changes whenever another connection has committed (`PRAGMA data_version`).
    public func dataVersion() throws(SQLError) -> Int64 {
        try run("PRAGMA data_version").first?.first?.integer ?? 0
    }

    private func prepare(_ sql: String) throws(SQLError) -> OpaquePointer {
        if let statement = statements[sql] { return statement }
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw failure(sql) }
        statements[sql] = statement
        return statement
    }

    private func bind(
        _ value: SQLValue, at index: Int32, of statement: OpaquePointer, _ sql: String
    ) throws(SQLError) {
        let code =
            switch value {
            case .null: sqlite3_bind_null(statement, index)
            case .integer(let number): sqlite3_bind_int64(statement, index, number)
            case .real(let number): sqlite3_bind_double(statement, index, number)
            case .text(let text): sqlite3_bind_text(statement, index, text, Int32(text.utf8.count), transient)
            case .blob(let bytes): sqlite3_bind_blob(statement, index, bytes, Int32(bytes.count), transient)
            }
        guard code == SQLITE_OK else { throw failure(sql) }
    }

    private func row(of statement: OpaquePointer) -> [SQLValue] {
        (0..<sqlite3_column_count(statement)).map { column in
            switch sqlite3_column_type(statement, column) {
            case SQLITE_INTEGER: .integer(sqlite3_column_int64(statement, column))
            case SQLITE_FLOAT: .real(sqlite3_column_double(statement, column))
            case SQLITE_TEXT:
                // With its length: a text can hold NUL.
                .text(
                    sqlite3_column_text(statement, column).map { text in
                        let count = Int(sqlite3_column_bytes(statement, column))
                        return String(decoding: UnsafeBufferPointer(start: text, count: count), as: UTF8.self)
                    } ?? "")
            case SQLITE_BLOB:
                .blob(
                    Array(
                        UnsafeRawBufferPointer(
                            start: sqlite3_column_blob(statement, column),
                            count: Int(sqlite3_column_bytes(statement, column)))))
            default: .null
            }
        }
    }

    private func failure(_ sql: String) -> SQLError {
        let code = sqlite3_extended_errcode(handle)
        let kind: SQLError.Kind =
            switch code & 0xFF {
            case SQLITE_CONSTRAINT: .constraint
            case SQLITE_BUSY: .lostRace
            default: .other
            }
        return SQLError(kind: kind, code: Int(code), message: String(cString: sqlite3_errmsg(handle)), statement: sql)
    }
}

/// `SQLITE_TRANSIENT`, a macro with a cast: SQLite copies the value before the call returns.
private let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
