/// Writes values as block-style YAML that ``YAMLReader`` reads back as the same values.
public enum YAMLWriter {
    public static func text(_ node: Node) -> String {
        var lines: [String] = []
        write(node, indent: 0, prefix: "", into: &lines)
        return lines.joined(separator: "\n") + "\n"
    }

    /// A value without a place, for writing.
    public static func node(_ value: Node.Value) -> Node { Node(value, mark: Mark(line: 0, column: 0)) }

    /// A map in the given order; entries without a value are left out.
    public static func map(_ entries: [(String, Node.Value?)]) -> Node.Value {
        .map(
            entries.compactMap { key, value in
                value.map { Node.Entry(key: key, keyMark: Mark(line: 0, column: 0), value: node($0)) }
            })
    }

    private static func write(_ node: Node, indent: Int, prefix: String, into lines: inout [String]) {
        let margin = String(repeating: " ", count: indent)
        switch node.value {
        case .map(let entries) where !entries.isEmpty:
            for (position, entry) in entries.enumerated() {
                let lead = position == 0 && !prefix.isEmpty ? prefix : margin
                if isScalar(entry.value) {
                    lines.append("\(lead)\(scalar(entry.key)): \(inline(entry.value))")
                } else {
                    lines.append("\(lead)\(scalar(entry.key)):")
                    write(entry.value, indent: indent + 2, prefix: "", into: &lines)
                }
            }
        case .list(let items) where !items.isEmpty:
            for item in items {
                if isScalar(item) {
                    lines.append("\(margin)- \(inline(item))")
                } else {
                    write(item, indent: indent + 2, prefix: margin + "- ", into: &lines)
                }
            }
        default: lines.append(margin + inline(node))
        }
    }

    private static func isScalar(_ node: Node) -> Bool {
        switch node.value {
        case .map(let entries): entries.isEmpty
        case .list(let items): items.isEmpty
        case .null, .flag, .integer, .real, .text: true
        }
    }

    private static func inline(_ node: Node) -> String {
        switch node.value {
        case .null: "null"
        case .flag(let flag): flag ? "true" : "false"
        case .integer(let number): String(number)
        case .real(let number): String(number)
        case .text(let text): scalar(text)
        case .list: "[]"
        case .map: "{}"
        }
    }

    /// Quoted when it would otherwise be read as something else.
    private static func scalar(_ text: String) -> String {
        let isSafe =
            CoreSchema.value(ofPlain: text) == .text(text)
            && text.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "/")].contains(byte)
            } && text.utf8.first != UInt8(ascii: "-") && text.utf8.first != UInt8(ascii: ".")
        if isSafe { return text }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case "\r": quoted += "\\r"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\x" + String(repeating: "0", count: 2 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
