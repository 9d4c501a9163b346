import Arguments
import FoundationEssentials
import YAML

/// What `-o` asks for.
enum OutputFormat: String {
    case table, wide, json, yaml, name

    init(_ parsed: ParsedCommand) throws(UsageError) {
        guard let word = parsed.value("output") else {
            self = .table
            return
        }
        guard let format = OutputFormat(rawValue: word) else {
            throw UsageError("-o takes table, wide, json, yaml or name, not '\(word)'")
        }
        self = format
    }
}

/// Values as documents.
enum Documents {
    static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    static func yaml(_ value: some Encodable) throws -> String { YAMLWriter.text(try node(value)) }

    /// A value as a tree, for YAML and for paths. JSON is YAML: what the encoder writes is read as such.
    static func node(_ value: some Encodable) throws -> Node {
        // The limits are for texts of strangers; this one is our own.
        var reader = YAMLReader()
        reader.byteLimit = .max
        reader.nodeLimit = .max
        return try reader.documents(Array(try json(value).utf8)).first ?? YAMLWriter.node(.null)
    }

    /// JSON without spaces, on one line.
    static func compactJSON(_ value: Node) -> String {
        switch value.value {
        case .null: "null"
        case .flag(let flag): flag ? "true" : "false"
        case .integer(let number): String(number)
        case .real(let number): String(number)
        case .text(let text): quoted(text)
        case .list(let items): "[" + items.map(compactJSON).joined(separator: ",") + "]"
        case .map(let entries):
            "{" + entries.map { quoted($0.key) + ":" + compactJSON($0.value) }.joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
