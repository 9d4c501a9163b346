import Arguments
import FoundationEssentials
import Glibc
import LinuxCalls

/// Measures Hawser, and says beside each number what it is to be.
@main
enum Main {
    private static let command = CommandDescription(
        "", summary: "Measures Hawser, and prints each figure with its target beside it.",
        discussion: """
            A figure that misses its target is said to, and is no failure: the exit status is 1 only when something is
            broken. Build it for release (`make bench`); docs/performance.md tells what each line means.
            """,
        options: [
            CommandOption(
                "only", value: .required("NAME"), isRepeatable: true, help: "measure this one; --list names them all"),
            CommandOption("json", value: .optional("FILE"), help: "write the figures as JSON, too: to FILE, or here"),
            CommandOption("list", help: "say what can be measured, and end"),
            CommandOption("help", "h", help: "show this"),
        ])

    static func main() async {
        TerminationSignals.ignoreBrokenPipes()
        do {
            exit(try await run(Array(CommandLine.arguments.dropFirst())))
        } catch let error as UsageError {
            complain("\(error); see hawser-bench --help")
            exit(64)
        } catch {
            complain("\(error)")
            exit(1)
        }
    }

    private static func run(_ arguments: [String]) async throws -> Int32 {
        // What this program starts itself as; not for people.
        if arguments.first == LoopMemory.word, let volumes = arguments.last.flatMap({ Int($0) }) {
            try LoopMemory.say(volumes)
            return 0
        }
        if arguments.first == CommittedRow.word, arguments.count == 3, let rows = Int(arguments[2]) {
            try CommittedRow.writeRows(rows, to: arguments[1])
            return 0
        }
        if arguments == [DeviceEvents.word] {
            try await DeviceEvents.say()
            return 0
        }
        let parsed = try command.parse(arguments)
        if parsed.has("help") {
            print(command.help(program: "hawser-bench"), terminator: "")
            return 0
        }
        if parsed.has("list") {
            for benchmark in Benchmark.all { print("\(benchmark.name)\t\(benchmark.summary)") }
            return 0
        }
        let report = try await measure(try chosen(parsed.values("only")))
        print(report.table)
        if let file = parsed.value("json") {
            try writeFile(file, bytes: Array((try report.json() + "\n").utf8))
        } else if parsed.has("json") {
            print(try report.json())
        }
        return report.isBroken ? 1 : 0
    }

    private static func chosen(_ names: [String]) throws(UsageError) -> [Benchmark] {
        let known = Benchmark.all.map(\.name)
        for name in names where !known.contains(name) {
            throw UsageError("there is no benchmark '\(name)': choose of \(known.joined(separator: ", "))")
        }
        return names.isEmpty ? Benchmark.all : Benchmark.all.filter { names.contains($0.name) }
    }

    private static func measure(_ benchmarks: [Benchmark]) async throws -> Report {
        var report = Report(
            machine: try Machine.read(), begun: Date.now, loadBefore: try Machine.load(), loadAfter: "", sections: [])
        for benchmark in benchmarks {
            complain("\(benchmark.name): \(benchmark.summary)")
            report.sections.append(.init(benchmark: benchmark.name, outcome: await outcome(of: benchmark)))
        }
        report.loadAfter = try Machine.load()
        return report
    }

    private static func outcome(of benchmark: Benchmark) async -> Report.Outcome {
        do {
            return .measured(try await benchmark.run())
        } catch let reason as LeftOut {
            return .leftOut("\(reason)")
        } catch {
            return .broken("\(error)")
        }
    }

    private static func complain(_ text: String) {
        let bytes = Array("hawser-bench: \(text)\n".utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }
}
