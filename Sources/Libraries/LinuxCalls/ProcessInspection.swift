internal import CLinux
import Glibc

/// What /proc tells of processes that are not ours (proc(5)).
public enum ProcessInspection {
    /// Where something listens.
    public enum Endpoint: Sendable, Hashable {
        /// Any address of the machine, or only this one of IPv4, with those listeners that take all addresses.
        case tcp(port: UInt16, address: String? = nil)
        /// The path as it was bound.
        case unix(String)
    }

    /// Who listens somewhere.
    public struct Listeners: Sendable, Equatable {
        public var processes: [Int32]
        /// How many sockets listen there that no visible process holds: their owner is another user's, or in another PID
        /// namespace. Then somebody serves the address, and cannot be looked into.
        public var ownerlessSockets: Int
        /// Whether nothing in this network namespace listens there.
        public var isNobody: Bool { processes.isEmpty && ownerlessSockets == 0 }
    }

    /// The processes that hold a listening socket, by number: the only true answer to who serves an address. A process
    /// that may not be looked into is left out.
    public static func listeners(on endpoint: Endpoint) throws(SystemCallError) -> [Int32] {
        try owners(of: endpoint).processes
    }

    /// The same, and whether that is all: for whoever concludes something from a process that is not there.
    public static func owners(of endpoint: Endpoint) throws(SystemCallError) -> Listeners {
        try owners(of: endpoint, in: .listening)
    }

    /// The processes that hold the server's end of a connection to this endpoint. One that no server has accepted yet has
    /// no owner, and is not counted among the ownerless ones.
    public static func connected(to endpoint: Endpoint) throws(SystemCallError) -> Listeners {
        try owners(of: endpoint, in: .connected)
    }

    /// Who serves an endpoint: its listeners and the server's ends of its connections.
    public struct Service: Sendable {
        public var listeners: Listeners
        public var connected: Listeners
    }

    /// Both of several endpoints, in their order, at the price of one look: reading the kernel's table of TCP sockets costs
    /// milliseconds on a machine with much memory, however few sockets there are, and so does a walk over all processes.
    public static func services(at endpoints: [Endpoint]) throws(SystemCallError) -> [Service] {
        let found = try owners(of: endpoints.flatMap { [($0, .listening), ($0, .connected)] })
        return endpoints.indices.map { Service(listeners: found[2 * $0], connected: found[2 * $0 + 1]) }
    }

    private static func owners(of endpoint: Endpoint, in state: SocketState) throws(SystemCallError) -> Listeners {
        try owners(of: [(endpoint, state)])[0]
    }

    private static func owners(
        of wanted: [(endpoint: Endpoint, state: SocketState)]
    ) throws(SystemCallError) -> [Listeners] {
        // A socket that is closed while we look has lost its owner by the time the processes are read; then once more.
        for _ in 0..<4 {
            let found = try ownersNow(of: wanted)
            if found.allSatisfy({ $0.ownerlessSockets == 0 }) { return found }
            usleep(2_000)
        }
        return try ownersNow(of: wanted)
    }

    private static func ownersNow(
        of wanted: [(endpoint: Endpoint, state: SocketState)]
    ) throws(SystemCallError) -> [Listeners] {
        var tables = SocketTables()
        var sockets: [Set<String>] = []
        for (endpoint, state) in wanted {
            sockets.append(Set(try tables.sockets(of: endpoint, in: state).map { "socket:[\($0)]" }))
        }
        let holders = try holders(of: sockets.reduce(into: []) { $0.formUnion($1) })
        return sockets.map { sockets in
            Listeners(
                processes: Set(sockets.flatMap { holders[$0] ?? [] }).sorted(),
                ownerlessSockets: sockets.count { holders[$0] == nil })
        }
    }

    /// The processes that have these sockets open, by socket.
    private static func holders(of sockets: Set<String>) throws(SystemCallError) -> [String: [Int32]] {
        var holders: [String: [Int32]] = [:]
        if sockets.isEmpty { return holders }
        for process in try directoryEntries("/proc").compactMap({ Int32($0) }) {
            // One that ended while we look listens no more; the sockets of one that may not be looked into stay ownerless.
            guard let names = try? directoryEntries("/proc/\(process)/fd") else { continue }
            for name in names {
                guard let target = try? linkTarget("/proc/\(process)/fd/\(name)"), sockets.contains(target) else {
                    continue
                }
                holders[target, default: []].append(process)
            }
        }
        return holders
    }

    /// The processes that run a program of this name and may be looked into. For what is better counted too often than
    /// missed; whom to start, signal or trust never follows from a name.
    public static func processes(running name: String) throws(SystemCallError) -> [Int32] {
        try directoryEntries("/proc").compactMap { Int32($0) }.filter { process in
            guard let path = program(of: process) else { return false }
            return path.split(separator: "/").last.map { $0 == name || $0 == "\(name) (deleted)" } ?? false
        }
    }

    /// The path of the program that a process runs; nil when it is gone or may not be looked into.
    public static func program(of process: Int32) -> String? {
        // Why it cannot be read makes no difference: what runs there is not known.
        (try? linkTarget("/proc/\(process)/exe")) ?? nil
    }

    /// The disks and plain files that a process has open, by their numbers, one for each descriptor.
    ///
    /// - Parameter withStandardStreams: whether descriptors 0 to 2 count, too, which often are a log.
    /// - Throws: ``SystemCallError`` when that cannot be known; `ENOENT` when the process is gone.
    public static func openDisks(
        of process: Int32, withStandardStreams: Bool = true
    ) throws(SystemCallError) -> [(major: UInt64, minor: UInt64)] {
        var found: [(major: UInt64, minor: UInt64)] = []
        for name in try directoryEntries("/proc/\(process)/fd") {
            if !withStandardStreams, ["0", "1", "2"].contains(name) { continue }
            var status = stat()
            guard stat("/proc/\(process)/fd/\(name)", &status) == 0 else {
                // Closed since it was listed; anything else is not known.
                if errno == ENOENT { continue }
                throw SystemCallError("look at descriptor \(name) of process", "\(process)", errno: errno)
            }
            switch status.st_mode & S_IFMT {
            case S_IFBLK: found.append((UInt64(hawser_major(status.st_rdev)), UInt64(hawser_minor(status.st_rdev))))
            case S_IFREG: found.append((UInt64(status.st_dev), UInt64(status.st_ino)))
            default: break
            }
        }
        return found
    }

    /// Waits until a process, of whomever, has ended; at once when there is none of this number.
    ///
    /// It is watched by a pidfd (pidfd_open(2)), so that a later process with the same number is not taken for it, save in
    /// the instant before the call.
    public static func waitForEnd(of process: Int32) async throws(SystemCallError) {
        let number = hawser_pidfd_open(process)
        if number < 0 && errno == ESRCH { return }
        guard number >= 0 else { throw SystemCallError("watch process", "\(process)", errno: errno) }
        let (ended, continuation) = AsyncStream<Void>.makeStream()
        try onOwnThread(named: "watch-\(process)") {
            let watched = FileDescriptor(owning: number)
            var waiting = pollfd(fd: watched.number, events: Int16(POLLIN), revents: 0)
            _ = retryingInterrupts { poll(&waiting, 1, -1) }
            continuation.finish()
        }
        for await _ in ended {}
    }
}
