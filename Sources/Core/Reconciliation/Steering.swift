public import VolumeModel

/// What a person or a program can see of a running controller and ask of it. The control API stands on this and on
/// ``StateStore``, and on nothing else.
public protocol Steering: Sendable {
    /// Everything about every attachment, as of now.
    func overview() async -> Overview

    /// Returns as soon as the overview is newer than `revision`, or after `patience` in any case.
    func overview(newerThan revision: Int64, patience: Duration) async -> Overview

    /// How the node stands as a whole, as soon as anything is newer than `revision`, or after `patience` in any case. It costs
    /// the same however many attachments there are.
    func standing(newerThan revision: Int64, patience: Duration) async -> NodeStanding

    /// All that is known of one attachment; `nil` when there is none of this name.
    func detail(of name: ObjectName) async -> AttachmentDetail?

    /// What would be done now, by the very function that the loop uses (PLAN-IS-DEED).
    func plan() async -> [PlanLine]

    /// The observed worlds as last seen, managed or not.
    func observedWorld() async -> ObservedWorld

    /// The removals that wait for a person's approval, and how many are allowed without (BRAKE).
    func removals() async -> HeldRemovals

    /// How things stand and what was done, in numbers.
    func measurements() async -> Measurements

    /// Looks at everything again (`names` is `nil`) or at some attachments, and forgets their backoff.
    ///
    /// - Returns: the names that are not known.
    func reconcile(_ names: [ObjectName]?) async -> [ObjectName]
}

public struct Overview: Sendable, Equatable {
    /// Goes up whenever a report changed.
    public var revision: Int64
    public var at: Instant
    /// This appliance.
    public var here: MachineID
    /// How far Hawser may go on this node.
    public var mode: ReconcileMode
    public var reports: [AttachmentReport]
    public var unmanaged: [Unmanaged]
    /// What is wrong with the node as a whole: CloudStack unreachable, store not writable, NBD server down.
    public var nodeCauses: [Cause]

    public init(
        revision: Int64, at: Instant, here: MachineID, mode: ReconcileMode = .enforce, reports: [AttachmentReport],
        unmanaged: [Unmanaged], nodeCauses: [Cause]
    ) {
        self.revision = revision
        self.at = at
        self.here = here
        self.mode = mode
        self.reports = reports
        self.unmanaged = unmanaged
        self.nodeCauses = nodeCauses
    }
}

/// One line of a plan: the next step of an attachment, or why it has none.
public struct PlanLine: Sendable, Equatable {
    public enum Outcome: Sendable, Equatable {
        /// The corrective action that would be taken now, with its reason.
        case action(verb: String, summary: String, reason: String)
        /// Something has to be read before the next action is decided; not a corrective action.
        case look(String)
        case hold(Cause)
        case settled
    }

    public var attachment: AttachmentID
    public var name: String
    public var outcome: Outcome
    /// What has to be read before it is decided for good, with how old what is known is and how fresh it has to be.
    public var readsFirst: [String]

    public init(attachment: AttachmentID, name: String, outcome: Outcome, readsFirst: [String] = []) {
        self.attachment = attachment
        self.name = name
        self.outcome = outcome
        self.readsFirst = readsFirst
    }
}

public struct ObservedWorld: Sendable, Equatable {
    public var volumes: [VolumeRecord]
    /// When the volumes were last listed as a whole; `nil` before the first time.
    public var volumesListedAt: Instant?
    public var machines: [MachineRecord]
    public var devices: [DeviceRecord]
    public var exports: ExportObservation?

    public init(
        volumes: [VolumeRecord], volumesListedAt: Instant?, machines: [MachineRecord], devices: [DeviceRecord],
        exports: ExportObservation?
    ) {
        self.volumes = volumes
        self.volumesListedAt = volumesListedAt
        self.machines = machines
        self.devices = devices
        self.exports = exports
    }
}
