import Arguments
import CloudStackModel
import CloudStackSimulator
import FoundationEssentials
import Glibc
import LinuxCalls

/// A CloudStack API endpoint to learn and test on.
@main
enum Program {
    static let command = CommandDescription(
        "", summary: "A CloudStack API endpoint to learn and test on: volumes, machines and jobs without a cloud.",
        discussion: """
            When it is ready it prints one line of JSON with its endpoint, its keys and the ids of what is in it. Faults are
            switched on over the admin port. See docs/simulator.md.
            """,
        options: [
            CommandOption(
                "listen", value: .required("HOST:PORT"), help: "where the API answers; port 0 picks one (127.0.0.1:0)"),
            CommandOption(
                "admin-listen", value: .required("HOST:PORT"), help: "where faults are switched on (127.0.0.1:0)"),
            CommandOption("state", value: .required("DIR"), help: "where its state is kept; required"),
            CommandOption("seed-file", value: .required("FILE"), help: "the world to begin with, when DIR has none"),
            CommandOption(
                "hypervisor", value: .required("KIND"),
                help: "what makes attaches real: none, files or loop (none)"),
            CommandOption(
                "hypervisor-dir", value: .required("DIR"), help: "where the disks' contents lie (DIR of --state, disks)"
            ),
            CommandOption(
                "device-dir", value: .required("DIR"), help: "where devices appear (files: DIR/devices; loop: /dev)"),
            CommandOption("job-delay", value: .required("TIME"), help: "how long a job takes, such as 500ms"),
            CommandOption("help", "h", help: "show this"),
        ])

    static func main() async {
        TerminationSignals.ignoreBrokenPipes()
        do {
            let parsed = try command.parse(Array(CommandLine.arguments.dropFirst()))
            if parsed.has("help") {
                print(command.help(program: "hawser-simulator"), terminator: "")
                return
            }
            try await run(parsed)
        } catch let error as UsageError {
            fail("\(error); see hawser-simulator --help", code: 2)
        } catch {
            fail("\(error)", code: 1)
        }
    }

    private static func run(_ parsed: ParsedCommand) async throws {
        guard let state = parsed.value("state") else { throw UsageError("--state DIR is missing") }
        let (host, port) = try address(parsed, "listen")
        let (_, adminPort) = try address(parsed, "admin-listen")
        let signals = try TerminationSignals.stream()
        try createDirectories(state, mode: 0o700)
        let lock: FileLock
        switch try FileLock.acquire(state + "/lock") {
        case .acquired(let acquired): lock = acquired
        case .heldBy(let pid):
            throw UsageError(
                "another simulator\(pid.map { " (process \($0))" } ?? "") uses \(state): end it, or choose another --state"
            )
        }
        var configuration = Simulator.Configuration(
            stateDirectory: state, seed: try seed(parsed), hypervisor: try hypervisor(parsed, state: state))
        configuration.host = host
        configuration.port = port
        configuration.adminPort = adminPort
        configuration.jobDelayInMilliseconds = try parsed.duration("job-delay").map {
            $0.components.seconds * 1_000 + $0.components.attoseconds / 1_000_000_000_000_000
        }
        let simulator = try await Simulator.start(configuration)
        try await announce(simulator, host: host)
        for await _ in signals { break }
        await simulator.stop()
        withExtendedLifetime(lock) {}
    }

    private static func seed(_ parsed: ParsedCommand) throws -> CloudWorld {
        let now = SystemTime.now() / 1_000 * 1_000
        guard let file = parsed.value("seed-file") else { return DefaultWorld.make(now: now) }
        return try SeedFile.world(try readFile(file), file: file, now: now)
    }

    private static func hypervisor(_ parsed: ParsedCommand, state: String) throws -> any Hypervisor {
        let disks = parsed.value("hypervisor-dir") ?? state + "/disks"
        switch parsed.value("hypervisor") ?? "none" {
        case "none": return NoHypervisor()
        case "files":
            return try FilesHypervisor(
                directory: disks, deviceDirectory: parsed.value("device-dir") ?? state + "/devices")
        case "loop":
            return try LoopHypervisor(directory: disks, deviceDirectory: parsed.value("device-dir") ?? "/dev")
        case let other: throw UsageError("--hypervisor takes none, files or loop, not '\(other)'")
        }
    }

    private static func address(_ parsed: ParsedCommand, _ option: String) throws -> (String, UInt16) {
        let text = parsed.value(option) ?? "127.0.0.1:0"
        let parts = text.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let port = UInt16(parts[1]) else {
            throw UsageError("--\(option) takes HOST:PORT such as 127.0.0.1:0, not '\(text)'")
        }
        return (String(parts[0]), port)
    }

    /// What a script needs to know, on one line.
    private struct Ready: Encodable {
        struct Machine: Encodable {
            var id: String
            var name: String
            var isAppliance: Bool
        }

        var endpoint: String
        var adminEndpoint: String
        var apiKey: String
        var secretKey: String
        var zoneId: String
        var diskOfferingId: String
        var applianceVmId: String?
        var vms: [Machine]
    }

    private static func announce(_ simulator: Simulator, host: String) async throws {
        let world = await simulator.snapshot
        let ready = Ready(
            endpoint: "http://\(host):\(await simulator.port)/client/api",
            adminEndpoint: "http://\(host):\(await simulator.adminPort)", apiKey: world.accounts.first?.apiKey ?? "",
            secretKey: world.accounts.first?.secretKey ?? "", zoneId: world.zones.first?.id ?? "",
            diskOfferingId: world.diskOfferings.first?.id ?? "",
            applianceVmId: world.machines.first { $0.isAppliance }?.id,
            vms: world.machines.map { .init(id: $0.id, name: $0.name, isAppliance: $0.isAppliance) })
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(ready), as: UTF8.self))
        fflush(nil)
    }

    private static func fail(_ text: String, code: Int32) -> Never {
        let line = Array("hawser-simulator: \(text)\n".utf8)
        _ = write(2, line, line.count)
        exit(code)
    }
}
