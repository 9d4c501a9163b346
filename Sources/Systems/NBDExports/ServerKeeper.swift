import ActorThreads
import Glibc
import LinuxCalls
import NBD

/// Watches who listens on one address, and has a server started again when there is nobody: at once, and then ever more
/// slowly when it keeps ending. It never ends one.
final class ServerKeeper: Sendable {
    private let address: NBDAddress
    private let start: @Sendable () async throws(SystemCallError) -> ChildProcess?
    private let isReplaced: @Sendable () -> Bool
    private let isStopping = Lock(false)
    private let outage = Lock(Outage.none)

    /// What is known of the server's last end.
    private enum Outage {
        case none
        case untold(String)
        /// It was asked in vain already; that it has ended is no news.
        case told
    }

    /// - Parameters:
    ///   - isReplaced: whether a server that ends now does so because Hawser replaces it.
    ///   - start: starts a server and returns its process, which may end when the server listens in the background; nil
    ///     when somebody else runs the server.
    init(
        address: NBDAddress, isReplaced: @escaping @Sendable () -> Bool = { false },
        start: @escaping @Sendable () async throws(SystemCallError) -> ChildProcess?
    ) {
        self.address = address
        self.isReplaced = isReplaced
        self.start = start
    }

    /// An end of the server that nobody has been told of yet. Who only asks whether it answers may never see it, because it
    /// was started again meanwhile; sessions may have ended with it all the same.
    ///
    /// - Parameter isSilent: whether it was just asked in vain; then its end is known, also when it is noticed only later.
    func takeOutage(isSilent: Bool) -> String? {
        outage.withLock { outage in
            defer { outage = isSilent ? .told : .none }
            guard case .untold(let text) = outage, !isSilent else { return nil }
            return text
        }
    }

    /// What ends from now on is not started again.
    func stop() { isStopping.withLock { $0 = true } }

    private var hasEnded: Bool { Task.isCancelled || isStopping.withLock { $0 } }

    /// Keeps a server running for as long as the task lives.
    ///
    /// - Parameter announce: is called when it came or went.
    func keep(_ announce: @Sendable () async -> Void) async {
        var delay = Duration.milliseconds(50)
        var wasListening = false
        while !hasEnded {
            let started = ContinuousClock.now
            do throws(SystemCallError) {
                if let process = try ProcessInspection.listeners(on: address.endpoint).first {
                    wasListening = true
                    await announce()
                    try await ProcessInspection.waitForEnd(of: process)
                    try noteOutage(&wasListening)
                } else {
                    try noteOutage(&wasListening)
                    if let child = try await start() {
                        wasListening = await announceWhenListening(child, announce)
                        _ = await child.waitForExit()
                    }
                }
            } catch {
                // Why it does not run shows in `observe`, which asks the server itself.
            }
            await announce()
            if hasEnded { return }
            delay = started.duration(to: .now) > .seconds(10) ? .milliseconds(50) : min(delay * 2, .seconds(5))
            // A cancelled sleep ends the loop.
            guard (try? await Task.sleep(for: delay)) != nil else { return }
        }
    }

    /// One of several that listened may have ended, as those do that a server has forked for a client: that is no outage.
    private func noteOutage(_ wasListening: inout Bool) throws(SystemCallError) {
        guard wasListening, !isReplaced(), !hasEnded,
            try ProcessInspection.listeners(on: address.endpoint).isEmpty
        else { return }
        wasListening = false
        outage.withLock { if case .none = $0 { $0 = .untold("the server on \(address) had ended") } }
    }

    /// - Returns: whether it was seen to listen.
    private func announceWhenListening(
        _ child: ChildProcess, _ announce: @Sendable () async -> Void
    ) async -> Bool {
        var isListening = false
        for _ in 0..<250 {
            let mayStillCome = child.isRunning
            // A cancelled sleep or an unreadable /proc only makes the announcement come early.
            isListening = (try? ProcessInspection.listeners(on: address.endpoint).isEmpty == false) ?? false
            guard !isListening, mayStillCome, (try? await Task.sleep(for: .milliseconds(20))) != nil else { break }
        }
        await announce()
        return isListening
    }
}
