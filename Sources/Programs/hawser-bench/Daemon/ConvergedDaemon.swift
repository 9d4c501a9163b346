import ControlAPIClient
import LinuxCalls
import Rig

extension Benchmark {
    static let convergedDaemon = Benchmark(
        name: "daemon", summary: "hawserd with 10,000 volumes: a pass, the command line, and what it needs when idle"
    ) {
        let installation = try await Installation(volumes: 10_000)
        let daemon = try await installation.startDaemon()
        do {
            try await installation.untilAllReady()
            var figures = try await ConvergedDaemon.pass(installation)
            figures += try await ConvergedDaemon.status(installation)
            figures += try await ConvergedDaemon.idleness(of: daemon)
            await installation.stop(daemon)
            return figures
        } catch {
            await installation.stop(daemon)
            throw error
        }
    }
}

private enum ConvergedDaemon {
    /// A pass that a person asks for, when all is as it is wanted.
    static func pass(_ installation: Installation) async throws -> [Figure] {
        var seconds: [Double] = []
        var calls = 0
        for _ in 0..<5 {
            let pass = try await installation.pass()
            seconds.append(pass.seconds)
            calls = max(calls, pass.calls)
            // The calls that were used up come back at a rate; a pass has a minute's time for that.
            try await Task.sleep(for: .seconds(2))
        }
        var script: CloudStackClient.Cost?
        do {
            try CloudStackClient.demandInstalled()
            script = try await CloudStackClient.cs.attach(0..<20, to: Installation.appliance, in: installation)
        } catch is LeftOut {
            // Without it there is only nothing beside the figure.
        }
        return [
            Figure(
                "no-op pass over 10,000: calls", Double(calls), .count, target: .atMost(23),
                peers: script.map { [.init(name: "cs", value: Double($0.calls), unit: .count)] } ?? []),
            Figure(
                "no-op pass over 10,000: time", Samples(seconds).median, .seconds, target: .atMost(150e-3),
                peers: script.map { [.init(name: "cs", value: $0.seconds, unit: .seconds)] } ?? [],
                note: "with the simulator's own time"),
        ]
    }

    static func status(_ installation: Installation) async throws -> [Figure] {
        let program = try BuiltPrograms.path(of: "hawser")
        let status = try await ProgramStart.time(program, ["status", "--socket", installation.socket], times: 11)
        var scrapes: [Double] = []
        for _ in 0..<11 {
            let start = ContinuousClock.now
            _ = try await installation.control.metrics()
            scrapes.append((ContinuousClock.now - start).inSeconds)
        }
        return [
            Figure("hawser status of 10,000", status.median, .seconds, target: .atMost(100e-3)),
            Figure("metrics of 10,000", Samples(scrapes).median, .seconds, target: .atMost(10e-3)),
        ]
    }

    /// Over a minute, in which one pass is made by itself.
    static func idleness(of daemon: ChildProcess) async throws -> [Figure] {
        let meter = ProcessMeter(process: daemon.processID)
        let start = ContinuousClock.now
        let (wakeUps, processor) = (try meter.wakeUps(), try meter.processorSeconds())
        try await Task.sleep(for: .seconds(60))
        let passed = (ContinuousClock.now - start).inSeconds
        return [
            Figure(
                "idle with 10,000: processor", (try meter.processorSeconds() - processor) / passed, .shareOfCore,
                target: .atMost(0.001), note: "over a minute, the pass that is made in it too"),
            Figure(
                "idle with 10,000: wake-ups", Double(try meter.wakeUps(since: wakeUps)) / passed, .perSecond,
                target: .atMost(2), note: "of all threads, the pass too"),
            Figure("idle with 10,000: memory", Double(try meter.residentBytes()), .bytes, target: .atMost(0x1p25)),
        ]
    }
}
