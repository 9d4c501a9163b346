import Arguments
import ControlAPIClient
import ControlAPIModel
import Glibc

/// One command: its table entry and what it does.
struct Command: Sendable {
    var description: CommandDescription
    var run: @Sendable (ParsedCommand) async throws -> Int32
}

/// All commands.
enum Commands {
    /// In the order in which help shows them.
    static let groups: [(title: String, commands: [Command])] = [
        (
            "what is wanted",
            [
                ApplyCommand.command, DiffCommand.command, EditCommand.command, DeleteCommand.command,
                TakeOverCommand.command,
                ValidateCommand.command,
            ]
        ),
        (
            "what there is",
            [
                StatusCommand.command, GetCommand.command, DescribeCommand.command, PlanCommand.command,
                DriftCommand.command, EventsCommand.command, LogsCommand.command, MetricsCommand.command,
            ]
        ),
        (
            "what is to happen",
            [
                WaitCommand.command, ReconcileCommand.command, SuspendCommand.command, ResumeCommand.command,
                BrakeCommand.command, OverrideCommand.command, ProtectCommand.command, UnprotectCommand.command,
            ]
        ),
        (
            "when something is wrong, or new",
            [
                ExplainCommand.command, DoctorCommand.command, ExportManifestsCommand.command, ImportCommand.command,
            ]
        ),
        (
            "this program",
            [CompletionCommand.command, ManCommand.command, HelpCommand.command, VersionCommand.command]
        ),
    ]

    static let all = groups.flatMap(\.commands)

    static func named(_ word: String) throws(UsageError) -> Command {
        if let command = all.first(where: { $0.description.name == word }) { return command }
        let hint =
            Spelling.nearest(to: word, among: all.map(\.description.name)).map { ": did you mean '\($0)'?" } ?? ""
        throw UsageError("there is no command '\(word)'\(hint)")
    }

    static let socket = CommandOption(
        "socket", value: .required("PATH"), completion: .files,
        help: "hawserd's control socket (HAWSER_SOCKET, /run/hawser/control.sock)")
    static let help = CommandOption("help", "h", help: "show this")
    static let output = CommandOption(
        "output", "o", value: .required("FORMAT"), completion: .words(["table", "wide", "json", "yaml", "name"]),
        help: "table, wide, json, yaml or name (table)")
    static let file = CommandOption(
        "filename", "f", value: .required("FILE"), isRepeatable: true, completion: .files,
        help: "a file, a directory of *.yaml, or - for the standard input")

    static func client(_ parsed: ParsedCommand) -> ControlClient { client(socket: parsed.value("socket")) }

    static func client(socket: String?) -> ControlClient {
        let fromEnvironment = getenv("HAWSER_SOCKET").map { String(cString: $0) }
        return ControlClient(socket: socket ?? fromEnvironment ?? "/run/hawser/control.sock")
    }

    static let selector = CommandOption(
        "selector", "l", value: .required("SELECTOR"), help: "those with these labels, such as app=replication")

    /// The attachments that a command line names, one by one or by their labels; `nil` when it names none.
    static func chosenNames(_ parsed: ParsedCommand, _ client: ControlClient) async throws -> [String]? {
        guard let text = parsed.value("selector") else { return parsed.operands.isEmpty ? nil : names(parsed) }
        guard parsed.operands.isEmpty else { throw UsageError("either names or --selector, not both") }
        let selector = try LabelSelector(text)
        let chosen = try await client.objects().filter { selector.matches($0.labels) }.map(\.name)
        guard !chosen.isEmpty else { throw NothingChosen(selector: text) }
        return chosen
    }

    /// The attachments that a command line names, by their names or as `-o name` prints them: `volumeattachment/orders`.
    static func names(_ parsed: ParsedCommand) -> [String] {
        let words = [Kind.attachments.name] + Kind.attachments.aliases
        return parsed.operands.map { operand in
            guard let slash = operand.firstIndex(of: "/"), words.contains(String(operand[..<slash])) else {
                return operand
            }
            return String(operand[operand.index(after: slash)...])
        }
    }
}

/// Labels that nothing has: to wait for nothing, or to do nothing, is hardly what was meant.
struct NothingChosen: Error, CustomStringConvertible {
    var selector: String
    var description: String { "there is no attachment with the labels '\(selector)': 'hawser get -l' shows them" }
}
