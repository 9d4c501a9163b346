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
                let key = scalar(entry.key)
                // A key without a question mark ends within 1024 signs (yaml.org/spec/1.2.2, section 7.4.2).
                let isLong = key.utf8.count > 1_000
                if isLong { lines.append("\(lead)? \(key)") }
                let opening = isLong ? "\(margin):" : "\(lead)\(key):"
                if isScalar(entry.value) {
                    lines.append("\(opening) \(inline(entry.value))")
                } else {
                    lines.append(opening)
                    write(entry.value, indent: indent + 2, prefix: "", into: &lines)
                }
            }
        case .list(let items) where !items.isEmpty:
            for (position, item) in items.enumerated() {
                let lead = (position == 0 && !prefix.isEmpty ? prefix : margin) + "- "
                if isScalar(item) {
                    lines.append("\(lead)\(inline(item))")
                } else {
                    write(item, indent: indent + 2, prefix: lead, into: &lines)
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
        case .real(let number): real(number)
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
            case _ where !isPrintable(scalar):
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    private static func real(_ number: Double) -> String {
        if number.isNaN { return ".nan" }
        return number.isFinite ? String(number) : number < 0 ? "-.inf" : ".inf"
    }

    /// What may stand in a text as it is (yaml.org/spec/1.2.2, section 5.1), the further line breaks left out, which would be
    /// read as spaces.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20...0x7E, 0xA0...0x2027, 0x202A...0xFEFE, 0xFF00...0xFFFD, 0x10000...: true
        default: false
        }
    }
}
