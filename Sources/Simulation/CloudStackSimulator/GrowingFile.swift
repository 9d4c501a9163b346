import Glibc
import LinuxCalls

/// For a file that only grows: made when missing, closed in children.
let appendFlags: Int32 = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC

/// Makes what was written to a file durable.
func synchronise(_ file: borrowing FileDescriptor, path: String) throws(SystemCallError) {
    guard fsync(file.number) == 0 else { throw SystemCallError("synchronise", path, errno: errno) }
}
