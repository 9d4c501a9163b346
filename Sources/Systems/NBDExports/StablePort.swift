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
        let port = try FreePort.find()
        try writeFileAtomically(file, bytes: Array("\(port)\n".utf8))
        return .tcp(host: host, port: port)
    }
}
