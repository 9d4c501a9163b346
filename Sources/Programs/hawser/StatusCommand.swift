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
        var watched = WatchedTable()
        while true {
            switch format {
            case .table, .wide: out(text(overview, isWide: format == .wide, &watched), terminator: "")
            case .json, .yaml, .name: try show(overview, format)
            }
            overview = try await client.overview(newerThan: overview.revision, patience: .seconds(10))
        }
    }

    private static func text(_ overview: WireOverview, isWide: Bool, _ watched: inout WatchedTable) -> String {
        let table = table(overview, isWide: isWide)
        let terminal = Terminal.standardOutput
        if terminal.width != nil { return watched.redrawn(table.lines(terminal) + summary(overview), on: terminal) }
        let age = table.header.firstIndex(of: "AGE").map { [$0] } ?? []
        let lines = watched.changed(table, keys: overview.items.map(\.id), passing: Set(age), withHeader: true)
        return lines.map { $0 + "\n" }.joined()
    }

    static func show(_ overview: WireOverview, _ format: OutputFormat) throws {
        switch format {
        case .json: out(try Documents.json(overview))
        case .yaml: out(try Documents.yaml(overview), terminator: "")
        case .name: out(overview.items.map { "volumeattachment/\($0.name)\n" }.joined(), terminator: "")
        case .table, .wide:
            let lines = table(overview, isWide: format == .wide).lines(.standardOutput) + summary(overview)
            out(lines.joined(separator: "\n"))
        }
    }

    static func header(isWide: Bool) -> [String] {
        ["NAME", "DESIRED", "CLOUDSTACK", "DEVICE", "EXPORT", "CLIENTS", "READY", "AGE"]
            + (isWide ? ["VOLUME"] : []) + ["REASON"]
    }

    static func table(_ overview: WireOverview, isWide: Bool) -> Table {
        var table = Table(header(isWide: isWide))
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
