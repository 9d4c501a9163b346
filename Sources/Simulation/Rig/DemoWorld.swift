public import ControlAPIClient
public import ControlAPIModel
import Curl
import FoundationEssentials
import Glibc
public import LinuxCalls
public import NBD

/// A whole installation in one directory: the simulator, hawserd with an NBD server of its own, and ways to break them.
public actor DemoWorld {
    struct Simulator: Decodable {
        var endpoint: String
        var adminEndpoint: String
        var apiKey: String
        var secretKey: String
        var applianceVmId: String
    }

    /// What of hawserd's line about being ready is asked for here.
    private struct Ready: Decodable {
        var metricsPort: UInt16?
    }

    let directory: String
    private let hasRealDevices: Bool
    private let seedFile: String
    private let storeDirectory: String
    private let database: ThrowAwayMariaDB.Database?
    let nbd: DemoNBDServer
    private(set) var simulator: Simulator?
    private var simulatorProcess: ChildProcess?
    private var daemon: ChildProcess?
    private var ready: Ready?
    let http = HTTPClient()
    /// Talks to hawserd, whichever process that is.
    public nonisolated let control: ControlClient
    public nonisolated let socket: String

    /// - Parameters:
    ///   - hasRealDevices: loop devices and udev, in a private machine; else plain files.
    ///   - storeDirectory: where hawserd's store lies; the world's own directory when it is not given.
    ///   - database: has the store instead.
    public init(
        directory: String, hasRealDevices: Bool, seedFile: String, nbd: DemoNBDServer = .nbdkit,
        storeDirectory: String? = nil, database: ThrowAwayMariaDB.Database? = nil
    ) {
        self.nbd = nbd
        self.database = database
        self.storeDirectory = storeDirectory ?? directory
        self.directory = directory
        self.hasRealDevices = hasRealDevices
        self.seedFile = seedFile
        socket = "\(directory)/control.sock"
        control = ControlClient(socket: socket)
    }

    public func startSimulator() async throws {
        var arguments = [
            "--state", "\(directory)/simulator", "--seed-file", seedFile, "--hypervisor",
            hasRealDevices ? "loop" : "files", "--hypervisor-dir", "\(directory)/disks",
        ]
        if !hasRealDevices { arguments += ["--device-dir", "\(directory)/devices"] }
        let child = try ChildProcess(
            starting: .init(
                BuiltPrograms.path(of: "hawser-simulator"), arguments, output: .lines,
                errors: .appended(to: "\(directory)/simulator.log"), startsSession: true))
        simulatorProcess = child
        try child.endWithThisProcess()
        guard let line = await child.outputLines.first(where: { $0.hasPrefix("{") }) else {
            throw WaitedInVain(condition: "the simulator to be ready", patience: .zero, last: nil)
        }
        simulator = try JSONDecoder().decode(Simulator.self, from: Data(line.utf8))
    }

    /// Uses the simulator of another world, which starts and ends it: another hawserd for the same appliance.
    public func share(simulatorOf other: DemoWorld) async { simulator = await other.simulator }

    /// - Parameters:
    ///   - settings: further options of hawserd, such as `--mode Observe`.
    ///   - tellsAccount: whether hawserd is told where CloudStack is, and with which keys.
    public func startDaemon(_ settings: [String] = [], tellsAccount: Bool = true) async throws {
        guard let simulator else { throw WaitedInVain(condition: "a simulator", patience: .zero, last: nil) }
        var environment = tellsAccount ? ["HAWSER_CLOUDSTACK_SECRET_KEY": simulator.secretKey] : [:]
        let account =
            tellsAccount
            ? ["--cloudstack-endpoint", simulator.endpoint, "--cloudstack-api-key", simulator.apiKey] : []
        for name in ["PATH", "HOME", "TMPDIR"] {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        if let database { environment["HAWSER_STORE_URL"] = database.url }
        let store = database == nil ? ["--store-path", "\(storeDirectory)/hawser.db"] : []
        let devices =
            hasRealDevices ? ["--devices-buses", "loop-by-rule"] : ["--devices-directory", "\(directory)/devices"]
        let child = try ChildProcess(
            starting: .init(
                BuiltPrograms.path(of: "hawserd"),
                [
                    "--self", simulator.applianceVmId, "--control-socket", socket, "--policy-resync", "2s",
                    "--policy-job-poll", "200ms", "--policy-revisit", "1s", "--policy-request-in-flight", "3s",
                    "--print-ready-json",
                ] + account + store + devices + nbd.options(in: directory) + settings, environment: environment,
                output: .lines,
                errors: .appended(to: "\(directory)/hawserd.log"), startsSession: true))
        daemon = child
        try child.endWithThisProcess()
        guard let line = await child.outputLines.first(where: { $0.hasPrefix("{") }) else {
            throw WaitedInVain(
                condition: "hawserd to be ready (see \(directory)/hawserd.log)", patience: .zero, last: nil)
        }
        ready = try JSONDecoder().decode(Ready.self, from: Data(line.utf8))
    }

    /// Ends hawserd as a power cut would.
    public func killDaemon() async {
        daemon?.send(signal: SIGKILL)
        _ = await daemon?.waitForExit()
    }

    /// Sends hawserd a signal: SIGSTOP and SIGCONT, as when its machine is not given any time.
    public func signalDaemon(_ signal: Int32) { daemon?.send(signal: signal) }

    public func stop() async {
        await daemon?.stop()
        await simulatorProcess?.stop()
        // Unreadable means gone; what is gone needs no end.
        for process in (try? nbdServers()) ?? [] {
            kill(process, SIGTERM)
            // What has ended already is what is waited for.
            try? await ProcessInspection.waitForEnd(of: process)
        }
    }

    /// How the old daemon of this installation would have come to CloudStack.
    public func account() throws(WaitedInVain) -> (
        endpoint: String, apiKey: String, secretKey: String, appliance: String
    ) {
        guard let simulator else { throw WaitedInVain(condition: "a simulator", patience: .zero, last: nil) }
        return (simulator.endpoint, simulator.apiKey, simulator.secretKey, simulator.applianceVmId)
    }

    /// Which processes listen for NBD clients.
    public func exportListeners() throws -> [ProcessIdentity] {
        try nbdServers().compactMap { ProcessIdentity(of: $0) }
    }

    // MARK: Looking

    public nonisolated func untilAllReady(within patience: Duration = .seconds(60)) async throws -> Duration {
        try await wait(for: "all attachments to be ready", within: patience) {
            guard let overview = try? await self.control.overview() else { return false }
            return !overview.items.isEmpty && overview.items.allSatisfy(\.isReady)
        }
    }

    /// The moment that drift is counted from; by hawserd's clock.
    public nonisolated func moment() async throws -> Timestamp { try await control.overview().at }

    /// Waits until a drift of this attachment was seen since then, and tells which; also one that is repaired already.
    public nonisolated func untilDrifted(
        _ name: String, since begun: Timestamp, within patience: Duration = .seconds(60)
    ) async throws -> String {
        try await waitForValue("drift of \(name) to be seen", within: patience) { () async throws -> String? in
            let records = (try? await self.control.drifts(since: begun)) ?? []
            let first = records.filter { $0.name == name && $0.seenAt.instant >= begun.instant }
                .min { $0.seenAt.instant < $1.seenAt.instant }
            return first.map { "\($0.drift.kind): wanted \($0.drift.wanted), observed \($0.drift.observed)" }
        }.value
    }

    /// Writes through a real NBD client, and reads the same place from the disk itself.
    public func writeAndCompare(export: String, volume: String, serial: String) throws -> Bool {
        let client = try NBDClient(export: export, at: try exportAddress(), patience: .seconds(30))
        let bytes = (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try client.write(bytes, at: 1 << 20)
        try client.flush()
        let fromClient = try client.read(count: bytes.count, at: 1 << 20)
        client.disconnect()
        let disk = try FileDescriptor(opening: "\(directory)/disks/\(volume)/\(serial).img", flags: O_RDONLY)
        guard lseek(disk.number, 1 << 20, SEEK_SET) >= 0 else { return false }
        return try disk.read(upTo: bytes.count) == bytes && fromClient == bytes
    }

    /// The bytes of a volume's disk, as they are without any server.
    public func contents(of volume: String, serial: String) throws -> [UInt8] {
        try readFile("\(directory)/disks/\(volume)/\(serial).img", limit: 1 << 30)
    }

    /// Where clients of writable exports connect.
    public func exportAddress() throws -> NBDAddress {
        .tcp(host: "127.0.0.1", port: try nbd.ports(in: directory)[0])
    }

    /// What a scraper of hawserd reads, once it was started with `--metrics-listen 127.0.0.1:0`.
    public func scrape() async throws -> String {
        guard let port = ready?.metricsPort else {
            throw WaitedInVain(condition: "hawserd to listen for scrapers", patience: .zero, last: nil)
        }
        return String(
            decoding: try await http.send(HTTPRequest(.get, "http://127.0.0.1:\(port)/metrics")).body, as: UTF8.self)
    }

    // MARK: Breaking

    public func removeExport(_ name: String) { nbd.removeExport(name, in: directory) }

    public func bendExport(_ name: String, to volume: String) throws {
        try nbd.bendExport(name, to: volume, in: directory)
    }

    public func killNBDServers() throws {
        for process in try nbdServers() { kill(process, SIGKILL) }
    }

    /// Whether there is a server on each port.
    public func hasNBDServer() throws -> Bool {
        try nbd.ports(in: directory).allSatisfy { try !ProcessInspection.listeners(on: .tcp(port: $0)).isEmpty }
    }

    private func nbdServers() throws -> [Int32] {
        try nbd.ports(in: directory).flatMap { try ProcessInspection.listeners(on: .tcp(port: $0)) }
    }

    /// Asks hawserd to end, and waits until it has.
    public func stopDaemon() async { await daemon?.stop() }

    /// Runs the command line as a person does; what it prints goes where this process prints.
    public nonisolated func hawser(_ arguments: [String], output: ChildProcess.Output = .inherited) async throws
        -> ExitStatus
    {
        let child = try ChildProcess(
            starting: .init(
                try BuiltPrograms.path(of: "hawser"), arguments + ["--socket", socket], output: output, errors: output))
        return await child.waitForExit()
    }

    /// Runs the command line and returns what it prints on the standard output.
    public nonisolated func said(by arguments: [String]) async throws -> String {
        try await ChildProcess.run(.init(try BuiltPrograms.path(of: "hawser"), arguments + ["--socket", socket])).output
    }
}
