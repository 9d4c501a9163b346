import Manifests
import YAML

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
