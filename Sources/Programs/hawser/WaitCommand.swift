import Arguments
import ControlAPIClient
import ControlAPIModel
import VolumeModel

/// `hawser wait`.
enum WaitCommand {
    enum Goal: String {
        case ready
        case detached
    }

    static let command = Command(
        description: CommandDescription(
            "wait", operands: "[NAME...]", operandCount: 0...1_000, summary: "until attachments are ready, or gone",
            options: [
                CommandOption(
                    "for", value: .required("GOAL"), completion: .words(["ready", "detached"]),
                    help: "ready or detached (ready)"),
                CommandOption("timeout", value: .required("TIME"), help: "give up after this long (5m)"),
                Commands.selector, Commands.socket, Commands.help,
            ], operandCompletions: [.listed(Proposals.attachments)],
            examples: [
                CommandExample("hawser wait", "until all are ready"),
                CommandExample("hawser wait orders --for=detached --timeout 2m", "until orders is gone"),
            ]), run: run)

    /// What is seen in the middle of a change, such as a device before its last event, may ask for a person and be gone in
    /// the next moment; what lasts longer than this is believed.
    private static let passing = Duration.seconds(3)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let word = parsed.value("for") ?? "ready"
        guard let goal = Goal(rawValue: word) else { throw UsageError("--for takes ready or detached, not '\(word)'") }
        let patience = try parsed.duration("timeout") ?? .seconds(300)
        let client = Commands.client(parsed)
        let names = try await Commands.chosenNames(parsed, client) ?? []
        return try await wait(for: goal, names, client, patience: patience)
    }

    /// Waits on the daemon's own word that something changed; without names for all there are.
    ///
    /// What was just applied is waited for in that generation or a later one: the daemon may not have read it yet.
    static func wait(
        for goal: Goal, _ names: [String], generations: [String: Int64] = [:], _ client: ControlClient,
        patience: Duration
    ) async throws -> Int32 {
        let deadline = ContinuousClock.now + patience
        var overview = try await client.overview()
        while true {
            overview.items.removeAll { $0.generation < generations[$0.name] ?? 0 }
            let left = unreached(goal, names, overview)
            if left.isEmpty { return ExitCode.success }
            let stalled = left.compactMap { name in overview.items.first { $0.name == name && $0.mover == "person" } }
            let isStalled = goal == .ready && stalled.count == left.count
            if isStalled, stalled.allSatisfy({ overview.at.instant - $0.since.instant >= passing }) {
                for item in stalled { complain("\(item.name): \(item.message ?? item.reason ?? "stalled")") }
                return ExitCode.stalled
            }
            let remaining = ContinuousClock.now.duration(to: deadline)
            guard remaining > .zero else {
                for name in left {
                    let item = overview.items.first { $0.name == name }
                    complain("\(name) is not \(goal.rawValue): \(item?.message ?? "it is not known")")
                }
                return ExitCode.timedOut
            }
            overview = try await client.overview(
                newerThan: overview.revision, patience: min(remaining, isStalled ? .seconds(1) : .seconds(10)))
        }
    }

    static func unreached(_ goal: Goal, _ names: [String], _ overview: WireOverview) -> [String] {
        switch goal {
        case .ready:
            let wanted = names.isEmpty ? overview.items.map(\.name) : names
            return wanted.filter { name in !overview.items.contains { $0.name == name && $0.isReady } }
        case .detached:
            // An object that has departed is gone only when the store has forgotten it: until then its name is taken.
            let there = overview.items.map(\.name)
            return names.isEmpty ? there : names.filter(there.contains)
        }
    }
}
