internal import CLinux
import Glibc

/// An open block device, or a plain file in its place, and what the kernel says of the descriptor itself: no link, name
/// or later event can change which disk that is.
public struct BlockDevice: ~Copyable, Sendable {
    private let file: FileDescriptor
    private let status: stat

    /// Opens it for reading, which leaves no trace: closing a writer would make udev look at the device again.
    ///
    /// - Parameter exclusively: claims the device, as a mount does (`O_EXCL` of open(2)); a plain file is locked instead.
    /// - Throws: ``SystemCallError``; with `EBUSY` when somebody else has claimed it.
    public init(opening path: String, exclusively: Bool = false) throws(SystemCallError) {
        let file = try FileDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | (exclusively ? O_EXCL : 0))
        var status = stat()
        guard fstat(file.number, &status) == 0 else { throw SystemCallError("read", path, errno: errno) }
        guard status.st_mode & S_IFMT == S_IFBLK || status.st_mode & S_IFMT == S_IFREG else {
            throw SystemCallError("open", "\(path) as a disk", errno: ENOTBLK)
        }
        if exclusively, status.st_mode & S_IFMT == S_IFREG, flock(file.number, LOCK_EX | LOCK_NB) != 0 {
            throw SystemCallError("lock", path, errno: errno == EWOULDBLOCK ? EBUSY : errno)
        }
        self.status = status
        self.file = file
    }

    public var isPlainFile: Bool { status.st_mode & S_IFMT == S_IFREG }

    /// Major and minor number; of a plain file, the file system's device number and the inode.
    public var number: (major: UInt64, minor: UInt64) {
        if isPlainFile { return (UInt64(status.st_dev), UInt64(status.st_ino)) }
        return (UInt64(hawser_major(status.st_rdev)), UInt64(hawser_minor(status.st_rdev)))
    }

    public func sizeInBytes() throws(SystemCallError) -> Int64 {
        if isPlainFile { return Int64(status.st_size) }
        var size: UInt64 = 0
        guard hawser_ioctl_pointer(file.number, hawser_blkgetsize64, &size) == 0 else {
            throw SystemCallError("read the size of", description, errno: errno)
        }
        return Int64(clamping: size)
    }

    /// The disk sequence number; nil for plain files and for kernels before 5.15.
    public func diskSequence() throws(SystemCallError) -> UInt64? {
        if isPlainFile { return nil }
        var sequence: UInt64 = 0
        if hawser_ioctl_pointer(file.number, hawser_blkgetdiskseq, &sequence) == 0 { return sequence }
        if errno == ENOTTY || errno == EINVAL { return nil }
        throw SystemCallError("read the disk sequence number of", description, errno: errno)
    }

    private var description: String { "device \(number.major):\(number.minor)" }
}

/// What a path leads to, following links, without opening it: major and minor number, or nil for both when there is
/// nothing, and whether it is a plain file.
public func diskNumber(of path: String) -> (major: UInt64, minor: UInt64, isPlainFile: Bool)? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    switch status.st_mode & S_IFMT {
    case S_IFBLK: return (UInt64(hawser_major(status.st_rdev)), UInt64(hawser_minor(status.st_rdev)), false)
    case S_IFREG: return (UInt64(status.st_dev), UInt64(status.st_ino), true)
    default: return nil
    }
}
