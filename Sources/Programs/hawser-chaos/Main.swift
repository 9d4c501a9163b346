import Arguments
import Glibc
import LinuxCalls
import Rig

/// Puts the built programs under load and breaks what they stand on, for some minutes, and then looks whether all is there.
@main
enum Main {
    private static let command = CommandDescription(
        "", summary: "Runs hawserd, the simulator and an NBD server under load, and breaks them at random.",
        discussion: """
            Clients write stamps through the exports, people change what they want, CloudStack fails in every way that the
            simulator knows, and hawserd and the NBD server are stopped and killed. In the end everything has to be Ready, every
            write that was acknowledged on its own disk, no volume attached twice, nothing detached in use, and no line of the
            ledger open. The exit status is 2 when it is not so. In a private machine with loop devices and a udevd; where
            there can be none, with plain files for disks. The seed gives the same acts, not the same moments.
            """,
        options: [
            CommandOption("minutes", value: .required("N"), help: "how long the load lasts (10)"),
            CommandOption("seed", value: .required("N"), help: "what is done, and in which order; else one by chance"),
            CommandOption("nbd", value: .required("KIND"), help: "nbdkit, nbd-server or nbd-server-daemon (nbdkit)"),
            CommandOption(
                "logs", value: .required("DIR"), help: "where logs and store are left when something is wrong"),
            CommandOption("plain", help: "plain files for disks, also where a private machine could be had"),
            CommandOption("help", "h", help: "show this"),
        ])

    static func main() async {
        do {
            exit(try await run(Array(CommandLine.arguments.dropFirst())))
        } catch let error as UsageError {
            complain("hawser-chaos: \(error.description); see hawser-chaos --help")
            exit(64)
        } catch {
            complain("hawser-chaos: \(error)")
            exit(1)
        }
    }

    private static func run(_ arguments: [String]) async throws -> Int32 {
        let parsed = try command.parse(arguments)
        if parsed.has("help") {
            print(command.help(program: "hawser-chaos"), terminator: "")
            return 0
        }
        let isInMachine = getenv("HAWSER_TEST_MACHINE") != nil
        if !isInMachine, !parsed.has("plain") {
            if PrivateMachine.obstacle == nil { return try await runInMachine(arguments) }
            say("plain files instead of block devices: \(PrivateMachine.obstacle ?? "")")
        }
        let seed = parsed.value("seed").flatMap { UInt64($0) } ?? UInt64.random(in: 1...1_000_000_000)
        guard let server = DemoNBDServer(rawValue: parsed.value("nbd") ?? "nbdkit"), server.missingPrograms.isEmpty
        else { throw UsageError("--nbd takes an NBD server that is installed") }
        let chaos = try Chaos(
            seed: seed, duration: .seconds(60 * (try parsed.number("minutes") ?? 10)), nbd: server,
            hasRealDevices: isInMachine && !parsed.has("plain"), logs: parsed.value("logs"))
        return try await chaos.run() ? 0 : 2
    }

    /// The same once more, inside.
    private static func runInMachine(_ arguments: [String]) async throws -> Int32 {
        var environment = ["HAWSER_TEST_MACHINE": "1"]
        for name in ["PATH", "HOME", "TMPDIR"] {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        let child = try ChildProcess(
            starting: .init(
                BuiltPrograms.path(of: "hawser-demo"), ["--run-inside", ownProgramPath()] + arguments,
                environment: environment, input: .inherited))
        switch await child.waitForExit() {
        case .exited(let code): return code
        case .signalled(let signal): return 128 + signal
        }
    }
}

/// Says something at once, also into a pipe.
func say(_ text: String) {
    print(text)
    fflush(nil)
}

/// Says something that is no result.
func complain(_ text: String) {
    let bytes = Array("\(text)\n".utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
}
