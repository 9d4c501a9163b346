import Arguments
import ControlAPIClient
import Glibc
import LinuxCalls

/// The command line of Hawser. Data goes to stdout, everything else to stderr.
@main
enum Main {
    static func main() async {
        // A reader that has seen enough, such as `head`, ends us quietly.
        signal(SIGPIPE, SIG_DFL)
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            exit(try await run(arguments))
        } catch let error as UsageError {
            complain("\(error.description); see 'hawser help'")
            exit(ExitCode.usage)
        } catch let error as ControlError {
            complain(Advice.text(for: error))
            exit(ExitCode.failure)
        } catch {
            complain("\(error)")
            exit(ExitCode.failure)
        }
    }

    private static func run(_ arguments: [String]) async throws -> Int32 {
        guard let word = arguments.first, word != "--help", word != "-h" else {
            out(HelpPage.overview)
            return arguments.isEmpty ? ExitCode.usage : ExitCode.success
        }
        if word == CompletionShell.command { return await CompletionCommand.answer(Array(arguments.dropFirst())) }
        if word == "--version" {
            out("hawser \(Version.text)")
            return ExitCode.success
        }
        let command = try Commands.named(word)
        let parsed = try command.description.parse(Array(arguments.dropFirst()))
        if parsed.has("help") {
            out(command.description.help(program: "hawser"), terminator: "")
            return ExitCode.success
        }
        return try await command.run(parsed)
    }
}

/// This program's version.
enum Version {
    static let text = "0.1.0"
    /// Of this version, as manual pages show it.
    static let date = "November 21, 2026"
}

/// Exit codes, the same for all commands; `hawser help exit-codes` tells them to people.
enum ExitCode {
    static let success: Int32 = 0
    static let failure: Int32 = 1
    /// `plan`, `diff`: there is something to do. `drift`: there is drift.
    static let different: Int32 = 2
    /// `wait`, `apply --wait`: time is over.
    static let timedOut: Int32 = 3
    /// `wait`: it will not come true before a person acts.
    static let stalled: Int32 = 4
    static let usage: Int32 = 64

    static let meanings: [(code: Int32, meaning: String)] = [
        (success, "done; for plan, diff and drift: there is nothing"), (failure, "it failed"),
        (different, "plan, diff: there is something to do; drift: there is drift"),
        (timedOut, "wait, apply --wait: time is over"),
        (stalled, "wait, apply --wait: it will not come true before a person acts"),
        (usage, "the command line is wrong"),
    ]
}

/// What to do about an error.
enum Advice {
    static func text(for error: ControlError) -> String {
        switch error {
        case .unreachable: "\(error): is hawserd running? name its socket by --socket or HAWSER_SOCKET"
        case .refused, .unreadable: error.description
        }
    }
}

/// Says to a person what is wrong, and what to do about it.
func complain(_ text: String) {
    say("hawser: \(text)", on: STDERR_FILENO)
}

/// Writes one line of data.
func out(_ text: String, terminator: String = "\n") {
    say(text, on: STDOUT_FILENO, terminator: terminator)
}

func say(_ text: String, on descriptor: Int32, terminator: String = "\n") {
    var bytes = Array((text + terminator).utf8)[...]
    while !bytes.isEmpty {
        let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0 && errno == EINTR { continue }
        // Nobody reads any more: there is nobody to tell either.
        guard count > 0 else { return }
        bytes = bytes.dropFirst(count)
    }
}
