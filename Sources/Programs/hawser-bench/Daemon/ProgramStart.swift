import LinuxCalls
import Rig

extension Benchmark {
    static let help = Benchmark(name: "help", summary: "how long the command line takes to start") {
        let hawser = try await ProgramStart.time(try BuiltPrograms.path(of: "hawser"), ["--help"], times: 51)
        let nothing = try await ProgramStart.time("/bin/true", [], times: 51)
        return [
            Figure(
                "hawser --help", hawser.median, .seconds, target: .atMost(5e-3),
                peers: [.init(name: "/bin/true", value: nothing.median, unit: .seconds)],
                note: "minimum \(Figure.Unit.seconds.text(hawser.minimum))")
        ]
    }
}

/// From the start of a program to its end.
enum ProgramStart {
    static func time(_ program: String, _ arguments: [String], times: Int) async throws -> Samples {
        var samples: [Double] = []
        for _ in 0..<times {
            let start = ContinuousClock.now
            let status = try ChildProcess.runAndWait(
                .init(program, arguments, output: .discarded, errors: .discarded))
            samples.append((ContinuousClock.now - start).inSeconds)
            guard status.isSuccess else { throw Broken("\(program) \(arguments.joined(separator: " ")): \(status)") }
        }
        return Samples(samples)
    }
}
