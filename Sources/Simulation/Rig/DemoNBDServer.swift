import Glibc
import LinuxCalls

/// The NBD server of a demo world: what hawserd is told of it, and how somebody breaks it. Everything of it lies in the
/// world's directory, and its port is a free one.
public enum DemoNBDServer: String, Sendable, CaseIterable {
    case nbdkit
    /// nbd-server for each client, over files in the old daemon's layout.
    case nbdServer = "nbd-server"
    /// One nbd-server for all clients, over the same files.
    case nbdServerDaemon = "nbd-server-daemon"

    /// The programs that it needs and this machine lacks.
    public var missingPrograms: [String] {
        let needed =
            switch self {
            case .nbdkit: ["nbdkit"]
            case .nbdServer: ["nbd-server", "systemd-socket-activate"]
            case .nbdServerDaemon: ["nbd-server"]
            }
        return needed.filter { name in
            !["/usr/bin", "/usr/sbin", "/bin", "/usr/local/bin"].contains { access("\($0)/\(name)", X_OK) == 0 }
        }
    }

    /// hawserd's options for it.
    func options(in directory: String) -> [String] {
        let common = [
            "--nbd-root", "\(directory)/exports", "--nbd-mode", "supervised", "--nbd-listen", "127.0.0.1:0",
            "--nbd-listen-read-only", "127.0.0.1:0",
        ]
        let files = [
            "--nbd-config-file", "\(directory)/nbd-server/config", "--nbd-include-directory",
            includeDirectory(directory),
        ]
        return switch self {
        case .nbdkit: common + ["--nbd-kind", "nbdkit"]
        case .nbdServer: common + files + ["--nbd-kind", "nbd-server-per-connection"]
        case .nbdServerDaemon: common + files + ["--nbd-kind", "nbd-server-daemon"]
        }
    }

    private func includeDirectory(_ directory: String) -> String { "\(directory)/nbd-server/conf.d" }

    /// The ports where it listens, the one for writable exports first.
    func ports(in directory: String) throws(SystemCallError) -> [UInt16] {
        let names =
            switch self {
            case .nbdkit: ["port-rw", "port-ro"]
            case .nbdServer, .nbdServerDaemon: ["port-nbd-server"]
            }
        return try names.map { name throws(SystemCallError) in
            UInt16(try readTextFile("\(directory)/exports/\(name)").prefix { $0.isNumber }) ?? 0
        }
    }

    /// Removes an export as somebody would who knows the server and not Hawser.
    func removeExport(_ name: String, in directory: String) {
        switch self {
        case .nbdkit: unlink("\(directory)/exports/rw/\(name)")
        case .nbdServer, .nbdServerDaemon: unlink("\(includeDirectory(directory))/\(name).conf")
        }
    }

    /// Makes an export lead to another volume's disk.
    func bendExport(_ name: String, to volume: String, in directory: String) throws {
        // Made elsewhere: hawserd would take what has another name in there for an export, and withdraw it.
        let made = "\(directory)/bent-\(name)"
        let target: String
        switch self {
        case .nbdkit:
            target = "\(directory)/exports/rw/\(name)"
            try replaceLink(made, target: "../disks/\(volume)")
        case .nbdServer, .nbdServerDaemon:
            target = "\(includeDirectory(directory))/\(name).conf"
            let lines = try readTextFile(target).split(separator: "\n", omittingEmptySubsequences: false).map {
                $0.hasPrefix("exportname=") ? "exportname=\(directory)/exports/disks/\(volume)" : $0
            }
            try writeFile(made, bytes: Array(lines.joined(separator: "\n").utf8))
        }
        guard rename(made, target) == 0 else { throw SystemCallError("rename", made, errno: errno) }
    }
}
