import LinuxCalls

extension Benchmark {
    static let scaling = Benchmark(
        name: "scaling", summary: "how the loop's costs and its memory grow from 100 to 100,000 volumes"
    ) {
        var costs: [(size: Int, comparison: Double, decision: Double, step: Double, memory: Double)] = []
        for size in [100, 1_000, 10_000, 100_000] {
            var world = try LoopWorld(volumes: size)
            let comparison = try FullComparison.time(&world, times: 30).minimum
            let change = try OneChange.time(&world, rows: 500)
            costs.append(
                (size, comparison, change.decision.median, change.factToStep.median, try await LoopMemory.measure(size))
            )
        }
        var figures: [Figure] = []
        for cost in costs {
            figures.append(Figure("\(cost.size) volumes: full comparison", cost.comparison, .seconds))
            figures.append(Figure("\(cost.size) volumes: decision after one change", cost.decision, .seconds))
            figures.append(Figure("\(cost.size) volumes: fact in to step out", cost.step, .seconds))
            figures.append(Figure("\(cost.size) volumes: memory of the loop", cost.memory, .bytes))
        }
        figures.append(
            Figure("full comparison grows by", exponent(of: costs.map { ($0.size, $0.comparison) }), .exponent))
        figures.append(Figure("a decision grows by", exponent(of: costs.map { ($0.size, $0.decision) }), .exponent))
        figures.append(
            Figure("fact in to step out grows by", exponent(of: costs.map { ($0.size, $0.step) }), .exponent))
        figures.append(Figure("memory grows by", exponent(of: costs.map { ($0.size, $0.memory) }), .exponent))
        return figures
    }
}

/// How much memory the loop takes for so many volumes: the growth of a process of its own in which it is all there is.
enum LoopMemory {
    static let word = "--measure-loop-memory"

    static func measure(_ volumes: Int) async throws -> Double {
        let outcome = try await ChildProcess.run(.init(try ownProgramPath(), [word, "\(volumes)"]))
        guard let bytes = Double(outcome.output.filter { !$0.isWhitespace }) else {
            throw Broken("the process that measures memory said '\(outcome.output)'")
        }
        return bytes
    }

    /// What that process does.
    static func say(_ volumes: Int) throws {
        let before = try ProcessMeter.own.residentBytes()
        let world = try LoopWorld(volumes: volumes)
        print(try ProcessMeter.own.residentBytes() - before)
        consume(world)
    }
}
