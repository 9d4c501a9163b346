import Arguments
import ControlAPIClient
import ControlAPIModel
import VolumeModel

/// `hawser plan`: what would be done now.
enum PlanCommand {
    static let command = Command(
        description: CommandDescription(
            "plan", summary: "show the corrective actions and their reasons",
            options: [Commands.output, Commands.socket, Commands.help]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let lines = try await Commands.client(parsed).plan()
        let actions = lines.filter { $0.kind == "action" }
        switch try OutputFormat(parsed) {
        case .json: out(try Documents.json(WireList(items: lines)))
        case .yaml: out(try Documents.yaml(WireList(items: lines)), terminator: "")
        case .name: for line in actions { out("volumeattachment/\(line.name)") }
        case .table, .wide:
            var table = Table(["NAME", "NEXT", "WHAT", "REASON"])
            table.rows = lines.map { [$0.name, $0.verb ?? $0.kind, $0.summary ?? "", $0.reason ?? ""] }
            for line in table.lines(.standardOutput) { out(line) }
            for line in lines { for read in line.readsFirst ?? [] { out("\(line.name) first reads \(read)") } }
            out(
                actions.isEmpty
                    ? "0 to do"
                    : "\(actions.count) to do; each is decided anew when it is begun, from what is read then")
        }
        return actions.isEmpty ? ExitCode.success : ExitCode.different
    }
}

/// `hawser drift`: differences now, and what was repaired.
enum DriftCommand {
    static let command = Command(
        description: CommandDescription(
            "drift", summary: "show differences between desired and observed, and what was repaired",
            options: [
                CommandOption(
                    "since", value: .required("TIME"), help: "also what drifted within this time, such as 1h"),
                Commands.output, Commands.socket, Commands.help,
            ]), run: run)

    /// What `-o json` prints.
    private struct Report: Codable {
        struct Current: Codable {
            var name: String
            var drift: WireDrift
        }

        var drifts: [Current]
        var unmanaged: [WireUnmanaged]
        var history: [WireDriftRecord]
    }

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let format = try OutputFormat(parsed)
        let client = Commands.client(parsed)
        let overview = try await client.overview()
        var history: [WireDriftRecord] = []
        if let since = try parsed.duration("since") {
            history = try await client.drifts(since: Timestamp(overview.at.instant - since))
        }
        let current = overview.items.flatMap { item in item.drifts.map { Report.Current(name: item.name, drift: $0) } }
        switch format {
        case .json, .yaml:
            let report = Report(drifts: current, unmanaged: overview.unmanaged, history: history)
            if format == .json {
                out(try Documents.json(report))
            } else {
                out(try Documents.yaml(report), terminator: "")
            }
        case .name: for entry in current { out("volumeattachment/\(entry.name)") }
        case .table, .wide: show(current, overview.unmanaged, history)
        }
        return current.isEmpty ? ExitCode.success : ExitCode.different
    }

    private static func show(_ current: [Report.Current], _ unmanaged: [WireUnmanaged], _ history: [WireDriftRecord]) {
        func print(_ table: Table) { for line in table.lines(.standardOutput) { out(line) } }
        if current.isEmpty {
            out("no drift")
        } else {
            var table = Table(["NAME", "WORLD", "DRIFT", "WANTED", "OBSERVED"])
            table.rows = current.map { [$0.name, $0.drift.world, $0.drift.kind, $0.drift.wanted, $0.drift.observed] }
            print(table)
        }
        if !history.isEmpty {
            out("")
            var table = Table(["SEEN", "NAME", "WORLD", "DRIFT", "LASTED", "REPAIRED-BY"])
            table.rows = history.map { record in
                [
                    record.seenAt.description, record.name, record.drift.world, record.drift.kind,
                    record.endedAt.map { Ages.took($0.instant - record.seenAt.instant) } ?? "lasts",
                    record.repairedBy.isEmpty ? "-" : record.repairedBy,
                ]
            }
            print(table)
        }
        if !unmanaged.isEmpty {
            out("")
            var table = Table(["UNMANAGED", "WORLD", "DETAIL"])
            table.rows = unmanaged.map { [$0.name, $0.world, $0.detail] }
            print(table)
        }
    }
}
