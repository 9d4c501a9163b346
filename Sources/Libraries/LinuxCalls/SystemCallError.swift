internal import CLinux
import Glibc

/// A call of the kernel that failed: what was tried, on what, and the kernel's reason.
public struct SystemCallError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was tried, as a verb phrase: `open`, `lock`, `detach loop device`.
    public let operation: String
    /// The thing it was tried on: a path, a process, a device.
    public let subject: String
    /// The kernel's reason, one of errno(3); 0 when the reason is in the words alone.
    public let errorNumber: Int32

    public init(_ operation: String, _ subject: String, errno errorNumber: Int32) {
        self.operation = operation
        self.subject = subject
        self.errorNumber = errorNumber
    }

    public var description: String { "cannot \(operation) \(subject): \(errorText(errorNumber))" }
}

/// The words of an errno(3) value; unlike strerror(3) it is safe in any thread.
public func errorText(_ errorNumber: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        buffer.initialize(repeating: 0)
        guard let base = buffer.baseAddress, hawser_error_text(errorNumber, base, buffer.count) == 0 else {
            return "error \(errorNumber)"
        }
        return String(cString: base)
    }
}
