internal import CLinux
import Glibc

/// Changes to the mount and network namespace that this process was started in, and which must be its own: make them
/// only in a process that `unshare --mount --net` started, or the machine is changed.
public enum Namespaces {
    /// Mounts an empty tmpfs(5).
    ///
    /// - Parameter sizeInBytes: how much it takes; half of the memory when it is not given.
    public static func mountMemoryFileSystem(
        on path: String, mode: String = "755", sizeInBytes: Int? = nil
    ) throws(SystemCallError) {
        let size = sizeInBytes.map { ",size=\($0)" } ?? ""
        guard mount("tmpfs", path, "tmpfs", 0, "mode=\(mode)\(size)") == 0 else {
            throw SystemCallError("mount a tmpfs on", path, errno: errno)
        }
    }

    /// Makes a mount read-only, or writable again.
    ///
    /// - Throws: ``SystemCallError`` with `EBUSY` when it is to be read-only and somebody has a file open for writing.
    public static func remount(_ path: String, readOnly: Bool) throws(SystemCallError) {
        let flags = UInt(MS_REMOUNT) | (readOnly ? UInt(MS_RDONLY) : 0)
        guard mount(nil, path, nil, flags, nil) == 0 else { throw SystemCallError("remount", path, errno: errno) }
    }

    /// Takes a mount away, also while somebody uses it (MNT_DETACH of umount(2)).
    public static func unmount(_ path: String) throws(SystemCallError) {
        guard umount2(path, Int32(MNT_DETACH)) == 0 else { throw SystemCallError("unmount", path, errno: errno) }
    }

    /// Moves a mount to another place, over what is there.
    public static func moveMount(from source: String, to target: String) throws(SystemCallError) {
        guard mount(source, target, nil, UInt(MS_MOVE), nil) == 0 else {
            throw SystemCallError("move mount \(source) to", target, errno: errno)
        }
    }

    /// Shows a file or directory under a second path.
    public static func bindMount(_ source: String, on target: String) throws(SystemCallError) {
        guard mount(source, target, nil, UInt(MS_BIND | MS_REC), nil) == 0 else {
            throw SystemCallError("bind \(source) to", target, errno: errno)
        }
    }

    /// Makes a device node like another one, with the same numbers and permissions.
    public static func copyNode(_ source: String, to target: String) throws(SystemCallError) {
        var status = stat()
        guard stat(source, &status) == 0 else { throw SystemCallError("read", source, errno: errno) }
        let mode = status.st_mode & 0o777
        let major = hawser_major(status.st_rdev)
        let minor = hawser_minor(status.st_rdev)
        let made =
            status.st_mode & S_IFMT == S_IFBLK
            ? hawser_mknod_block(target, mode, major, minor) : hawser_mknod_char(target, mode, major, minor)
        guard made == 0 else { throw SystemCallError("make node", target, errno: errno) }
        // mknod(2) subtracts the umask.
        guard chmod(target, mode) == 0 else { throw SystemCallError("set the mode of", target, errno: errno) }
    }

    /// Brings up the loopback interface, which is down in a new network namespace.
    public static func bringUpLoopback() throws(SystemCallError) {
        let number = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard number >= 0 else { throw SystemCallError("make", "a socket", errno: errno) }
        let socket = FileDescriptor(owning: number)
        guard hawser_bring_up(socket.number, "lo") == 0 else {
            throw SystemCallError("bring up", "interface lo", errno: errno)
        }
    }

    /// What tells one mount namespace from another, as /proc shows it: `mnt:[4026531841]`.
    public static func mountNamespaceIdentity(of process: String = "self") throws(SystemCallError) -> String? {
        try linkTarget("/proc/\(process)/ns/mnt")
    }
}
