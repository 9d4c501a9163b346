import Arguments
import ControlAPIClient
import ControlAPIModel

/// What is to be listed, and how.
struct ListRequest: Sendable {
    static let output = CommandOption(
        "output", "o", value: .required("FORMAT"),
        completion: .words(["table", "wide", "json", "yaml", "name", "jsonpath=", "custom-columns="]),
        help: "table, wide, json, yaml, name, jsonpath=TEMPLATE or custom-columns=TITLE:PATH,… (table)")
    static let selector = CommandOption(
        "selector", "l", value: .required("SELECTOR"),
        help: "only what has these labels, such as app=replication,tier!=db,'env in (a,b)',x,!y")
    static let sortBy = CommandOption(
        "sort-by", value: .required("PATH"), completion: .listed(Proposals.sortKeys),
        help: "in the order of this field, such as .metadata.name, or of a column")
    static let watch = CommandOption(
        "watch", "w", help: "go on: redrawn in place on a terminal, else each line that changes")
    static let noHeaders = CommandOption("no-headers", help: "tables without titles and sums")
    static let options = [output, selector, sortBy, watch, noHeaders]

    var kind: Kind
    var names: [String]
    var selector: LabelSelector?
    var sortKey: SortKey?
    var format: ListFormat
    var isWatching: Bool
    var hasHeaders: Bool
    /// Lets only some items through, beside names and labels.
    var admits: (@Sendable (ListedItem, Readings) -> Bool)?

    init(_ parsed: ParsedCommand) throws(UsageError) {
        // KIND NAME…, or KIND/NAME…
        if let word = parsed.operands.first, let slash = word.firstIndex(of: "/"), !word.hasPrefix("/") {
            let prefix = String(word[...slash])
            try self.init(kind: try Kind.named(String(prefix.dropLast())), names: [], parsed)
            for operand in parsed.operands {
                guard operand.hasPrefix(prefix) else {
                    throw UsageError("'\(operand)' does not begin with '\(prefix)'")
                }
                names.append(String(operand.dropFirst(prefix.count)))
            }
        } else {
            try self.init(
                kind: try Kind.named(parsed.operands.first ?? Kind.attachments.name),
                names: Array(parsed.operands.dropFirst()), parsed)
        }
    }

    init(kind: Kind, names: [String], _ parsed: ParsedCommand) throws(UsageError) {
        self.kind = kind
        self.names = names
        format = try ListFormat(parsed.value("output"))
        if let text = parsed.value("selector") { selector = try LabelSelector(text) }
        if let text = parsed.value("sort-by") { sortKey = try SortKey(text, of: kind) }
        isWatching = parsed.has("watch")
        hasHeaders = !parsed.has("no-headers")
    }

    private var sources: Set<Readings.Source> {
        let usesLabels = selector != nil || sortKey != nil || format.needsDocuments
        return usesLabels ? kind.sources.union([.objects]) : kind.sources
    }

    /// Who looks for something in a history wants it searched to its beginning.
    private var historyLimit: Int? { names.isEmpty && selector == nil && admits == nil ? nil : 10_000 }
    /// A watch then needs only what is new; never more than at first, or older lines would be taken for new ones.
    private var watchedHistoryLimit: Int? { historyLimit.map { min($0, 1_000) } }

    func run(_ client: ControlClient) async throws -> Int32 {
        var readings = try await Readings.read(
            sources, try await client.overview(), client, historyLimit: historyLimit)
        guard isWatching else { return try printOnce(readings) }
        var watch = WatchedList(self)
        while true {
            out(try watch.text(readings), terminator: "")
            // The overview tells of every change of an attachment at once; other lists have to be asked for.
            let patience = kind.name == Kind.attachments.name ? Duration.seconds(10) : .seconds(1)
            let overview = try await client.overview(newerThan: readings.overview.revision, patience: patience)
            readings = try await Readings.read(
                sources, overview, client, historyLimit: watchedHistoryLimit)
        }
    }

    /// The items that are asked for.
    func listing(_ readings: Readings) throws -> (listing: Listing, missing: [String]) {
        var items = kind.items(readings).filter { admits?($0, readings) ?? true }
        var missing: [String] = []
        if !names.isEmpty {
            missing = names.filter { name in !items.contains { $0.names.contains(name) } }
            items.removeAll { item in !names.contains(where: item.names.contains) }
        }
        if let selector { items.removeAll { !selector.matches($0.labels) } }
        var listing = Listing(kind: kind, items: items)
        listing.isSingle = names.count == 1 && items.count == 1 && !kind.isHistory
        // The sum counts all there are: it belongs below a list of all.
        if hasHeaders, names.isEmpty, selector == nil { listing.footer = kind.footer(readings) }
        if let sortKey { try listing.sort(by: sortKey) }
        return (listing, missing)
    }

    private func printOnce(_ readings: Readings) throws -> Int32 {
        let (listing, missing) = try listing(readings)
        if listing.items.isEmpty {
            try printNothing(listing, isMissing: !missing.isEmpty)
        } else {
            out(try text(of: listing), terminator: "")
        }
        if listing.isUnsorted { complain("none of these has the field to sort by: their order is as it was") }
        for name in missing {
            complain("there is no \(kind.prefix) '\(name)': 'hawser get \(kind.name)' lists what there is")
        }
        return missing.isEmpty ? ExitCode.success : ExitCode.failure
    }

    private func printNothing(_ listing: Listing, isMissing: Bool) throws {
        if isMissing { return }
        switch format {
        case .table, .customColumns, .yaml, .name:
            complain("there are no \(kind.name)\(selector == nil ? "" : " with these labels")")
            for line in listing.footer.dropFirst() { out(line) }
        case .json, .jsonPath: out(try text(of: listing), terminator: "")
        }
    }

    /// The list as it is printed, with the end of its last line.
    func text(of listing: Listing) throws -> String {
        switch format {
        case .table(let isWide): return joined(listing.table(isWide: isWide), listing.footer)
        case .customColumns(let columns): return joined(try listing.table(of: columns), [])
        case .json: return try Documents.json(listing.document) + "\n"
        case .yaml: return try listing.items.map { try Documents.yaml($0.document) }.joined(separator: "---\n")
        case .name: return listing.names.map { $0 + "\n" }.joined()
        case .jsonPath(let path):
            let text = try path.text(of: try Documents.node(listing.document))
            return text.isEmpty || text.hasSuffix("\n") ? text : text + "\n"
        }
    }

    private func joined(_ table: Table, _ footer: [String]) -> String {
        let lines = table.lines(.standardOutput).dropFirst(hasHeaders ? 0 : 1) + footer
        return lines.map { $0 + "\n" }.joined()
    }
}
