/// One holding of a lease: two holdings are never the same, even where a database lost a commit and gave an epoch out twice.
public struct LeaseToken: Sendable, Hashable {
    /// Goes up by one with every taking.
    public var epoch: Int64
    /// Random, chosen by the taker.
    public var nonce: UUIDValue

    public init(epoch: Int64, nonce: UUIDValue) {
        self.epoch = epoch
        self.nonce = nonce
    }
}

/// The lease of a node, as a shared store has it: the one row that says which daemon may act (LEASE).
public struct LeaseRecord: Sendable, Equatable {
    public var token: LeaseToken
    /// Goes up with every renewal.
    public var beat: Int64
    /// Which process holds it, for people.
    public var holder: String
    /// For how long after its last renewal the holder may believe in it, and everybody else has to.
    public var lifetime: Duration
    /// The holder has given it back: it can be taken at once.
    public var isReleased: Bool

    public init(token: LeaseToken, beat: Int64 = 0, holder: String, lifetime: Duration, isReleased: Bool = false) {
        self.token = token
        self.beat = beat
        self.holder = holder
        self.lifetime = lifetime
        self.isReleased = isReleased
    }
}

/// How a daemon stands to its node's lease.
public enum LeaseStanding: Sendable, Equatable {
    /// It may begin a step until then.
    case held(until: Instant)
    /// It holds the lease as far as it knows, and could not prove it lately.
    case unproven
    /// Somebody else holds it, or nobody yet.
    case awaited(holder: String?)
}
