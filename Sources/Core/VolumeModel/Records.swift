/// Something that happened, for people: one line of `hawser get events`.
public struct EventRecord: Sendable, Equatable {
    public enum Severity: String, Sendable, Equatable, CaseIterable {
        case normal = "Normal"
        case warning = "Warning"
    }

    public var at: Instant
    public var attachment: AttachmentID?
    /// The name of the object it is about; empty for the node as a whole.
    public var name: String
    public var severity: Severity
    /// A stable word: a ``Cause``'s code, or a verb in the past (`Attached`).
    public var reason: String
    public var message: String

    public init(
        at: Instant, attachment: AttachmentID?, name: String, severity: Severity, reason: String, message: String
    ) {
        self.at = at
        self.attachment = attachment
        self.name = name
        self.severity = severity
        self.reason = reason
        self.message = message
    }
}

/// One drift from when it was seen to when it was gone: one line of `hawser drift`'s history.
public struct DriftRecord: Sendable, Equatable {
    public var attachment: AttachmentID
    public var name: String
    public var drift: Drift
    public var seenAt: Instant
    /// `nil` while it lasts.
    public var endedAt: Instant?
    /// The effects of Hawser's that came between, such as `attach, export`; empty when it went away by itself.
    public var repairedBy: String

    public init(
        attachment: AttachmentID, name: String, drift: Drift, seenAt: Instant, endedAt: Instant?, repairedBy: String
    ) {
        self.attachment = attachment
        self.name = name
        self.drift = drift
        self.seenAt = seenAt
        self.endedAt = endedAt
        self.repairedBy = repairedBy
    }
}

/// One effect as the ledger tells it from beginning to end: one line of `hawser get operations`.
public struct OperationRecord: Sendable, Equatable {
    public var intent: IntentID
    public var attachment: AttachmentID
    public var action: LedgerAction
    public var job: JobID?
    public var startedAt: Instant
    public var phase: LedgerPhase
    /// When the last line was written.
    public var changedAt: Instant
    /// What was said last.
    public var evidence: String
    /// Why it was begun, and on what evidence (LIVE-PROOF).
    public var because: String

    public init(
        intent: IntentID, attachment: AttachmentID, action: LedgerAction, job: JobID?, startedAt: Instant,
        phase: LedgerPhase, changedAt: Instant, evidence: String, because: String
    ) {
        self.intent = intent
        self.attachment = attachment
        self.action = action
        self.job = job
        self.startedAt = startedAt
        self.phase = phase
        self.changedAt = changedAt
        self.evidence = evidence
        self.because = because
    }
}
