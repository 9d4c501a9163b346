import LinuxCalls

extension Benchmark {
    static let coldStart = Benchmark(
        name: "start",
        summary: "hawserd's start with up to 100,000 volumes in the store, until all are known to be ready"
    ) {
        var figures: [Figure] = []
        var starts: [(size: Int, start: ColdStart)] = []
        for size in [100, 1_000, 10_000, 100_000] {
            starts.append((size, try await ColdStart.measure(volumes: size)))
        }
        for (size, start) in starts {
            figures.append(
                Figure(
                    "cold start with \(size)", start.own, .seconds, target: size == 100_000 ? .atMost(1) : nil,
                    peers: [.init(name: "the API's time", value: start.api, unit: .seconds)]))
            figures.append(
                Figure("cold start with \(size): memory", start.memory, .bytes))
        }
        figures.append(Figure("cold start grows by", exponent(of: starts.map { ($0.size, $0.start.own) }), .exponent))
        figures.append(Figure("memory grows by", exponent(of: starts.map { ($0.size, $0.start.memory) }), .exponent))
        return figures
    }
}

/// One start of hawserd on a store that has its objects already.
private struct ColdStart {
    /// From the start of the process until every volume is known to be ready, without ``api``. What the store has of it is
    /// right already: that is part of what has to be found out.
    var own: Double
    /// What the simulator spent on making answers.
    var api: Double
    /// Resident, when that was done.
    var memory: Double

    static func measure(volumes: Int) async throws -> ColdStart {
        let installation = try await Installation(volumes: volumes)
        var daemon: ChildProcess?
        do {
            // The first start learns the world; the second is the one that happens again and again. The limit on the rate of
            // calls is a setting, and not what is measured.
            let settings = ["--cloudstack-calls-per-second", "10000"]
            daemon = try await installation.startDaemon(settings)
            try await installation.untilAllReady()
            await daemon?.stop()
            let before = try await installation.calls().seconds
            let start = ContinuousClock.now
            let second = try await installation.startDaemon(settings, log: "second.log")
            daemon = second
            try await installation.untilAllKnown(log: "second.log")
            let took = (ContinuousClock.now - start).inSeconds
            let api = try await installation.calls().seconds - before
            let memory = Double(try ProcessMeter(process: second.processID).residentBytes())
            await installation.stop(daemon)
            return ColdStart(own: took - api, api: api, memory: memory)
        } catch {
            await installation.stop(daemon)
            throw error
        }
    }
}
