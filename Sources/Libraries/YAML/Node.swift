/// Where something stands in a text; both count from 1.
public struct Mark: Sendable, Equatable, Hashable, CustomStringConvertible {
    public var line: Int
    public var column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    public var description: String { "\(line):\(column)" }
}

/// A value of a document, and where it begins.
public struct Node: Sendable, Equatable {
    public indirect enum Value: Sendable, Equatable {
        case null
        case flag(Bool)
        case integer(Int64)
        case real(Double)
        case text(String)
        case list([Node])
        case map([Entry])
    }

    public struct Entry: Sendable, Equatable {
        public var key: String
        public var keyMark: Mark
        public var value: Node
    }

    public var value: Value
    public var mark: Mark
    /// The scalar as it was written, for messages; empty for lists and maps.
    public var source: String

    public init(_ value: Value, mark: Mark, source: String = "") {
        self.value = value
        self.mark = mark
        self.source = source
    }

    /// The entry of a map.
    public subscript(_ key: String) -> Node? {
        guard case .map(let entries) = value else { return nil }
        return entries.first { $0.key == key }?.value
    }

    /// What kind of value it is, in a word for messages.
    public var kind: String {
        switch value {
        case .null: "nothing"
        case .flag: "true or false"
        case .integer: "a whole number"
        case .real: "a number"
        case .text: "text"
        case .list: "a list"
        case .map: "a map"
        }
    }
}

/// A text that is no valid YAML, or more than is accepted.
public struct YAMLError: Error, Sendable, Equatable, CustomStringConvertible {
    public var mark: Mark
    public var message: String

    public init(mark: Mark, message: String) {
        self.mark = mark
        self.message = message
    }

    public var description: String { "\(mark): \(message)" }
}

/// How plain scalars are read: the core schema of YAML 1.2 (yaml.org/spec/1.2.2, section 10.3.2). `no`, `on` and `012`
/// are what they look like: two texts and the number twelve.
enum CoreSchema {
    static func value(ofPlain text: String) -> Node.Value {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .flag(true)
        case "false", "False", "FALSE": return .flag(false)
        case ".inf", ".Inf", ".INF", "+.inf": return .real(.infinity)
        case "-.inf", "-.Inf", "-.INF": return .real(-.infinity)
        case ".nan", ".NaN", ".NAN": return .real(.nan)
        default: break
        }
        if let number = integer(text) { return .integer(number) }
        if let first = text.utf8.first, isNumberStart(first), let number = Double(text), isDecimal(text) {
            return .real(number)
        }
        return .text(text)
    }

    private static func integer(_ text: String) -> Int64? {
        if text.hasPrefix("0x") { return Int64(text.dropFirst(2), radix: 16) }
        if text.hasPrefix("0o") { return Int64(text.dropFirst(2), radix: 8) }
        guard let last = text.utf8.last, last >= 48, last <= 57 else { return nil }
        return Int64(text)
    }

    private static func isNumberStart(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || byte == 43 || byte == 45 || byte == 46
    }

    /// Swift also reads `0x1p3` and `nan`; YAML does not.
    private static func isDecimal(_ text: String) -> Bool {
        text.utf8.allSatisfy { (48...57).contains($0) || [43, 45, 46, 69, 101].contains($0) }
    }
}
