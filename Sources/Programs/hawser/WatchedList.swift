/// What `--watch` prints, reading after reading.
struct WatchedList {
    private let request: ListRequest
    private var table = WatchedTable()
    private var shown: [String: String] = [:]
    private var isFirst = true

    init(_ request: ListRequest) {
        self.request = request
    }

    /// What these readings add to what was printed before.
    mutating func text(_ readings: Readings) throws -> String {
        let listing = try request.listing(readings).listing
        switch request.format {
        case .table(let isWide):
            let columns = request.kind.columns.filter { isWide || !$0.isWide }
            return text(
                listing.table(isWide: isWide), listing,
                passing: Set(columns.indices.filter { columns[$0].isPassing }))
        case .customColumns(let columns): return text(try listing.table(of: columns), listing, passing: [])
        case .json, .yaml, .name, .jsonPath: return try changedDocuments(listing)
        }
    }

    private mutating func text(_ shown: Table, _ listing: Listing, passing: Set<Int>) -> String {
        let terminal = Terminal.standardOutput
        if terminal.width != nil, !request.kind.isHistory {
            let lines = shown.lines(terminal).dropFirst(request.hasHeaders ? 0 : 1) + listing.footer
            return table.redrawn(Array(lines), on: terminal)
        }
        let lines = table.changed(
            shown, keys: listing.items.map(\.key), passing: passing, withHeader: request.hasHeaders,
            isHistory: request.kind.isHistory)
        return lines.map { $0 + "\n" }.joined()
    }

    /// Each document that is new or has changed, by itself.
    private mutating func changedDocuments(_ listing: Listing) throws -> String {
        var text = ""
        var now: [String: String] = [:]
        for item in listing.items {
            let document = try Documents.json(item.document)
            if shown[item.key] != document {
                let one = Listing(kind: listing.kind, items: [item], isSingle: true)
                if case .yaml = request.format, !isFirst { text += "---\n" }
                text += try request.text(of: one)
                isFirst = false
            }
            now[item.key] = document
        }
        shown = now
        return text
    }
}
