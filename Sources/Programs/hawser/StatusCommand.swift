import Arguments
import ControlAPIClient
import ControlAPIModel
import VolumeModel

/// `hawser status`: one line for each attachment.
enum StatusCommand {
    static let command = Command(
        description: CommandDescription(
            "status", summary: "one line for each attachment: desired, the three observed worlds, ready",
            options: [
                CommandOption("watch", "w", help: "go on, redrawn in place on a terminal"), Commands.output,
                Commands.socket, Commands.help,
            ]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let format = try OutputFormat(parsed)
        let client = Commands.client(parsed)
        var overview = try await client.overview()
        guard parsed.has("watch") else {
            try show(overview, format)
            return ExitCode.success
        }
        let terminal = Terminal.standardOutput
        var drawn = 0
        var streamed = StreamedRows()
        while true {
            if terminal.width != nil, format == .table || format == .wide {
                // Up over the old lines, each new one clears to its end: nothing flickers.
                let lines = table(overview, isWide: format == .wide).lines(terminal) + summary(overview)
                let up = drawn > 0 ? "\u{1B}[\(drawn)A" : ""
                out(up + lines.map { "\($0)\u{1B}[K\n" }.joined() + "\u{1B}[J", terminator: "")
                drawn = lines.count
            } else if format == .table || format == .wide {
                for line in streamed.lines(overview, isWide: format == .wide) { out(line) }
            } else {
                try show(overview, format)
            }
            overview = try await client.overview(newerThan: overview.revision, patience: .seconds(10))
        }
    }

    /// What a watch prints where nothing can be redrawn: the rows that have changed, as `kubectl get --watch` does.
    struct StreamedRows {
        private var shown: [String: [String]] = [:]

        /// The lines that say something new; the age of a row alone is nothing new.
        mutating func lines(_ overview: WireOverview, isWide: Bool) -> [String] {
            let table = StatusCommand.table(overview, isWide: isWide)
            let all = table.lines(.standardOutput)
            var lines = shown.isEmpty ? [all[0]] : []
            for (row, cells) in table.rows.enumerated() {
                var lasting = cells
                lasting[7] = ""
                guard shown[cells[0]] != lasting else { continue }
                shown[cells[0]] = lasting
                lines.append(all[row + 1])
            }
            return lines
        }
    }

    static func show(_ overview: WireOverview, _ format: OutputFormat) throws {
        switch format {
        case .json: out(try Documents.json(overview))
        case .yaml: out(try Documents.yaml(overview), terminator: "")
        case .name: for item in overview.items { out("volumeattachment/\(item.name)") }
        case .table, .wide:
            let lines = table(overview, isWide: format == .wide).lines(.standardOutput) + summary(overview)
            for line in lines { out(line) }
        }
    }

    static func table(_ overview: WireOverview, isWide: Bool) -> Table {
        var table = Table(
            ["NAME", "DESIRED", "CLOUDSTACK", "DEVICE", "EXPORT", "CLIENTS", "READY", "AGE"]
                + (isWide ? ["VOLUME"] : [])
                + ["REASON"])
        for item in overview.items {
            let place = item.isDeparting ? "gone" : item.isHere ? "here" : item.machine == nil ? "?" : "elsewhere"
            let desired = item.restraint.map { "\(place) (\($0))" } ?? place
            let reason = item.reason.map { code in item.message.map { "\(code): \($0)" } ?? code } ?? ""
            table.rows.append(
                [
                    item.name, desired, item.cloudStack, item.device, item.export, item.clients.map(String.init) ?? "-",
                    item.isReady ? "yes" : "no", Ages.text(overview.at.instant - item.since.instant),
                ] + (isWide ? [item.volume ?? "-"] : []) + [reason])
        }
        let items = overview.items
        table.colour = { row, column in column == 6 ? (items[row].isReady ? 32 : 33) : nil }
        return table
    }

    static func summary(_ overview: WireOverview) -> [String] {
        let ready = overview.items.count { $0.isReady }
        let mode = overview.mode == "Enforce" ? "" : "; this node only observes"
        return ["\(ready) of \(overview.items.count) ready\(mode)"] + overview.nodeCauses.map { "node: \($0.message)" }
    }
}
