import ControlAPIClient
import ControlAPIModel
import Glibc
import LinuxCalls
import Rig
import VolumeModel

/// One run: everything started, load and breakage side by side, and the verdict.
struct Chaos {
    /// What hawserd is started with, each time. A fight outlives a kill, so that at its end it would be waited out for ten minutes.
    static let settings = ["--log-calls", "yes", "--contest-cap", "1m"]

    private let seed: UInt64
    private let duration: Duration
    private let nbd: DemoNBDServer
    private let hasRealDevices: Bool
    private let logs: String?
    private let temporary: TemporaryDirectory
    private let directory: String
    private let world: DemoWorld
    private let people: People
    private let clients: [Client]
    private let breakage: Breakage

    init(seed: UInt64, duration: Duration, nbd: DemoNBDServer, hasRealDevices: Bool, logs: String?) throws {
        self.seed = seed
        self.duration = duration
        self.nbd = nbd
        self.hasRealDevices = hasRealDevices
        self.logs = logs
        temporary = try TemporaryDirectory(prefix: "hawser-chaos-")
        directory = hasRealDevices ? try PrivateMachine.disksDirectory() + temporary.path : temporary.path
        try createDirectories(directory)
        try writeFile("\(directory)/world.yaml", bytes: Array(ChaosVolume.seedFile.utf8))
        let world = DemoWorld(
            directory: directory, hasRealDevices: hasRealDevices, seedFile: "\(directory)/world.yaml", nbd: nbd)
        self.world = world
        var generator = SplitMix64(seed: seed)
        people = People(world: world, seed: generator.next())
        // Two volumes nobody writes to: those can always be taken away.
        clients = ChaosVolume.all.dropLast(2).map { Client($0, world: world, seed: generator.next()) }
        breakage = Breakage(world: world, clients: clients, seed: generator.next())
    }

    /// - Returns: whether nothing was wrong.
    func run() async throws -> Bool {
        say("seed \(seed), \(duration.components.seconds) s of load, \(nbd.rawValue), \(disks)")
        var verdict = Verdict()
        do {
            try await world.startSimulator()
            try await world.startDaemon(Self.settings)
            try await people.wantAll()
            _ = try await world.untilAllReady(within: .seconds(120))
            try await load()
            try await judge(&verdict)
        } catch {
            verdict.add(["\(error)"])
            for item in (try? await world.control.overview().items) ?? [] where !item.isReady {
                verdict.add(["\(item.name): \(item.reason ?? item.readiness): \(item.message ?? "")"])
            }
        }
        await world.stop()
        for line in verdict.wrong.prefix(50) { say("WRONG \(line)") }
        if !verdict.wrong.isEmpty { try await keepLogs() }
        if hasRealDevices { await PrivateMachine.removeLeftovers(of: directory) }
        say(verdict.wrong.isEmpty ? "nothing is wrong" : "\(verdict.wrong.count) things are wrong; seed \(seed)")
        return verdict.wrong.isEmpty
    }

    private var disks: String { hasRealDevices ? "loop devices" : "plain files for disks" }

    // MARK: The load

    private func load() async throws {
        let using = clients.map { client in Task { await client.run() } }
        let asking = Task { await people.run() }
        let breaking = [Task { try await breakage.breakWorld() }, Task { try await breakage.breakDaemon() }]
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end {
            try await Task.sleep(until: min(end, .now + .seconds(30)), clock: .continuous)
            await tell()
        }
        for task in breaking { task.cancel() }
        asking.cancel()
        for task in using { task.cancel() }
        for task in breaking { try await task.value }
        await asking.value
        for task in using { await task.value }
    }

    private func tell() async {
        let sum = sum
        let broken = await breakage.figures
        say(
            "\(sum.writes) writes in \(sum.sessions) sessions, \(await people.edits) edits, \(broken.faults) faults, "
                + "\(broken.kills) kills, \(broken.stops) stops")
    }

    private var sum: StampWriter.Figures {
        clients.map(\.writer.figures).reduce(into: StampWriter.Figures()) { sum, figures in
            sum.sessions += figures.sessions
            sum.refusals += figures.refusals
            sum.breaks += figures.breaks
            sum.writes += figures.writes
            sum.compared += figures.compared
            sum.wrong += figures.wrong
        }
    }

    // MARK: The verdict

    private func judge(_ verdict: inout Verdict) async throws {
        await people.recall()
        let start = ContinuousClock.now
        try await people.wantAll()
        // What was detached behind the back again and again is contested, and waits for a while.
        _ = try await world.untilAllReady(within: .seconds(700))
        let converged = ContinuousClock.now - start
        try await wait(for: "the ledger to have no open line") {
            try await world.control.operations(limit: 10_000)
                .allSatisfy { !["intended", "accepted"].contains($0.phase) }
        }
        let address = try await world.exportAddress()
        for client in clients { try await client.writer.compareAll(export: client.volume.name, at: address) }
        for client in clients {
            let disk = try await world.contents(of: client.volume.id, serial: client.volume.serial)
            await client.writer.compareAll(with: disk)
        }
        let calls = try await world.mutatingCalls()
        // Two resyncs, in which nothing is to happen.
        try await Task.sleep(for: .seconds(5))
        verdict.require(try await world.mutatingCalls() == calls, "QUIET: CloudStack was called although all was Ready")
        let findings = try await world.control.findings()
        verdict.require(findings.contains { $0.subject == "store" && $0.verdict == "good" }, "the store is not sound")
        let actions = try await world.actions()
        let sessions = clients.map { ($0.volume.id, $0.writer.figures.sessionTimes) }
        verdict.judge(actions, sessions: Dictionary(uniqueKeysWithValues: sessions))
        verdict.add(sum.wrong)
        verdict.add(await people.forgotten)
        await report(actions, converged)
    }

    private func report(_ actions: [DemoWorld.Action], _ converged: Duration) async {
        let sum = sum
        let broken = await breakage.figures
        func count(_ kind: String, _ command: String) -> Int {
            actions.count { $0.kind == kind && $0.command == command }
        }
        say(
            """
            hawserd      killed \(broken.kills) times, stopped \(broken.stops) times; started within \(broken.longestStart)
            NBD server   killed \(broken.killedServers) times; \(broken.removedExports) exports removed behind the back
            CloudStack   \(broken.faults) faults, \(broken.restarts) restarts, \(broken.detaches) detached behind the back
            people       \(await people.edits) edits acknowledged, \(await people.unanswered) without an answer
            clients      \(sum.sessions) sessions, \(sum.refusals) refused, \(sum.breaks) broken off
            writes       \(sum.writes) acknowledged; \(sum.compared) blocks read back and compared
            Hawser       \(count("call", "attachVolume")) attaches, \(count("call", "detachVolume")) detaches asked for; \
            \(count("effect", "attachVolume")) and \(count("effect", "detachVolume")) had
            in the end   all Ready after \(converged)
            """)
    }

    private func keepLogs() async throws {
        guard let logs else { return }
        try createDirectories(logs)
        let names = ["hawserd.log", "simulator.log", "hawser.db", "hawser.db-wal", "simulator/actions.jsonl"]
        for name in names where exists("\(directory)/\(name)") {
            let copy = String(name.split(separator: "/").last ?? "")
            try writeFile("\(logs)/\(copy)", bytes: try readFile("\(directory)/\(name)", limit: 1 << 30))
        }
        say("logs and store: \(logs)")
    }
}
