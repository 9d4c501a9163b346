import Arguments
import Glibc
import SimulatedWorld

/// Runs the controller's core in simulated worlds, each from one number, and looks for a broken invariant.
@main
enum Main {
    private static let command = CommandDescription(
        "", summary: "Runs the controller in simulated worlds, from seeds, until an invariant of the design is broken.",
        discussion: """
            A world has a CloudStack, an appliance with its kernel and its NBD server, a store, people, clients and bad
            luck. One seed is one world: the same seed always runs the same way. A failing world is made smaller before it
            is shown. The exit status is 0 when no invariant was broken, and 2 when one was. docs/reliability.md tells what is
            looked at.
            """,
        options: [
            CommandOption("seed", value: .required("N"), help: "run this one world"),
            CommandOption("trace", help: "with --seed: print everything that happens in it"),
            CommandOption("from", value: .required("N"), help: "the first seed of many (1)"),
            CommandOption("count", value: .required("N"), help: "how many worlds (300)"),
            CommandOption("for", value: .required("DURATION"), help: "run fresh seeds for so long, such as 20m"),
            CommandOption("quiet", value: .required("DURATION"), help: "watch each world's peace for so long (1h)"),
            CommandOption(
                "crashes", help: "die at each call of each kind of step instead, before and after its effect"),
            CommandOption(
                "die", value: .required("POINT"),
                help: "with --crashes: die once, such as before:46, or before:46:9 for once more"),
            CommandOption("stride", value: .required("N"), help: "with --crashes: die at every Nth call (1)"),
            CommandOption(
                "twice", value: .required("N"),
                help: "with --crashes: die once more, at each of the N calls after the first death"),
            CommandOption("story", value: .required("N"), help: "with --crashes: only this one of the nine stories"),
            CommandOption(
                "explore", help: "let one, then two things interfere at every point of one bounded world"),
            CommandOption(
                "at", value: .required("PLACES"), help: "with --explore: just here, such as 34:kill,36:detach-0"),
            CommandOption("scenarios", help: "run what went wrong in the field, each with --count seeds (10)"),
            CommandOption(
                "scenario", value: .required("NAME"), help: "with --seed: the world of this scenario, such as S1"),
            CommandOption("first-only", help: "end at the first broken invariant, and say just that"),
            CommandOption("workers", value: .required("N"), help: "how many worlds at once (one on each processor)"),
            CommandOption("help", "h", help: "show this"),
        ])

    static func main() async {
        do {
            exit(try await run(Array(CommandLine.arguments.dropFirst())))
        } catch {
            complain("\(error); see hawser-trials --help")
            exit(64)
        }
    }

    private static func run(_ arguments: [String]) async throws(UsageError) -> Int32 {
        let parsed = try command.parse(arguments)
        if parsed.has("help") {
            print(command.help(program: "hawser-trials"), terminator: "")
            return 0
        }
        let quiet = try parsed.duration("quiet") ?? .seconds(3_600)
        if let text = parsed.value("seed") {
            guard let seed = UInt64(text) else { throw UsageError("--seed '\(text)' is not a number") }
            var plan = Plan(seed: seed)
            if let name = parsed.value("scenario") {
                guard let scenario = Scenario.all.first(where: { $0.name == name }) else {
                    throw UsageError(
                        "--scenario takes one of " + Scenario.all.map(\.name).joined(separator: ", ")
                            + ", and not '\(name)'")
                }
                plan = scenario.plan(seed: seed)
            }
            return showOne(plan, quiet: quiet, isTraced: parsed.has("trace"))
        }
        let workers = try parsed.number("workers") ?? sysconf(Int32(_SC_NPROCESSORS_ONLN))
        let trials = Trials(quiet: quiet, workers: max(1, workers), endsAtFirst: parsed.has("first-only"))
        if parsed.has("crashes") {
            let story = try parsed.number("story")
            guard let text = parsed.value("die") else {
                let second: [Int?] = try parsed.number("twice").map { Array(1...max(1, $0)) } ?? [nil]
                return await trials.crash(story: story, stride: try parsed.number("stride") ?? 1, again: second) ? 0 : 2
            }
            let parts = text.split(separator: ":")
            guard (2...3).contains(parts.count), ["before", "after"].contains(parts[0]), let call = Int(parts[1]),
                let story
            else { throw UsageError("--die takes before:CALL or after:CALL, and needs --story") }
            trials.dieOnce(
                story: story,
                World.CrashPoint(
                    call: call, isAfterEffect: parts[0] == "after", again: parts.count == 3 ? Int(parts[2]) : nil))
            return 0
        }
        if parsed.has("scenarios") { return await trials.runScenarios(try parsed.number("count") ?? 10) ? 0 : 2 }
        let duration = try parsed.duration("for")
        if parsed.has("explore") {
            guard let text = parsed.value("at") else {
                return await Explorer(workers: max(1, workers), duration: duration).run() ? 0 : 2
            }
            guard let places = Explorer.places(text) else {
                throw UsageError(
                    "--at takes POINT:WORD,…, with the words " + Exploration.interferences.joined(separator: ", "))
            }
            return Explorer.show(places) ? 0 : 2
        }
        if let duration {
            return await trials.run(from: freshSeed(), count: nil, for: duration) ? 0 : 2
        }
        let first = try parsed.number("from") ?? 1
        return await trials.run(from: UInt64(max(0, first)), count: try parsed.number("count") ?? 300, for: nil) ? 0 : 2
    }

    /// Seeds that nobody has run yet, in all likelihood.
    private static func freshSeed() -> UInt64 { UInt64.random(in: 1_000_000...1_000_000_000) * 1_000_000 }

    private static func showOne(_ plan: Plan, quiet: Duration, isTraced: Bool) -> Int32 {
        for line in plan.story { print(line) }
        let result = Run.run(plan, quietFor: quiet, isTraced: isTraced)
        for line in result.trace { print(line) }
        guard let violation = result.violation else {
            print("no invariant broken in \(result.simulated) of the world; \(result.counts.calls) calls")
            return 0
        }
        print("BROKEN \(violation)")
        return 2
    }
}

/// Says something that is no result.
func complain(_ text: String) {
    var bytes = Array("\(text)\n".utf8)
    write(STDERR_FILENO, &bytes, bytes.count)
}
