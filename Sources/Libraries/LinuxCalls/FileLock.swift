internal import CLinux
import Glibc

/// An exclusive lock on a file, held as long as the value lives, which tells other processes who holds it.
///
/// It is flock(2): the kernel gives it back when the holder ends, however it ends, so there is no stale lock to clean
/// up. The file itself stays, since removing it would let two holders lock two files of one name. The lock belongs to
/// the open file, and children do not inherit it, since the descriptor is closed on exec.
public struct FileLock: ~Copyable, Sendable {
    private let file: FileDescriptor
    /// The file that is locked.
    public let path: String

    /// What came of trying to lock.
    public enum Attempt: ~Copyable {
        case acquired(FileLock)
        /// Somebody else holds it: the process that wrote its number into the file, or nil when that is not known yet.
        case heldBy(pid: Int32?)
    }

    private init(file: consuming FileDescriptor, path: String) {
        self.file = file
        self.path = path
    }

    /// Tries to take the lock, and returns at once.
    ///
    /// - Throws: ``SystemCallError`` when the file cannot be opened or written. That another holds the lock is no error.
    public static func acquire(_ path: String) throws(SystemCallError) -> Attempt {
        let file = try FileDescriptor(opening: path, flags: O_RDWR | O_CREAT, mode: 0o644)
        guard retryingInterrupts({ flock(file.number, LOCK_EX | LOCK_NB) }) == 0 else {
            guard errno == EWOULDBLOCK else { throw SystemCallError("lock", path, errno: errno) }
            let text = String(decoding: try file.read(upTo: 32), as: UTF8.self)
            return .heldBy(pid: Int32(text.prefix { $0.isNumber }))
        }
        guard ftruncate(file.number, 0) == 0 else { throw SystemCallError("write", path, errno: errno) }
        try file.write(Array("\(getpid())\n".utf8))
        return .acquired(FileLock(file: file, path: path))
    }
}
