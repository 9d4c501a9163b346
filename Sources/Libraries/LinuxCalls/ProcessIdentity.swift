internal import CLinux
import Glibc

/// One process and no other: its number together with the moment of its start, since numbers are used again.
public struct ProcessIdentity: Hashable, Sendable, CustomStringConvertible {
    public let processID: Int32
    /// When it started, in clock ticks since the machine did: field 22 of /proc/PID/stat (proc(5)).
    public let startTicks: UInt64

    public init(processID: Int32, startTicks: UInt64) {
        self.processID = processID
        self.startTicks = startTicks
    }

    /// The process that has this number now; nil when there is none.
    public init?(of processID: Int32) {
        // Why it cannot be read makes no difference: nothing is known of a process of this number.
        guard let line = try? readTextFile("/proc/\(processID)/stat", limit: 65_536),
            let identity = ProcessIdentity(statLine: line), identity.processID == processID
        else { return nil }
        self = identity
    }

    /// From a line as /proc/PID/stat has it; nil when it is none.
    public init?(statLine: String) {
        guard let (number, fields) = Self.fields(statLine), fields.count > 19, let ticks = UInt64(fields[19]) else {
            return nil
        }
        self.init(processID: number, startTicks: ticks)
    }

    /// The fields after the program's name, which itself may hold anything, also spaces and parentheses.
    private static func fields(_ line: String) -> (Int32, [Substring])? {
        guard let close = line.lastIndex(of: ")"), let number = Int32(line.prefix { $0.isNumber }) else { return nil }
        return (number, line[line.index(after: close)...].split { $0 == " " || $0 == "\n" })
    }

    public var isRunning: Bool { ProcessIdentity(of: processID) == self }

    /// Who started it, or took it over; nil when it is gone.
    public var parent: Int32? { isRunning ? currentField(1).flatMap { Int32($0) } : nil }

    /// Whether it is stopped by a signal and so cannot change anything of its own.
    public var isStopped: Bool { isRunning && currentField(0) == "T" }

    private func currentField(_ index: Int) -> String? {
        guard let line = try? readTextFile("/proc/\(processID)/stat", limit: 65_536),
            let (_, fields) = Self.fields(line), fields.count > index
        else { return nil }
        return String(fields[index])
    }

    /// Sends a signal to this process and to no later one of the same number: through a pidfd that was opened before the
    /// start was compared (pidfd_send_signal(2)).
    ///
    /// - Returns: whether there was such a process.
    @discardableResult
    public func send(signal: Int32) throws(SystemCallError) -> Bool {
        let number = hawser_pidfd_open(processID)
        if number < 0 && errno == ESRCH { return false }
        guard number >= 0 else { throw SystemCallError("watch process", "\(processID)", errno: errno) }
        let handle = FileDescriptor(owning: number)
        guard isRunning else { return false }
        if hawser_pidfd_send_signal(handle.number, signal) == 0 { return true }
        if errno == ESRCH { return false }
        throw SystemCallError("send signal \(signal) to process", "\(processID)", errno: errno)
    }

    public var description: String { "\(processID)" }
}
