import ActorThreads
import Glibc
import LinuxCalls
internal import NBD
public import Reconciliation
public import VolumeModel

/// Exports served by nbd-server(1), in the layout that the old daemon's installations have: one file for each export in an
/// include directory.
///
/// A file names a link of Hawser's (``ExportDirectory``), and the link leads to the disk. Publishing makes the link and then
/// puts the file in place, when the real nbd-server has taken it (``Trial``); withdrawing removes the link first, which
/// revokes the name at once in every server, whatever it has read. Each session is a process of its own with the disk open.
public actor NBDServerExports: ExportServer {
    public nonisolated let capabilities: ExportCapabilities

    let configuration: NBDServerConfiguration
    let address: NBDAddress
    let links: ExportDirectory
    let files: IncludeDirectory
    let adopted: AdoptedFiles
    private let records: SessionRecords
    let gate: TrialGate
    /// The one server of the daemon style.
    private let daemon: ReplaceableDaemon?
    private let server: LiveServer
    private let keeper: ServerKeeper
    private let executor = ThreadExecutor(name: "exports")
    private var changes: [AsyncStream<ExportEvent>.Continuation] = []
    private var isSupervising = false

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Throws: ``ExportError`` when directories cannot be made, no port is free, or the main file says otherwise than the
    ///   configuration.
    public init(_ configuration: NBDServerConfiguration) throws(ExportError) {
        for path in [configuration.root, configuration.includeDirectory] where !ServerPath.isSafe(path) {
            throw .failed("\(path): \(ServerPath.rule)")
        }
        guard ServerPath.isSafe(configuration.address) else {
            throw .failed("\(configuration.address): nbd-server's main file cannot say to listen there")
        }
        do {
            links = try ExportDirectory(root: configuration.root)
            try links.openToEveryUser()
            adopted = try AdoptedFiles(root: configuration.root)
            try createDirectories(configuration.includeDirectory, mode: 0o755)
            address = try StablePort.resolve(
                configuration.address, rememberedIn: "\(configuration.root)/port-nbd-server")
        } catch {
            throw .failed(error.description)
        }
        let main = try MainFile(preparing: configuration, address: address)
        let user = main.user.flatMap { ServerUser(named: $0) }
        if let user, let closed = user.obstacle(on: links.path(.writable)) {
            throw .failed(
                "nbd-server runs as user \(user.name) and cannot pass \(closed): open it to him, or choose another nbd.root"
            )
        }
        do throws(SystemCallError) {
            records = try SessionRecords(directory: "\(configuration.root)/sessions", writableFor: user)
        } catch {
            throw .failed(error.description)
        }
        self.configuration = configuration
        files = IncludeDirectory(
            path: configuration.includeDirectory, setAside: "\(configuration.root)/set-aside", records: records)
        let trial = Trial(program: configuration.program, staging: "\(configuration.root)/staging")
        let isDaemon = configuration.style == .daemon
        gate = TrialGate(
            trial: trial, files: files, mainFile: configuration.configFile, leavesOutWhatStopsTheServer: isDaemon)
        let daemon =
            isDaemon
            ? ReplaceableDaemon(
                address: address, links: links, files: files, mainFile: configuration.configFile, trial: trial)
            : nil
        self.daemon = daemon
        server = LiveServer(
            address: address, root: configuration.root, mainFile: configuration.configFile, files: files, gate: gate,
            daemon: daemon)
        keeper = Self.keeper(configuration, address, daemon)
        capabilities = ExportCapabilities(
            kind: isDaemon ? "nbd-server" : "nbd-server per connection", appliesWithoutReload: !isDaemon,
            supportsReadOnlyPerExport: true, countsClients: true, cutsSingleSessions: true, opensDeviceAtConnect: true)
    }

    private static func keeper(
        _ configuration: NBDServerConfiguration, _ address: NBDAddress, _ daemon: ReplaceableDaemon?
    ) -> ServerKeeper {
        ServerKeeper(address: address, isReplaced: { daemon?.isReplacing ?? false }) { () throws(SystemCallError) in
            switch configuration.style {
            case .perConnection: return nil
            case .perConnectionActivated(let activator):
                return try SocketActivation(
                    program: activator, server: configuration.program, configFile: configuration.configFile
                ).start(on: address)
            case .daemon:
                try await daemon?.bringUp()
                return nil
            }
        }
    }

    // MARK: Events and supervision

    /// Changes of the files and links, and the server's coming and going. With the first call supervision begins.
    public func events() -> AsyncStream<ExportEvent> {
        let (stream, continuation) = AsyncStream<ExportEvent>.makeStream(bufferingPolicy: .bufferingNewest(1))
        changes.append(continuation)
        let directories =
            ExportDirectory.Side.allCases.map(links.path) + ["\(links.root)/disks", configuration.includeDirectory]
        let task = Task {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    // Without inotify, changes by others are seen at the next full observation.
                    guard let changed = try? DirectoryChanges.stream(of: directories, includingWrites: true) else {
                        return
                    }
                    for await _ in changed {
                        // One change is several events. A cancelled sleep ends the loop with the stream.
                        try? await Task.sleep(for: .milliseconds(20))
                        self.daemon?.wake()
                        continuation.yield(.changed)
                    }
                }
                if self.beginSupervision() {
                    group.addTask { await self.keeper.keep { await self.announce() } }
                    if let daemon = self.daemon {
                        group.addTask { await daemon.followChanges { await self.announce() } }
                    }
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

    public func observe() async -> ExportObservation {
        var observation = ExportObservation(
            server: .running, entries: [], isComplete: true, writableURI: address.uri, readOnlyURI: address.uri)
        // Where the names cannot be read now, they cannot be read below either.
        let answer = await server.answer(about: (try? definitions().keys.sorted()) ?? [])
        if case .failure(let silence) = answer.offered { observation.server = .down(silence.reason) }
        if answer.isStranger { observation.isComplete = false }
        if let outage = keeper.takeOutage(isSilent: observation.server != .running) {
            observation.server = .down(outage)
            // How it is now is asked next.
            announce()
        }
        do throws(SystemCallError) {
            let view = try view(answer)
            for (name, found) in try definitions().sorted(by: { $0.key < $1.key }) {
                if let entry = try entry(name, found, view) { observation.entries.append(entry) }
            }
        } catch {
            observation.isComplete = false
        }
        return observation
    }

    public func read(_ name: ExportName) async -> Fact<ExportEntry> {
        let answer = await server.answer(about: [name])
        do throws(SystemCallError) {
            if let found = try definitions()[name] {
                return try entry(name, found, view(answer)).map { .present($0) } ?? .unknown
            }
            // No file has the name. A server that offers it all the same has read one that was there before. When that one
            // was Hawser's it names a link that is gone, and lets nobody in; else nothing is known.
            if answer.isStranger { return .unknown }
            guard let names = answer.names, names.contains(name) else { return .absent }
            return answer.loaded?.isHawsers(name) == true ? .absent : .unknown
        } catch {
            return .unknown
        }
    }

    /// What one look at the server and its processes showed.
    private struct ServerView {
        var answer: LiveServer.Answer
        var census: SessionCensus
        var sessions: [ExportName: [ProcessIdentity]]
    }

    private func view(_ answer: LiveServer.Answer) throws(SystemCallError) -> ServerView {
        ServerView(answer: answer, census: census(), sessions: try records.running())
    }

    private func census() -> SessionCensus { SessionCensus(of: [address], program: "nbd-server") }

    /// What all files say, by name.
    private func definitions() throws(SystemCallError) -> [ExportName: [ExportDefinition]] {
        var found = try files.files().flatMap { ExportDefinition.all(in: $0, records: records) }
        let main = try MainFile(reading: configuration.configFile)
        if !main.isHawsers {
            found += main.exportGroups.compactMap { ExportDefinition.foreign($0, file: nil) }
        }
        return Dictionary(grouping: found, by: \.name)
    }

    private func entry(
        _ name: ExportName, _ definitions: [ExportDefinition], _ view: ServerView
    ) throws(SystemCallError) -> ExportEntry? {
        guard let first = definitions.first else { return nil }
        guard let target = target(of: definitions) else { return nil }
        var owner = definitions.count == 1 ? first.owner : .foreign
        if definitions.count == 1, case .path(let path) = first.source {
            let side: ExportDirectory.Side = first.isReadOnly ? .readOnly : .writable
            // A link that somebody put in the place of Hawser's own.
            if path == links.path(side, name), try links.owner(side, name) == .foreign { owner = .foreign }
        }
        var entry = ExportEntry(
            name: name, isReadOnly: first.isReadOnly, owner: owner, target: target,
            liveness: liveness(of: name, first, view), clients: .known(0))
        if case .device(let number, _) = target {
            entry.clients = view.census.sessions(on: number)
            entry.strayedSessions = try strayed(name, from: number, among: view.sessions).count
        }
        return entry
    }

    /// Where a name leads that is defined so; `nil` when it is not defined at all.
    private func target(of definitions: [ExportDefinition]) -> ExportTarget? {
        guard let first = definitions.first else { return nil }
        guard definitions.count == 1 else {
            return .other("\(definitions.count) sections of this name; which one nbd-server takes is chance")
        }
        switch first.source {
        case .unclear(let text): return .other(text)
        case .path(let path):
            guard first.owner == .foreign else { return links.target(of: path) }
            return links.target(ofOthers: path)
        }
    }

    private func liveness(of name: ExportName, _ definition: ExportDefinition, _ view: ServerView) -> Liveness {
        guard let offered = view.answer.names else { return .unknown }
        guard offered.contains(name) else { return .notListed }
        // A daemon that read another file of this name serves what that one said; what one has read that Hawser did not
        // start, or is about to note, is not known.
        if daemon != nil, case .hawser = definition.owner, let file = definition.file {
            guard let loaded = view.answer.loaded else { return .unknown }
            guard (try? loaded.holds(file, of: files)) == true else { return .notListed }
        }
        return .live
    }

    public func sessions(on device: DeviceNumber) -> ClientCount { census().sessions(on: device) }

    // MARK: Changes

    public func publish(_ publication: ExportPublication) async throws(ExportError) {
        daemon?.beginChange()
        defer { daemon?.endChange() }
        let side: ExportDirectory.Side = publication.isReadOnly ? .readOnly : .writable
        let file = ExportFile(
            name: publication.name, volume: publication.volume, isReadOnly: publication.isReadOnly,
            path: links.path(side, publication.name), records: records)
        let isNew = try check(publication, file)
        if isNew {
            if let reason = await gate.admit(file) { throw .failed("nbd-server does not take the file: \(reason)") }
            // Others worked while the trial ran.
            _ = try check(publication, file)
        }
        try links.publish(publication) { sessions(on: $0) }
        do throws(SystemCallError) {
            if isNew { try files.place(file) }
        } catch {
            try withdraw(publication.name, of: .hawser(publication.volume), onlyFrom: nil)
            throw ExportError(error)
        }
        guard links.leads(publication) else {
            try withdraw(publication.name, of: .hawser(publication.volume), onlyFrom: nil)
            throw .failed("after the publication '\(publication.name)' led to another device; it was withdrawn")
        }
    }

    /// Refuses a name that is another's, and removes links that a crash left behind.
    ///
    /// - Returns: whether the file has to be put in place.
    private func check(_ publication: ExportPublication, _ file: ExportFile) throws(ExportError) -> Bool {
        do throws(SystemCallError) {
            let definitions = try definitions()[publication.name] ?? []
            for definition in definitions {
                let place = definition.file ?? configuration.configFile
                guard case .hawser(let volume) = definition.owner else {
                    throw SystemCallError("publish", "\(publication.name): \(place) defines it", errno: EEXIST)
                }
                guard volume == publication.volume, definition.isReadOnly == publication.isReadOnly else {
                    throw SystemCallError(
                        "publish", "\(publication.name): it is volume \(volume)'s (\(place))", errno: EEXIST)
                }
            }
            if definitions.isEmpty {
                for side in ExportDirectory.Side.allCases {
                    guard let owner = try links.owner(side, publication.name), owner != .foreign else { continue }
                    try links.withdraw(side, publication.name, owner: owner)
                }
            }
            return try !files.files().contains { $0.name == file.fileName && $0.text == file.text }
        } catch {
            throw ExportError(error)
        }
    }

    /// The link goes first: from then on no server lets anybody in by this name. Another's file is never touched, and so a
    /// name that it defines cannot be withdrawn, unless an import has taken that file over; another's link in Hawser's own directory
    /// is moved aside.
    public func withdraw(
        _ name: ExportName, of owner: ExportOwner, leadingTo target: ExportTarget
    ) async throws(ExportError) {
        do throws(ExportError) {
            try withdraw(name, of: owner, onlyFrom: target)
        } catch {
            guard owner == .foreign, case .nameTaken = error, try isTakenOver(name) else { throw error }
            try await takeDown(name)
        }
    }

    /// Whether a single file of another's defines the name, and was taken over as it is.
    private func isTakenOver(_ name: ExportName) throws(ExportError) -> Bool {
        do throws(SystemCallError) {
            guard let file = try ownFile(of: name) else { return false }
            return try adopted.copy(of: name) == file.bytes
        } catch {
            throw ExportError(error)
        }
    }

    func wakeDaemon() { daemon?.wake() }

    /// Removes the links that lead to a volume under this name.
    func removeLinks(of name: ExportName, _ volume: VolumeID) throws(SystemCallError) {
        for side in ExportDirectory.Side.allCases where try links.owner(side, name) == .hawser(volume) {
            try links.withdraw(side, name, owner: .hawser(volume))
        }
    }

    private func withdraw(
        _ name: ExportName, of owner: ExportOwner, onlyFrom target: ExportTarget?
    ) throws(ExportError) {
        let definitions: [ExportDefinition]
        do throws(SystemCallError) {
            definitions = try self.definitions()[name] ?? []
        } catch {
            throw ExportError(error)
        }
        try self.target(of: definitions)?.requireSeen(target, of: name)
        do throws(SystemCallError) {
            // The file says whose the name is; a link without one says so itself.
            let isOwners = definitions.contains { $0.owner == owner }
            for side in ExportDirectory.Side.allCases {
                guard let found = try links.owner(side, name) else { continue }
                guard isOwners || found == owner else {
                    throw SystemCallError("withdraw", "\(name): \(found.inWords)", errno: EEXIST)
                }
                try links.withdraw(side, name, owner: found)
            }
            for definition in definitions {
                guard case .hawser = definition.owner, let file = definition.file else {
                    throw SystemCallError(
                        "withdraw",
                        "\(name): it is defined by \(definition.file ?? configuration.configFile), which Hawser did not make",
                        errno: EEXIST)
                }
                try files.remove(file)
            }
        } catch {
            throw ExportError(error)
        }
        daemon?.wake()
    }

    // MARK: Sessions

    /// Sessions that came by this name and have another disk open than the given one.
    private func strayed(
        _ name: ExportName, from device: DeviceNumber, among sessions: [ExportName: [ProcessIdentity]]
    ) throws(SystemCallError) -> [ProcessIdentity] {
        var found: [ProcessIdentity] = []
        for process in sessions[name] ?? [] {
            do throws(SystemCallError) {
                let disks = try ProcessInspection.openDisks(of: process.processID, withStandardStreams: false)
                    .map { DeviceNumber(major: $0.major, minor: $0.minor) }
                // One without any disk is about to open it, or ends.
                if !disks.isEmpty, !disks.contains(device), process.isRunning { found.append(process) }
            } catch {
                if error.errorNumber != ENOENT { throw error }
            }
        }
        return found
    }

    /// A session is a process: it is ended, and no other client notices. What the client was told is written is in the
    /// kernel's hands, and not lost with the process.
    public func cutStrayedSessions(of name: ExportName, provenOn device: DeviceNumber) throws(ExportError) -> Int {
        do throws(SystemCallError) {
            var count = 0
            for process in try strayed(name, from: device, among: try records.running()) {
                // nbd-server heeds SIGTERM only where it waits for clients.
                if try process.send(signal: SIGKILL) { count += 1 }
            }
            return count
        } catch {
            throw ExportError(error)
        }
    }

    // MARK: The end

    /// Ends what listens, and starts nothing again; sessions go on until their clients leave.
    ///
    /// - Throws: ``ExportError`` when somebody else runs the server: it is not Hawser's to end.
    public func stop() async throws(ExportError) {
        keeper.stop()
        do throws(SystemCallError) {
            switch configuration.style {
            case .perConnection:
                throw SystemCallError("end", "the NBD server: a socket unit runs it", errno: EPERM)
            case .perConnectionActivated(let activator): try SocketActivation.end(activator, on: address)
            case .daemon: try await daemon?.end()
            }
        } catch {
            throw ExportError(error)
        }
    }
}
