public import NBD

/// How exports are served by nbdkit(1).
public struct NBDKitConfiguration: Sendable, Equatable {
    /// Who runs the two nbdkit processes.
    public enum Supervision: Sendable, Equatable {
        /// Hawser starts them, by this program, and starts them again when they end.
        case supervised(program: String)
        /// Somebody else does, over the directories `rw` and `ro`.
        case external
    }

    /// Where the directories of links are.
    public var root: String
    public var supervision: Supervision
    /// Where writable exports are served. A TCP port of 0 takes a free one, once, which is kept for later starts.
    public var writable: NBDAddress
    public var readOnly: NBDAddress

    public init(root: String, supervision: Supervision, writable: NBDAddress, readOnly: NBDAddress) {
        self.root = root
        self.supervision = supervision
        self.writable = writable
        self.readOnly = readOnly
    }
}
