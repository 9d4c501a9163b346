/// How far Hawser may go for an object, or on a node as a whole.
public enum ReconcileMode: String, Sendable, Equatable, Hashable, CaseIterable {
    /// Report what differs, and touch nothing.
    case observe = "Observe"
    /// Make it so.
    case enforce = "Enforce"
}

/// An object that a person has set aside for a while: what differs is reported, and nothing is done.
public struct Suspension: Sendable, Equatable, Hashable {
    public var reason: String
    /// When it ends by itself; `nil` for when somebody resumes the object.
    public var until: Instant?

    public init(reason: String, until: Instant?) {
        self.reason = reason
        self.until = until
    }

    public func holds(at now: Instant) -> Bool { until.map { now < $0 } ?? true }
}

/// Why nothing is touched although something differs.
public enum Restraint: Sendable, Equatable, Hashable {
    /// The node was started to observe only.
    case nodeObserves
    /// The object says so.
    case objectObserves
    case suspended(Suspension)

    /// Whether a deleted object may go at once, leaving everything as it is: what was only observed has nothing of
    /// Hawser's to be taken down.
    public var letsGo: Bool {
        switch self {
        case .nodeObserves, .objectObserves: true
        case .suspended: false
        }
    }

    public var until: Instant? {
        switch self {
        case .nodeObserves, .objectObserves: nil
        case .suspended(let suspension): suspension.until
        }
    }

    /// One word for tables.
    public var word: String {
        switch self {
        case .nodeObserves, .objectObserves: "observed"
        case .suspended: "suspended"
        }
    }
}

/// A person's word that one volume may be taken away once although it is in use (IN-USE).
///
/// It is bound to the disk as it was plugged in when the word was given: after a reboot or another attach it means
/// nothing.
public struct InUseOverride: Sendable, Equatable, Hashable {
    public var volume: VolumeID
    public var diskSequence: UInt64?
    public var reason: String
    public var expiresAt: Instant

    public init(volume: VolumeID, diskSequence: UInt64?, reason: String, expiresAt: Instant) {
        self.volume = volume
        self.diskSequence = diskSequence
        self.reason = reason
        self.expiresAt = expiresAt
    }

    public func permits(_ volume: VolumeID, on device: DeviceIdentity, at now: Instant) -> Bool {
        self.volume == volume && diskSequence == device.diskSequence && now < expiresAt
    }
}
