import Arguments
import VolumeModel

/// `hawser explain`: the catalogue of causes, without a daemon.
enum ExplainCommand {
    static let command = Command(
        description: CommandDescription(
            "explain", operands: "[CAUSE]", operandCount: 0...1,
            summary: "tell what a reason means and what to do about it, without a daemon",
            discussion: "Without CAUSE it lists them all.", options: [Commands.help],
            operandCompletions: [.words(CauseKind.allCases.map(\.rawValue))],
            examples: [CommandExample("hawser explain InUseByClients", "what the REASON of a status means")]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        guard let word = parsed.operands.first else {
            var table = Table(["CAUSE", "MEANING"])
            table.rows = CauseKind.allCases.map { [$0.rawValue, $0.explanation.meaning] }
            for line in table.lines(.standardOutput) { out(line) }
            return ExitCode.success
        }
        guard let kind = CauseKind.allCases.first(where: { $0.rawValue.lowercased() == word.lowercased() }) else {
            throw UsageError("there is no cause '\(word)'\(hint(for: word))")
        }
        show(kind)
        return ExitCode.success
    }

    /// Causes that have the word in their names, else the one that is spelt most like it.
    private static func hint(for word: String) -> String {
        let names = CauseKind.allCases.map(\.rawValue)
        let having = names.filter { $0.lowercased().contains(word.lowercased()) }
        if !having.isEmpty { return ": did you mean \(having.map { "'\($0)'" }.joined(separator: ", "))?" }
        let nearest = Spelling.nearest(to: word, among: names)
        return nearest.map { ": did you mean '\($0)'?" } ?? "; 'hawser explain' lists them"
    }

    private static func show(_ kind: CauseKind) {
        let explanation = kind.explanation
        out(kind.rawValue)
        out("  What it means:  \(explanation.meaning)")
        out("  To look:        \(explanation.look)")
        out("  What to do:     \(explanation.remedy)")
    }
}
