/// `GET brake`: the removals that wait for a person's approval (BRAKE).
public struct WireBrake: Sendable, Equatable, Codable {
    public struct Item: Sendable, Equatable, Codable {
        public var name: String
        public var volume: String?
        /// What is to be taken away, and what that follows from.
        public var reason: String

        public init(name: String, volume: String?, reason: String) {
            self.name = name
            self.volume = volume
            self.reason = reason
        }
    }

    /// The word by which just these are approved; absent when none is held.
    public var batch: String?
    public var items: [Item]
    /// How many of all volumes may be taken away within the window without approval.
    public var allowed: Int
    public var volumes: Int
    public var windowSeconds: Int64

    public init(batch: String?, items: [Item], allowed: Int, volumes: Int, windowSeconds: Int64) {
        self.batch = batch
        self.items = items
        self.allowed = allowed
        self.volumes = volumes
        self.windowSeconds = windowSeconds
    }
}

/// `POST brake/approve`: lets exactly this batch go; one that has changed since is refused.
public struct WireApproval: Sendable, Equatable, Codable {
    public var batch: String

    public init(batch: String) {
        self.batch = batch
    }
}
