/// One entry of CloudStack's event list about a volume: what was done, and by whom.
public struct VolumeEvent: Sendable, Equatable, Hashable {
    public enum Kind: Sendable, Equatable, Hashable {
        case attach
        case detach
        case other(String)

        /// Reads CloudStack's own word, such as `VOLUME.DETACH`.
        public init(word: String) {
            switch word {
            case "VOLUME.ATTACH": self = .attach
            case "VOLUME.DETACH": self = .detach
            default: self = .other(word)
            }
        }
    }

    public var id: UUIDValue
    /// The event with which the action began, when it is another: an action writes one for each stage that it reaches.
    public var parent: UUIDValue?
    public var kind: Kind
    /// Who did it: a user of CloudStack's. An administrator's name stands here, also for what is somebody else's.
    public var user: String?
    /// Whose the volume is, mostly.
    public var account: String?
    /// When, in CloudStack's words: its clock is another than Hawser's, and it tells whole seconds.
    public var created: String
    /// Whether the action failed at this stage.
    public var isFailure: Bool

    public init(
        id: UUIDValue, parent: UUIDValue? = nil, kind: Kind, user: String?, account: String?, created: String,
        isFailure: Bool = false
    ) {
        self.id = id
        self.parent = parent
        self.kind = kind
        self.user = user
        self.account = account
        self.created = created
        self.isFailure = isFailure
    }
}
