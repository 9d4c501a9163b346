/// A value of a column, or of a parameter.
public enum SQLValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])

    public var text: String? { if case .text(let text) = self { text } else { nil } }
    public var integer: Int64? { if case .integer(let number) = self { number } else { nil } }
}

/// A row of an answer, valid only while it is handed out. Columns are counted from 0.
public struct SQLRow: ~Copyable {
    private let source: any SQLRowSource

    /// For the libraries of databases.
    public init(_ source: any SQLRowSource) {
        self.source = source
    }

    public func isNull(_ column: Int) -> Bool { source.isNull(column) }

    /// `nil` for anything else than a whole number.
    public func integer(_ column: Int) -> Int64? { source.integer(column) }

    /// `nil` for anything else than text.
    public func text(_ column: Int) -> String? {
        source.textBytes(column).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The bytes of a text where the library keeps them; `nil` for anything else than text.
    public func withTextBytes<Result>(_ column: Int, _ body: (Span<UInt8>) -> Result) -> Result? {
        source.textBytes(column).map { body($0.span) }
    }
}

/// Where a database's library has the row that it hands out.
public protocol SQLRowSource {
    func isNull(_ column: Int) -> Bool
    func integer(_ column: Int) -> Int64?
    /// Valid until the next call that is about another row.
    func textBytes(_ column: Int) -> UnsafeBufferPointer<UInt8>?
}
