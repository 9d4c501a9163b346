internal import CLinux
import Glibc

/// Reads the whole of a file, which may be one of /proc or /sys with no size of its own.
///
/// - Throws: ``SystemCallError``; with `EFBIG` when there is more than `limit` bytes.
public func readFile(_ path: String, limit: Int = 16 << 20) throws(SystemCallError) -> [UInt8] {
    let file = try FileDescriptor(opening: path, flags: O_RDONLY)
    var bytes: [UInt8] = []
    while true {
        let chunk = try file.read(upTo: 65_536)
        if chunk.isEmpty { return bytes }
        bytes += chunk
        if bytes.count > limit { throw SystemCallError("read", path, errno: EFBIG) }
    }
}

/// Reads the whole of a text file; bytes that are not UTF-8 become U+FFFD.
public func readTextFile(_ path: String, limit: Int = 16 << 20) throws(SystemCallError) -> String {
    String(decoding: try readFile(path, limit: limit), as: UTF8.self)
}

/// Writes `bytes` to a file that exists or is made, in place. For /sys and /dev, and for files that nobody else reads
/// meanwhile; everything else takes ``writeFileAtomically(_:bytes:mode:)``.
public func writeFile(_ path: String, bytes: [UInt8], mode: UInt32 = 0o644) throws(SystemCallError) {
    let file = try FileDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
    do { try file.write(bytes) } catch { throw SystemCallError("write", path, errno: error.errorNumber) }
}

/// Replaces a file so that a reader, or a crash at any moment, sees the old bytes or the new ones and nothing between.
///
/// The bytes are on the disk when the call returns: the new file is written beside the old one, synchronised, renamed
/// over it, and the directory is synchronised, since a rename alone is not durable (fsync(2), NOTES).
///
/// - Parameter forEveryReader: whether the file gets its mode whatever this process's umask takes away.
public func writeFileAtomically(
    _ path: String, bytes: [UInt8], mode: UInt32 = 0o644, forEveryReader: Bool = false
) throws(SystemCallError) {
    let temporary = "\(path).\(getpid()).\(UInt64.random(in: 0 ... .max)).tmp"
    do {
        let file = try FileDescriptor(opening: temporary, flags: O_WRONLY | O_CREAT | O_EXCL, mode: mode)
        do throws(SystemCallError) {
            try file.write(bytes)
            guard !forEveryReader || fchmod(file.number, mode) == 0 else {
                throw SystemCallError("set the mode of", temporary, errno: errno)
            }
            guard fsync(file.number) == 0 else { throw SystemCallError("synchronise", temporary, errno: errno) }
            guard rename(temporary, path) == 0 else {
                throw SystemCallError("rename \(temporary) to", path, errno: errno)
            }
        } catch {
            unlink(temporary)
            throw error
        }
    }
    try synchroniseDirectory(parentDirectory(of: path))
}

/// Makes what was created, renamed or removed in a directory durable.
public func synchroniseDirectory(_ path: String) throws(SystemCallError) {
    let directory = try FileDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
    guard fsync(directory.number) == 0 else { throw SystemCallError("synchronise", path, errno: errno) }
}

/// The directory that a path lies in: `.` for a bare name, `/` for what lies in the root.
public func parentDirectory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// Makes a directory and those above it; one that is there already is left as it is.
public func createDirectories(_ path: String, mode: UInt32 = 0o755) throws(SystemCallError) {
    if mkdir(path, mode) == 0 { return }
    let reason = errno
    switch reason {
    case EEXIST where isDirectory(path):
        return
    case ENOENT where parentDirectory(of: path) != path:
        try createDirectories(parentDirectory(of: path), mode: mode)
        if mkdir(path, mode) != 0 && errno != EEXIST { throw SystemCallError("make directory", path, errno: errno) }
    default:
        throw SystemCallError("make directory", path, errno: reason)
    }
}

/// Whether the path leads to a directory, following symbolic links.
public func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// Whether something has this name, even a symbolic link that leads nowhere.
public func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
}

/// The names in a directory, sorted, without `.` and `..`.
public func directoryEntries(_ path: String) throws(SystemCallError) -> [String] {
    guard let directory = opendir(path) else { throw SystemCallError("list", path, errno: errno) }
    defer { closedir(directory) }
    var names: [String] = []
    while true {
        errno = 0
        guard let entry = readdir(directory) else {
            if errno != 0 { throw SystemCallError("list", path, errno: errno) }
            return names.sorted()
        }
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != "." && name != ".." { names.append(name) }
    }
}

/// Where a symbolic link leads, as it is written in the link; nil when there is no link of this name.
public func linkTarget(_ path: String) throws(SystemCallError) -> String? {
    var count = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, initialized in
        count = buffer.withMemoryRebound(to: CChar.self) { name in
            name.baseAddress.map { readlink(path, $0, name.count) } ?? -1
        }
        initialized = max(count, 0)
    }
    if count >= 0 { return String(decoding: bytes, as: UTF8.self) }
    if errno == ENOENT || errno == EINVAL { return nil }
    throw SystemCallError("read link", path, errno: errno)
}

/// Makes `path` a symbolic link to `target` in one step, whatever had the name before.
public func replaceLink(_ path: String, target: String) throws(SystemCallError) {
    let temporary = "\(path).\(getpid()).\(UInt64.random(in: 0 ... .max)).tmp"
    guard symlink(target, temporary) == 0 else { throw SystemCallError("make link", temporary, errno: errno) }
    guard rename(temporary, path) == 0 else {
        let reason = errno
        unlink(temporary)
        throw SystemCallError("rename \(temporary) to", path, errno: reason)
    }
}

/// Removes a file, a link, or a directory with everything in it. What is not there is no error. Links are removed and
/// never followed; what is mounted inside is not entered and makes it fail with `EBUSY`.
public func removeTree(_ path: String) throws(SystemCallError) {
    var status = stat()
    guard lstat(path, &status) == 0 else {
        if errno == ENOENT { return }
        throw SystemCallError("remove", path, errno: errno)
    }
    if status.st_mode & S_IFMT == S_IFDIR {
        for name in try directoryEntries(path) { try removeTree("\(path)/\(name)") }
        guard rmdir(path) == 0 || errno == ENOENT else { throw SystemCallError("remove", path, errno: errno) }
    } else {
        guard unlink(path) == 0 || errno == ENOENT else { throw SystemCallError("remove", path, errno: errno) }
    }
}

/// The path of the program that this process runs.
public func ownProgramPath() throws(SystemCallError) -> String {
    guard let path = try linkTarget("/proc/self/exe") else {
        throw SystemCallError("read", "/proc/self/exe", errno: ENOENT)
    }
    return path
}
