import Glibc
import LinuxCalls
import NBD
import VolumeModel

/// One nbdkit process over one directory: writable, or read-only.
///
/// Which process that is follows from who holds the listening socket, never from a name or a pid file. It has a session of
/// its own and outlives whoever started it, so that a restart of hawserd ends no client's session.
struct NBDKitServer: Sendable {
    let side: ExportDirectory.Side
    let address: NBDAddress
    let directory: ExportDirectory

    /// The processes that serve the address now.
    func processes() throws(SystemCallError) -> [Int32] {
        try ProcessInspection.listeners(on: address.endpoint)
    }

    /// Starts it; the child ends at once, when the server listens in the background. In the foreground nbdkit 1.32.5 asks
    /// for SIGTERM when its parent ends (PR_SET_PDEATHSIG), and every session would end with hawserd.
    func start(program: String) throws(SystemCallError) -> ChildProcess {
        var arguments = ["--newstyle"]
        switch address {
        case .tcp(let host, let port): arguments += ["--ipaddr", host, "--port", String(port)]
        case .unix(let path):
            // A socket whose server is gone is in the new one's way.
            if try processes().isEmpty { unlink(path) }
            arguments += ["--unix", path]
        }
        if side == .readOnly { arguments.append("--readonly") }
        arguments += ["file", "dir=\(directory.path(side))"]
        let log = ChildProcess.Output.appended(to: "\(directory.root)/log/nbdkit-\(side.rawValue).log")
        return try ChildProcess(
            starting: .init(program, arguments, output: log, errors: log, startsSession: true))
    }
}
