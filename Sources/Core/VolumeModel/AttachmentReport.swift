/// What is known of one attachment at one moment: the row of `hawser status`, the conditions, the drift.
///
/// It follows from the same comparison that made the plan; there is no second opinion.
public struct AttachmentReport: Sendable, Equatable {
    public enum Readiness: Sendable, Equatable, Hashable {
        /// Desired and observed agree.
        case ready
        /// They do not, or it is not known whether they do.
        case notReady(Cause)
        /// The object was deleted and everything it asked for is gone.
        case departed

        /// Whether it is only being looked at: see ``Cause/isPassing``.
        public var isPassing: Bool {
            if case .notReady(let cause) = self { cause.isPassing } else { false }
        }

        /// A word that says which readiness it is, without what changes from moment to moment.
        public var code: String {
            switch self {
            case .ready: "Ready"
            case .departed: "Departed"
            case .notReady(let cause): cause.code
            }
        }
    }

    public var attachment: AttachmentID
    public var name: String
    /// The generation of desired state that the report is about.
    public var generation: Int64
    /// The volume that the object is bound to, once it is known.
    public var volume: VolumeID?
    /// The machine that the volume is wanted on, once it is known.
    public var machine: MachineID?
    /// Whether that machine is this appliance.
    public var isHere: Bool
    public var isDeparting: Bool
    /// Why nothing is touched, when nothing may be.
    public var restraint: Restraint?
    public var readiness: Readiness
    /// Since when the readiness (its case and code) has been what it is.
    public var since: Instant
    /// The three observed worlds in a word or two each, for a table: `attached`, `vdb`, `live`.
    public var cloudWord: String
    public var deviceWord: String
    public var exportWord: String
    public var clients: ClientCount?
    public var drifts: [Drift]
    /// What Hawser does next or is doing, in words; `nil` when nothing is to be done.
    public var next: String?
    /// When Hawser looks again without being woken; `nil` when it waits for events only.
    public var nextAt: Instant?

    public init(
        attachment: AttachmentID, name: String, generation: Int64, volume: VolumeID?, machine: MachineID?,
        isHere: Bool, isDeparting: Bool, restraint: Restraint? = nil, readiness: Readiness, since: Instant,
        cloudWord: String, deviceWord: String,
        exportWord: String, clients: ClientCount?, drifts: [Drift], next: String?, nextAt: Instant?
    ) {
        self.attachment = attachment
        self.name = name
        self.generation = generation
        self.volume = volume
        self.machine = machine
        self.isHere = isHere
        self.isDeparting = isDeparting
        self.restraint = restraint
        self.readiness = readiness
        self.since = since
        self.cloudWord = cloudWord
        self.deviceWord = deviceWord
        self.exportWord = exportWord
        self.clients = clients
        self.drifts = drifts
        self.next = next
        self.nextAt = nextAt
    }
}
