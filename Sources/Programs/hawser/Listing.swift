import Arguments
import ControlAPIModel
import Manifests
import YAML

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

/// By what a list is sorted.
enum SortKey: Sendable {
    case path(JSONPath)
    case column(Int)

    /// - Parameter text: a path such as `.metadata.name`, or the title of a column.
    init(_ text: String, of kind: Kind) throws(UsageError) {
        guard let place = kind.columns.firstIndex(where: { $0.title == text.uppercased() }) else {
            guard text.contains(".") || text.hasPrefix("{") else {
                throw UsageError(
                    "--sort-by takes a path such as .metadata.name, or a column of \(kind.name): "
                        + kind.columns.map(\.title).joined(separator: ", ") + "; not '\(text)'")
            }
            self = .path(try JSONPath(path: text))
            return
        }
        if let path = kind.columns[place].path { self = .path(try JSONPath(path: path)) } else { self = .column(place) }
    }
}

/// Lines of one kind, chosen and sorted, ready to be printed.
struct Listing {
    var kind: Kind
    var items: [ListedItem]
    /// Whether the one item stands for itself, as when it was asked for by its name.
    var isSingle = false
    var footer: [String] = []
    /// Whether it was to be sorted by something that no item has.
    private(set) var isUnsorted = false

    mutating func sort(by key: SortKey) throws {
        switch key {
        case .column(let place):
            items = Self.stablySorted(items.map { (YAMLWriter.node(.text($0.cells[place])), $0) })
        case .path(let path):
            var keyed: [(Node?, ListedItem)] = []
            for item in items { keyed.append((try path.results(in: try Documents.node(item.document)).first, item)) }
            items = Self.stablySorted(keyed)
            isUnsorted = !keyed.isEmpty && keyed.allSatisfy { $0.0 == nil }
        }
    }

    private static func stablySorted(_ keyed: [(Node?, ListedItem)]) -> [ListedItem] {
        keyed.enumerated().sorted { left, right in
            if SortOrder.isBefore(left.element.0, right.element.0) { return true }
            if SortOrder.isBefore(right.element.0, left.element.0) { return false }
            return left.offset < right.offset
        }.map(\.element.1)
    }

    func table(isWide: Bool) -> Table {
        let shown = kind.columns.indices.filter { isWide || !kind.columns[$0].isWide }
        var table = Table(shown.map { kind.columns[$0].title })
        table.rows = items.map { item in shown.map { item.cells[$0] } }
        let items = items
        table.colour = { row, column in items[row].colours[shown[column]] }
        return table
    }

    func table(of columns: [(title: String, path: JSONPath)]) throws -> Table {
        var table = Table(columns.map(\.title))
        for item in items {
            let document = try Documents.node(item.document)
            var cells: [String] = []
            for column in columns {
                let values = try column.path.results(in: document).map(JSONPath.text(of:))
                cells.append(values.isEmpty ? "<none>" : values.joined(separator: ","))
            }
            table.rows.append(cells)
        }
        return table
    }

    var names: [String] { items.map { "\(kind.prefix)/\($0.names[0])" } }

    /// What `-o json` prints: the item itself, or a list of all.
    var document: any Encodable {
        if isSingle, let only = items.first { return only.document }
        return ListDocument(items: items.map { AnyDocument(value: $0.document) })
    }
}

/// Several documents in one.
private struct ListDocument: Encodable {
    var apiVersion = ManifestFields.apiVersion
    var kind = "List"
    var items: [AnyDocument]
}

private struct AnyDocument: Encodable {
    var value: any Encodable

    func encode(to encoder: any Encoder) throws { try value.encode(to: encoder) }
}
