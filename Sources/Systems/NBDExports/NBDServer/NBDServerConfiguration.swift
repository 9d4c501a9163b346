public import NBD

/// How exports are served by nbd-server(1) over files in the layout of the old daemon.
public struct NBDServerConfiguration: Sendable, Equatable {
    /// How nbd-server comes to know the files. docs/nbd-servers.md compares the two.
    public enum Style: Sendable, Equatable {
        /// A server of its own for each client, which reads the files anew; a socket unit of systemd listens.
        case perConnection
        /// The same, where there is no systemd: Hawser has this program listen (systemd-socket-activate(1)).
        case perConnectionActivated(by: String)
        /// One server that keeps in memory what it read at its start. Hawser starts it, and replaces it when files changed.
        case daemon
    }

    /// Hawser's own directory: links, records, what was set aside.
    public var root: String
    /// nbd-server's main file, with the section `[generic]`. One that is not there is made.
    public var configFile: String
    /// The `includedir` of the main file: one file for each export.
    public var includeDirectory: String
    public var style: Style
    /// The server's program.
    public var program: String
    /// Where clients connect. A TCP port of 0 takes a free one, once, which is kept for later starts.
    public var address: NBDAddress

    public init(
        root: String, configFile: String, includeDirectory: String, style: Style, program: String, address: NBDAddress
    ) {
        self.root = root
        self.configFile = configFile
        self.includeDirectory = includeDirectory
        self.style = style
        self.program = program
        self.address = address
    }
}
