import Arguments
import NBD
import NBDExports
import Reconciliation

/// Which NBD server exports the volumes, and how: the settings under `nbd`, checked.
enum ExportServerChoice: Sendable, Equatable {
    case nbdkit(NBDKitConfiguration)
    case nbdServer(NBDServerConfiguration)

    init(_ values: SettingValues) throws {
        let isSupervised: Bool
        switch try values.required("nbd.mode") {
        case "supervised": isSupervised = true
        case "external": isSupervised = false
        case let other: throw UsageError("nbd.mode is supervised or external, not '\(other)'")
        }
        switch try values.required("nbd.kind") {
        case "nbdkit": self = .nbdkit(try Self.nbdkit(values, isSupervised: isSupervised))
        case "nbd-server-per-connection":
            let style: NBDServerConfiguration.Style =
                isSupervised ? .perConnectionActivated(by: try values.required("nbd.activator")) : .perConnection
            self = .nbdServer(try Self.nbdServer(values, style))
        case "nbd-server-daemon":
            guard isSupervised else {
                throw UsageError(
                    "nbd.kind nbd-server-daemon needs nbd.mode supervised: hawserd replaces that server when exports change"
                )
            }
            self = .nbdServer(try Self.nbdServer(values, .daemon))
        case let other:
            throw UsageError(
                "nbd.kind is nbdkit, nbd-server-per-connection or nbd-server-daemon, not '\(other)'")
        }
    }

    private static func nbdkit(_ values: SettingValues, isSupervised: Bool) throws -> NBDKitConfiguration {
        NBDKitConfiguration(
            root: try values.required("nbd.root"),
            supervision: isSupervised ? .supervised(program: values["nbd.program"] ?? "nbdkit") : .external,
            writable: try address(values, "nbd.listen"), readOnly: try address(values, "nbd.listenReadOnly"))
    }

    private static func nbdServer(
        _ values: SettingValues, _ style: NBDServerConfiguration.Style
    ) throws -> NBDServerConfiguration {
        NBDServerConfiguration(
            root: try values.required("nbd.root"), configFile: try values.required("nbd.configFile"),
            includeDirectory: try values.required("nbd.includeDirectory"), style: style,
            program: values["nbd.program"] ?? "nbd-server", address: try address(values, "nbd.listen"))
    }

    private static func address(_ values: SettingValues, _ key: String) throws(UsageError) -> NBDAddress {
        let text = try values.required(key)
        if text.hasPrefix("/") { return .unix(text) }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw UsageError("\(key) is HOST:PORT or a socket's path, not '\(text)'")
        }
        return .tcp(host: String(text[..<colon]), port: port)
    }

    /// Where Hawser keeps what it needs for exports.
    var root: String {
        switch self {
        case .nbdkit(let configuration): configuration.root
        case .nbdServer(let configuration): configuration.root
        }
    }

    /// nbd-server's include directory, where one is told of.
    var includeDirectory: String? {
        switch self {
        case .nbdkit: nil
        case .nbdServer(let configuration): configuration.includeDirectory
        }
    }

    func makeServer() throws(ExportError) -> any ExportServer & Examinable {
        switch self {
        case .nbdkit(let configuration): try NBDKitExports(configuration)
        case .nbdServer(let configuration): try NBDServerExports(configuration)
        }
    }
}
