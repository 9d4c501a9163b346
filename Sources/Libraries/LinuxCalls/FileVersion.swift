internal import CLinux
import Glibc

/// What tells one version of a file from another without reading it (stat(2)).
public struct FileVersion: Sendable, Equatable {
    private let device: UInt64
    private let inode: UInt64
    private let size: Int64
    /// When the file or its inode was last changed; nobody can set that.
    private let changedAt: [Int]

    /// - Throws: ``SystemCallError`` when there is no such file, or it cannot be looked at.
    public init(of path: String) throws(SystemCallError) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw SystemCallError("look at", path, errno: errno) }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        changedAt = [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
    }
}
