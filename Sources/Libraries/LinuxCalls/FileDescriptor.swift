internal import CLinux
import Glibc

/// One open file descriptor and its owner: closed when the value ends.
///
/// Descriptors are opened close-on-exec, so that a child process gets only what it was given.
public struct FileDescriptor: ~Copyable, Sendable {
    /// The number that the kernel knows it by; valid as long as this value lives.
    public let number: Int32

    /// Takes over a descriptor that is already open.
    public init(owning number: Int32) {
        self.number = number
    }

    /// Opens `path`.
    ///
    /// - Parameters:
    ///   - flags: of open(2); `O_CLOEXEC` is added.
    ///   - mode: permission bits when `O_CREAT` makes the file.
    /// - Throws: ``SystemCallError`` with the kernel's reason.
    public init(opening path: String, flags: Int32, mode: UInt32 = 0o600) throws(SystemCallError) {
        let number = retryingInterrupts { hawser_open(path, flags, mode) }
        guard number >= 0 else { throw SystemCallError("open", path, errno: errno) }
        self.number = number
    }

    deinit {
        _ = Glibc.close(number)
    }

    /// Gives the descriptor away: the caller closes it.
    public consuming func relinquish() -> Int32 {
        let number = self.number
        discard self
        return number
    }

    /// Writes all of `bytes`.
    public borrowing func write(_ bytes: borrowing [UInt8]) throws(SystemCallError) {
        var written = 0
        while written < bytes.count {
            let number = self.number
            let count = bytes.withUnsafeBytes { buffer -> Int in
                guard let base = buffer.baseAddress else { return 0 }
                return Glibc.write(number, base + written, buffer.count - written)
            }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw SystemCallError("write to", "descriptor \(number)", errno: errno) }
            written += count
        }
    }

    /// Reads what there is, up to `limit` bytes; empty at the end of the file.
    public borrowing func read(upTo limit: Int) throws(SystemCallError) -> [UInt8] {
        let number = self.number
        var count = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, initialized in
            count = retryingInterrupts { Glibc.read(number, buffer.baseAddress, limit) }
            initialized = max(count, 0)
        }
        guard count >= 0 else { throw SystemCallError("read from", "descriptor \(number)", errno: errno) }
        return bytes
    }
}

/// Repeats a call as long as a signal interrupts it (EINTR of signal(7)).
func retryingInterrupts<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result == -1 && errno == EINTR { continue }
        return result
    }
}
