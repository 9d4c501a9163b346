import Glibc
import SimulatedWorld

/// Many worlds, on all processors.
struct Trials: Sendable {
    let quiet: Duration
    let workers: Int
    /// Ends at the first world in which an invariant is broken, and does not make it smaller.
    var endsAtFirst = false

    private var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    private struct Sum: Sendable {
        var worlds = 0
        var simulated = Duration.zero
        var counts = World.Counts()
        var broken: [(seed: UInt64, violation: Violation)] = []
    }

    /// Runs seeds in their order, so many or for so long.
    ///
    /// - Returns: whether no invariant was broken.
    func run(from first: UInt64, count: Int?, for duration: Duration?) async -> Bool {
        let start = ContinuousClock.now
        let end = duration.map { start + $0 }
        var next = first
        var sum = Sum()
        var saidAt = start
        func seed() -> UInt64? {
            if let count, next >= first + UInt64(count) { return nil }
            if let end, ContinuousClock.now >= end { return nil }
            defer { next += 1 }
            return next
        }
        let quiet = quiet
        await withTaskGroup(of: (UInt64, Run.Result).self) { group in
            func add(_ seed: UInt64) {
                group.addTask { (seed, Run.run(Plan(seed: seed), quietFor: quiet)) }
            }
            for _ in 0..<workers { if let seed = seed() { add(seed) } }
            for await (done, result) in group {
                sum.worlds += 1
                sum.simulated += result.simulated
                sum.counts.add(result.counts)
                if let violation = result.violation {
                    sum.broken.append((done, violation))
                    show(done, violation)
                }
                // Enough is known after some.
                if sum.broken.count < (endsAtFirst ? 1 : 5), let seed = seed() { add(seed) }
                if ContinuousClock.now - saidAt >= (isTerminal ? .seconds(1) : .seconds(60)) {
                    saidAt = .now
                    say(sum, since: start, isPassing: isTerminal)
                }
            }
        }
        say(sum, since: start)
        print("seeds \(first) to \(next - 1)")
        cover(sum)
        return sum.broken.isEmpty
    }

    /// Dies at every call of every kind of step, with each kind of server.
    ///
    /// - Parameters:
    ///   - stride: 1 for every call.
    ///   - again: how many calls after the first death a second one comes, each in turn; or never.
    func crash(story: Int?, stride: Int, again: [Int?]) async -> Bool {
        let start = ContinuousClock.now
        var runs = 0
        var isWhole = true
        await withTaskGroup(of: (Plan, Int, [(point: World.CrashPoint, violation: Violation)]).self) { group in
            for plan in Plan.stories where story == nil || UInt64(story ?? 0) == plan.seed {
                group.addTask { [quiet] in
                    let (runs, broken) = Run.crashEverywhere(
                        plan, stride: stride, again: again, quietFor: quiet)
                    return (plan, runs, broken)
                }
            }
            for await (plan, count, broken) in group {
                runs += count
                print("\(plan.story[0]): died \(count) times, \(broken.count) invariants broken")
                for (point, violation) in broken.prefix(5) {
                    print("  \(point.isAfterEffect ? "after" : "before") call \(point.call): \(violation)")
                    print(
                        "    all of it: hawser-trials --crashes --story \(plan.seed)"
                            + " --die \(point.isAfterEffect ? "after" : "before"):\(point.call)"
                            + (point.again.map { ":\($0)" } ?? ""))
                }
                isWhole = isWhole && broken.isEmpty
            }
        }
        print("\(runs) deaths in \(rounded(seconds(ContinuousClock.now - start))) s")
        return isWhole
    }

    /// What went wrong in the field, each with so many seeds; a line of a table for each.
    func runScenarios(_ seeds: Int) async -> Bool {
        var isWhole = true
        var lines: [String: String] = [:]
        await withTaskGroup(of: (Scenario, Int, (UInt64, Violation)?).self) { [quiet] group in
            for scenario in Scenario.all {
                group.addTask {
                    for seed in 1...UInt64(max(1, seeds)) {
                        if let violation = Run.run(scenario.plan(seed: seed), quietFor: quiet).violation {
                            return (scenario, Int(seed), (seed, violation))
                        }
                    }
                    return (scenario, seeds, nil)
                }
            }
            for await (scenario, runs, broken) in group {
                lines[scenario.name] = "| \(scenario.name) | \(scenario.title) | \(scenario.origin) | \(runs) |"
                guard let (seed, violation) = broken else { continue }
                isWhole = false
                print(
                    "BROKEN \(violation)\n  all of it: hawser-trials --scenario \(scenario.name) --seed \(seed) --trace"
                )
            }
        }
        for scenario in Scenario.all { print(lines[scenario.name] ?? "") }
        return isWhole
    }

    /// One death, with everything that happens.
    func dieOnce(story: Int, _ point: World.CrashPoint) {
        guard let plan = Plan.stories.first(where: { $0.seed == UInt64(story) }) else { return }
        let result = Run.run(plan, crash: point, isTraced: true)
        for line in result.trace { print(line) }
        print(result.violation.map { "BROKEN \($0)" } ?? "no invariant broken")
    }

    private func show(_ seed: UInt64, _ violation: Violation) {
        if isTerminal { print("\r\u{1B}[K", terminator: "") }
        guard !endsAtFirst else { return print("BROKEN \(violation)\n  seed \(seed)") }
        print("BROKEN \(violation)\n  seed \(seed); made smaller:")
        let smallest = Run.shrink(Plan(seed: seed), breaking: violation.invariant)
        for line in smallest.story { print("  \(line)") }
        for line in Run.run(smallest, isTraced: true).trace.suffix(30) { print("    \(line)") }
        print("  all of it: hawser-trials --seed \(seed) --trace")
    }

    /// `isPassing`: the next line takes this one's place.
    private func say(_ sum: Sum, since start: ContinuousClock.Instant, isPassing: Bool = false) {
        let elapsed = max(0.001, seconds(ContinuousClock.now - start))
        let simulated = seconds(sum.simulated)
        if isPassing {
            // Short enough for one line of any terminal.
            print(
                "\r\u{1B}[K\(sum.worlds) worlds, \(rounded(simulated / 3_600)) hours simulated; \(sum.broken.count) broken",
                terminator: "")
            fflush(nil)
            return
        }
        print(
            (isTerminal ? "\r\u{1B}[K" : "")
                + "\(sum.worlds) worlds, \(rounded(Double(sum.worlds) / elapsed)) a second; \(rounded(simulated / 3_600)) hours simulated,"
                + " \(rounded(simulated / elapsed)) s in a second; \(sum.counts.crashes) crashes, \(sum.counts.faults) faults,"
                + " \(sum.counts.mutations) mutations, \(sum.counts.writesOfClients) writes of clients; \(sum.broken.count) broken"
        )
        fflush(nil)
    }

    /// What the worlds reached.
    private func cover(_ sum: Sum) {
        let reached = sum.counts.causes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        print("causes seen: " + reached.joined(separator: ", "))
        let missing = World.causes.filter { sum.counts.causes[$0] == nil }
        print("causes not seen: " + (missing.isEmpty ? "none" : missing.joined(separator: ", ")))
        let kinds = sum.counts.kinds.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        print("calls made: " + kinds.joined(separator: ", "))
    }

    private func seconds(_ duration: Duration) -> Double {
        let (whole, rest) = duration.components
        return Double(whole) + Double(rest) * 1e-18
    }

    private func rounded(_ number: Double) -> Int { Int(number.rounded()) }
}
