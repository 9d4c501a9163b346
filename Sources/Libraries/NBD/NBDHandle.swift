internal import CNBD
import Glibc

/// A call of libnbd that failed, in its own words.
public struct NBDError: Error, Sendable, Equatable, CustomStringConvertible {
    public let operation: String
    public let text: String
    /// One of errno(3); 0 when libnbd names none.
    public let errorNumber: Int32
    /// Whether the server answered, and said no.
    public let isRefusal: Bool

    init(operation: String, text: String, errorNumber: Int32, isRefusal: Bool = false) {
        self.operation = operation
        self.text = text
        self.errorNumber = errorNumber
        self.isRefusal = isRefusal
    }

    public var description: String { "cannot \(operation): \(text)" }

    /// The last failure of libnbd in this thread: to be taken before anything else is called.
    static func last(_ operation: String) -> NBDError {
        let text = nbd_get_error().map { String(cString: $0) } ?? "unknown error"
        let number = nbd_get_errno()
        // A refused connection needs no more words than its number has: libnbd repeats the address and its own function.
        guard number == ECONNREFUSED || number == ECONNRESET else {
            return NBDError(operation: operation, text: text, errorNumber: number)
        }
        return NBDError(operation: operation, text: String(cString: strerror(number)), errorNumber: number)
    }
}

/// Owns one libnbd handle, which locks itself: any thread may use it, one call at a time.
///
/// `@unchecked Sendable` is sound because libnbd serialises all calls on a handle (libnbd(3), "Multiple handles,
/// threads") and the pointer never changes.
final class NBDHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    init() throws(NBDError) {
        guard let pointer = nbd_create() else { throw NBDError.last("make an NBD handle") }
        self.pointer = pointer
    }

    deinit { nbd_close(pointer) }

    /// Connects and waits until the handshake is done, or stands at the options when `optionMode` was set.
    func connect(to address: NBDAddress, until deadline: ContinuousClock.Instant) throws(NBDError) {
        let operation = "connect to NBD server \(address)"
        let begun =
            switch address {
            case .tcp(let host, let port): nbd_aio_connect_tcp(pointer, host, String(port))
            case .unix(let path): nbd_aio_connect_unix(pointer, path)
            }
        guard begun == 0 else { throw NBDError.last(operation) }
        try finishHandshake(until: deadline, operation)
    }

    /// The same over a connected socket, which libnbd closes in the end.
    func connect(over socket: Int32, until deadline: ContinuousClock.Instant) throws(NBDError) {
        let operation = "connect to an NBD server over a socket"
        guard nbd_aio_connect_socket(pointer, socket) == 0 else { throw NBDError.last(operation) }
        try finishHandshake(until: deadline, operation)
    }

    private func finishHandshake(until deadline: ContinuousClock.Instant, _ operation: String) throws(NBDError) {
        try wait(until: deadline, operation) { nbd_aio_is_connecting($0) == 0 }
        guard nbd_aio_is_negotiating(pointer) == 1 || nbd_aio_is_ready(pointer) == 1 else {
            throw NBDError(operation: operation, text: "the server closed the connection", errorNumber: ECONNRESET)
        }
    }

    /// Has the kernel acknowledge what comes next without its usual delay (TCP_QUICKACK of tcp(7), which it forgets again).
    /// A server that sends a reply in several segments, as nbd-server 3.24 does, else takes 40 ms for each.
    func acknowledgeAtOnce() {
        var on: Int32 = 1
        // Over a unix socket there is nothing to hasten.
        _ = setsockopt(
            nbd_aio_get_fd(pointer), Int32(IPPROTO_TCP), TCP_QUICKACK, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Lets libnbd work until something is done.
    func wait(
        until deadline: ContinuousClock.Instant, _ operation: String, _ isDone: (OpaquePointer) -> Bool
    ) throws(NBDError) {
        while !isDone(pointer) {
            let left = ContinuousClock.now.duration(to: deadline)
            let milliseconds = Int32(clamping: left / .milliseconds(1) < 0 ? 0 : Int64(left / .milliseconds(1)))
            guard milliseconds > 0 else {
                throw NBDError(operation: operation, text: "no answer in time", errorNumber: ETIMEDOUT)
            }
            guard nbd_poll(pointer, milliseconds) >= 0 else { throw NBDError.last(operation) }
        }
    }
}
