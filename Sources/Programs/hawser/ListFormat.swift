import Arguments

/// How a list is printed.
enum ListFormat: Sendable {
    case table(isWide: Bool)
    case json
    case yaml
    case name
    case jsonPath(JSONPath)
    case customColumns([(title: String, path: JSONPath)])

    static let words = "table, wide, json, yaml, name, jsonpath=TEMPLATE or custom-columns=TITLE:PATH,…"

    init(_ text: String?) throws(UsageError) {
        let word = text ?? "table"
        if let template = Self.argument(of: "jsonpath", in: word) {
            guard !template.isEmpty else {
                throw UsageError("-o jsonpath= needs a template, such as -o jsonpath='{.items[*].metadata.name}'")
            }
            self = .jsonPath(try JSONPath(template))
            return
        }
        if let columns = Self.argument(of: "custom-columns", in: word) {
            self = .customColumns(try Self.columns(columns))
            return
        }
        switch word {
        case "table": self = .table(isWide: false)
        case "wide": self = .table(isWide: true)
        case "json": self = .json
        case "yaml": self = .yaml
        case "name": self = .name
        default: throw UsageError("-o takes \(Self.words), not '\(word)'")
        }
    }

    private static func argument(of format: String, in word: String) -> String? {
        if word == format { return "" }
        return word.hasPrefix(format + "=") ? String(word.dropFirst(format.count + 1)) : nil
    }

    private static func columns(_ text: String) throws(UsageError) -> [(title: String, path: JSONPath)] {
        try text.split(separator: ",").map { (part) throws(UsageError) in
            let halves = part.split(separator: ":", maxSplits: 1)
            guard halves.count == 2 else {
                throw UsageError(
                    "'\(part)' is no column: write -o custom-columns=NAME:.metadata.name,READY:.status.readiness")
            }
            return (String(halves[0]), try JSONPath(path: String(halves[1])))
        }
    }

    /// Whether it prints more of an item than its cells.
    var needsDocuments: Bool {
        switch self {
        case .table, .name: false
        case .json, .yaml, .jsonPath, .customColumns: true
        }
    }
}
