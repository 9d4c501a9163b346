import Arguments
import ControlAPIClient

/// What may stand in a place of a command line whose words the table does not hold.
enum Proposals {
    static let attachments = "attachments"
    static let commands = "commands"
    static let kinds = "kinds"
    /// Of the kind that is the first operand.
    static let namesOfKind = "names"
    /// Columns of the kind that is the first operand.
    static let sortKeys = "sort-keys"

    static func proposals(
        for question: CompletionQuestion, _ table: [CommandDescription]
    ) async -> [CompletionProposal] {
        if let known = question.proposals(table) { return known }
        guard case .listed(let list) = question.completion else { return [] }
        // A kind that is misspelt has no names and no columns.
        let kind = question.operands.first.map { try? Kind.named($0) } ?? Kind.attachments
        switch list {
        case commands: return table.map { CompletionProposal($0.name, meaning: $0.summary) }
        case kinds: return Kind.all.map { CompletionProposal($0.name) }
        case attachments: return await names(of: .attachments, question)
        case namesOfKind:
            guard let kind else { return [] }
            return await names(of: kind, question)
        case sortKeys: return (kind?.columns ?? []).map { CompletionProposal($0.path ?? $0.title, meaning: $0.title) }
        default: return []
        }
    }

    /// The names of what there is and does not stand on the line already; none when hawserd does not say.
    private static func names(of kind: Kind, _ question: CompletionQuestion) async -> [CompletionProposal] {
        let client = Commands.client(socket: question.values["socket"])
        guard let overview = try? await client.overview(),
            let readings = try? await Readings.read(kind.sources, overview, client)
        else { return [] }
        var seen = Set(question.operands)
        return kind.items(readings).filter { seen.insert($0.names[0]).inserted }.map { item in
            CompletionProposal(item.names[0], meaning: item.names.dropFirst().first ?? "")
        }
    }
}
