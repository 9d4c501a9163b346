/// What a watch prints of a table: on a terminal the table again and again in place; elsewhere the rows that have changed, as
/// `kubectl get --watch` does.
struct WatchedTable {
    private var drawn = 0
    private var hasHeader = false
    private var shown: [String: [String]] = [:]

    /// The characters that draw these lines over those that were drawn before.
    mutating func redrawn(_ lines: [String], on terminal: Terminal) -> String {
        var lines = lines
        // What has left the screen at its top cannot be drawn over.
        if let height = terminal.height, lines.count > height - 1 {
            let kept = max(1, height - 2)
            lines = lines.prefix(kept) + ["… and \(lines.count - kept) lines more"]
        }
        // Up over the old lines, each new one clears to its end: nothing flickers.
        let up = drawn > 0 ? "\u{1B}[\(drawn)A" : ""
        drawn = lines.count
        return up + lines.map { "\($0)\u{1B}[K\n" }.joined() + "\u{1B}[J"
    }

    /// The lines that say something new. A row that is gone is said to be gone.
    ///
    /// - Parameters:
    ///   - keys: what each row is about.
    ///   - passing: the columns that change as time goes by; by themselves they are nothing new.
    mutating func changed(
        _ table: Table, keys: [String], passing: Set<Int> = [], withHeader: Bool, isHistory: Bool = false
    ) -> [String] {
        let all = table.lines(.standardOutput)
        var lines = withHeader && !hasHeader ? [all[0]] : []
        hasHeader = true
        let isFirst = shown.isEmpty
        var now: [String: [String]] = [:]
        for (row, cells) in table.rows.enumerated() {
            let lasting = cells.enumerated().map { passing.contains($0) ? "" : $1 }
            if shown[keys[row]] != lasting { lines.append(all[row + 1]) }
            now[keys[row]] = lasting
        }
        // A history forgets its oldest lines, which are not gone from the world.
        if !isFirst, !isHistory {
            for (_, cells) in shown.filter({ now[$0.key] == nil }).sorted(by: { $0.key < $1.key }) {
                lines.append("\(cells.first ?? "")   (gone)")
            }
        }
        shown = now
        return lines
    }
}
