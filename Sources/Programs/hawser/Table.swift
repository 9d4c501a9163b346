import Glibc
import LinuxCalls

/// How large the terminal is, and whether colours are wanted.
struct Terminal {
    /// nil when stdout is no terminal.
    let width: Int?
    /// nil when stdout is no terminal.
    let height: Int?
    let hasColours: Bool

    /// As it is now: people change the size of their windows.
    static var standardOutput: Terminal {
        guard isatty(STDOUT_FILENO) == 1 else { return Terminal(width: nil, height: nil, hasColours: forcesColours) }
        let columns = getenv("COLUMNS").flatMap { Int(String(cString: $0)) }
        let lines = getenv("LINES").flatMap { Int(String(cString: $0)) }
        let asked = terminalSize(of: STDOUT_FILENO)
        let isDumb = getenv("TERM").map { String(cString: $0) } == "dumb"
        // https://no-color.org: any value but the empty one.
        let refuses = getenv("NO_COLOR").map { !String(cString: $0).isEmpty } ?? false
        return Terminal(
            width: asked?.columns ?? columns ?? 80, height: asked?.lines ?? lines ?? 24,
            hasColours: forcesColours || !(refuses || isDumb))
    }

    private static var forcesColours: Bool { getenv("CLICOLOR_FORCE").map { String(cString: $0) != "0" } ?? false }
}

/// Aligned columns, as kubectl prints them. A row never wraps on a terminal: the last column is cut.
struct Table {
    var header: [String]
    var rows: [[String]] = []
    /// The colour of a cell: an SGR number such as 32; nil for none.
    var colour: (_ row: Int, _ column: Int) -> Int? = { _, _ in nil }

    init(_ header: [String]) {
        self.header = header
    }

    func lines(_ terminal: Terminal) -> [String] {
        var widths = header.map(Self.width)
        for row in rows {
            for (column, cell) in row.enumerated() where column < widths.count {
                widths[column] = max(widths[column], Self.width(cell))
            }
        }
        func line(_ cells: [String], row: Int?) -> String {
            var used = 0
            var text = ""
            for (column, cell) in cells.enumerated() {
                let isLast = column == cells.count - 1
                let width = Self.width(cell)
                var shown = cell
                var shownWidth = width
                if let limit = terminal.width, used + width > limit {
                    shown = limit - used > 1 ? shown.prefix(limit - used - 1) + "…" : ""
                    shownWidth = shown.count
                }
                let padding = isLast ? 0 : widths[column] - width + 3
                if let row, terminal.hasColours, let number = colour(row, column) {
                    text += "\u{1B}[\(number)m\(shown)\u{1B}[0m"
                } else {
                    text += shown
                }
                used += shownWidth + padding
                if let limit = terminal.width, used >= limit { break }
                text += Self.spaces(padding)
            }
            let end = text.utf8.lastIndex { $0 != UInt8(ascii: " ") }
            return end.map { String(text[...$0]) } ?? ""
        }
        return [line(header, row: nil)] + rows.enumerated().map { line($1, row: $0) }
    }

    /// In characters; of ASCII each byte is one, but for CR LF.
    private static func width(_ cell: String) -> Int {
        cell.utf8.allSatisfy { $0 < 0x80 && $0 != 0x0D } ? cell.utf8.count : cell.count
    }

    private static func spaces(_ count: Int) -> Substring {
        count <= blanks.utf8.count ? blanks.prefix(count) : Substring(String(repeating: " ", count: count))
    }

    private static let blanks = String(repeating: " ", count: 64)
}
