import Arguments
import Glibc

/// `hawser completion`: the script that a shell reads.
enum CompletionCommand {
    static let command = Command(
        description: CommandDescription(
            "completion", operands: CompletionShell.allCases.map(\.rawValue).joined(separator: "|"),
            operandCount: 1...1,
            summary: "print the script by which a shell completes hawser's command lines",
            discussion: """
                The script asks hawser itself what may stand where the cursor is: commands, options, kinds and formats, and by way of
                hawserd the names of what there is.
                """,
            options: [Commands.help], operandCompletions: [.words(CompletionShell.allCases.map(\.rawValue))],
            examples: [
                CommandExample("source <(hawser completion bash)", "in this bash, from now on"),
                CommandExample("hawser completion bash >/etc/bash_completion.d/hawser", "in every bash"),
                CommandExample("hawser completion zsh >/usr/local/share/zsh/site-functions/_hawser", "in every zsh"),
                CommandExample("hawser completion fish >~/.config/fish/completions/hawser.fish", "in your fish"),
            ]),
        run: { parsed in
            let word = parsed.operands[0]
            guard let shell = CompletionShell(rawValue: word) else {
                throw UsageError(
                    "there is a script for \(CompletionShell.allCases.map(\.rawValue).joined(separator: ", ")), "
                        + "not for '\(word)'")
            }
            out(shell.script(for: "hawser"), terminator: "")
            return ExitCode.success
        })

    /// How long a person who has pressed a key waits for names.
    private static let patience = Duration.seconds(1)

    /// Answers a script: `__complete SHELL WORD…`. Whatever goes wrong, nothing is proposed and nothing is said: somebody is
    /// in the middle of a line.
    static func answer(_ arguments: [String]) async -> Int32 {
        guard let shell = arguments.first.flatMap({ CompletionShell(rawValue: $0) }) else { return ExitCode.usage }
        // Names come over the network; the line is not to hang when they do not come.
        let watchdog = Task {
            // A cancelled sleep means that the answer was given.
            if (try? await Task.sleep(for: patience)) != nil { exit(ExitCode.failure) }
        }
        defer { watchdog.cancel() }
        let table = Commands.all.map(\.description)
        var words = Array(arguments.dropFirst())
        var kept = 0
        if shell == .bash { (words, kept) = CompletionQuestion.rejoined(words) }
        let question = CompletionQuestion(words, commands: table)
        if question.completion == .files {
            out("files")
            return ExitCode.success
        }
        out("words")
        for proposal in question.answer(await Proposals.proposals(for: question, table)) {
            out("\(proposal.word.dropFirst(kept))\t\(proposal.meaning)")
        }
        return ExitCode.success
    }
}
