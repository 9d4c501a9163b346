import Arguments
import ControlAPIClient
import ControlAPIModel

/// `hawser take-over`: settles which of several objects means a volume.
enum TakeOverCommand {
    static let command = Command(
        description: CommandDescription(
            "take-over", operands: "NAME", operandCount: 1...1,
            summary: "let one of the objects that claim a volume have it",
            discussion: """
                Two objects that mean one volume are both left alone (ClaimedTwice). NAME stays, and the others are deleted:
                what is attached and exported goes on for NAME, and the data stays, whatever their deletion policies say.
                A name under which only the others exported the volume goes as soon as nobody uses it.
                """,
            options: [
                CommandOption(
                    "as", value: .required("row|manifest"),
                    help: "whose NAME is from now on: what 'hawser apply --prune' may take away is a manifest's"),
                CommandOption("dry-run", help: "say what would be done, and do nothing"),
                Commands.socket, Commands.help,
            ], operandCompletions: [.listed(Proposals.attachments)]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let isDry = parsed.has("dry-run")
        let changes = try await Commands.client(parsed).takeOver(
            Commands.names(parsed)[0], as: parsed.value("as"), dryRun: isDry)
        for change in changes {
            out("volumeattachment/\(change.name) \(change.change)\(isDry ? " (dry run)" : "")")
            for difference in change.differences { out("    \(difference)") }
        }
        return ExitCode.success
    }
}
