import LinuxCalls
import Rig
import Testing

/// Everything of the demo, applied and Ready, on plain files for disks; and a way to run the command line as people do.
struct AppliedDemo {
    static let root = #filePath.split(separator: "/").dropLast(3).reduce(into: "") { $0 += "/" + $1 }

    let world: DemoWorld
    /// For files of one's own.
    let directory: String

    /// - Parameters:
    ///   - storeDirectory: where hawserd's store lies; among all the rest when it is not given.
    ///   - settings: further options of hawserd.
    static func run(
        nbd: DemoNBDServer = .nbdkit, storeDirectory: String? = nil, settings: [String] = [],
        _ body: (AppliedDemo) async throws -> Void
    ) async throws {
        let temporary = try TemporaryDirectory(prefix: "hawser-cli-")
        let world = DemoWorld(
            directory: temporary.path, hasRealDevices: false,
            seedFile: "\(root)/manifests/demo/simulator/world.yaml", nbd: nbd, storeDirectory: storeDirectory)
        do {
            try await world.startSimulator()
            try await world.startDaemon(settings)
            let demo = AppliedDemo(world: world, directory: temporary.path)
            let applied = try await demo.hawser("apply", "-f", "\(root)/manifests/demo", "--wait=120s")
            try #require(applied.status.isSuccess, "\(applied.output)\(applied.errors)")
            try await body(demo)
        } catch {
            await world.stop()
            throw error
        }
        await world.stop()
    }

    func hawser(
        _ arguments: String..., environment: [String: String] = [:]
    ) async throws -> ChildProcess.Outcome {
        try await ChildProcess.run(try command(arguments, environment))
    }

    /// The built program with these arguments, talking to this demo's daemon.
    func command(_ arguments: [String], _ environment: [String: String] = [:]) throws -> ChildProcess.Command {
        let program = try BuiltPrograms.path(of: "hawser")
        let standard = [
            "PATH": "\(parentDirectory(of: program)):/usr/local/bin:/usr/bin:/bin", "HOME": directory,
            "TMPDIR": directory,
            "HAWSER_SOCKET": world.socket,
        ]
        return ChildProcess.Command(
            program, arguments, environment: standard.merging(environment) { _, given in given })
    }

    func write(_ name: String, _ text: String) throws -> String {
        let path = "\(directory)/\(name)"
        try writeFile(path, bytes: Array(text.utf8), mode: 0o755)
        return path
    }
}
