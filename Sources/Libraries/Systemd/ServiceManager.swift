internal import CSystemd
import Glibc

/// The service manager that started this process, spoken to as sd_notify(3) says: one datagram to the socket that
/// `NOTIFY_SOCKET` names. Without that variable nobody listens, and saying something is no error.
public enum ServiceManager {
    /// One thing to say.
    public enum Message: Sendable, Equatable {
        /// The service is up.
        case ready
        /// One line that `systemctl status` shows.
        case status(String)
        /// The service is going down.
        case stopping
        /// The service is alive; see ``watchdogInterval``.
        case alive

        /// As sd_notify(3) wants it: an assignment, and no line break but at its end.
        var assignment: String {
            switch self {
            case .ready: "READY=1"
            case .status(let text): "STATUS=" + String(text.map { $0.isNewline ? " " : $0 })
            case .stopping: "STOPPING=1"
            case .alive: "WATCHDOG=1"
            }
        }
    }

    /// Says several things at once.
    ///
    /// - Returns: whether somebody listens.
    /// - Throws: ``SystemdError`` when there is a socket and it cannot be written to.
    @discardableResult
    public static func tell(_ messages: [Message]) throws(SystemdError) -> Bool {
        let result = sd_notify(0, messages.map(\.assignment).joined(separator: "\n"))
        guard result >= 0 else { throw SystemdError(operation: "notify the service manager", errorNumber: -result) }
        return result > 0
    }

    /// Within how long ``Message/alive`` must come again (`WatchdogSec=`); nil when nobody asks for it of this process.
    /// sd_watchdog_enabled(3) advises to send it after half of that time.
    public static var watchdogInterval: Duration? {
        var microseconds: UInt64 = 0
        guard sd_watchdog_enabled(0, &microseconds) > 0 else { return nil }
        return .microseconds(Int64(clamping: microseconds))
    }
}

/// A call of libsystemd that failed.
public struct SystemdError: Error, Equatable, Sendable, CustomStringConvertible {
    public let operation: String
    /// One of errno(3); libsystemd returns it negated.
    public let errorNumber: Int32

    public var description: String { "cannot \(operation): error \(errorNumber) (errno(3))" }
}
