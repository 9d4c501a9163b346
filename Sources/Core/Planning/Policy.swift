public import VolumeModel

/// What decisions depend on, apart from the world. Every one can be set in hawserd's configuration.
public struct Policy: Sendable, Equatable {
    /// How old an answer may be when something is taken away or attached on the strength of it (LIVE-PROOF).
    public var evidenceLifetime: Duration = .seconds(1)
    /// How long a read of this machine may have taken, from the asking to the use of its answer. A process that was stopped
    /// between the two takes an answer for fresh that is as old as the stop was long (LIVE-PROOF). For CloudStack it is
    /// ``requestInFlightBound``.
    public var localReadBound: Duration = .seconds(5)
    /// How long after a decision its step may still begin. Between the two lies a write to the ledger, and a process can be
    /// stopped, or a disk hang, for as long as it likes (LIVE-PROOF).
    public var decisionLifetime: Duration = .seconds(5)
    /// How long a call whose answer was lost may still be on its way to CloudStack. Before that, "no such job" proves
    /// nothing (NO-BLIND-REPEAT).
    public var requestInFlightBound: Duration = .seconds(30)
    /// How often a running job is asked for.
    public var jobPollInterval: Duration = .seconds(1)
    /// How often something that changes by itself (a volume or a machine on its way, a foreign job) is read again.
    public var revisitInterval: Duration = .seconds(5)
    /// How long after an attach the device may take to appear before a person is told.
    public var deviceDeadline: Duration = .seconds(60)
    /// How often CloudStack is listed as a whole.
    public var resyncInterval: Duration = .seconds(60)
    /// First and longest wait after a failure; doubled in between, with jitter.
    public var backoffBase: Duration = .seconds(1)
    public var backoffCap: Duration = .seconds(300)
    /// The wait after a limit was reached or a right was missing: a person has to act, so there is no hurry.
    public var slowRetry: Duration = .seconds(300)
    /// How many mutations may be under way on one machine, and in all.
    public var stepsPerMachine: Int = 4
    public var stepsInAll: Int = 16
    /// How many reads may be under way.
    public var looksInAll: Int = 16

    /// How many volumes may be taken away within the window without a person's approval: so many, or so many percent of all,
    /// whichever is more (BRAKE).
    public var brakeVolumes: Int = 1
    public var brakePercent: Double = 1
    public var brakeWindow: Duration = .seconds(600)

    /// The pause before what somebody undid is repaired for the second time, by what it grows with each time after that, and
    /// the longest; and after how long what was repaired has lasted, so that it begins anew.
    public var contestBase: Duration = .seconds(10)
    public var contestFactor: Int = 2
    public var contestCap: Duration = .seconds(600)
    public var contestLasting: Duration = .seconds(600)

    /// How far Hawser may go on this node, whatever the objects say.
    public var mode: ReconcileMode = .enforce

    public init() {}
}
