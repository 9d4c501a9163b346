import FoundationEssentials

/// Everything that one run has found.
struct Report {
    /// One benchmark's part.
    struct Section {
        var benchmark: String
        var outcome: Outcome
    }

    enum Outcome {
        case measured([Figure])
        case leftOut(String)
        case broken(String)
    }

    var machine: Machine
    var begun: Date
    var loadBefore: String
    var loadAfter: String
    var sections: [Section]

    var isBroken: Bool {
        sections.contains { if case .broken = $0.outcome { true } else { false } }
    }

    /// Those that are not what they are to be.
    var missed: [Figure] {
        sections.flatMap { section -> [Figure] in
            guard case .measured(let figures) = section.outcome else { return [] }
            return figures.filter { $0.isMet == false }
        }
    }

    private var heading: String {
        "\(begun.formatted(.iso8601.year().month().day())), \(machine.cores) cores of \(machine.processor), "
            + "Linux \(machine.kernel), load \(loadBefore) before and \(loadAfter) after"
    }
}

// MARK: - As a table

extension Report {
    /// For people; it is a table of Markdown, too, so that it can stand in docs/performance.md.
    var table: String {
        var rows = [["what", "measured", "target", "", "beside it"]]
        var remarks: [String] = []
        for section in sections {
            switch section.outcome {
            case .measured(let figures): rows += figures.map(Self.row)
            case .leftOut(let reason): remarks.append("left out: \(section.benchmark): \(reason)")
            case .broken(let reason): remarks.append("BROKEN: \(section.benchmark): \(reason)")
            }
        }
        let missed = missed.map { "missed: \($0.name): \($0.unit.text($0.value))" }
        return ([heading, ""] + Self.aligned(rows) + [""] + remarks + missed).joined(separator: "\n")
    }

    private static func row(_ figure: Figure) -> [String] {
        let target = figure.target.map { "\($0.word) \(figure.unit.text($0.bound))" } ?? ""
        let verdict = figure.isMet.map { $0 ? "met" : "MISSED" } ?? ""
        let beside = figure.peers.map { "\($0.name) \($0.unit.text($0.value))" } + (figure.note.map { [$0] } ?? [])
        return [figure.name, figure.unit.text(figure.value), target, verdict, beside.joined(separator: "; ")]
    }

    private static func aligned(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        func line(_ cells: [String]) -> String {
            let padded = zip(cells, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            return "| " + padded.joined(separator: " | ") + " |"
        }
        let rule = "|" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "|") + "|"
        return [line(rows[0]), rule] + rows.dropFirst().map(line)
    }
}

// MARK: - As JSON

extension Report {
    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        let text = try encoder.encode(
            Written(
                begun: begun.formatted(.iso8601), cores: machine.cores, processor: machine.processor,
                kernel: machine.kernel, loadBefore: loadBefore, loadAfter: loadAfter,
                benchmarks: sections.map(Written.Section.init)))
        return String(decoding: text, as: UTF8.self)
    }

    /// Values are in base units: seconds, bytes, bytes a second.
    private struct Written: Encodable {
        struct Section: Encodable {
            var name: String
            var figures: [Line] = []
            var leftOut: String?
            var broken: String?

            init(_ section: Report.Section) {
                name = section.benchmark
                switch section.outcome {
                case .measured(let found): figures = found.map(Line.init)
                case .leftOut(let reason): leftOut = reason
                case .broken(let reason): broken = reason
                }
            }
        }

        struct Line: Encodable {
            var name: String
            var value: Double
            var unit: String
            var atMost: Double?
            var atLeast: Double?
            var isMet: Bool?
            var note: String?
            var peers: [Beside]

            init(_ figure: Figure) {
                name = figure.name
                value = figure.value
                unit = figure.unit.rawValue
                switch figure.target {
                case .atMost(let bound)?: atMost = bound
                case .atLeast(let bound)?: atLeast = bound
                case nil: break
                }
                isMet = figure.isMet
                note = figure.note
                peers = figure.peers.map { Beside(name: $0.name, value: $0.value, unit: $0.unit.rawValue) }
            }
        }

        struct Beside: Encodable {
            var name: String
            var value: Double
            var unit: String
        }

        var begun: String
        var cores: Int
        var processor: String
        var kernel: String
        var loadBefore: String
        var loadAfter: String
        var benchmarks: [Section]
    }
}
