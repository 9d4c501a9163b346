/// Where an NBD server listens.
public enum NBDAddress: Sendable, Hashable, CustomStringConvertible {
    case tcp(host: String, port: UInt16)
    /// The path of a unix socket.
    case unix(String)

    /// The server's NBD URI (the NBD project's doc/uri.md), to which a name can be added: `nbd://127.0.0.1:10809/`.
    public var uri: String {
        switch self {
        case .tcp(let host, let port): "nbd://\(host.contains(":") ? "[\(host)]" : host):\(port)/"
        case .unix(let path): "nbd+unix:///?socket=\(path)"
        }
    }

    public var description: String {
        switch self {
        case .tcp(let host, let port): "\(host):\(port)"
        case .unix(let path): path
        }
    }
}
