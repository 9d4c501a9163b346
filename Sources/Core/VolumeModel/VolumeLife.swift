/// As what a volume is attached.
public enum DiskRole: String, Sendable, Equatable, Hashable, CaseIterable {
    case data = "Data"
    /// As the disk that the machine boots from: CloudStack's device id 0. The machine must be stopped, have no root disk,
    /// and not be the appliance.
    case root = "Root"
}

/// What becomes of a volume's data when its object is deleted (NO-SURPRISE-DELETE).
public struct DeletionPolicy: Sendable, Equatable, Hashable {
    public enum Data: String, Sendable, Equatable, Hashable, CaseIterable {
        case retain = "Retain"
        /// Delete the volume; only one that Hawser made, and only after the grace period.
        case delete = "Delete"
    }

    public var data: Data
    /// How long after the object's deletion the data stays.
    public var grace: Duration

    public static let standardGrace = Duration.seconds(86_400)

    public init(data: Data = .retain, grace: Duration = DeletionPolicy.standardGrace) {
        self.data = data
        self.grace = grace
    }
}
