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

    /// Of the program that is run under this name: one without a slash is looked for in `PATH` (execvp(3)).
    ///
    /// - Throws: ``SystemCallError`` when there is none.
    public init(ofProgram program: String) throws(SystemCallError) {
        guard !program.contains("/") else {
            try self.init(of: program)
            return
        }
        let path = getenv("PATH").map { String(cString: $0) } ?? "/bin:/usr/bin"
        for directory in path.split(separator: ":") where access("\(directory)/\(program)", X_OK) == 0 {
            try self.init(of: "\(directory)/\(program)")
            return
        }
        throw SystemCallError("find", program, errno: ENOENT)
    }
}
