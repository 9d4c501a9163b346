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
        let widths = header.indices.map { column in
            ([header] + rows).map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        func line(_ cells: [String], row: Int?) -> String {
            var used = 0
            var text = ""
            for (column, cell) in cells.enumerated() {
                let isLast = column == cells.count - 1
                var shown = cell
                if let width = terminal.width, used + shown.count > width {
                    shown = width - used > 1 ? shown.prefix(width - used - 1) + "…" : ""
                }
                let padding = isLast ? "" : String(repeating: " ", count: widths[column] - cell.count + 3)
                if let row, terminal.hasColours, let number = colour(row, column) {
                    text += "\u{1B}[\(number)m\(shown)\u{1B}[0m"
                } else {
                    text += shown
                }
                used += shown.count + padding.count
                if let width = terminal.width, used >= width { break }
                text += padding
            }
            return String(text.reversed().drop { $0 == " " }.reversed())
        }
        return [line(header, row: nil)] + rows.enumerated().map { line($1, row: $0) }
    }
}
