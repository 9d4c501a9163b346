import Arguments
import ControlAPIClient
import ControlAPIModel
import VolumeModel

/// `hawser brake`: the removals that wait for a person, and the word that lets them go.
enum BrakeCommand {
    static let command = Command(
        description: CommandDescription(
            "brake", operands: "[approve BATCH]", operandCount: 0...2,
            summary: "show the removals that are on hold, or let just one batch of them go",
            discussion: """
                More removals within a short time than hawserd's settings allow (brake.volumes, brake.percent, brake.window) wait
                for a person. A batch that has changed since it was shown is not approved: look again. What was not meant is put
                right by applying it again.
                """,
            options: [Commands.output, Commands.socket, Commands.help],
            operandCompletions: [.words(["approve"])],
            examples: [
                CommandExample("hawser brake", "what is on hold, and why"),
                CommandExample("hawser brake approve 3f9a1c07be", "let exactly that batch go"),
            ]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let client = Commands.client(parsed)
        guard let verb = parsed.operands.first else {
            let brake = try await client.brake()
            try show(brake, try OutputFormat(parsed))
            return brake.batch == nil ? ExitCode.success : ExitCode.different
        }
        guard verb == "approve", parsed.operands.count == 2 else {
            throw UsageError("say which batch: hawser brake approve BATCH")
        }
        let word = parsed.operands[1]
        let prefix = "batch/"
        let batch = word.hasPrefix(prefix) ? String(word.dropFirst(prefix.count)) : word
        out(try await client.approve(batch).message)
        return ExitCode.success
    }

    private static func show(_ brake: WireBrake, _ format: OutputFormat) throws {
        switch format {
        case .json: out(try Documents.json(brake))
        case .yaml: out(try Documents.yaml(brake), terminator: "")
        case .name: if let batch = brake.batch { out("batch/\(batch)") }
        case .table, .wide: for line in lines(brake) { out(line) }
        }
    }

    static func lines(_ brake: WireBrake) -> [String] {
        let allowed =
            "\(brake.allowed) of \(brake.volumes) volumes within \(Ages.text(.seconds(brake.windowSeconds))) "
            + "may be taken away without approval"
        guard let batch = brake.batch else { return ["no removal is on hold; \(allowed)"] }
        var table = Table(["NAME", "VOLUME", "REMOVAL"])
        table.rows = brake.items.map { [$0.name, $0.volume ?? "-", $0.reason] }
        let count = brake.items.count
        return table.lines(.standardOutput) + [
            "\(count) removal\(count == 1 ? " is" : "s are") on hold as batch \(batch); \(allowed)",
            "to let just \(count == 1 ? "it" : "them") go: hawser brake approve \(batch)",
        ]
    }
}
