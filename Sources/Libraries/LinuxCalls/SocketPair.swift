internal import CLinux
import Glibc

/// Two stream sockets that are connected with each other (socketpair(2)).
public struct SocketPair: ~Copyable {
    public let near: FileDescriptor
    public let far: FileDescriptor

    public init() throws(SystemCallError) {
        var ends: [Int32] = [0, 0]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw SystemCallError("make", "a pair of sockets", errno: errno)
        }
        near = FileDescriptor(owning: ends[0])
        far = FileDescriptor(owning: ends[1])
    }

    /// Gives up the far end, and the near one to the caller.
    public consuming func takeNear() -> FileDescriptor { near }
}
