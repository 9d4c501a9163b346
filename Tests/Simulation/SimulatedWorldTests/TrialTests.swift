import LinuxCalls
import Rig
import SimulatedWorld
import Testing

/// The controller's core, as it ships, in simulated worlds. `make soak` runs as many as there is time for.
@Suite struct TrialTests {
    private static func complaint(_ seed: UInt64, _ violation: Violation) -> Comment {
        "seed \(seed): \(violation); see hawser-trials --seed \(seed) --trace"
    }

    /// Worlds with bad luck, people, clients and other hands, and an hour of peace after them.
    @Test(arguments: 0..<40)
    func `no invariant is broken in any world: RIGHT-DISK, ONE-HOLDER, IN-USE, ORDER, CONVERGES, QUIET and the others`(
        _ tenth: UInt64
    ) {
        for seed in tenth * 10 + 1...tenth * 10 + 10 {
            if let violation = Run.run(Plan(seed: seed)).violation {
                Issue.record(Self.complaint(seed, violation))
            }
        }
    }

    @Test(arguments: 501...506 as ClosedRange<UInt64>) func `QUIET: a whole day without anything to do`(_ seed: UInt64)
    {
        let result = Run.run(Plan(seed: seed), quietFor: .seconds(86_400))
        if let violation = result.violation { Issue.record(Self.complaint(seed, violation)) }
        #expect(result.simulated > .seconds(86_400))
    }

    /// Each kind of step with each kind of server, and a death at every seventh call of it; `hawser-trials --crashes` dies at
    /// every one.
    @Test(arguments: 1...9) func `CONVERGES: a death before or after any call loses nothing and repeats nothing`(
        _ story: Int
    ) {
        let plan = Plan.stories[story - 1]
        let (runs, broken) = Run.crashEverywhere(plan, stride: 7, quietFor: .seconds(120))
        #expect(runs > 20)
        for (point, violation) in broken {
            Issue.record("story \(story), \(point.isAfterEffect ? "after" : "before") call \(point.call): \(violation)")
        }
    }

    @Test func `the same seed is the same world, call by call`() {
        for seed in 601...620 as ClosedRange<UInt64> {
            let first = Run.run(Plan(seed: seed), quietFor: .seconds(60))
            let second = Run.run(Plan(seed: seed), quietFor: .seconds(60))
            #expect(first.counts == second.counts, "seed \(seed)")
            #expect(first.counts.calls > 10)
        }
    }

    /// Sets and dictionaries have another order in each process: nothing may hang on it.
    @Test func `a seed is the same world in another process`() async throws {
        let program = try BuiltPrograms.path(of: "hawser-trials")
        for seed in [11, 190, 431] {
            let arguments = ["--seed", "\(seed)", "--trace", "--quiet", "60s"]
            let first = try await ChildProcess.run(.init(program, arguments))
            let second = try await ChildProcess.run(.init(program, arguments))
            #expect(first.output == second.output, "seed \(seed)")
            #expect(first.output.count > 1_000)
        }
    }

    @Test func `a failing world is made smaller, and still fails`() {
        // A bound that no world keeps stands in for a bug.
        let plan = Plan(seed: 4)
        let smaller = Run.shrink(plan) { $0.counts.mutations > 0 }
        #expect(smaller.size < plan.size)
        #expect(Run.run(smaller).counts.mutations > 0)
    }
}
