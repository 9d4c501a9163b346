import Arguments
import ControlAPIClient
import Glibc

/// One command: its table entry and what it does.
struct Command: Sendable {
    var description: CommandDescription
    var run: @Sendable (ParsedCommand) async throws -> Int32
}

/// All commands, in the order in which help shows them.
enum Commands {
    static let all: [Command] = [
        ApplyCommand.command, DiffCommand.command, PlanCommand.command, StatusCommand.command, GetCommand.command,
        DescribeCommand.command, DriftCommand.command, WaitCommand.command, DeleteCommand.command,
        ReconcileCommand.command, SuspendCommand.command, ResumeCommand.command, ProtectCommand.command,
        UnprotectCommand.command, OverrideCommand.command, ExportManifestsCommand.command, ValidateCommand.command,
        ExplainCommand.command, DoctorCommand.command, VersionCommand.command,
    ]

    static let socket = CommandOption(
        "socket", value: .required("PATH"), help: "hawserd's control socket (HAWSER_SOCKET, /run/hawser/control.sock)")
    static let help = CommandOption("help", "h", help: "show this")
    static let output = CommandOption(
        "output", "o", value: .required("FORMAT"), help: "table, wide, json, yaml or name (table)")
    static let file = CommandOption(
        "filename", "f", value: .required("FILE"), isRepeatable: true,
        help: "a file, a directory of *.yaml, or - for the standard input")

    static func client(_ parsed: ParsedCommand) -> ControlClient {
        let fromEnvironment = getenv("HAWSER_SOCKET").map { String(cString: $0) }
        return ControlClient(socket: parsed.value("socket") ?? fromEnvironment ?? "/run/hawser/control.sock")
    }
}

/// What `hawser help` shows.
enum HelpPage {
    static var overview: String {
        var lines = [
            "hawser keeps CloudStack volumes attached and exported as manifests say.", "",
            "usage: hawser COMMAND [OPTIONS]",
            "", "commands:",
        ]
        for command in Commands.all {
            let name = command.description.name
            lines.append("  \(name)\(String(repeating: " ", count: 18 - name.count))\(command.description.summary)")
        }
        lines += ["", "'hawser help COMMAND' tells more; 'hawser help exit-codes' what exit codes mean."]
        return lines.joined(separator: "\n")
    }

    static func page(_ words: [String]) throws(UsageError) -> String {
        guard let word = words.first else { return overview }
        if word == "exit-codes" { return exitCodes }
        guard let command = Commands.all.first(where: { $0.description.name == word }) else {
            throw UsageError("there is no command '\(word)'")
        }
        return String(command.description.help(program: "hawser").dropLast())
    }

    private static let exitCodes = """
        0   done; for plan, diff and drift: there is nothing
        1   it failed
        2   plan, diff: there is something to do; drift: there is drift
        3   wait, apply --wait: time is over
        4   wait, apply --wait: it will not come true before a person acts
        64  the command line is wrong
        """
}
