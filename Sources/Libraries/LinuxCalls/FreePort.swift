import Glibc

/// A port of the loopback interface that nobody listens on at this moment.
public enum FreePort {
    /// The kernel's choice for a socket that is bound to port 0 (ip(7)), which is closed again: another process may take
    /// the port before it is used, and whoever then binds it is told.
    public static func find() throws(SystemCallError) -> UInt16 {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard number >= 0 else { throw SystemCallError("make", "a socket", errno: errno) }
        let holder = FileDescriptor(owning: number)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general in
                bind(holder.number, general, length) == 0 ? getsockname(holder.number, general, &length) : -1
            }
        }
        guard result == 0 else { throw SystemCallError("find", "a free port", errno: errno) }
        return UInt16(bigEndian: address.sin_port)
    }
}
