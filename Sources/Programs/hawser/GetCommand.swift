import Arguments
import ControlAPIClient
import ControlAPIModel
import VolumeModel

/// `hawser get`: lists of one kind.
enum GetCommand {
    static let kinds = ["attachments", "volumes", "devices", "exports", "operations", "events", "protections"]

    static let command = Command(
        description: CommandDescription(
            "get", operands: "[KIND [NAME...]]", operandCount: 0...1_000,
            summary: "list \(kinds.joined(separator: ", "))",
            options: [Commands.output, Commands.socket, Commands.help]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let format = try OutputFormat(parsed)
        let client = Commands.client(parsed)
        let kind = parsed.operands.first ?? "attachments"
        switch kind {
        case "attachments", "attachment":
            let overview = try await client.overview()
            let objects = format == .yaml || format == .json ? try await client.objects() : []
            try showAttachments(Array(parsed.operands.dropFirst()), overview, objects, format)
        case _ where parsed.operands.count > 1: throw UsageError("only attachments are shown by name")
        case "volumes", "volume":
            try show(
                try await client.world().volumes, format, ["ID", "NAME", "TYPE", "STATE", "SIZE", "ATTACHED-TO"],
                name: \.id
            ) { [$0.id, $0.name, $0.type, $0.state, size($0.sizeInBytes), $0.attachedTo ?? "-"] }
        case "devices", "device":
            try show(
                try await client.world().devices, format, ["NAME", "SERIAL", "SIZE", "DISKSEQ", "READ-ONLY", "LINK"],
                name: \.kernelName
            ) {
                [
                    $0.kernelName, $0.serial ?? "-", size($0.sizeInBytes), $0.diskSequence.map(String.init) ?? "-",
                    $0.readOnly ? "yes" : "no", $0.links.first ?? "-",
                ]
            }
        case "exports", "export":
            try show(
                try await client.world().exports, format, ["NAME", "MODE", "LIVE", "CLIENTS", "OWNER", "LEADS-TO"],
                name: \.name
            ) {
                [
                    $0.name, $0.readOnly ? "ro" : "rw", $0.liveness, $0.clients.map(String.init) ?? "?",
                    $0.volume == nil ? "foreign" : "hawser", $0.target,
                ]
            }
        case "operations", "operation":
            try show(
                try await client.operations(), format, ["STARTED", "VERB", "PHASE", "TOOK", "JOB", "EVIDENCE"],
                name: \.id
            ) {
                [
                    $0.startedAt.description, $0.verb, $0.phase, Ages.took($0.changedAt.instant - $0.startedAt.instant),
                    $0.job ?? "-", $0.evidence,
                ]
            }
        case "events", "event":
            try show(
                try await client.events(), format, ["AT", "SEVERITY", "REASON", "OBJECT", "MESSAGE"], name: \.name
            ) { [$0.at.description, $0.severity, $0.reason, $0.name, $0.message] }
        case "protections", "protection":
            try show(try await client.protections(), format, ["VOLUME", "REASON"], name: \.volume) {
                [$0.volume, $0.reason ?? ""]
            }
        default:
            let hint = Spelling.nearest(to: kind, among: kinds).map { ": did you mean '\($0)'?" } ?? ""
            throw UsageError("there is no kind '\(kind)'\(hint)")
        }
        return ExitCode.success
    }

    /// As a table, the status; as a document, manifests that can be applied again.
    private static func showAttachments(
        _ names: [String], _ overview: WireOverview, _ objects: [WireObject], _ format: OutputFormat
    ) throws {
        var overview = overview
        if !names.isEmpty { overview.items.removeAll { !names.contains($0.name) } }
        for name in names where !overview.items.contains(where: { $0.name == name }) {
            throw NoSuchAttachment(name: name)
        }
        guard format == .yaml || format == .json else {
            try StatusCommand.show(overview, format)
            return
        }
        let byName = Dictionary(objects.map { ($0.name, $0) }) { _, last in last }
        let documents = overview.items.compactMap { item in
            byName[item.name].map { ManifestDocument($0, status: item) }
        }
        if format == .yaml {
            out(try documents.map { try Documents.yaml($0) }.joined(separator: "---\n"), terminator: "")
        } else if names.count == 1, let only = documents.first {
            out(try Documents.json(only))
        } else {
            out(try Documents.json(["items": documents]))
        }
    }

    private static func show<Item: Codable & Sendable>(
        _ items: [Item], _ format: OutputFormat, _ header: [String], name: KeyPath<Item, String>,
        _ cells: (Item) -> [String]
    ) throws {
        switch format {
        case .json: out(try Documents.json(WireList(items: items)))
        case .yaml: out(try Documents.yaml(WireList(items: items)), terminator: "")
        case .name: for item in items { out(item[keyPath: name]) }
        case .table, .wide:
            var table = Table(header)
            table.rows = items.map(cells)
            for line in table.lines(.standardOutput) { out(line) }
        }
    }

    static func size(_ bytes: Int64) -> String {
        if bytes > 0, bytes % (1 << 30) == 0 { return "\(bytes >> 30)Gi" }
        return bytes % (1 << 20) == 0 ? "\(bytes >> 20)Mi" : "\(bytes)"
    }
}
