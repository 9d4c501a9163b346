internal import CMount
import Glibc

/// What is mounted, and what is swap, as the kernel tells it (libmount(3)).
public struct Mounts: Sendable, Equatable {
    /// One mount or swap area.
    public struct Entry: Sendable, Equatable {
        /// Where: a directory for a mount, the device or file for swap.
        public var place: String
        /// The source as it was given, such as `/dev/vdb1`.
        public var source: String
        /// The file system's device number; it is the disk's own for file systems on one device.
        public var major: UInt32
        public var minor: UInt32
    }

    public var entries: [Entry]

    /// The mounts of a process's mount namespace.
    ///
    /// - Parameter process: a number, or `self`.
    public static func mounts(of process: String = "self") throws(MountTableError) -> Mounts {
        try Mounts(file: "/proc/\(process)/mountinfo") { table, path in mnt_table_parse_file(table, path) }
    }

    /// The swap areas of the machine. A kernel without swap has no list of them, and none.
    public static func swaps() throws(MountTableError) -> Mounts {
        guard access("/proc/swaps", F_OK) == 0 else { return Mounts(entries: []) }
        return try Mounts(file: "/proc/swaps") { table, path in mnt_table_parse_swaps(table, path) }
    }

    private init(entries: [Entry]) {
        self.entries = entries
    }

    private init(
        file: String, parse: (OpaquePointer, String) -> Int32
    ) throws(MountTableError) {
        guard let table = mnt_new_table() else { throw MountTableError(file: file, errorNumber: ENOMEM) }
        defer { mnt_unref_table(table) }
        let result = parse(table, file)
        guard result == 0 else { throw MountTableError(file: file, errorNumber: result < 0 ? -result : errno) }
        guard let iterator = mnt_new_iter(Int32(MNT_ITER_FORWARD)) else {
            throw MountTableError(file: file, errorNumber: ENOMEM)
        }
        defer { mnt_free_iter(iterator) }
        entries = []
        var entry: OpaquePointer?
        while mnt_table_next_fs(table, iterator, &entry) == 0, let current = entry {
            let number = mnt_fs_get_devno(current)
            let source = mnt_fs_get_source(current).map { String(cString: $0) } ?? ""
            let place = mnt_fs_get_target(current).map { String(cString: $0) } ?? source
            entries.append(
                Entry(
                    place: place, source: source, major: hawser_mount_major(number), minor: hawser_mount_minor(number)))
        }
    }
}

/// A table that could not be read.
public struct MountTableError: Error, Sendable, Equatable, CustomStringConvertible {
    public let file: String
    public let errorNumber: Int32

    public var description: String { "cannot read \(file): error \(errorNumber) (errno(3))" }
}
