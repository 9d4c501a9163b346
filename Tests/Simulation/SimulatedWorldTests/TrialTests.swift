import Glibc
import LinuxCalls
import Rig
import SimulatedWorld
import Testing

/// The controller's core, as it ships, in simulated worlds. `make soak` runs as many as there is time for.
///
/// What takes long runs in hawser-trials, a process of its own: here it would keep the threads that all other tests share. It is
/// the one that HAWSER_TRIALS in the environment names, as `make test` has it: an optimized one.
@Suite struct TrialTests {
    /// Runs hawser-trials, and expects that no invariant is broken.
    ///
    /// - Returns: what it printed.
    private func trials(_ arguments: [String]) async throws -> String {
        let outcome = try await ChildProcess.run(.init(try program(), arguments))
        #expect(outcome.status.isSuccess, "\(outcome.output)\(outcome.errors)")
        return outcome.output
    }

    private func program() throws -> String {
        if let named = getenv("HAWSER_TRIALS") { return String(cString: named) }
        return try BuiltPrograms.path(of: "hawser-trials")
    }

    /// Worlds with bad luck, people, clients and other hands, and some peace after them.
    @Test func `no invariant is broken: RIGHT-DISK, ONE-HOLDER, IN-USE, ORDER, CONVERGES, QUIET and the others`()
        async throws
    {
        let said = try await trials(["--from", "1", "--count", "400", "--quiet", "10m"])
        #expect(said.contains("400 worlds"), "\(said)")
        #expect(said.contains("; 0 broken"), "\(said)")
    }

    @Test func `QUIET: a whole day without anything to do`() async throws {
        let said = try await trials(["--from", "501", "--count", "6", "--quiet", "24h"])
        #expect(said.contains("6 worlds"), "\(said)")
    }

    /// Each kind of step with each kind of server, and a death at every call of it; `make soak` dies twice, too.
    @Test func `CONVERGES: a death before or after any call loses nothing and repeats nothing`() async throws {
        let said = try await trials(["--crashes", "--quiet", "2m"])
        let stories = said.split(separator: "\n").filter { $0.contains(" 0 invariants broken") }
        #expect(stories.count == Plan.stories.count, "\(said)")
    }

    @Test func `what went wrong with others in the field goes right`() async throws {
        let said = try await trials(["--scenarios", "--count", "1", "--quiet", "2m"])
        #expect(said.split(separator: "\n").count { $0.hasPrefix("| S") } == Scenario.all.count, "\(said)")
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
    @Test(arguments: ["11", "190", "431"]) func `a seed is the same world in another process`(_ seed: String)
        async throws
    {
        let first = try await trials(["--seed", seed, "--trace", "--quiet", "60s"])
        let second = try await trials(["--seed", seed, "--trace", "--quiet", "60s"])
        #expect(first == second)
        #expect(first.count > 1_000)
    }

    @Test func `a failing world is made smaller, and still fails`() {
        // A bound that no world keeps stands in for a bug.
        let plan = Plan(seed: 4)
        let smaller = Run.shrink(plan) { $0.counts.mutations > 0 }
        #expect(smaller.size < plan.size)
        #expect(Run.run(smaller).counts.mutations > 0)
    }
}
