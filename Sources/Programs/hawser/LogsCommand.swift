import Arguments
import ControlAPIClient
import ControlAPIModel
import VolumeModel

/// `hawser logs`: the story of one volume.
enum LogsCommand {
    static let command = Command(
        description: CommandDescription(
            "logs", operands: "NAME", operandCount: 1...1,
            summary: "tell the story of one volume: events, operations, drifts and repairs in the order of time",
            discussion: """
                NAME is an attachment's name or a volume's id. Operations are told with the evidence that they were begun on. Of an
                attachment that is gone, events and drifts are still told.
                """,
            options: [
                CommandOption("follow", "f", help: "go on with what happens from now on"),
                CommandOption("since", value: .required("TIME"), help: "only what is younger than this, such as 1h"),
                CommandOption("tail", value: .required("N"), help: "only the last N lines of what there is"),
                Commands.socket, Commands.help,
            ], operandCompletions: [.listed(Proposals.attachments)],
            examples: [
                CommandExample("hawser logs orders --since 1h", "what happened to orders in the last hour"),
                CommandExample("hawser logs orders --tail 20 --follow", "the last twenty lines, and whatever comes"),
            ]), run: run)

    /// As much as the daemon gives; and what is enough to see what is new since a second ago.
    private static let limit = 10_000
    private static let followedLimit = 1_000

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let since = try parsed.duration("since")
        let tail = try parsed.number("tail")
        guard (tail ?? 0) >= 0 else { throw UsageError("--tail takes a number of lines, not \(tail ?? 0)") }
        let word = Commands.names(parsed)[0]
        let client = Commands.client(parsed)
        var overview = try await client.overview()
        var story = try await read(word, overview, client, limit: limit)
        if story.entries.isEmpty, name(of: word, in: overview) == nil { throw NoSuchStory(name: word) }
        var told = ToldEntries()
        let all = story
        story.keep(since: since.map { overview.at.instant - $0 }, last: tail)
        told.tell(story)
        told.skip(all)
        while parsed.has("follow") {
            overview = try await client.overview(newerThan: overview.revision, patience: .seconds(1))
            told.tell(try await read(word, overview, client, limit: followedLimit))
        }
        return ExitCode.success
    }

    /// The attachment that a name, or a volume's id, means now.
    private static func name(of word: String, in overview: WireOverview) -> String? {
        overview.items.first { $0.name == word || $0.volume == word }?.name
    }

    private static func read(
        _ word: String, _ overview: WireOverview, _ client: ControlClient, limit: Int
    ) async throws(ControlError) -> Story {
        let drifts = try await client.drifts(limit: limit)
        guard let name = name(of: word, in: overview) else {
            let events = try await client.events(limit: limit)
            return Story(
                events: events.filter { $0.name == word }, operations: [], drifts: drifts.filter { $0.name == word })
        }
        return Story(
            events: try await client.events(of: name, limit: limit),
            operations: try await client.operations(of: name, limit: limit),
            drifts: drifts.filter { $0.name == name })
    }
}

/// Prints each entry once.
private struct ToldEntries {
    private var lines: Set<String> = []

    mutating func tell(_ story: Story) {
        let colours = Terminal.standardOutput.hasColours
        for entry in story.entries where lines.insert(entry.line).inserted {
            out(entry.isWarning && colours ? "\u{1B}[33m\(entry.line)\u{1B}[0m" : entry.line)
        }
    }

    /// What was there and was not asked for is not told later either.
    mutating func skip(_ story: Story) { lines.formUnion(story.entries.map(\.line)) }
}

/// Nothing is known under this name.
struct NoSuchStory: Error, CustomStringConvertible {
    var name: String
    var description: String {
        "there is no attachment and no volume '\(name)', and nothing was written down of one: 'hawser get' lists them"
    }
}
