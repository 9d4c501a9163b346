/// Where a MariaDB database is, and as whom to go there.
///
/// No description of it shows the password.
public struct MariaDBAddress: Sendable, Equatable {
    /// Where a server listens.
    public enum Endpoint: Sendable, Hashable, CustomStringConvertible {
        case tcp(host: String, port: UInt16)
        /// The path of a unix socket.
        case unix(path: String)

        public var description: String {
            switch self {
            case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
            case .unix(let path): path
            }
        }
    }

    /// The servers that have the database: tried in this order. Never empty when it was parsed.
    public var endpoints: [Endpoint]
    /// Empty: the name of the user that this process runs as.
    public var user: String
    public var password: MariaDBPassword?
    /// Empty: none is chosen.
    public var database: String
    public var tls: MariaDBTLS
    /// Names of parameters that were given, and mean nothing here: most of them tell Go's driver how to hand values to a Go
    /// program.
    public var ignoredParameters: [String] = []

    /// The port of a server of which none is said (mariadb.com/kb/en/server-system-variables/#port).
    public static let standardPort: UInt16 = 3306

    public init(
        endpoints: [Endpoint], user: String, password: MariaDBPassword? = nil, database: String = "",
        tls: MariaDBTLS = MariaDBTLS()
    ) {
        self.endpoints = endpoints
        self.user = user
        self.password = password
        self.database = database
        self.tls = tls
    }
}

extension MariaDBAddress: CustomStringConvertible, CustomDebugStringConvertible {
    /// As a URL without the password.
    public var description: String {
        let places = endpoints.map { endpoint in
            switch endpoint {
            case .tcp: endpoint.description
            case .unix(let path): "unix(\(path))"
            }
        }
        return "mariadb://\(user.isEmpty ? "" : "\(user)@")\(places.joined(separator: ","))/\(database)"
    }

    public var debugDescription: String { description }
}

/// A password, which shows itself in no description, dump or mirror.
public struct MariaDBPassword: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    let text: String

    public init(_ text: String) {
        self.text = text
    }

    public var description: String { "(a password)" }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// What a connection asks of TLS.
public struct MariaDBTLS: Sendable, Equatable {
    public enum Requirement: String, Sendable, CaseIterable {
        /// Plain text, whatever the server offers.
        case off
        /// Encrypted where the server offers it, plain otherwise. Whoever sits between can make it plain.
        case offered
        /// Encrypted or not at all. The certificate is looked at only where ``MariaDBTLS/authorityFile`` says who must have
        /// signed it; the host's name in it is not.
        case required
        /// Encrypted; the certificate is signed by whom ``MariaDBTLS/authorityFile`` or the system trusts, and names the host.
        case verified
    }

    public var requirement: Requirement
    /// A PEM file with the certificates of those who may sign the server's.
    public var authorityFile: String?
    /// PEM files with this client's own certificate and key, for users that are made with `REQUIRE X509`.
    public var certificateFile: String?
    public var keyFile: String?

    public init(_ requirement: Requirement = .off, authorityFile: String? = nil) {
        self.requirement = requirement
        self.authorityFile = authorityFile
    }
}

/// Why a text is no address of a database. It tells what to write instead, and repeats nothing that can be a password.
public struct MariaDBAddressError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = "cannot read the address of the database: \(description)"
    }
}
