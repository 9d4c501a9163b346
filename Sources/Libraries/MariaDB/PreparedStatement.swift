import CMariaDB
import SQL

/// Owns one statement that the server has prepared, with the places of its parameters and of its rows.
final class PreparedStatement {
    let sql: String
    let pointer: UnsafeMutablePointer<MYSQL_STMT>
    /// When it was used last, in uses of any statement of the connection.
    var lastUse: UInt64 = 0
    private let parameterCount: Int
    private let parameters: UnsafeMutablePointer<MYSQL_BIND>
    private let lengths: UnsafeMutablePointer<UInt>
    /// The values that are sent, one behind the other.
    private var scratch: UnsafeMutableRawBufferPointer
    private(set) var row: RowBuffers?

    /// What grew above this is given back after the statement.
    private static let keptScratch = 64 << 10

    /// - Throws: ``SQL/SQLError``, also for several statements in one text, which cannot be prepared.
    init(_ sql: String, on server: ServerHandle) throws(SQLError) {
        guard let pointer = mysql_stmt_init(server.pointer) else { throw server.failure(sql) }
        var text = sql
        let code = text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { mysql_stmt_prepare(pointer, $0.baseAddress, UInt($0.count)) }
        }
        guard code == 0 else {
            let failure = Self.failure(of: pointer, sql, server, [])
            mysql_stmt_close(pointer)
            throw failure
        }
        self.sql = sql
        self.pointer = pointer
        parameterCount = Int(mysql_stmt_param_count(pointer))
        parameters = .allocate(capacity: parameterCount)
        parameters.initialize(repeating: MYSQL_BIND(), count: parameterCount)
        lengths = .allocate(capacity: parameterCount)
        lengths.initialize(repeating: 0, count: parameterCount)
        scratch = .allocate(byteCount: 256, alignment: 8)
    }

    deinit {
        // It is told to the server without an answer; on a lost connection it only frees.
        mysql_stmt_close(pointer)
        parameters.deallocate()
        lengths.deallocate()
        scratch.deallocate()
    }

    /// Runs it and leaves its rows to be fetched.
    func execute(_ values: [SQLValue], on server: ServerHandle) throws(SQLError) {
        guard values.count == parameterCount else {
            throw SQLError(
                kind: .other, code: Int(CR_INVALID_PARAMETER_NO),
                message: "\(values.count) values for \(parameterCount) parameters", statement: sql)
        }
        place(values)
        guard parameterCount == 0 || mysql_stmt_bind_param(pointer, parameters) == 0,
            mysql_stmt_execute(pointer) == 0
        else { throw failure(server, values) }
        let count = Int(mysql_stmt_field_count(pointer))
        guard count > 0 else { return }
        // They are asked for at each execution: `SELECT ?` has the type of what is bound, and tables are altered.
        guard let fields = mariadb_stmt_fetch_fields(pointer) else { throw failure(server, values) }
        let kinds = (0..<count).map { RowBuffers.Kind(fields[$0]) }
        let row = row?.kinds == kinds ? row : RowBuffers(kinds)
        self.row = row
        guard row?.bind(to: pointer) == true else { throw failure(server, values) }
    }

    /// Puts the next row into ``row``.
    ///
    /// - Returns: whether there was one.
    func fetch(_ server: ServerHandle, _ values: [SQLValue]) throws(SQLError) -> Bool {
        guard let row else { return false }
        switch mysql_stmt_fetch(pointer) {
        case 0: return true
        case MYSQL_NO_DATA: return false
        case MYSQL_DATA_TRUNCATED:
            guard row.complete(pointer) else { throw failure(server, values) }
            return true
        default: throw failure(server, values)
        }
    }

    /// After the last row, or an error: lets go of what is left of the answer.
    func finish() {
        mysql_stmt_free_result(pointer)
        // Procedures have several answers.
        while mysql_stmt_more_results(pointer) != 0, mysql_stmt_next_result(pointer) == 0 {
            mysql_stmt_free_result(pointer)
        }
        row?.trim()
        if scratch.count > Self.keptScratch {
            scratch.deallocate()
            scratch = .allocate(byteCount: 256, alignment: 8)
        }
    }

    /// How many rows it inserted, deleted or found to change; nil when it has rows.
    var changes: Int? {
        mysql_stmt_field_count(pointer) == 0 ? Int(clamping: mysql_stmt_affected_rows(pointer)) : nil
    }

    private func place(_ values: [SQLValue]) {
        let needed = values.reduce(0) { sum, value in sum + 8 + size(value) }
        if needed > scratch.count {
            scratch.deallocate()
            scratch = .allocate(byteCount: needed, alignment: 8)
        }
        var end = 0
        for (index, value) in values.enumerated() {
            let place = UnsafeMutableRawBufferPointer(rebasing: scratch[end...])
            switch value {
            case .null: parameters[index].buffer_type = MYSQL_TYPE_NULL
            case .integer(let number):
                parameters[index].buffer_type = MYSQL_TYPE_LONGLONG
                place.storeBytes(of: number, as: Int64.self)
            case .real(let number):
                parameters[index].buffer_type = MYSQL_TYPE_DOUBLE
                place.storeBytes(of: number, as: Double.self)
            case .text(let text):
                parameters[index].buffer_type = MYSQL_TYPE_STRING
                place.copyBytes(from: text.utf8)
            case .blob(let bytes):
                parameters[index].buffer_type = MYSQL_TYPE_BLOB
                place.copyBytes(from: bytes)
            }
            lengths[index] = UInt(size(value))
            parameters[index].buffer = place.baseAddress
            parameters[index].buffer_length = lengths[index]
            parameters[index].length = lengths + index
            // The next one begins where a number may be stored.
            end += (size(value) + 7) & ~7
        }
    }

    private func size(_ value: SQLValue) -> Int {
        switch value {
        case .null: 0
        case .integer, .real: 8
        case .text(let text): text.utf8.count
        case .blob(let bytes): bytes.count
        }
    }

    private func failure(_ server: ServerHandle, _ values: [SQLValue]) -> SQLError {
        Self.failure(of: pointer, sql, server, values)
    }

    /// A row that could not be read leaves its error with the connection, and none with the statement.
    private static func failure(
        of statement: UnsafeMutablePointer<MYSQL_STMT>, _ sql: String, _ server: ServerHandle, _ values: [SQLValue]
    ) -> SQLError {
        let number = mysql_stmt_errno(statement)
        guard number != 0 else { return server.failure(sql, values: values) }
        return ServerHandle.failure(
            number: number, state: mysql_stmt_sqlstate(statement), words: mysql_stmt_error(statement), sql,
            values: values)
    }
}
