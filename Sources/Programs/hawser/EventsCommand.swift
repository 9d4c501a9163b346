import Arguments
import ControlAPIClient
import ControlAPIModel
import VolumeModel

/// `hawser events`: what happened, the newest last.
enum EventsCommand {
    static let command = Command(
        description: CommandDescription(
            "events", operands: "[NAME...]", operandCount: 0...1_000,
            summary: "show what happened, to some attachments or to all",
            discussion:
                "The newest stands last. The daemon keeps ten thousand events; 'hawser logs NAME' tells more of one.",
            options: [
                CommandOption("since", value: .required("TIME"), help: "only what is younger than this, such as 1h"),
                CommandOption(
                    "types", value: .required("TYPES"), completion: .words(["Normal", "Warning"]),
                    help: "only these severities: Normal, Warning or both with a comma"),
            ] + ListRequest.options + [Commands.socket, Commands.help],
            operandCompletions: [.listed(Proposals.attachments)],
            examples: [
                CommandExample("hawser events --since 1h --types Warning", "what went wrong in the last hour"),
                CommandExample("hawser events orders --watch", "what happens to orders, from now on too"),
            ]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        try await request(parsed).run(Commands.client(parsed))
    }

    static func request(_ parsed: ParsedCommand) throws(UsageError) -> ListRequest {
        var request = try ListRequest(kind: .events, names: [], parsed)
        let names = Commands.names(parsed)
        let since = try parsed.duration("since")
        let types = try severities(parsed.value("types"))
        request.admits = { item, readings in
            guard let event = item.event, types.contains(event.severity) else { return false }
            if let since, event.at.instant < readings.overview.at.instant - since { return false }
            return names.isEmpty || names.contains(event.name)
        }
        return request
    }

    private static func severities(_ text: String?) throws(UsageError) -> Set<String> {
        let known = ["Normal", "Warning"]
        guard let text else { return Set(known) }
        var chosen: Set<String> = []
        for word in text.split(separator: ",") {
            guard let type = known.first(where: { $0.lowercased() == word.lowercased() }) else {
                throw UsageError("--types takes Normal, Warning or both, not '\(word)'")
            }
            chosen.insert(type)
        }
        return chosen
    }
}

extension ListedItem {
    /// The event that this line tells of.
    var event: WireEvent? { (document as? ListedDocument<WireEvent>)?.content }
}
