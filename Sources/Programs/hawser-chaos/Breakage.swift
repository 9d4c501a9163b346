import Glibc
import Rig
import VolumeModel

/// What goes wrong: in CloudStack, at the NBD server, and with hawserd itself.
actor Breakage {
    /// Faults that pass; `COUNT` is how often they strike.
    private static let faults = [
        #"{"kind":"latency","milliseconds":900,"count":COUNT}"#,
        #"{"kind":"httpError","code":503,"count":COUNT}"#,
        #"{"kind":"httpError","command":"listVolumes","code":500,"count":COUNT}"#,
        #"{"kind":"dropBefore","count":COUNT}"#,
        #"{"kind":"dropBefore","command":"attachVolume","count":COUNT}"#,
        #"{"kind":"dropBefore","command":"detachVolume","count":COUNT}"#,
        #"{"kind":"dropAfter","count":COUNT}"#,
        #"{"kind":"dropAfter","command":"attachVolume","count":COUNT}"#,
        #"{"kind":"dropAfter","command":"detachVolume","count":COUNT}"#,
        #"{"kind":"throttle","milliseconds":400,"count":COUNT}"#,
        #"{"kind":"emptyList","count":COUNT}"#,
        #"{"kind":"shortPage","count":COUNT}"#,
        #"{"kind":"staleList","count":COUNT}"#,
        #"{"kind":"unstableOrder","count":COUNT}"#,
        #"{"kind":"jobFails","code":530,"text":"Failed for a reason that passes","count":COUNT}"#,
        #"{"kind":"jobLost","count":COUNT}"#,
        #"{"kind":"jobWithoutResult","count":COUNT}"#,
    ]

    struct Figures: Sendable {
        var faults = 0
        var restarts = 0
        var detaches = 0
        var removedExports = 0
        var killedServers = 0
        var kills = 0
        var stops = 0
        /// From a start of hawserd to its answer.
        var longestStart = Duration.zero
    }

    private let world: DemoWorld
    private let clients: [Client]
    private var generator: SplitMix64
    private(set) var figures = Figures()

    init(world: DemoWorld, clients: [Client], seed: UInt64) {
        self.world = world
        self.clients = clients
        generator = SplitMix64(seed: seed)
    }

    private func pause(_ milliseconds: ClosedRange<Int>) async throws {
        try await Task.sleep(for: .milliseconds(Int.random(in: milliseconds, using: &generator)))
    }

    // MARK: hawserd

    /// Kills and stops hawserd until the task is cancelled, and leaves one running.
    func breakDaemon() async throws {
        do {
            while true {
                try await pause(300...6_000)
                switch Int.random(in: 0..<100, using: &generator) {
                case ..<55: try await kill()
                case ..<80:
                    try await stop(for: 100...4_000)
                    await world.signalDaemon(SIGCONT)
                default:
                    try await stop(for: 100...2_000)
                    try await kill()
                }
            }
        } catch is CancellationError {
            await world.signalDaemon(SIGCONT)
        }
    }

    private func stop(for milliseconds: ClosedRange<Int>) async throws {
        await world.signalDaemon(SIGSTOP)
        figures.stops += 1
        try await pause(milliseconds)
    }

    private func kill() async throws {
        await world.killDaemon()
        figures.kills += 1
        // Sooner when the load is over.
        try? await pause(0...800)
        let start = ContinuousClock.now
        try await world.startDaemon(Chaos.settings)
        figures.longestStart = max(figures.longestStart, ContinuousClock.now - start)
    }

    // MARK: What it stands on

    /// Breaks CloudStack and the exports until the task is cancelled.
    func breakWorld() async throws {
        do {
            while true {
                try await pause(200...2_000)
                switch Int.random(in: 0..<100, using: &generator) {
                case ..<10: try await detach()
                case ..<16:
                    // A server that is just being started has nothing to be killed.
                    try? await world.killNBDServers()
                    figures.killedServers += 1
                case ..<20:
                    try await world.restartManagementServer()
                    figures.restarts += 1
                case ..<26:
                    await world.removeExport(
                        "disk-\(Int.random(in: 0..<ChaosVolume.count, using: &generator))")
                    figures.removedExports += 1
                case ..<40: try await world.endFaults()
                default: try await addFault()
                }
            }
        } catch is CancellationError {}
        try await world.endFaults()
    }

    private func addFault() async throws {
        guard let fault = Self.faults.randomElement(using: &generator) else { return }
        let count = Int.random(in: 1...3, using: &generator)
        let parts = fault.split(separator: "COUNT", omittingEmptySubsequences: false)
        try await world.addFault(parts.joined(separator: "\(count)"))
        figures.faults += 1
    }

    /// Somebody detaches a volume in CloudStack. Its client is not there at the time: a disk that is torn from under a writer
    /// loses what it was told, and no controller could help that.
    private func detach() async throws {
        guard let client = clients.randomElement(using: &generator) else { return }
        let volume = client.volume.id
        try await client.keepingAway { [world] in
            let before = try await world.actions().last?.number ?? 0
            try await world.detachBehindTheBack(volume: volume)
            // Until it was attached once more the old disk may still be shown.
            _ = try? await wait(for: "an attach", within: .seconds(10)) {
                try await world.actions().contains {
                    $0.number > before && $0.volume == volume && $0.kind == "effect" && $0.command == "attachVolume"
                }
            }
        }
        figures.detaches += 1
    }
}
