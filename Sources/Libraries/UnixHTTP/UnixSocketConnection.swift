import Glibc

/// One connection to a unix socket, on which every call ends at a moment that was set beforehand.
///
/// It owns the descriptor and closes it; one thread at a time.
final class UnixSocketConnection {
    private let descriptor: Int32
    private let deadline: ContinuousClock.Instant
    private let timeout: Duration

    /// - Parameters:
    ///   - patience: how long to wait for a server that has too many connections waiting.
    ///   - timeout: when all is over, counted from now.
    init(to path: String, patience: Duration, timeout: Duration) throws(UnixHTTPError) {
        deadline = .now + timeout
        self.timeout = timeout
        descriptor = try Self.connected(to: path, patience: min(patience, timeout))
    }

    /// - Returns: a descriptor, which the caller closes.
    private static func connected(to path: String, patience: Duration) throws(UnixHTTPError) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw .notConnected("the socket's path is too long (at most 107 bytes)")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .notConnected(reason()) }
        // It also limits connect(2), which then fails with EAGAIN (unix(7), socket(7)).
        let (seconds, attoseconds) = patience.components
        var limit = timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let failure = withUnsafePointer(to: &address) { pointer -> Int32 in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                while connect(descriptor, address, socklen_t(MemoryLayout<sockaddr_un>.size)) != 0 {
                    if errno != EINTR { return errno }
                }
                return 0
            }
        }
        if failure == 0 { return descriptor }
        close(descriptor)
        throw failure == EAGAIN ? .timedOut(after: patience) : .notConnected(reason(failure))
    }

    deinit {
        close(descriptor)
    }

    /// Sends all of it.
    ///
    /// - Returns: whether the server took it all; when it did not, it may have answered all the same.
    func send(_ bytes: [UInt8]) throws(UnixHTTPError) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.send(
                    descriptor, buffer.baseAddress.map { $0 + sent }, buffer.count - sent,
                    Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            }
            if count >= 0 {
                sent += count
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN: try wait(for: POLLOUT)
            case EPIPE, ECONNRESET: return false
            default: throw .broken(Self.reason())
            }
        }
        return true
    }

    /// Waits for bytes and reads what there is.
    ///
    /// - Returns: how many bytes; 0 when the server has closed the connection.
    func receive(into buffer: UnsafeMutableRawBufferPointer) throws(UnixHTTPError) -> Int {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
            if count >= 0 { return count }
            switch errno {
            case EINTR: continue
            case EAGAIN: try wait(for: POLLIN)
            default: throw .broken(Self.reason())
            }
        }
    }

    private func wait(for events: Int32) throws(UnixHTTPError) {
        while true {
            let (seconds, attoseconds) = (deadline - .now).components
            // Rounded up, so that it is not asked for ever in the last millisecond.
            let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000 + 1
            guard seconds >= 0, attoseconds >= 0 else { throw .timedOut(after: timeout) }
            var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let ready = poll(&entry, 1, Int32(clamping: milliseconds))
            if ready > 0 { return }
            guard ready == 0 || errno == EINTR else { throw .broken(Self.reason()) }
        }
    }

    private static func reason(_ number: Int32 = errno) -> String { String(cString: strerror(number)) }
}
