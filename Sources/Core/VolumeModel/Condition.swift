/// One aspect of an attachment that holds, does not hold, or is not known to.
///
/// Kubernetes' form: programs read the type and the status, people the message.
public struct Condition: Sendable, Equatable {
    public enum Kind: String, Sendable, Equatable, Hashable, CaseIterable {
        /// The object is tied to a volume.
        case bound = "Bound"
        /// CloudStack's record says that the machine that is wanted holds the volume.
        case attached = "Attached"
        /// The one device that is proven to be the volume is on this machine.
        case devicePresent = "DevicePresent"
        /// The live server offers the wanted name, and it leads to that device.
        case exported = "Exported"
        /// Everything that is wanted is so.
        case ready = "Ready"
    }

    public enum Status: String, Sendable, Equatable, Hashable {
        case yes = "True"
        case no = "False"
        case unknown = "Unknown"
    }

    public var kind: Kind
    public var status: Status
    /// A word for programs, such as `NotAttached`.
    public var reason: String
    public var message: String
    /// Since when the status has been what it is.
    public var since: Instant

    public init(kind: Kind, status: Status, reason: String, message: String, since: Instant) {
        self.kind = kind
        self.status = status
        self.reason = reason
        self.message = message
        self.since = since
    }
}

/// How fresh one of the observations is that decisions are made from.
public struct ObservationAge: Sendable, Equatable {
    /// What was observed, such as `volume`.
    public var subject: String
    /// Where it comes from, in words.
    public var source: String
    /// How long ago it was answered; `nil` when it was not read yet.
    public var age: Duration?

    public init(subject: String, source: String, age: Duration?) {
        self.subject = subject
        self.source = source
        self.age = age
    }
}

/// All that is known of one attachment: its report, and the records of the three worlds that it follows from.
public struct AttachmentDetail: Sendable, Equatable {
    public var report: AttachmentReport
    /// Empty in what is written to the store, which keeps none.
    public var conditions: [Condition]
    public var volume: VolumeRecord?
    /// The device that is proven to be the volume.
    public var device: DeviceRecord?
    /// Whether it is known which device that is, or that none is; while not, what was last written of it stands.
    public var isDeviceKnown: Bool
    public var export: ExportEntry?
    /// How often in a row somebody undid what Hawser did, once somebody has; without CloudStack's events.
    public var contest: Contest?
    /// Empty in what is written to the store.
    public var observations: [ObservationAge]

    public init(
        report: AttachmentReport, conditions: [Condition], volume: VolumeRecord?, device: DeviceRecord?,
        isDeviceKnown: Bool = true, export: ExportEntry?, contest: Contest? = nil, observations: [ObservationAge] = []
    ) {
        self.report = report
        self.conditions = conditions
        self.volume = volume
        self.device = device
        self.isDeviceKnown = isDeviceKnown
        self.export = export
        self.contest = contest
        self.observations = observations
    }
}
