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

    /// JSON is YAML: what the encoder writes is read as such and written in block style.
    static func yaml(_ value: some Encodable) throws -> String {
        let documents = try YAMLReader().documents(Array(try json(value).utf8))
        return documents.first.map { YAMLWriter.text($0) } ?? ""
    }
}
