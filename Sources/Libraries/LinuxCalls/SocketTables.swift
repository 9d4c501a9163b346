import Glibc

/// What a socket that is bound to an endpoint does.
enum SocketState {
    case listening
    case connected
}

/// The kernel's tables of sockets (proc(5), /proc/net), each read once and when it is first needed.
struct SocketTables {
    private typealias Row = [Substring]

    private var tcp: [Row]?
    private var unix: [Row]?

    /// The inodes of the sockets that are bound to an endpoint and in this state.
    mutating func sockets(
        of endpoint: ProcessInspection.Endpoint, in state: SocketState
    ) throws(SystemCallError) -> [Substring] {
        switch endpoint {
        case .tcp(let port, let address):
            // The server's end of a connection has the address that the client chose, whatever was listened on.
            let addresses = state == .listening ? address.flatMap(Self.wantedAddresses) : nil
            let hex = String(port, radix: 16, uppercase: true)
            let suffix = ":" + String(repeating: "0", count: 4 - hex.count) + hex
            // 0A is TCP_LISTEN; 01 TCP_ESTABLISHED and 08 TCP_CLOSE_WAIT, where the server has not closed yet.
            let codes: [Substring] = state == .listening ? ["0A"] : ["01", "08"]
            return try tcpRows().compactMap { fields in
                guard fields[1].hasSuffix(suffix), codes.contains(fields[3]), fields[9] != "0" else { return nil }
                if let addresses, !addresses.contains(fields[1].dropLast(suffix.count)) { return nil }
                return fields[9]
            }
        case .unix(let path):
            // The flag 00010000 is __SO_ACCEPTCON: it listens.
            let flags = state == .listening ? "00010000" : "00000000"
            return try unixRows().compactMap { fields in
                fields[3] == flags && fields[7] == path && fields[6] != "0" ? fields[6] : nil
            }
        }
    }

    /// How /proc/net/tcp and tcp6 write an IPv4 address, the same as IPv6 maps it, and those that stand for all; nil for
    /// what is no IPv4 address, or is all of them.
    private static func wantedAddresses(_ text: String) -> Set<Substring>? {
        var address = in_addr()
        guard inet_pton(AF_INET, text, &address) == 1, address.s_addr != 0 else { return nil }
        let digits = String(address.s_addr, radix: 16, uppercase: true)
        let hex = String(repeating: "0", count: 8 - digits.count) + digits
        let zeros = String(repeating: "0", count: 8)
        let mapped = zeros + zeros + "FFFF0000" + hex
        return [Substring(hex), Substring(zeros), Substring(mapped), Substring(zeros + zeros + zeros + zeros)]
    }

    private mutating func tcpRows() throws(SystemCallError) -> [Row] {
        if let tcp { return tcp }
        var rows: [Row] = []
        for file in ["/proc/net/tcp", "/proc/net/tcp6"] where exists(file) {
            let lines = try readTextFile(file, limit: 256 << 20).split(separator: "\n").dropFirst()
            rows += lines.map { $0.split(separator: " ") }.filter { $0.count > 9 }
        }
        tcp = rows
        return rows
    }

    private mutating func unixRows() throws(SystemCallError) -> [Row] {
        if let unix { return unix }
        let lines = try readTextFile("/proc/net/unix", limit: 64 << 20).split(separator: "\n")
        let rows = lines.map { $0.split(separator: " ", maxSplits: 7) }.filter { $0.count == 8 }
        unix = rows
        return rows
    }
}
