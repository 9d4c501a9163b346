import CMariaDB
import SQL

/// Where a statement's rows are put, one after the other.
///
/// A text or blob longer than its column's buffer is cut off by `mysql_stmt_fetch`, which then says so
/// (`MYSQL_DATA_TRUNCATED`); the buffer grows, and the column is fetched once more (mysql_stmt_fetch_column(3)).
final class RowBuffers: SQLRowSource {
    /// What a column holds, by its type in the answer.
    enum Kind: Equatable {
        case integer
        /// What is above `Int64.max` is handed out as a text of digits, like DECIMAL: no number is bent.
        case unsignedInteger
        case real
        /// Texts, and what has no type of its own here: DECIMAL, dates and times, as MariaDB writes them.
        case text
        case blob
        /// BIT(1) to BIT(64), up to eight bytes, the highest first.
        case bits
        /// The column of `SELECT NULL`.
        case nothing
    }

    let kinds: [Kind]
    private let binds: UnsafeMutablePointer<MYSQL_BIND>
    private let lengths: UnsafeMutablePointer<UInt>
    private let nulls: UnsafeMutablePointer<my_bool>
    private let cuts: UnsafeMutablePointer<my_bool>
    private var buffers: [UnsafeMutableRawBufferPointer]

    private static let firstCapacity = 256
    /// What grew above this is given back after the statement.
    private static let keptCapacity = 64 << 10

    init(_ kinds: [Kind]) {
        self.kinds = kinds
        let count = kinds.count
        binds = .allocate(capacity: count)
        binds.initialize(repeating: MYSQL_BIND(), count: count)
        lengths = .allocate(capacity: count)
        lengths.initialize(repeating: 0, count: count)
        nulls = .allocate(capacity: count)
        nulls.initialize(repeating: 0, count: count)
        cuts = .allocate(capacity: count)
        cuts.initialize(repeating: 0, count: count)
        buffers = kinds.map { kind in
            // Behind an unsigned number there is room for its digits.
            let capacity = kind == .text || kind == .blob ? Self.firstCapacity : 32
            return .allocate(byteCount: capacity, alignment: 8)
        }
        for column in 0..<count {
            binds[column].buffer_type =
                switch kinds[column] {
                case .integer, .unsignedInteger: MYSQL_TYPE_LONGLONG
                case .real: MYSQL_TYPE_DOUBLE
                case .text, .nothing: MYSQL_TYPE_STRING
                case .blob, .bits: MYSQL_TYPE_BLOB
                }
            binds[column].is_unsigned = kinds[column] == .unsignedInteger ? 1 : 0
            binds[column].length = lengths + column
            binds[column].is_null = nulls + column
            binds[column].error = cuts + column
            point(column)
        }
    }

    deinit {
        for buffer in buffers { buffer.deallocate() }
        binds.deallocate()
        lengths.deallocate()
        nulls.deallocate()
        cuts.deallocate()
    }

    private func point(_ column: Int) {
        binds[column].buffer = buffers[column].baseAddress
        binds[column].buffer_length = UInt(buffers[column].count)
    }

    /// Has the statement put its rows here from now on.
    ///
    /// - Returns: whether it does.
    func bind(to statement: UnsafeMutablePointer<MYSQL_STMT>) -> Bool {
        mysql_stmt_bind_result(statement, binds) == 0
    }

    /// Fetches again what did not fit.
    ///
    /// - Returns: whether the row is whole.
    func complete(_ statement: UnsafeMutablePointer<MYSQL_STMT>) -> Bool {
        for column in kinds.indices where nulls[column] == 0 && Int(lengths[column]) > buffers[column].count {
            var capacity = buffers[column].count
            while capacity < Int(lengths[column]) { capacity *= 2 }
            buffers[column].deallocate()
            buffers[column] = .allocate(byteCount: capacity, alignment: 8)
            point(column)
            guard mysql_stmt_fetch_column(statement, binds + column, UInt32(column), 0) == 0 else { return false }
            binds[column].offset = 0
        }
        // Binding copies, and forgets where the columns of this row are: only now.
        return bind(to: statement)
    }

    /// Gives back what long values needed.
    func trim() {
        for column in buffers.indices where buffers[column].count > Self.keptCapacity {
            buffers[column].deallocate()
            buffers[column] = .allocate(byteCount: Self.firstCapacity, alignment: 8)
            point(column)
        }
    }

    // MARK: SQLRowSource

    func isNull(_ column: Int) -> Bool { nulls[column] != 0 }

    func integer(_ column: Int) -> Int64? {
        guard nulls[column] == 0 else { return nil }
        switch kinds[column] {
        case .integer: return buffers[column].load(as: Int64.self)
        case .unsignedInteger: return Int64(exactly: buffers[column].load(as: UInt64.self))
        case .bits: return Int64(exactly: bits(column))
        case .real, .text, .blob, .nothing: return nil
        }
    }

    func textBytes(_ column: Int) -> UnsafeBufferPointer<UInt8>? {
        guard nulls[column] == 0 else { return nil }
        switch kinds[column] {
        case .text: return bytes(column)
        case .unsignedInteger where integer(column) == nil:
            return digits(of: buffers[column].load(as: UInt64.self), column)
        case .bits where integer(column) == nil: return digits(of: bits(column), column)
        case .integer, .unsignedInteger, .real, .blob, .bits, .nothing: return nil
        }
    }

    func value(_ column: Int) -> SQLValue {
        guard nulls[column] == 0 else { return .null }
        if let integer = integer(column) { return .integer(integer) }
        if let text = textBytes(column) { return .text(String(decoding: text, as: UTF8.self)) }
        switch kinds[column] {
        case .real: return .real(buffers[column].load(as: Double.self))
        case .blob: return .blob(Array(bytes(column)))
        case .integer, .unsignedInteger, .text, .bits, .nothing: return .null
        }
    }

    private func bytes(_ column: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(
            start: buffers[column].baseAddress?.assumingMemoryBound(to: UInt8.self),
            count: min(Int(lengths[column]), buffers[column].count))
    }

    private func bits(_ column: Int) -> UInt64 { bytes(column).reduce(0) { $0 << 8 | UInt64($1) } }

    /// Writes them behind the number, where they stay until the next row.
    private func digits(of number: UInt64, _ column: Int) -> UnsafeBufferPointer<UInt8> {
        let room = UnsafeMutableRawBufferPointer(rebasing: buffers[column][8...])
        let digits = Array(String(number).utf8)
        room.copyBytes(from: digits)
        return UnsafeBufferPointer(
            UnsafeMutableRawBufferPointer(rebasing: room[..<digits.count]).assumingMemoryBound(to: UInt8.self))
    }
}

extension RowBuffers.Kind {
    init(_ field: MYSQL_FIELD) {
        switch field.type {
        case MYSQL_TYPE_TINY, MYSQL_TYPE_SHORT, MYSQL_TYPE_INT24, MYSQL_TYPE_LONG, MYSQL_TYPE_LONGLONG, MYSQL_TYPE_YEAR:
            self = field.flags & UInt32(UNSIGNED_FLAG) == 0 ? .integer : .unsignedInteger
        case MYSQL_TYPE_FLOAT, MYSQL_TYPE_DOUBLE: self = .real
        case MYSQL_TYPE_DECIMAL, MYSQL_TYPE_NEWDECIMAL, MYSQL_TYPE_DATE, MYSQL_TYPE_NEWDATE, MYSQL_TYPE_TIME,
            MYSQL_TYPE_DATETIME, MYSQL_TYPE_TIMESTAMP:
            self = .text
        case MYSQL_TYPE_BIT: self = .bits
        case MYSQL_TYPE_NULL: self = .nothing
        // 63 is the character set "binary", of which BLOB differs from TEXT.
        default: self = field.charsetnr == 63 ? .blob : .text
        }
    }
}
