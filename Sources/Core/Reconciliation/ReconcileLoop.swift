public import Planning
public import VolumeModel

/// The controller's own state machine: facts in, effects out.
///
/// It holds what is wanted and what was seen, asks the planner about the rows that something happened to, and says
/// which reads and steps are to be carried out. It has no clock, no I/O and no tasks of its own: the same sequence of
/// events at the same instants gives the same effects, in production and in a simulated world.
///
/// Every row is in one place at a time: *clean* (nothing to decide), *dirty* (to be decided now), reading (one read
/// under way), stepping (one step under way), or queued behind a limit. A row's fingerprint columns say whether it
/// agrees; a full comparison reads just those.
public struct ReconcileLoop: Sendable {
    public let here: MachineID
    let begunAt: Instant
    var planner: Planner
    var generator: SplitMix64

    // MARK: Rows. The columns have one element for each slot; free slots are reused.

    var index = RowIndex()
    var rows: [Row?] = []
    var wanted: [UInt64] = []
    var seen: [UInt64] = []
    /// The revision at which each row's report last changed.
    var reportedAt: [Int64] = []
    var freeSlots: [Int] = []
    var dirty: [Int] = []
    var isDirty: [Bool] = []
    /// A volume's rows are among those of its serial.
    var slotsBySerial = SerialIndex()
    var slotByName: [ObjectName: Int] = [:]
    var slotByExportName: [ExportName: Int] = [:]

    /// The last that was taken in, and since when its row's conditions hold: others are often alike in part.
    var lastDesired: DesiredAttachment?
    var lastConditionTimes: [RowContents.ConditionTime] = []

    // MARK: The worlds, managed or not

    /// Shared with the rows that know the same.
    var volumes: [VolumeID: Shared<VolumeRecord>] = [:]
    var volumesListedAt: Instant?
    var volumesAskedAt = Instant.distantPast
    var machines: [MachineID: Sighting<MachineRecord>] = [:]
    /// The machines that are there, by their names, which are not unique.
    var machinesByName: [String: [MachineID]] = [:]
    var machinesListedAt: Instant?
    var devices: [String: DeviceRecord] = [:]
    /// The kernel names of the devices that have a serial.
    var devicesBySerial: [DiskSerial: Set<String>] = [:]
    var devicesAreKnown = false
    var exports: ExportObservation?
    var exportsAskedAt = Instant.distantPast
    var exportsByName: [ExportName: ExportEntry] = [:]
    var exportsByVolume: [VolumeID: [ExportEntry]] = [:]
    /// The root disk of each machine, as last listed.
    var roots: [MachineID: VolumeID] = [:]
    var protections: [VolumeID: String] = [:]
    var savedStatuses = SavedStatuses()

    // MARK: Pace

    var wakes = WakeQueue()
    /// How many steps have not returned: the calls that a stopping process waits for.
    public internal(set) var stepsUnderWay = 0
    /// How many of CloudStack's mutations are not known to have ended.
    var steppingInAll = 0
    var looksInAll = 0
    var steppingOnMachine: [MachineID: Int] = [:]
    var queuedSteps: [AttachmentID] = []
    var queuedLooks: [AttachmentID] = []
    var isListing = false
    var isObservingExports = false
    var mustObserveExportsAgain = false
    var nextResync: Instant
    var isStopping = false
    var cloudTrouble: Cause?
    /// Why the last listing of each kind is not complete; `nil` when it is.
    var volumesProblem: String?
    var machinesProblem: String?
    var storeTrouble: String?
    var manifestTrouble: String?
    var storeRetryAt = Instant.distantPast

    /// Goes up whenever a report changed.
    public internal(set) var revision: Int64 = 1
    var tally = ReadinessTally()

    /// How many removals are wanted, and whether they wait for a person (BRAKE).
    var brake = Brake()
    /// Which of the brake's changes people were last told of; `nil` while it lets removals go.
    var announcedBrake: Int?

    /// What was done since the start, in numbers.
    var work = WorkCounts()

    var effects: [LoopEffect] = []

    public init(here: MachineID, policy: Policy, seed: UInt64, now: Instant) {
        self.here = here
        begunAt = now
        planner = Planner(policy: policy)
        generator = SplitMix64(seed: seed)
        nextResync = now
    }

    var policy: Policy { planner.policy }

    /// Whether this daemon may act from now on.
    mutating func take(lease standing: LeaseStanding) {
        guard planner.lease != standing else { return }
        if case .held = planner.lease, case .held = standing {
            planner.lease = standing
            return
        }
        planner.lease = standing
        revision += 1
        compareAll()
    }

    /// Takes in one event and says what is to be done. The effects are in the order in which they are to be begun.
    public mutating func handle(_ event: LoopEvent, at now: Instant) -> [LoopEffect] {
        handle(CollectionOfOne(event), at: now)
    }

    /// Takes in all of these before anything is decided.
    mutating func handle(_ events: some Sequence<LoopEvent>, at now: Instant) -> [LoopEffect] {
        effects = []
        for event in events { take(event, now: now) }
        takeTime(now: now)
        decideDirtyRows(now: now)
        if let soonest = nextDeadline { effects.append(.wake(at: soonest)) }
        return effects
    }

    private mutating func take(_ event: LoopEvent, now: Instant) {
        switch event {
        case .started(let desired, let bindings, let ledger, let drifts, let statuses, let removals):
            start(desired, bindings: bindings, ledger: ledger, drifts: drifts, statuses: statuses, now: now)
            recallBrake(statuses, removals)
        case .desired(let delta): take(delta, now: now)
        case .volumesListed(let listing, let asked): take(listing, asked: asked, now: now)
        case .machinesListed(let listing, let asked): take(listing, asked: asked, now: now)
        case .listingFailed(let error): takeListingFailure(error, now: now)
        case .device(let event): take(event, now: now)
        case .exports(let observation, let asked): take(observation, asked: asked, now: now)
        case .looked(let ticket, let answer, let asked): take(answer, to: ticket, asked: asked, now: now)
        case .stepEnded(let ticket, let outcome): take(outcome, of: ticket, now: now)
        case .forgotten(let attachment):
            // One that was taken back meanwhile is in the store, and stays.
            guard let slot = index[attachment.value], rows[slot]?.contents.isBeingForgotten == true else { break }
            remove(attachment, now: now)
        case .storeFailed(let text): takeStoreFailure(text, now: now)
        case .storeRecovered: storeTrouble = nil
        case .manifestsFollowed(let trouble):
            if manifestTrouble != trouble { revision += 1 }
            manifestTrouble = trouble
        case .timer: break
        case .reconcile(let attachments): takeReconcile(attachments, now: now)
        case .stopping: isStopping = true
        }
    }

    /// When something is to be done without being woken by an event.
    var nextDeadline: Instant? {
        guard !isStopping else { return nil }
        let resync = isListing ? nil : nextResync
        guard let soonest = wakes.soonest else { return resync }
        return resync.map { min($0, soonest) } ?? soonest
    }

    private mutating func takeTime(now: Instant) {
        for attachment in wakes.due(at: now) { markDirty(attachment) }
        guard !isStopping, !isListing, nextResync <= now else { return }
        noteListing(at: now)
        effects.append(.listCloud)
        // Clients come and go without an event, and an event can be lost.
        observeExports()
        compareAll()
    }

    /// CloudStack's listings are asked for.
    mutating func noteListing(at now: Instant) {
        isListing = true
        nextResync = now + policy.resyncInterval
    }

    /// The full comparison: marks every row whose columns differ. It costs what reading two columns costs.
    mutating func compareAll() {
        for slot in wanted.indices where wanted[slot] != seen[slot] { markDirty(slot: slot) }
    }

    /// The rows that are tied to a volume.
    func slots(of volume: VolumeID) -> [Int] {
        slotsBySerial[DiskSerial(of: volume)].filter { rows[$0]?.view.volume == volume }
    }

    mutating func markDirty(_ attachment: AttachmentID) {
        if let slot = index[attachment.value] { markDirty(slot: slot) }
    }

    mutating func markDirty(slot: Int) {
        guard !isDirty[slot], rows[slot] != nil else { return }
        isDirty[slot] = true
        dirty.append(slot)
    }

    /// Puts what no decision hangs on into a row, such as a newer sighting of the same fact.
    mutating func replace(slot: Int, _ change: (inout RowContents) -> Void) {
        guard var row = rows[slot].take() else { return }
        change(&row.contents)
        rows[slot] = row
    }

    /// Puts what no decision hangs on *while the row agrees* into a row, such as what a machine is that nothing is moved to.
    mutating func note(slot: Int, _ change: (inout RowContents) -> Void) {
        if seen[slot] == wanted[slot] { replace(slot: slot, change) } else { update(slot: slot, change) }
    }

    /// Changes a row's view, refreshes its columns and puts it before the planner.
    mutating func update(slot: Int, _ change: (inout RowContents) -> Void) {
        // Taken out of the table meanwhile, so that there is one reference to the contents and they are changed in place.
        guard var row = rows[slot].take() else { return }
        change(&row.contents)
        row.contents.refresh()
        wanted[slot] = row.isInvalid ? 1 : Fingerprint.wanted(row.view)
        seen[slot] = Fingerprint.seen(row.view)
        rows[slot] = row
        markDirty(slot: slot)
    }
}
