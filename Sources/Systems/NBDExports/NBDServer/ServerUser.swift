import Glibc
import LinuxCalls

/// The user that nbd-server becomes before it serves (`user` of nbd-server(5)). It is he who opens links and disks.
struct ServerUser: Sendable {
    let name: String
    private let number: UInt32
    private let group: UInt32

    /// - Parameter name: as the main file has it.
    /// - Returns: nil when there is no such user: then nbd-server does not start, and says why.
    init?(named name: String) {
        guard let entry = getpwnam(name) else { return nil }
        self.name = name
        number = entry.pointee.pw_uid
        group = entry.pointee.pw_gid
    }

    /// The first directory on the way down to a path that this user may not pass; nil when he gets there.
    ///
    /// Without this every client would be refused as nbd-server refuses for any reason: "Access denied by server
    /// configuration".
    func obstacle(on path: String) -> String? {
        var directory = ""
        for part in path.split(separator: "/") {
            directory += "/\(part)"
            var status = stat()
            guard stat(directory, &status) == 0 else { return directory }
            let permission: UInt32 =
                status.st_uid == number ? 0o100 : status.st_gid == group ? 0o010 : 0o001
            if number != 0, status.st_mode & permission == 0 { return directory }
        }
        return nil
    }

    /// Gives him a directory to write in, beside this process, where this process may give.
    func take(_ directory: String) throws(SystemCallError) {
        guard geteuid() == 0 else { return }
        // Root writes there as the group: hawserd's unit takes from it the right to write where it may not.
        guard chown(directory, number, getegid()) == 0, chmod(directory, 0o775) == 0 else {
            throw SystemCallError("give user \(name)", directory, errno: errno)
        }
    }
}
