import ControlAPIClient
import Curl
import FoundationEssentials
import Glibc
import LinuxCalls
import Reconciliation
import Rig
import SQL
import SQLite
import Store
import VolumeModel

/// A simulator and a hawserd with so many volumes, in a directory of their own: twenty on this appliance as plain files
/// and exported by nbdkit, the others on other machines. hawserd has its default settings, where nothing else is said.
final class Installation: Sendable {
    static let volumesHere = 20
    private static let volumesPerMachine = 250
    static let appliance = "aaaa0000-0000-4000-8000-000000000001"
    private static let offering = "0ff00000-0000-4000-8000-000000000001"

    /// What the simulator says when it is ready.
    struct Endpoints: Decodable, Sendable {
        var endpoint: String
        var adminEndpoint: String
        var apiKey: String
        var secretKey: String
        var zoneId: String
        var diskOfferingId: String
    }

    let volumes: Int
    let endpoints: Endpoints
    let control: ControlClient
    let socket: String
    private let directory: TemporaryDirectory
    private let simulator: ChildProcess

    /// Starts the simulator, and fills the store with an object for each volume. No hawserd runs yet.
    ///
    /// - Parameter isAttached: whether the volumes are where they are wanted from the beginning.
    init(volumes: Int, isAttached: Bool = true) async throws {
        guard access("/usr/bin/nbdkit", X_OK) == 0 else { throw LeftOut(description: "nbdkit is not installed") }
        self.volumes = volumes
        directory = try TemporaryDirectory(prefix: "hawser-bench")
        let path = directory.path
        socket = "\(path)/control.sock"
        control = ControlClient(socket: socket)
        try writeFile("\(path)/world.yaml", bytes: Array(Self.world(volumes, isAttached: isAttached).utf8))
        simulator = try ChildProcess(
            starting: .init(
                BuiltPrograms.path(of: "hawser-simulator"),
                [
                    "--state", "\(path)/simulator", "--seed-file", "\(path)/world.yaml", "--hypervisor", "files",
                    "--hypervisor-dir", "\(path)/disks", "--device-dir", "\(path)/devices",
                ], output: .lines, errors: .appended(to: "\(path)/simulator.log"), startsSession: true))
        try simulator.endWithThisProcess()
        guard let line = await simulator.outputLines.first(where: { $0.hasPrefix("{") }) else {
            throw Broken("the simulator did not start")
        }
        endpoints = try JSONDecoder().decode(Endpoints.self, from: Data(line.utf8))
        try await fillStore()
    }

    /// Ends what was started.
    func stop(_ daemon: ChildProcess? = nil) async {
        await daemon?.stop()
        await simulator.stop()
        for name in ["port-rw", "port-ro"] {
            // Unreadable means that the server never ran; what is gone needs no end.
            let text = (try? readTextFile("\(directory.path)/exports/\(name)")) ?? ""
            guard let port = UInt16(text.prefix { $0.isNumber }) else { continue }
            for process in (try? ProcessInspection.listeners(on: .tcp(port: port))) ?? [] { kill(process, SIGTERM) }
        }
    }

    // MARK: The world

    private static func world(_ volumes: Int, isAttached: Bool) -> String {
        var lines = [
            "machines:", "  - {id: \(appliance), name: appliance, appliance: true}",
            "diskOfferings:", "  - {id: \(offering), name: Custom}", "jobDelayMs: 100", "dataDiskLimit: 1000",
            "volumes:",
        ]
        let machines = (0...volumes / volumesPerMachine).map { "  - {id: \(otherMachine($0)), name: machine-\($0)}" }
        lines.insert(contentsOf: machines, at: 2)
        for number in 0..<volumes {
            let place = isAttached ? ", machine: \(machine(number))" : ""
            lines.append("  - {id: \(volume(number)), name: volume-\(number), sizeInMiB: 64\(place)}")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    static func volume(_ number: Int) -> VolumeID {
        // The serial is made of the first 20 digits: what differs has to stand there.
        VolumeID(UUIDValue(high: (UInt64(number) &+ 1) &* 0x9E37_79B9_7F4A_7C15, low: 0x8000_0000_0000_0000))
    }

    private static func machine(_ number: Int) -> String {
        number < volumesHere ? appliance : otherMachine(number / volumesPerMachine)
    }

    private static func otherMachine(_ number: Int) -> String {
        MachineID(UUIDValue(high: 0xBBBB_0000_0000_4000, low: 0x8000_0000_0000_0000 | UInt64(number))).description
    }

    private func fillStore() async throws {
        let edits = try (0..<volumes).map { number in
            guard let name = ObjectName("volume-\(number)"), let export = ExportName("export-\(number)"),
                let machine = MachineID(Self.machine(number))
            else { throw Broken("volume \(number) cannot be named") }
            return DesiredEdit(
                name: name, labels: ["app": "bench"], volume: .id(Self.volume(number)),
                machine: number < Self.volumesHere ? .thisMachine : .id(machine), export: DesiredExport(name: export),
                detach: DetachPolicy(), source: .manifest(file: "bench.yaml"))
        }
        let store = try SQLStore.embedded(path: storePath)
        _ = try await store.apply(edits, dryRun: false)
    }

    // MARK: hawserd

    var storePath: String { "\(directory.path)/hawser.db" }

    /// - Parameters:
    ///   - settings: further options.
    ///   - log: the name of the file of what it says.
    func startDaemon(_ settings: [String] = [], log: String = "hawserd.log") async throws -> ChildProcess {
        let path = directory.path
        var environment = ["HAWSER_CLOUDSTACK_SECRET_KEY": endpoints.secretKey]
        for name in ["PATH", "HOME", "TMPDIR"] {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        let child = try ChildProcess(
            starting: .init(
                BuiltPrograms.path(of: "hawserd"),
                [
                    "--self", Self.appliance, "--cloudstack-endpoint", endpoints.endpoint, "--cloudstack-api-key",
                    endpoints.apiKey, "--store-path", storePath, "--control-socket", socket, "--print-ready-json",
                    "--devices-directory", "\(path)/devices", "--nbd-root", "\(path)/exports", "--nbd-mode",
                    "supervised", "--nbd-listen", "127.0.0.1:0", "--nbd-listen-read-only", "127.0.0.1:0",
                ] + settings, environment: environment, output: .lines, errors: .appended(to: "\(path)/\(log)"),
                startsSession: true))
        try child.endWithThisProcess()
        guard await child.outputLines.first(where: { $0.hasPrefix("{") }) != nil else {
            let text = (try? readTextFile("\(path)/\(log)")) ?? ""
            throw Broken("hawserd did not start: \(text.split(separator: "\n").last ?? "")")
        }
        return child
    }

    /// Waits until hawserd has found every volume Ready for the first time, and that is on the disk: by the status in the
    /// store, which costs hawserd nothing.
    func untilAllReady() async throws {
        let store = try SQLiteConnection(path: storePath)
        try await wait(for: "\(volumes) volumes to be ready", within: .seconds(120)) {
            let row = try store.run("SELECT count(*) FROM status WHERE ready = 1")
            return row.first?.first?.integer == Int64(volumes)
        }
    }

    /// Waits until hawserd says that it knows of every volume, and that all are ready.
    ///
    /// - Parameter log: where it says so.
    func untilAllKnown(log: String) async throws {
        try await wait(for: "\(volumes) volumes to be known", within: .seconds(120)) {
            let text = try self.text(ofLog: log)
            guard let line = text.split(separator: "\n").first(where: { $0.contains("all is known") }) else {
                return false
            }
            guard line.hasSuffix("ready=\(self.volumes)") else { throw Broken("\(line)") }
            return true
        }
    }

    /// Where hawserd's words are.
    func text(ofLog name: String = "hawserd.log") throws -> String { try readTextFile("\(directory.path)/\(name)") }

    // MARK: What the simulator was asked

    struct Calls: Decodable, Sendable {
        var count: Int
        /// How long making the answers took.
        var seconds: Double
    }

    /// A pass that a person asks for.
    func pass() async throws -> CloudStackClient.Cost {
        let before = try await calls()
        let start = ContinuousClock.now
        try await control.reconcile(nil)
        var after = before
        while after["listVirtualMachines"]?.count == before["listVirtualMachines"]?.count { after = try await calls() }
        // The controller takes the answers in before it answers this.
        _ = try await control.detail(of: "volume-1")
        return CloudStackClient.Cost(
            seconds: (ContinuousClock.now - start).inSeconds, calls: after.count - before.count)
    }

    func calls() async throws -> [String: Calls] {
        let answer = try await HTTPClient().send(HTTPRequest(.get, endpoints.adminEndpoint + "/calls"))
        return try JSONDecoder().decode([String: Calls].self, from: Data(answer.body))
    }
}

extension [String: Installation.Calls] {
    var count: Int { values.reduce(0) { $0 + $1.count } }
    var seconds: Double { values.reduce(0) { $0 + $1.seconds } }
}
