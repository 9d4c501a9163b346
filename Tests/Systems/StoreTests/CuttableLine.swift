import ActorThreads
import Glibc
import LinuxCalls
import MariaDB
import Rig
import SQL

/// A line to a MariaDB server over which all connections of a store go, and which is cut at a chosen command: just before the
/// server hears it, or when the server has carried it out and before the answer comes back.
final class CuttableLine: Sendable {
    enum Moment: Sendable, CaseIterable {
        case beforeItArrives
        case beforeItsAnswer
    }

    /// A packet of a client's, without its header: a command's number and its words (mariadb.com/kb/en/clientserver-protocol).
    typealias Packet = ArraySlice<UInt8>

    private struct Order: Sendable {
        var moment: Moment
        var isMeant: @Sendable (Packet) -> Bool
    }

    private let listener: Listener
    private let order = Lock<Order?>(nil)
    private let count = Lock(0)
    /// How a client gets to the database over this line.
    let address: MariaDBAddress

    /// - Parameter target: the database, over a unix socket.
    init(to target: MariaDBAddress) throws {
        guard case .unix(let path)? = target.endpoints.first else {
            throw SystemCallError("use", "\(target)", errno: EINVAL)
        }
        listener = try Listener()
        var address = target
        address.endpoints = [.tcp(host: "127.0.0.1", port: listener.port)]
        self.address = address
        Task { [listener, weak self] in
            while let near = await listener.accept() {
                guard let self else {
                    Glibc.close(near)
                    return
                }
                let connection = LineConnection(near: near, target: path, line: self)
                Task { await connection.run() }
            }
        }
    }

    deinit { listener.close() }

    /// How often it was cut.
    var cuts: Int { count.withLock { $0 } }

    /// Cuts the connection that sends such a packet next: that one alone, and once.
    func cut(_ moment: Moment, at isMeant: @escaping @Sendable (Packet) -> Bool) {
        order.withLock { $0 = Order(moment: moment, isMeant: isMeant) }
    }

    /// The same at the next COMMIT.
    func cutAtCommit(_ moment: Moment) { cut(moment) { $0.elementsEqual([3] + Array("COMMIT".utf8)) } }

    /// The same at the next statement that was prepared before.
    func cutAtStatement(_ moment: Moment) { cut(moment) { $0.first == 23 } }

    /// Whether the line is cut at this packet, and when.
    fileprivate func moment(of packet: Packet) -> Moment? {
        order.withLock { order in
            guard let found = order, found.isMeant(packet) else { return nil }
            order = nil
            count.withLock { $0 += 1 }
            return found.moment
        }
    }
}

/// Takes connections, on a thread of its own.
private actor Listener {
    private let executor = ThreadExecutor(name: "line")
    private nonisolated let descriptor: Int32
    nonisolated let port: UInt16

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, size) == 0 && listen(descriptor, 64) == 0
                    ? getsockname(descriptor, generic, &size) : -1
            }
        }
        guard result == 0 else { throw SystemCallError("listen on", "127.0.0.1", errno: errno) }
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { Glibc.close(descriptor) }

    /// - Returns: nil after ``close()``.
    func accept() -> Int32? {
        let accepted = Glibc.accept(descriptor, nil, nil)
        guard accepted >= 0 else { return nil }
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
        return accepted
    }

    /// Wakes who waits in ``accept()``.
    nonisolated func close() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

/// One connection over the line, on a thread of its own.
private actor LineConnection {
    private let executor = ThreadExecutor(name: "line-connection")
    private let near: Int32
    private let target: String
    private weak var line: CuttableLine?
    private var far: Int32 = -1
    private var pending: [UInt8] = []

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(near: Int32, target: String, line: CuttableLine) {
        self.near = near
        self.target = target
        self.line = line
    }

    deinit {
        close(near)
        if far >= 0 { close(far) }
    }

    /// Hands on what comes, until one side ends or the line is cut; then both ends are closed.
    func run() {
        defer {
            shutdown(near, Int32(SHUT_RDWR))
            if far >= 0 { shutdown(far, Int32(SHUT_RDWR)) }
        }
        guard connect() else { return }
        var ends = [near, far].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while true {
            guard poll(&ends, 2, -1) > 0 || errno == EINTR else { return }
            if ends[1].revents != 0 {
                guard let bytes = read(far), write(bytes[...], to: near) else { return }
            }
            if ends[0].revents != 0 {
                guard let bytes = read(near) else { return }
                pending += bytes
                guard handOnPackets() else { return }
            }
        }
    }

    private func connect() -> Bool {
        far = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: target.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                Glibc.connect(far, generic, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }

    /// Hands on whole packets: three bytes of length, one of order, and what is in it.
    ///
    /// - Returns: whether the line still stands.
    private func handOnPackets() -> Bool {
        while pending.count >= 4 {
            let length = 4 + Int(pending[0]) + Int(pending[1]) << 8 + Int(pending[2]) << 16
            guard pending.count >= length else { return true }
            let moment = line?.moment(of: pending[4..<length])
            if moment == .beforeItArrives { return false }
            guard write(pending[..<length], to: far) else { return false }
            pending.removeFirst(length)
            if moment == .beforeItsAnswer {
                // With the answer here, it is done.
                _ = read(far)
                return false
            }
        }
        return true
    }

    private func read(_ end: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = Glibc.read(end, &bytes, bytes.count)
        return count > 0 ? Array(bytes.prefix(count)) : nil
    }

    private func write(_ bytes: ArraySlice<UInt8>, to end: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(end, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
