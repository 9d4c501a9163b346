import ActorThreads
import Glibc
import LinuxCalls
import NBD

/// One nbd-server that listens for all clients, and is replaced when its files changed.
///
/// It is never sent SIGHUP: that corrupts the heap of every nbd-server before 3.25, and later ones only ever add. A SIGTERM
/// would end every session. But a session is a process of its own, which goes on when the listening one is killed: so that
/// one alone is killed, and a new one started on the same address. Clients who come within that half second are refused.
///
/// Which one that is follows from who holds the listening socket, never from a name or a pid file (a second nbd-server
/// overwrites the pid file before it finds the port taken). A process that still negotiates with its client holds that
/// socket, too: such are waited for, and ended in the end, since they would keep the address taken.
actor ReplaceableDaemon {
    private let address: NBDAddress
    private let root: String
    private let links: ExportDirectory
    private let files: IncludeDirectory
    private let mainFile: String
    private let trial: Trial
    private let executor = ThreadExecutor(name: "nbd-daemon")
    private let requests: AsyncStream<Void>
    private let request: AsyncStream<Void>.Continuation
    /// How many changes of files have begun and not ended.
    private nonisolated let underWay = Lock(0)
    private nonisolated let replacing = Lock(false)

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(address: NBDAddress, links: ExportDirectory, files: IncludeDirectory, mainFile: String, trial: Trial) {
        self.address = address
        root = links.root
        self.links = links
        self.files = files
        self.mainFile = mainFile
        self.trial = trial
        (requests, request) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: Following changes

    /// The files may have changed: the server is replaced soon if they have.
    nonisolated func wake() { request.yield() }

    /// A change of the files begins: a replacement waits for it, so that one serves for all.
    nonisolated func beginChange() { underWay.withLock { $0 += 1 } }

    nonisolated func endChange() {
        underWay.withLock { $0 -= 1 }
        wake()
    }

    /// Waits until no further change comes, at most some seconds. Returns whether it may go on.
    private nonisolated func settle() async -> Bool {
        for _ in 0..<20 {
            // A cancelled sleep means that nobody follows any more.
            guard (try? await Task.sleep(for: .milliseconds(250))) != nil else { return false }
            if underWay.withLock({ $0 == 0 }) { break }
        }
        return true
    }

    /// Replaces the server when its files changed: once for all changes that come close together (ONE-RELOAD), and not when
    /// nothing did (QUIET).
    func followChanges(_ announce: @Sendable () async -> Void) async {
        // Where it fails, the replacement below fails too, and says why.
        try? goOn()
        wake()
        for await _ in requests {
            guard await settle() else { return }
            do throws(SystemCallError) {
                guard try isStale() else { continue }
                try replace()
            } catch {
                complain(error.description)
                // Tried again by and by; a running server goes on meanwhile with what it knows.
                guard (try? await Task.sleep(for: .seconds(5))) != nil else { return }
                wake()
            }
            await announce()
        }
    }

    /// Whether a server listens that does not know the files as they are. What one knows that Hawser did not start cannot be
    /// told, so it counts as stale.
    private func isStale() throws(SystemCallError) -> Bool {
        if try ProcessInspection.owners(of: address.endpoint).isNobody { return false }
        guard let loaded = try LoadedFiles.ofListener(on: address, root: root, records: files.records) else {
            return true
        }
        return try !loaded.covers(files.files(), main: MainFile(reading: mainFile))
    }

    /// Starts a server when none listens.
    func bringUp() throws(SystemCallError) {
        guard try ProcessInspection.owners(of: address.endpoint).isNobody else { return }
        try start(on: prepare())
    }

    /// Ends the listening process; sessions go on.
    func end() throws(SystemCallError) { try takeDown() }

    /// Whether nobody listens because the server is being replaced.
    nonisolated var isReplacing: Bool { replacing.withLock { $0 } }

    private func replace() throws(SystemCallError) {
        // All that takes long, or can fail, comes before the old one goes.
        var next = try prepare()
        // What changed during the trial is in the next one already, as long as it does not change without end; and it may
        // have changed back to what the old one knows.
        for _ in 0..<3 where try !next.covers(files.files(), main: MainFile(reading: mainFile)) {
            try next.remove()
            next = try prepare()
        }
        guard try isStale() else { return try next.remove() }
        replacing.withLock { $0 = true }
        defer { replacing.withLock { $0 = false } }
        try takeDown()
        try start(on: next)
    }

    private func complain(_ text: String) {
        let path = "\(root)/log/nbd-server.log"
        // Where a log cannot be written, what is wrong shows in what clients are offered.
        guard let log = try? FileDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o644) else {
            return
        }
        try? log.write(Array((text + "\n").utf8))
    }

    // MARK: What it is started on

    /// Tries the files, leaves out those that would stop the server, and copies the others for it.
    ///
    /// A file of Hawser's that was changed by hand is left out, too. A server keeps what it read: one that has read another
    /// path than that of Hawser's link would go on letting clients in there when the name is withdrawn (RIGHT-DISK).
    private func prepare() throws(SystemCallError) -> LoadedFiles {
        let main = try MainFile(reading: mainFile)
        let present = try files.files()
        var accepted = present.filter(isRevocable)
        if try trial.objection(to: accepted, main: main) != nil {
            if let reason = try trial.objection(to: [], main: main) {
                throw SystemCallError("start nbd-server on", "\(mainFile): \(reason)", errno: EINVAL)
            }
            for objection in try trial.objections(to: accepted, main: main) {
                complain("\(files.path)/\(objection.file.name) is left out: \(objection.reason)")
                accepted.removeAll { $0 == objection.file }
            }
        }
        return try LoadedFiles.make(
            root: root, main: main, accepted: accepted, rejected: present.filter { !accepted.contains($0) },
            records: files.records)
    }

    /// Whether the file is another's, or leads through Hawser's link and nowhere else.
    private func isRevocable(_ file: IncludeDirectory.File) -> Bool {
        guard file.isHawsers else { return true }
        guard let own = ExportFile(text: file.text, records: files.records), own.fileName == file.name else {
            return false
        }
        return own.path == links.path(own.isReadOnly ? .readOnly : .writable, own.name)
    }

    private func start(on loaded: LoadedFiles) throws(SystemCallError) {
        // A socket whose server is gone is in the new one's way.
        if case .unix(let path) = address { unlink(path) }
        let log = ChildProcess.Output.appended(to: "\(root)/log/nbd-server.log")
        // The pid file is there because nbd-server writes one; nobody reads it.
        let launched = try ChildProcess.runAndWait(
            .init(
                trial.program, ["-C", "\(loaded.directory)/config", "-p", "\(loaded.directory)/pid"], output: log,
                errors: log, startsSession: true))
        guard launched.isSuccess else {
            throw SystemCallError("start", "nbd-server on \(loaded.directory)/config", errno: ECHILD)
        }
        // It has said nothing yet of whether it got the address; that shows when it answers there.
        let deadline = ContinuousClock.now + .seconds(15)
        while (try? ExportListing.names(offeredBy: address, orKnownAmong: [], patience: .seconds(5))) == nil {
            guard ContinuousClock.now < deadline else {
                throw SystemCallError("reach", "the nbd-server that was started on \(address)", errno: ETIMEDOUT)
            }
            usleep(5_000)
        }
        guard let process = try listening().first(where: { $0.parent != nil && !isSession($0) }) else {
            throw SystemCallError("find", "the nbd-server that listens on \(address)", errno: ESRCH)
        }
        try loaded.note(process, root: root)
    }

    // MARK: Taking the old one down

    /// The processes that hold the listening socket.
    ///
    /// - Throws: ``SystemCallError`` with `EADDRINUSE` when one of them is no nbd-server: it is not Hawser's to end.
    private func listening() throws(SystemCallError) -> [ProcessIdentity] {
        let owners = try ProcessInspection.owners(of: address.endpoint)
        guard owners.ownerlessSockets == 0 else {
            throw SystemCallError("look into", "the process that listens on \(address)", errno: EACCES)
        }
        var found: [ProcessIdentity] = []
        for number in owners.processes {
            guard let process = ProcessIdentity(of: number) else { continue }
            let program = ProcessInspection.program(of: number)
            guard process.isRunning, let name = program?.split(separator: "/").last else { continue }
            guard name == "nbd-server" || name == "nbd-server (deleted)" else {
                throw SystemCallError("listen on", "\(address), where \(program ?? "") does", errno: EADDRINUSE)
            }
            found.append(process)
        }
        return found
    }

    /// Whether it is one that nbd-server forked for a client: its parent, as long as it has one, is such a holder, too.
    private func isNegotiating(_ process: ProcessIdentity, among holders: [ProcessIdentity]) -> Bool {
        let parent = process.parent
        return holders.contains { $0.processID == parent }
    }

    private func isSession(_ process: ProcessIdentity) -> Bool {
        // What cannot be read has ended.
        guard let connected = try? ProcessInspection.connected(to: address.endpoint) else { return false }
        return connected.processes.contains(process.processID)
    }

    /// Kills whoever holds the listening socket, and nobody who has let go of it for a session.
    private func takeDown() throws(SystemCallError) {
        try killParent(patience: .seconds(2))
        let deadline = ContinuousClock.now + .seconds(10)
        // Who is left negotiates, without a parent that could let it go on; most leave by themselves.
        while case let left = try listening(), !left.isEmpty {
            guard ContinuousClock.now < deadline else {
                throw SystemCallError("free", "\(address) of nbd-server", errno: EADDRINUSE)
            }
            for process in left { try killUnlessSession(process) }
            usleep(2_000)
        }
    }

    /// Kills the parent at a moment when nobody negotiates; after `patience` at any moment, since a client that connects and
    /// says nothing would else put off every change.
    private func killParent(patience: Duration) throws(SystemCallError) {
        let deadline = ContinuousClock.now + patience
        while true {
            let holders = try listening()
            let parents = holders.filter { !isNegotiating($0, among: holders) }
            if parents.isEmpty { return }
            let isLate = ContinuousClock.now >= deadline
            if parents.count < holders.count && !isLate {
                usleep(5_000)
                continue
            }
            // A stopped one takes no further client between the look and the end.
            let sent = try sendWhileStopped(to: parents) { () throws(SystemCallError) in
                let now = try listening()
                // One whose parent died before looks like a parent, and may have begun its session meanwhile.
                guard parents.allSatisfy(now.contains) else { return SIGCONT }
                return isLate || now.count == parents.count ? SIGKILL : SIGCONT
            }
            if sent == SIGKILL { return }
            usleep(5_000)
        }
    }

    /// One that negotiates may begin its session at any moment: it is stopped, looked at once more, and killed only when it
    /// still holds the listening socket.
    private func killUnlessSession(_ process: ProcessIdentity) throws(SystemCallError) {
        _ = try sendWhileStopped(to: [process]) { () throws(SystemCallError) in
            try listening().contains(process) ? SIGKILL : SIGCONT
        }
    }

    /// Stops processes, decides, and sends them what was decided. None stays stopped, also when the decision fails.
    private func sendWhileStopped(
        to processes: [ProcessIdentity], _ decide: () throws(SystemCallError) -> Int32
    ) throws(SystemCallError) -> Int32 {
        var signal = SIGCONT
        var failure: SystemCallError?
        do throws(SystemCallError) {
            for process in processes { try stop(process) }
            signal = try decide()
        } catch {
            failure = error
        }
        for process in processes {
            do throws(SystemCallError) { try process.send(signal: signal) } catch { failure = error }
        }
        if let failure { throw failure }
        return signal
    }

    /// A hawserd that was killed at the wrong moment has left its server stopped.
    private func goOn() throws(SystemCallError) {
        for process in try listening() where process.isStopped { try process.send(signal: SIGCONT) }
    }

    private func stop(_ process: ProcessIdentity) throws(SystemCallError) {
        guard try process.send(signal: SIGSTOP) else { return }
        let deadline = ContinuousClock.now + .seconds(2)
        while process.isRunning && !process.isStopped {
            // One that waits for a disk stops only afterwards.
            guard ContinuousClock.now < deadline else {
                throw SystemCallError("stop", "process \(process)", errno: ETIMEDOUT)
            }
            usleep(500)
        }
    }
}
