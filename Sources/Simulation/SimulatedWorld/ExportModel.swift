import Reconciliation
import VolumeModel

/// The NBD server of one appliance, in the manners of the real ones.
struct ExportModel: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        /// nbdkit over a directory of links: one process for all sessions, which cannot be told apart.
        case nbdkit
        /// nbd-server started for each connection: a session is a process, so that one that strays can be told and cut.
        case perConnection
        /// nbd-server as a daemon: its own list is renewed only when its listener is replaced, and what it lists lags behind.
        case daemon
    }

    struct Entry: Sendable, Equatable {
        var isReadOnly: Bool
        var owner: ExportOwner
        /// The plugging-in that the name leads to, through udev's link.
        var sequence: UInt64
        /// Somebody made it lead to what is no disk.
        var isMisled = false
    }

    struct Session: Sendable, Equatable {
        var client: Int
        var name: ExportName
        /// The device that was opened, for good.
        var number: DeviceNumber
        var sequence: UInt64
        var isReadOnly: Bool
    }

    let kind: Kind
    private(set) var entries: [ExportName: Entry] = [:]
    /// What the server itself offers: the entries, or with the daemon what it last read of them.
    private var offered: [ExportName: Entry] = [:]
    private(set) var sessions: [Session] = []
    private(set) var isRunning = true
    /// What there is cannot be listed as a whole, only asked for by name.
    var isListingBroken = false
    /// How often the server was told of a change (ONE-RELOAD).
    private(set) var reloads = 0

    init(kind: Kind) {
        self.kind = kind
    }

    var capabilities: ExportCapabilities {
        ExportCapabilities(
            kind: kind.rawValue, appliesWithoutReload: kind != .daemon, supportsReadOnlyPerExport: true,
            countsClients: true, cutsSingleSessions: kind != .nbdkit, opensDeviceAtConnect: true)
    }

    // MARK: What happens to it

    mutating func stop() {
        isRunning = false
        // nbdkit and the listener's copies end differently: a connection of nbd-server lives on in a process of its own.
        if kind == .nbdkit { sessions = [] }
        offered = [:]
    }

    mutating func start() {
        isRunning = true
        offered = entries
    }

    /// The daemon's listener was replaced: the new one has read the entries.
    mutating func reload() {
        guard isRunning else { return }
        reloads += 1
        offered = entries
    }

    /// The machine starts anew.
    mutating func reboot() {
        sessions = []
        start()
    }

    mutating func addForeign(_ name: ExportName, sequence: UInt64) {
        guard entries[name] == nil else { return }
        entries[name] = Entry(isReadOnly: false, owner: .foreign, sequence: sequence)
        offered[name] = entries[name]
    }

    mutating func mislead(_ name: ExportName) { entries[name]?.isMisled = true }

    mutating func removeForeign(_ name: ExportName) {
        guard entries[name]?.owner == .foreign else { return }
        entries[name] = nil
        offered[name] = nil
    }

    /// A client connects by name.
    ///
    /// - Returns: the disk that it landed on, and the one that the name is bound to.
    mutating func connect(_ client: Int, to name: ExportName, kernel: Kernel) -> (disk: Kernel.Disk, meant: UInt64)? {
        // The daemon's own list may lag behind; the link that it opens is the entry's.
        guard isRunning, offered[name] != nil, let entry = entries[name], !entry.isMisled,
            let disk = kernel.followLink(sequence: entry.sequence)
        else { return nil }
        sessions.append(
            Session(
                client: client, name: name, number: disk.number, sequence: disk.sequence, isReadOnly: entry.isReadOnly))
        return (disk, entry.sequence)
    }

    func session(of client: Int) -> Session? { sessions.first { $0.client == client } }

    mutating func disconnect(_ client: Int) { sessions.removeAll { $0.client == client } }

    // MARK: What hawserd asks

    var observedState: ExportServerState { isRunning ? .running : .down("connection refused") }

    func observe(_ kernel: Kernel) -> ExportObservation {
        let names = isListingBroken ? [] : entries.keys.sorted()
        return ExportObservation(
            server: observedState, entries: names.compactMap { entry($0, kernel) }, isComplete: !isListingBroken,
            writableURI: "nbd://127.0.0.1:10809", readOnlyURI: "nbd://127.0.0.1:10810")
    }

    func entry(_ name: ExportName, _ kernel: Kernel) -> ExportEntry? {
        guard let entry = entries[name] else { return nil }
        let disk = kernel.followLink(sequence: entry.sequence)
        let target = target(of: entry, kernel)
        let liveness: Liveness = !isRunning ? .unknown : offered[name] != nil && disk != nil ? .live : .notListed
        let own = sessions.filter { $0.name == name }
        let strayed = kind == .nbdkit ? 0 : own.count { $0.sequence != disk?.sequence }
        return ExportEntry(
            name: name, isReadOnly: entry.isReadOnly, owner: entry.owner, target: target, liveness: liveness,
            clients: .known(own.count), strayedSessions: strayed)
    }

    func target(of entry: Entry, _ kernel: Kernel) -> ExportTarget {
        guard !entry.isMisled else { return .other("a file") }
        return kernel.followLink(sequence: entry.sequence).map { .device($0.number, diskSequence: $0.sequence) }
            ?? .nothing
    }

    func count(on number: DeviceNumber, isBlind: Bool) -> ClientCount {
        isBlind ? .unknown("cannot read /proc: permission denied") : .known(sessions.count { $0.number == number })
    }

    mutating func publish(_ publication: ExportPublication, kernel: Kernel) -> SystemAnswer {
        if let entry = entries[publication.name], entry.owner != .hawser(publication.volume) {
            return .exportFailed(.nameTaken("\(publication.name)"))
        }
        guard isRunning else { return .exportFailed(.serverDown("connection refused")) }
        guard let sequence = publication.device.diskSequence,
            kernel.followLink(sequence: sequence)?.sequence == sequence
        else { return .exportFailed(.failed("device \(publication.device.number) is no longer there")) }
        entries[publication.name] = Entry(
            isReadOnly: publication.isReadOnly, owner: .hawser(publication.volume), sequence: sequence)
        if kind != .daemon { offered = entries }
        return .done
    }

    mutating func withdraw(
        _ name: ExportName, of owner: ExportOwner, leadingTo target: ExportTarget, _ kernel: Kernel
    ) -> SystemAnswer {
        guard let entry = entries[name] else { return .done }
        guard entry.owner == owner else { return .exportFailed(.nameTaken("\(name): \(entry.owner.inWords)")) }
        let found = self.target(of: entry, kernel)
        guard found == target else { return .exportFailed(.leadsElsewhere("\(name) leads to \(found.inWords)")) }
        entries[name] = nil
        if kind != .daemon { offered[name] = nil }
        return .done
    }

    mutating func cut(_ name: ExportName, provenOn number: DeviceNumber, kernel: Kernel) -> [Session] {
        guard kind != .nbdkit, let right = kernel.disk(number: number)?.sequence else { return [] }
        let strayed = sessions.filter { $0.name == name && $0.sequence != right }
        sessions.removeAll { strayed.contains($0) }
        return strayed
    }
}
