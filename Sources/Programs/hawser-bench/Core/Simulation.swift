import SimulatedWorld

extension Benchmark {
    static let simulation = Benchmark(
        name: "simulation", summary: "how fast simulated time goes by, in worlds of ten volumes on one core"
    ) {
        var simulated = Duration.zero
        let (broken, took) = seconds {
            (1...40 as ClosedRange<UInt64>).count { seed in
                let result = Run.run(Plan(seed: seed, volumes: 10))
                simulated += result.simulated
                return result.violation != nil
            }
        }
        guard broken == 0 else { throw Broken("\(broken) of 40 worlds break an invariant") }
        return [
            Figure(
                "simulated time in a second", Double(simulated.components.seconds) / took, .count,
                target: .atLeast(100_000), note: "simulated seconds; 40 worlds with their trouble and an hour of peace")
        ]
    }
}
