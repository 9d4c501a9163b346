/// An effect in the outside world that Hawser records before it has it.
public enum LedgerAction: Sendable, Equatable, Hashable {
    /// The token is part of the new volume's name: by it a half-made volume is found again.
    case createVolume(name: String)
    case attachVolume(VolumeID, to: MachineID)
    case detachVolume(VolumeID, from: MachineID)
    case resizeVolume(VolumeID, sizeInBytes: Int64)
    case deleteVolume(VolumeID)
    case publishExport(ExportName, of: VolumeID)
    case withdrawExport(ExportName)

    /// A word for logs, events and tables.
    public var verb: String {
        switch self {
        case .createVolume: "create"
        case .attachVolume: "attach"
        case .detachVolume: "detach"
        case .resizeVolume: "resize"
        case .deleteVolume: "delete"
        case .publishExport: "export"
        case .withdrawExport: "unexport"
        }
    }

    /// Whether CloudStack runs it as a job; the others are done when the call returns.
    public var isCloudJob: Bool {
        switch self {
        case .createVolume, .attachVolume, .detachVolume, .resizeVolume: true
        case .deleteVolume, .publishExport, .withdrawExport: false
        }
    }

    /// Whether it has its effect in CloudStack.
    public var isInCloudStack: Bool {
        switch self {
        case .createVolume, .attachVolume, .detachVolume, .resizeVolume, .deleteVolume: true
        case .publishExport, .withdrawExport: false
        }
    }
}

/// How far an effect has come. `intended → sent → ended`; the ledger only ever adds.
public enum LedgerPhase: Sendable, Equatable {
    /// Written down; nothing has left this machine.
    case intended
    /// CloudStack answered that it took the call.
    case accepted
    /// Known to be over.
    case ended(LedgerOutcome)
}

public enum LedgerOutcome: Sendable, Equatable {
    /// Whether a createVolume that ended so has made a volume: CloudStack said so, or took the call, which is when it makes
    /// the volume's row.
    public var leavesVolume: Bool {
        switch self {
        case .succeeded, .resolvedByReading: true
        case .failed, .neverArrived: false
        }
    }

    case succeeded
    /// CloudStack or the export server refused or failed; with the words.
    case failed(CloudRemedy, String)
    /// The call was never seen by CloudStack: nothing happened.
    case neverArrived
    /// The job is no longer known; what happened was read from the volume instead.
    case resolvedByReading
}

/// One line of the ledger.
///
/// An intent is open until its effect is known to have ended. A createVolume that has made a volume stays open until the
/// object is bound to it: until then only the ledger knows that it must not be sent again (NO-BLIND-REPEAT).
public struct LedgerEntry: Sendable, Equatable {
    /// All lines of one effect share it.
    public var intent: IntentID
    public var attachment: AttachmentID
    public var action: LedgerAction
    /// Chosen before the call; `nil` for effects that are no CloudStack job.
    public var job: JobID?
    public var phase: LedgerPhase
    public var at: Instant
    /// What was looked at before the act and what it said (LIVE-PROOF), or what was seen after it.
    public var evidence: String
    /// Whether the intent is a step of a removal that nobody has approved, which the brake counts (BRAKE).
    public var countsAsRemoval: Bool

    /// Whether the intent is over with this line.
    public var closesIntent: Bool {
        guard case .ended(let outcome) = phase else { return false }
        if case .createVolume = action { return !outcome.leavesVolume }
        return true
    }

    public init(
        intent: IntentID, attachment: AttachmentID, action: LedgerAction, job: JobID?, phase: LedgerPhase, at: Instant,
        evidence: String, countsAsRemoval: Bool = false
    ) {
        self.intent = intent
        self.attachment = attachment
        self.action = action
        self.job = job
        self.phase = phase
        self.at = at
        self.evidence = evidence
        self.countsAsRemoval = countsAsRemoval
    }
}
