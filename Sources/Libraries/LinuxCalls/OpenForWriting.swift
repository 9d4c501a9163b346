internal import CLinux
import Glibc

/// Whether some process has a file open for writing now, by the kernel's own word: a read lease is then refused
/// (fcntl(2), "Leases").
///
/// - Returns: nil where the kernel or the file system gives no leases, or the file is another user's.
/// - Throws: ``SystemCallError`` when the file cannot be opened.
public func isOpenForWriting(_ path: String) throws(SystemCallError) -> Bool? {
    let file = try FileDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK)
    if hawser_try_read_lease(file.number) == 0 { return false }
    return errno == EAGAIN ? true : nil
}
