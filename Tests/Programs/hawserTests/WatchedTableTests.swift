import Testing

@testable import hawser

@Suite struct WatchedTableTests {
    private let terminal = Terminal(width: 80, height: 5, hasColours: false)

    private func table(_ rows: [[String]]) -> Table {
        var table = Table(["NAME", "READY", "AGE"])
        table.rows = rows
        return table
    }

    @Test func `on a terminal the lines are drawn over those before, and none is left behind`() {
        var watched = WatchedTable()
        #expect(watched.redrawn(["a", "b"], on: terminal) == "a\u{1B}[K\nb\u{1B}[K\n\u{1B}[J")
        #expect(watched.redrawn(["c"], on: terminal) == "\u{1B}[2Ac\u{1B}[K\n\u{1B}[J")
        #expect(watched.redrawn(["d"], on: terminal) == "\u{1B}[1Ad\u{1B}[K\n\u{1B}[J")
    }

    @Test func `more lines than the screen has are cut, since what scrolled away cannot be drawn over`() {
        var watched = WatchedTable()
        let first = watched.redrawn((1...9).map(String.init), on: terminal)
        #expect(first == "1\u{1B}[K\n2\u{1B}[K\n3\u{1B}[K\n… and 6 lines more\u{1B}[K\n\u{1B}[J")
        #expect(watched.redrawn(["x"], on: terminal).hasPrefix("\u{1B}[4A"))
    }

    @Test func `elsewhere only rows that say something new are printed, and a row that is gone is said to be`() {
        var watched = WatchedTable()
        func changed(_ rows: [[String]]) -> [String] {
            watched.changed(table(rows), keys: rows.map { $0[0] }, passing: [2], withHeader: true)
        }
        #expect(changed([["a", "no", "1s"], ["b", "yes", "1s"]]).count == 3)
        #expect(changed([["a", "no", "2s"], ["b", "yes", "2s"]]) == [])
        #expect(changed([["a", "yes", "0s"], ["b", "yes", "3s"]]) == ["a      yes     0s"])
        #expect(changed([["b", "yes", "4s"]]) == ["a   (gone)"])
        #expect(changed([]) == ["b   (gone)"])
        #expect(changed([["b", "no", "0s"]]) == ["b      no      0s"])
    }

    @Test func `a history that forgets its oldest lines says nothing of it`() {
        var watched = WatchedTable()
        _ = watched.changed(
            table([["a", "", ""], ["b", "", ""]]), keys: ["a", "b"], withHeader: false, isHistory: true)
        #expect(watched.changed(table([["b", "", ""]]), keys: ["b"], withHeader: false, isHistory: true) == [])
    }
}
