public import Planning
public import VolumeModel

/// What the loop is told. Events carry no orders: each says what was seen, and the loop decides what that means.
public enum LoopEvent: Sendable {
    /// What the store knew when the process began. First of all events.
    case started(
        DesiredState, bindings: [AttachmentID: VolumeID], openLedger: [LedgerEntry], openDrifts: [DriftRecord],
        statuses: [SavedStatus] = [], removals: [AttachmentID: Instant] = [:])
    case desired(DesiredDelta)
    case volumesListed(CloudListing<VolumeRecord>, asked: Instant)
    case machinesListed(CloudListing<MachineRecord>, asked: Instant)
    case listingFailed(CloudError)
    case device(DeviceEvent)
    case exports(ExportObservation, asked: Instant)
    case looked(LookTicket, LookAnswer, asked: Instant)
    case stepEnded(StepTicket, StepOutcome)
    case forgotten(AttachmentID)
    case storeFailed(String)
    case storeRecovered
    /// The followed manifest directory was read; `nil` when all in it was taken over.
    case manifestsFollowed(trouble: String?)
    /// A deadline that the loop asked for has come.
    case timer
    /// A person asks to look again, at everything or at some rows, without waiting for a backoff.
    case reconcile([AttachmentID]?)
    /// No new step begins from here on.
    case stopping
}

/// What the loop wants done. The shell carries it out and reports back by an event.
public enum LoopEffect: Sendable, Equatable {
    case listCloud
    case observeExports
    case look(LookTicket)
    case perform(StepTicket)
    case forget(AttachmentID)
    case append(LedgerEntry)
    case save([AttachmentDetail])
    case recordEvents([EventRecord])
    case recordDrifts([DriftRecord])
    /// Send ``LoopEvent/timer`` then. The soonest of all that were asked for suffices.
    case wake(at: Instant)
}

/// A read under way, for one row.
public struct LookTicket: Sendable, Equatable, Hashable {
    public var attachment: AttachmentID
    public var look: Look
}

/// What a read brought.
public enum LookAnswer: Sendable, Equatable {
    case volume(Fact<VolumeRecord>)
    case machine(Fact<MachineRecord>)
    case job(JobReport)
    case volumesNamed([VolumeRecord])
    /// A zone or an offering that a name needs does not exist.
    case nameMissing(String)
    case use(DeviceUse)
    case mismatch(String?)
    case disks(DiskSearch)
    case sessions(ClientCount)
    case export(Fact<ExportEntry>)
    case events([VolumeEvent])
    case failed(CloudError)
}

/// A step under way, for one row, with what the ledger says of it.
public struct StepTicket: Sendable, Equatable {
    public var attachment: AttachmentID
    public var generation: Int64
    public var step: Step
    /// Names the effect in the ledger; a fresh one for each try (NO-BLIND-REPEAT).
    public var intent: IntentID
    /// The job id that CloudStack is asked to use; only for CloudStack's mutations.
    public var job: JobID?
    /// Why, and on what evidence (LIVE-PROOF).
    public var evidence: String
    /// The step has no effect begun after this: what it was decided on is too old by then, or the lease may be another's.
    public var notAfter: Instant
    /// It takes away a name that leads to a wrong disk, or sessions that are on one: that is done without a lease,
    /// and although the ledger cannot be written (RIGHT-DISK).
    public var isGuard: Bool
    /// A person's override of IN-USE is used up by this step.
    public var consumesOverride: Bool
    /// It belongs to a removal that nobody has approved (BRAKE).
    public var countsAsRemoval = false
}

/// How a step ended, as far as the call tells.
public enum StepOutcome: Sendable, Equatable {
    /// Done, for steps that end with the call.
    case done
    /// CloudStack took it and works on it as this job.
    case accepted(CloudReceipt)
    /// Refused, or never sent: no effect.
    case failed(remedy: CloudRemedy, text: String, retryAfter: Duration?)
    /// Sent, and the answer lost: only a look can tell.
    case answerLost(String)
    /// The ledger could not be written, so nothing was done.
    case notStarted(String)
}
