import CLinux
import Glibc

/// Where a server listens.
public enum ListeningAddress: Sendable, Equatable {
    /// An IPv4 address and a port; 0 lets the kernel choose one.
    case tcp(host: String, port: UInt16)
    /// A socket file that is made with this mode; one that nobody listens on any more is replaced.
    case unix(path: String, mode: UInt32)
}

/// A listening socket, open until it is handed on or closed.
struct ListeningSocket {
    var descriptor: Int32
    var port: UInt16

    static func open(_ address: ListeningAddress) throws(HTTPServerError) -> ListeningSocket {
        switch address {
        case .tcp(let host, let port): try openTCP(host, port)
        case .unix(let path, let mode): try openUnix(path, mode)
        }
    }

    private static func openTCP(_ host: String, _ port: UInt16) throws(HTTPServerError) -> ListeningSocket {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else {
            throw HTTPServerError(text: "'\(host)' is no IPv4 address")
        }
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failure("socket") }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) == 0 }
        }
        guard isBound, listen(descriptor, 512) == 0 else {
            let error = failure("listen on \(host):\(port)")
            close(descriptor)
            throw error
        }
        let isNamed = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) == 0 }
        }
        guard isNamed else {
            close(descriptor)
            throw failure("getsockname")
        }
        return ListeningSocket(descriptor: descriptor, port: UInt16(bigEndian: address.sin_port))
    }

    private static func openUnix(_ path: String, _ mode: UInt32) throws(HTTPServerError) -> ListeningSocket {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw HTTPServerError(text: "the socket's path is too long (at most 107 bytes): \(path)")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        func withAddress(_ call: (UnsafePointer<sockaddr>) -> Int32) -> Int32 {
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0) }
            }
        }
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { throw failure("socket") }
        let isAnswered = withAddress { connect(probe, $0, length) } == 0
        let isStale = !isAnswered && errno == ECONNREFUSED
        close(probe)
        if isAnswered { throw HTTPServerError(text: "somebody listens on \(path) already") }
        if isStale { unlink(path) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failure("socket") }
        // The socket is born with no more rights than it is to have, so that nobody slips in before the chmod.
        let mask = umask(0o177)
        let isBound = withAddress { bind(descriptor, $0, length) } == 0
        umask(mask)
        guard isBound, chmod(path, mode) == 0, listen(descriptor, 512) == 0 else {
            let error = failure("listen on \(path)")
            close(descriptor)
            throw error
        }
        return ListeningSocket(descriptor: descriptor, port: 0)
    }

    private static func failure(_ what: String) -> HTTPServerError {
        HTTPServerError(text: "\(what): \(String(cString: strerror(errno)))")
    }
}

extension PeerCredentials {
    /// Who is at the other end; `nil` when the socket is no unix socket.
    init?(descriptor: Int32) {
        // struct ucred is seen only with _GNU_SOURCE: three 32-bit numbers, pid, uid, gid (unix(7)).
        var credentials: (pid: Int32, uid: UInt32, gid: UInt32) = (0, 0, 0)
        var length = socklen_t(12)
        // A peer in another PID namespace has number 0, and a user all the same; only what is no unix socket has neither.
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0, credentials.uid != .max
        else { return nil }
        self.init(processID: credentials.pid, userID: credentials.uid, groupID: credentials.gid)
    }
}
