import ActorThreads
import Glibc
import LinuxCalls
internal import NBD
public import Reconciliation
public import VolumeModel

/// Exports served by nbdkit over directories of links: the directory is the desired state, so there is no reload, no
/// configuration, and nothing that a running server could still remember.
///
/// nbdkit opens the device at connect, through the links, and keeps it open for the session. Whoever is connected shows as
/// open descriptors of the nbdkit processes. Hawser itself only lists, which opens nothing, so it is never counted.
public actor NBDKitExports: ExportServer {
    /// Two names on one device cannot be told apart by descriptors, nor can a name be found from one; so a session is
    /// never proven to have come by a certain name, and none is cut.
    public nonisolated let capabilities = ExportCapabilities(
        kind: "nbdkit", appliesWithoutReload: true, supportsReadOnlyPerExport: true, countsClients: true,
        cutsSingleSessions: false, opensDeviceAtConnect: true)

    let directory: ExportDirectory
    let servers: [NBDKitServer]
    let supervision: NBDKitConfiguration.Supervision
    private let executor = ThreadExecutor(name: "exports")
    private var changes: [AsyncStream<ExportEvent>.Continuation] = []
    private let keepers: [ServerKeeper]
    private var isSupervising = false

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Throws: ``ExportError`` when the directories cannot be made or no port is free.
    public init(_ configuration: NBDKitConfiguration) throws(ExportError) {
        do {
            let directory = try ExportDirectory(root: configuration.root)
            self.directory = directory
            let pairs: [(ExportDirectory.Side, NBDAddress)] = [
                (.writable, configuration.writable), (.readOnly, configuration.readOnly),
            ]
            servers = try pairs.map { side, address throws(SystemCallError) in
                NBDKitServer(
                    side: side,
                    address: try StablePort.resolve(address, rememberedIn: "\(directory.root)/port-\(side.rawValue)"),
                    directory: directory)
            }
        } catch {
            throw .failed(error.description)
        }
        supervision = configuration.supervision
        keepers = servers.map { server in
            ServerKeeper(address: server.address) { () throws(SystemCallError) in
                guard case .supervised(let program) = configuration.supervision else { return nil }
                return try server.start(program: program)
            }
        }
    }

    // MARK: Events and supervision

    /// Changes of the directories, and the servers' coming and going. With the first call supervision begins.
    public func events() -> AsyncStream<ExportEvent> {
        let (stream, continuation) = AsyncStream<ExportEvent>.makeStream(bufferingPolicy: .bufferingNewest(1))
        changes.append(continuation)
        let directories = ExportDirectory.Side.allCases.map(directory.path) + ["\(directory.root)/disks"]
        let task = Task {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    // Without inotify, changes by others are seen at the next full observation.
                    guard let changed = try? DirectoryChanges.stream(of: directories) else { return }
                    for await _ in changed { continuation.yield(.changed) }
                }
                if self.beginSupervision() {
                    for keeper in self.keepers { group.addTask { await keeper.keep { await self.announce() } } }
                }
            }
        }
        // The task is the stream's: it ends with it.
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }

    private func beginSupervision() -> Bool {
        defer { isSupervising = true }
        return !isSupervising
    }

    private func announce() {
        for continuation in changes { continuation.yield(.changed) }
    }

    // MARK: Observation

    public func observe() -> ExportObservation {
        var observation = ExportObservation(
            server: .running, entries: [], isComplete: true, writableURI: "", readOnlyURI: "")
        var down: [String] = []
        // One look at the processes for all entries: a look for each would cost entries times descriptors.
        let census = census()
        for server in servers {
            let offered: Set<String>?
            do { offered = Set(try ExportListing.names(offeredBy: server.address)) } catch {
                offered = nil
                down.append(error.description)
            }
            switch server.side {
            case .writable: observation.writableURI = server.address.uri
            case .readOnly: observation.readOnlyURI = server.address.uri
            }
            do {
                for name in try directory.names(server.side) {
                    if let entry = try entry(name, of: server, offered: offered, census: census) {
                        observation.entries.append(entry)
                    }
                }
            } catch {
                observation.isComplete = false
            }
        }
        let outages = keepers.compactMap { $0.takeOutage(isSilent: !down.isEmpty) }
        if !outages.isEmpty {
            down = outages
            // How it is now is asked next.
            announce()
        }
        if !down.isEmpty { observation.server = .down(down.joined(separator: "; ")) }
        return observation
    }

    public func read(_ name: ExportName) -> Fact<ExportEntry> {
        do {
            for server in servers where try directory.owner(server.side, name) != nil {
                // A server that does not answer leaves the liveness unknown; the entry itself is known all the same.
                let offered = (try? ExportListing.names(offeredBy: server.address)).map { Set($0) }
                let census = census()
                if let entry = try entry(name, of: server, offered: offered, census: census) { return .present(entry) }
            }
        } catch {
            return .unknown
        }
        // No link of this name: a listing that still shows it proves that the server serves another directory.
        for server in servers {
            if let offered = try? ExportListing.names(offeredBy: server.address), offered.contains(name.text) {
                return .unknown
            }
        }
        return .absent
    }

    private func entry(
        _ name: ExportName, of server: NBDKitServer, offered: Set<String>?, census: SessionCensus
    ) throws(SystemCallError) -> ExportEntry? {
        guard let owner = try directory.owner(server.side, name) else { return nil }
        let target = directory.target(server.side, name)
        var clients = ClientCount.known(0)
        if case .device(let number, _) = target { clients = census.sessions(on: number) }
        return ExportEntry(
            name: name, isReadOnly: server.side == .readOnly, owner: owner, target: target,
            liveness: offered.map { $0.contains(name.text) ? .live : .notListed } ?? .unknown, clients: clients)
    }

    private func census() -> SessionCensus {
        SessionCensus(of: servers.map(\.address), program: "nbdkit")
    }

    public func sessions(on device: DeviceNumber) -> ClientCount {
        census().sessions(on: device)
    }

    // MARK: Changes

    public func publish(_ publication: ExportPublication) throws(ExportError) {
        try directory.publish(publication) { sessions(on: $0) }
        guard directory.leads(publication) else {
            try withdraw(publication.name, of: .hawser(publication.volume), onlyFrom: nil)
            throw .failed("after the publication '\(publication.name)' led to another device; it was withdrawn")
        }
    }

    public func withdraw(
        _ name: ExportName, of owner: ExportOwner, leadingTo target: ExportTarget
    ) throws(ExportError) {
        try withdraw(name, of: owner, onlyFrom: target)
    }

    private func withdraw(
        _ name: ExportName, of owner: ExportOwner, onlyFrom target: ExportTarget?
    ) throws(ExportError) {
        var found: [ExportTarget] = []
        do throws(SystemCallError) {
            for side in ExportDirectory.Side.allCases where try directory.owner(side, name) == owner {
                found.append(directory.target(side, name))
            }
        } catch {
            throw ExportError(error)
        }
        for leadsTo in found { try leadsTo.requireSeen(target, of: name) }
        do throws(SystemCallError) {
            for side in ExportDirectory.Side.allCases {
                guard let found = try directory.owner(side, name) else { continue }
                guard found == owner else {
                    throw SystemCallError("withdraw", "\(name): \(found.inWords)", errno: EEXIST)
                }
                try directory.withdraw(side, name, owner: owner)
            }
        } catch {
            throw ExportError(error)
        }
    }

    /// nbdkit does not tell by which name a session came, so none is ever proven to have strayed.
    public func cutStrayedSessions(of name: ExportName, provenOn device: DeviceNumber) throws(ExportError) -> Int { 0 }

    /// Ends the servers and with them every session, and starts none again: for a person who takes the whole installation
    /// down.
    ///
    /// - Throws: ``ExportError`` when somebody else runs the servers: they are not Hawser's to end.
    public func stop() throws(ExportError) {
        guard case .supervised = supervision else { throw .failed("the NBD servers are run by somebody else") }
        for keeper in keepers { keeper.stop() }
        do {
            let named = Set(try ProcessInspection.processes(running: "nbdkit"))
            for server in servers {
                for process in try server.processes() where named.contains(process) { kill(process, SIGTERM) }
            }
        } catch {
            throw .failed(error.description)
        }
    }
}
