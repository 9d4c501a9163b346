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

    private static func owners(of endpoint: Endpoint, in state: SocketState) throws(SystemCallError) -> Listeners {
        // A socket that is closed while we look has lost its owner by the time the processes are read; then once more.
        for _ in 0..<4 {
            let found = try owners(of: try sockets(of: endpoint, in: state))
            if found.ownerlessSockets == 0 { return found }
            usleep(2_000)
        }
        return try owners(of: try sockets(of: endpoint, in: state))
    }

    private static func owners(of sockets: [String]) throws(SystemCallError) -> Listeners {
        let wanted = Set(sockets.map { "socket:[\($0)]" })
        if wanted.isEmpty { return Listeners(processes: [], ownerlessSockets: 0) }
        var owned: Set<String> = []
        let processes = try directoryEntries("/proc").compactMap { Int32($0) }.filter { process in
            // One that ended while we look listens no more; the sockets of one that may not be looked into stay ownerless.
            guard let names = try? directoryEntries("/proc/\(process)/fd") else { return false }
            let held = names.compactMap { name -> String? in
                guard let target = try? linkTarget("/proc/\(process)/fd/\(name)") else { return nil }
                return wanted.contains(target) ? target : nil
            }
            owned.formUnion(held)
            return !held.isEmpty
        }
        return Listeners(processes: processes, ownerlessSockets: wanted.subtracting(owned).count)
    }

    /// The processes that run a program of this name and may be looked into. For what is better counted too often than
    /// missed; whom to start, signal or trust never follows from a name.
    public static func processes(running name: String) throws(SystemCallError) -> [Int32] {
        try directoryEntries("/proc").compactMap { Int32($0) }.filter { process in
            guard let path = program(of: process) else { return false }
            return path.split(separator: "/").last.map { $0 == name || $0 == "\(name) (deleted)" } ?? false
        }
    }

    private enum SocketState {
        case listening
        case connected
    }

    /// The inodes of the sockets that are bound to an endpoint and in this state.
    private static func sockets(of endpoint: Endpoint, in state: SocketState) throws(SystemCallError) -> [String] {
        switch endpoint {
        case .tcp(let port, let address):
            // The server's end of a connection has the address that the client chose, whatever was listened on.
            let addresses = state == .listening ? address.flatMap(wantedAddresses) : nil
            let hex = String(port, radix: 16, uppercase: true)
            let suffix = ":" + String(repeating: "0", count: 4 - hex.count) + hex
            // 0A is TCP_LISTEN; 01 TCP_ESTABLISHED and 08 TCP_CLOSE_WAIT, where the server has not closed yet.
            let codes: [Substring] = state == .listening ? ["0A"] : ["01", "08"]
            var inodes: [String] = []
            for file in ["/proc/net/tcp", "/proc/net/tcp6"] where exists(file) {
                for line in try readTextFile(file, limit: 256 << 20).split(separator: "\n").dropFirst() {
                    let fields = line.split(separator: " ")
                    guard fields.count > 9, fields[1].hasSuffix(suffix), codes.contains(fields[3]), fields[9] != "0"
                    else { continue }
                    if let addresses, !addresses.contains(fields[1].dropLast(suffix.count)) { continue }
                    inodes.append(String(fields[9]))
                }
            }
            return inodes
        case .unix(let path):
            // The flag 00010000 is __SO_ACCEPTCON: it listens.
            let flags = state == .listening ? "00010000" : "00000000"
            return try readTextFile("/proc/net/unix", limit: 64 << 20).split(separator: "\n").compactMap { line in
                let fields = line.split(separator: " ", maxSplits: 7)
                guard fields.count == 8, fields[3] == flags, fields[7] == path, fields[6] != "0" else { return nil }
                return String(fields[6])
            }
        }
    }

    /// How /proc/net/tcp and tcp6 write an IPv4 address, the same as IPv6 maps it, and those that stand for all; nil for
    /// what is no IPv4 address, or is all of them.
    private static func wantedAddresses(_ text: String) -> Set<Substring>? {
        var address = in_addr()
        guard inet_pton(AF_INET, text, &address) == 1, address.s_addr != 0 else { return nil }
        let digits = String(address.s_addr, radix: 16, uppercase: true)
        let hex = String(repeating: "0", count: 8 - digits.count) + digits
        let zeros = String(repeating: "0", count: 8)
        let mapped = zeros + zeros + "FFFF0000" + hex
        return [Substring(hex), Substring(zeros), Substring(mapped), Substring(zeros + zeros + zeros + zeros)]
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
