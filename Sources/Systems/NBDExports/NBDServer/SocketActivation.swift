import Glibc
import LinuxCalls
import NBD

/// Listens as a socket unit with `Accept=yes` does, where systemd is not the first process (systemd-socket-activate(1)):
/// each client gets an nbd-server of its own, which has the connection as its standard input.
struct SocketActivation: Sendable {
    let program: String
    let server: String
    let configFile: String

    /// Starts it; it has a session of its own and outlives hawserd.
    func start(on address: NBDAddress) throws(SystemCallError) -> ChildProcess {
        let listening: String
        switch address {
        case .tcp(let host, let port): listening = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path):
            listening = path
            // A socket whose listener is gone is in the new one's way.
            if try ProcessInspection.owners(of: address.endpoint).isNobody { unlink(path) }
        }
        // Without -d the server would go into the background and lose its client. Both programs write several lines for
        // each client; what matters goes to the journal.
        return try ChildProcess(
            starting: .init(
                program, ["--accept", "--inetd", "--listen", listening, server, "-d", "-C", configFile],
                output: .discarded, errors: .discarded, startsSession: true))
    }

    /// Ends the listener; sessions are processes of their own and go on.
    static func end(_ program: String, on address: NBDAddress) throws(SystemCallError) {
        let wanted = program.split(separator: "/").last
        for process in try ProcessInspection.listeners(on: address.endpoint) {
            guard ProcessInspection.program(of: process)?.split(separator: "/").last == wanted,
                let identity = ProcessIdentity(of: process)
            else { continue }
            try identity.send(signal: SIGTERM)
        }
    }
}
