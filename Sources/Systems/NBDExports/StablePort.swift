import Glibc
import LinuxCalls
import NBD

/// A free TCP port that, once found, is kept for good: clients have written it down.
enum StablePort {
    /// Replaces port 0 by the port that a file remembers, or by a free one which it then remembers.
    static func resolve(_ address: NBDAddress, rememberedIn file: String) throws(SystemCallError) -> NBDAddress {
        guard case .tcp(let host, 0) = address else { return address }
        if exists(file) {
            let text = try readTextFile(file, limit: 64)
            if let port = UInt16(text.prefix { $0.isNumber }), port > 0 { return .tcp(host: host, port: port) }
        }
        let port = try freePort()
        try writeFileAtomically(file, bytes: Array("\(port)\n".utf8))
        return .tcp(host: host, port: port)
    }

    /// A port that the kernel gives to nobody else at this moment. Another may take it before the server binds it; the
    /// server then says so and ends.
    private static func freePort() throws(SystemCallError) -> UInt16 {
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
