public import VolumeModel

/// How things stand at one moment and what was done so far, in numbers: what a metric is made of.
///
/// It is put together from what the loop knows anyway when somebody asks; nothing is kept or awaited for it.
public struct Measurements: Sendable, Equatable {
    /// The removals that count toward the brake (BRAKE).
    public struct Removals: Sendable, Equatable {
        public var areHeld = false
        /// Wanted, and not approved.
        public var wanted = 0
        /// The same, and those that were begun within the window.
        public var counted = 0
        /// How many may be taken away within the window without approval.
        public var allowed = 0
        public var window = Duration.zero

        public init() {}
    }

    public var at: Instant
    /// When the process began.
    public var begunAt: Instant
    public var here: MachineID
    public var mode: ReconcileMode

    // MARK: Objects

    public var ready = 0
    public var departed = 0
    public var notReady: [CauseKind: Int] = [:]
    /// The same objects, by who has to act next.
    public var waitingFor: [Mover: Int] = [:]
    /// Set aside by people.
    public var suspended = 0
    /// Somebody keeps undoing what Hawser does.
    public var contested = 0
    public var drifts: [Drift.Kind: Int] = [:]

    // MARK: The node

    /// What is wrong with it as a whole, of ``CauseKind/ofNodes``.
    public var troubles: Set<CauseKind> = []
    public var removals = Removals()
    public var lease = LeaseStanding.awaited(holder: nil)
    /// Whether there is a lease that another could hold.
    public var isLeaseShared = false

    // MARK: The observed worlds

    public var volumes = 0
    public var machines = 0
    public var devices = 0
    public var exports = 0
    /// Connected clients, of those exports where they can be counted.
    public var clients = 0
    /// When they were last listed as a whole; `nil` before the first time.
    public var volumesListedAt: Instant?
    public var machinesListedAt: Instant?
    public var devicesAreKnown = false
    public var exportServer = ExportServerState.unknown

    // MARK: Work

    public var stepsUnderWay = 0
    public var jobsUnderWay = 0
    public var looksUnderWay = 0
    /// Rows that wait for their turn.
    public var queuedSteps = 0
    public var queuedLooks = 0
    public var work = WorkCounts()

    public init(at: Instant, begunAt: Instant, here: MachineID, mode: ReconcileMode) {
        self.at = at
        self.begunAt = begunAt
        self.here = here
        self.mode = mode
    }
}
