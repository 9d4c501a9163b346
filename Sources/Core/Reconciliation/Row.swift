import Planning
import VolumeModel

/// What the loop keeps of one attachment, apart from the columns that are compared.
///
/// Copies share their contents until one of them is changed. An event hands its row to a dozen functions, and the contents
/// are two kilobytes with dozens of references in them: this way handing it on costs one reference.
struct Row: Sendable {
    /// Just one: an array is the standard library's box that is shared until it is written to.
    private var storage: [RowContents]

    init(view: VolumeView) {
        storage = [RowContents(view: view)]
    }

    @inline(__always)
    var contents: RowContents {
        get { storage[0] }
        _modify { yield &storage[0] }
    }

    // What is read again and again, without a copy of the contents.

    @inline(__always)
    var view: VolumeView {
        // No coroutine: what is chained to an optional row outlives the coroutine's frame in code that is not optimized.
        get { storage[0].view }
        _modify { yield &contents.view }
    }

    @inline(__always) var problems: [SpecProblem] { storage[0].problems }
    @inline(__always) var isInvalid: Bool { storage[0].isInvalid }
    @inline(__always) var binding: VolumeID? { storage[0].binding }
    @inline(__always) var cloudEffect: OutstandingEffect? { storage[0].cloudEffect }
    @inline(__always) var step: StepTicket? { storage[0].step }
    @inline(__always) var look: Look? { storage[0].look }
    @inline(__always) var publication: Publication? { storage[0].publication }
    @inline(__always) var contest: Shared<Contest>? { storage[0].view.contest }
    @inline(__always) var openDrifts: [DriftRecord] { storage[0].openDrifts }
    var outstanding: OutstandingEffect? { storage[0].outstanding }
    var report: AttachmentReport? { storage[0].report }
}

/// The contents of a ``Row``. There is one for each volume, so what few have is left out while they have it not.
struct RowContents: Sendable {
    /// A step, and how often in a row it was wanted again as soon as it had ended.
    struct Attempt: Sendable, Equatable {
        var step: Step
        var repeats = 0
        var endedAt: Instant?
        /// Whether it was done when it ended, by the word of whoever did it.
        var wasDone = false
        /// Not before this; `nil` when it was not wanted again yet.
        var notBefore: Instant?
    }

    struct ConditionTime: Sendable, Equatable {
        var status: Condition.Status
        var since: Instant
    }

    private struct Particulars: Sendable, Omissible {
        static let usual = Particulars()

        var problems: [SpecProblem] = []
        var binding: VolumeID?
        var cloudEffect: OutstandingEffect?
        var step: StepTicket?
        var look: Look?
        var exportsChangedAt = Instant.distantPast
        var openDrifts: [DriftRecord] = []
        var attempts: [String: Attempt] = [:]
        var createdVolume: VolumeID?
        var attachBegunAt: Instant?
        var repairs: [String] = []
        var isBeingForgotten = false
    }

    /// Everything that its decisions are made from.
    var view: VolumeView
    /// What was last said of it.
    var publication: Publication?
    /// Since when each condition has had its status, in the order of ``Condition/Kind``.
    var conditionTimes: [ConditionTime] = []
    /// Whether it has been Ready since its desired state last changed: only then is a difference a drift and not just
    /// work that has not been done yet.
    var hasBeenReady = false
    private var particulars = Seldom<Particulars>()

    init(view: VolumeView) {
        self.view = view
    }

    // MARK: What few have

    /// It has departed, and the store was told to forget it.
    var isBeingForgotten: Bool {
        get { particulars[\.isBeingForgotten] }
        set { particulars[\.isBeingForgotten] = newValue }
    }

    /// Why the object cannot be read, when it cannot: then nothing is done for it.
    var problems: [SpecProblem] {
        @inline(__always) get { particulars[\.problems] }
        set { particulars[\.problems] = newValue }
    }

    /// The volume that the store has tied to the object.
    var binding: VolumeID? {
        @inline(__always) get { particulars[\.binding] }
        set { particulars[\.binding] = newValue }
    }

    /// CloudStack's job of Hawser's that is not known to have ended.
    var cloudEffect: OutstandingEffect? {
        @inline(__always) get { particulars[\.cloudEffect] }
        set { particulars[\.cloudEffect] = newValue }
    }

    /// A step that has not returned.
    var step: StepTicket? {
        @inline(__always) get { particulars[\.step] }
        set { particulars[\.step] = newValue }
    }

    /// A read that has not returned.
    var look: Look? {
        @inline(__always) get { particulars[\.look] }
        set { particulars[\.look] = newValue }
    }

    /// When Hawser last changed an export of the row; what was asked before tells of the past.
    var exportsChangedAt: Instant {
        @inline(__always) get { particulars[\.exportsChangedAt] }
        set { particulars[\.exportsChangedAt] = newValue }
    }

    var openDrifts: [DriftRecord] {
        @inline(__always) get { particulars[\.openDrifts] }
        set { particulars[\.openDrifts] = newValue }
    }

    /// The last step of each kind, for noticing that one does not last.
    var attempts: [String: Attempt] {
        @inline(__always) get { particulars[\.attempts] }
        set { particulars[\.attempts] = newValue }
    }

    /// The id of the volume that a createVolume under way will have made.
    var createdVolume: VolumeID? {
        @inline(__always) get { particulars[\.createdVolume] }
        set { particulars[\.createdVolume] = newValue }
    }

    /// When the attach was begun whose device has not been seen yet: from then the resolution is timed.
    var attachBegunAt: Instant? {
        @inline(__always) get { particulars[\.attachBegunAt] }
        set { particulars[\.attachBegunAt] = newValue }
    }

    /// The effects since the oldest open drift, for telling what repaired it.
    var repairs: [String] {
        @inline(__always) get { particulars[\.repairs] }
        set { particulars[\.repairs] = newValue }
    }

    @inline(__always) var isInvalid: Bool { !problems.isEmpty }

    // MARK: What follows from the rest

    /// Brings up to date what follows from the rest.
    mutating func refresh() {
        view.outstanding = outstanding
        if let identity = proof {
            view.proven = identity
            if view.matched != identity, RightDiskRules.isMatched(identity, view) { view.matched = identity }
        }
    }

    /// The device as the volume's while its size agrees: remembered, so that a growth is not taken for another disk.
    private var proof: DeviceIdentity? {
        // Most volumes have no disk here.
        guard case .present = view.devices, case .right(let device, let identity) = RightDiskRules.verdict(view),
            let volume = view.cloud.value, device.sizeInBytes >= volume.sizeInBytes
        else { return nil }
        return identity
    }

    /// What the planner is to see of effects under way: the call that has not returned comes before the job.
    var outstanding: OutstandingEffect? {
        if let step, let action = step.step.ledgerAction {
            return OutstandingEffect(
                intent: step.intent, action: action, job: step.job, isAccepted: false, isBeingSent: true,
                sentAt: .distantPast)
        }
        return cloudEffect
    }
}
