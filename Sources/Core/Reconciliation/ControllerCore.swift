public import Planning
public import VolumeModel

/// Everything of the controller but the waiting: the loop that decides, the courses of steps and reads that are under way,
/// and the order of what is written to the store.
///
/// Inputs go in with the time, orders come out. It has no clock, no I/O and no tasks, and is a value: the same inputs at the
/// same instants give the same orders, in production (``Controller``) and in a simulated world, where it can also be copied
/// to try out what would happen next.
public struct ControllerCore: Sendable {
    /// What the core is told.
    public enum Input: Sendable {
        /// What the store knew when the process began. First of all inputs.
        case started(
            DesiredState, bindings: [AttachmentID: VolumeID], openLedger: [LedgerEntry], openDrifts: [DriftRecord],
            statuses: [SavedStatus] = [], removals: [AttachmentID: Instant] = [:])
        /// The answer to a call that was ordered.
        case answered(Int, SystemAnswer)
        /// Desired state may have changed.
        case desiredMayHaveChanged
        case device(DeviceEvent)
        /// Something about the exports may have changed.
        case exportsMayHaveChanged
        /// The time of an ordered wake has come.
        case woken(for: Instant)
        /// The followed manifest directory was read; `nil` when all in it was taken over.
        case manifestsFollowed(trouble: String?)
        /// A person asks to look again.
        case reconcile([AttachmentID]?)
        /// No new step begins from here on.
        case stopping
    }

    /// What the core wants of its shell.
    public enum Order: Sendable {
        /// To be made at once, beside those that are under way; the answer comes back under the number.
        case call(Int, SystemCall)
        case wake(at: Instant)
    }

    /// What an answer belongs to.
    private enum Errand: Sendable {
        case volumes(asked: Instant)
        case machines(asked: Instant)
        case exports(asked: Instant)
        case look(LookCourse)
        case step(StepCourse)
        case desired
        case write(LoopEffect)
    }

    public private(set) var loop: ReconcileLoop
    private var errands: [Int: (errand: Errand, isForStore: Bool)] = [:]
    private var lastNumber = 0
    private var orders: [Order] = []
    private var desiredRevision: Int64 = 0
    private var isReadingDesired = false
    private var mustReadDesiredAgain = false
    private var isObservingExports = false
    private var mustObserveExportsAgain = false
    private var writes = WriteQueue()
    private var storeIsFailing = false
    /// When a write that failed is tried again.
    private var nextWrite: Instant?
    private var armedWake: Instant?

    /// `here` is this appliance's machine in CloudStack. The same `seed`, for ids and jitter, and the same inputs give the
    /// same orders.
    public init(here: MachineID, policy: Policy, seed: UInt64, now: Instant) {
        loop = ReconcileLoop(here: here, policy: policy, seed: seed, now: now)
    }

    /// Whether no step is under way, and all that was to be written is written: what a stopping process waits for.
    public var isIdle: Bool { loop.stepsUnderWay == 0 && writes.isEmpty }

    /// Whether all calls that were ordered are answered.
    public var isQuiet: Bool { errands.isEmpty }

    public mutating func handle(_ input: Input, at now: Instant) -> [Order] {
        orders = []
        switch input {
        case .started(let desired, let bindings, let openLedger, let openDrifts, let statuses, let removals):
            desiredRevision = desired.revision
            deliver(
                .started(
                    desired, bindings: bindings, openLedger: openLedger, openDrifts: openDrifts, statuses: statuses,
                    removals: removals),
                at: now)
        case .answered(let number, let answer):
            guard let (errand, isForStore) = errands.removeValue(forKey: number) else { break }
            if isForStore { noteStore(answer, at: now) }
            take(answer, to: errand, at: now)
        case .desiredMayHaveChanged: readDesired()
        case .device(let event): deliver(.device(event), at: now)
        case .exportsMayHaveChanged: observeExports(at: now)
        case .woken(let instant):
            if armedWake == instant { armedWake = nil }
            if let due = nextWrite, due <= now { nextWrite = nil }
            writeNext()
            deliver(.timer, at: now)
            if let nextWrite { arm(nextWrite) }
        case .manifestsFollowed(let trouble): deliver(.manifestsFollowed(trouble: trouble), at: now)
        case .reconcile(let attachments): deliver(.reconcile(attachments), at: now)
        case .stopping: deliver(.stopping, at: now)
        }
        return orders
    }

    // MARK: The loop's effects

    private mutating func deliver(_ event: LoopEvent, at now: Instant) {
        for effect in loop.handle(event, at: now) {
            switch effect {
            case .append, .save, .recordEvents, .recordDrifts, .forget: write(effect)
            case .wake(let instant): arm(instant)
            case .listCloud: call(.listVolumes, for: .volumes(asked: now))
            case .observeExports: observeExports(at: now)
            case .look(let ticket):
                let course = LookCourse(ticket: ticket, asked: now)
                call(course.begin(), for: .look(course))
            case .perform(let ticket):
                var course = StepCourse(ticket)
                let first = course.begin(at: now)
                goOn(course, first, at: now)
            }
        }
    }

    /// A nearer deadline gets a wake of its own, and one that finds nothing due is idle.
    private mutating func arm(_ instant: Instant) {
        if let armedWake, armedWake <= instant { return }
        armedWake = instant
        orders.append(.wake(at: instant))
    }

    private mutating func call(_ call: SystemCall, for errand: Errand) {
        lastNumber += 1
        errands[lastNumber] = (errand, call.isForStore)
        orders.append(.call(lastNumber, call))
    }

    // MARK: Answers

    private mutating func take(_ answer: SystemAnswer, to errand: Errand, at now: Instant) {
        switch errand {
        case .volumes(let asked):
            switch answer {
            case .volumes(let listing):
                deliver(.volumesListed(listing, asked: asked), at: now)
                // One walk over all pages for each resync, machines after volumes.
                call(.listMachines, for: .machines(asked: now))
            case .cloudFailed(let error): deliver(.listingFailed(error), at: now)
            default: unexpected(answer, to: "listing volumes")
            }
        case .machines(let asked):
            switch answer {
            case .machines(let listing): deliver(.machinesListed(listing, asked: asked), at: now)
            case .cloudFailed(let error): deliver(.listingFailed(error), at: now)
            default: unexpected(answer, to: "listing machines")
            }
        case .exports(let asked):
            guard case .exports(let observation) = answer else { unexpected(answer, to: "observing exports") }
            isObservingExports = false
            deliver(.exports(observation, asked: asked), at: now)
            if mustObserveExportsAgain { observeExports(at: now) }
        case .look(let course):
            switch course.take(answer) {
            case .call(let next): call(next, for: .look(course))
            case .ended(let answer): deliver(.looked(course.ticket, answer, asked: course.asked), at: now)
            }
        case .step(let course):
            var course = course
            let next = course.take(answer, at: now)
            goOn(course, next, at: now)
        case .desired: takeDesired(answer, at: now)
        case .write(let effect): takeWritten(effect, answer, at: now)
        }
    }

    private mutating func goOn(_ course: StepCourse, _ progress: Progress<StepOutcome>, at now: Instant) {
        switch progress {
        case .call(let next): call(next, for: .step(course))
        case .ended(let outcome): deliver(.stepEnded(course.ticket, outcome), at: now)
        }
    }

    /// One at a time, and once more for however much happens meanwhile: a change of many exports tells of each, and an
    /// observation is of all.
    private mutating func observeExports(at now: Instant) {
        mustObserveExportsAgain = isObservingExports
        guard !isObservingExports else { return }
        isObservingExports = true
        call(.observeExports, for: .exports(asked: now))
    }

    // MARK: Desired state

    private mutating func readDesired() {
        guard !isReadingDesired else {
            mustReadDesiredAgain = true
            return
        }
        isReadingDesired = true
        call(.desiredDelta(since: desiredRevision), for: .desired)
    }

    private mutating func takeDesired(_ answer: SystemAnswer, at now: Instant) {
        isReadingDesired = false
        switch answer {
        case .desired(let delta):
            desiredRevision = delta.revision
            deliver(.desired(delta), at: now)
        // The change feed tells again, and a person is told meanwhile.
        case .storeFailed: break
        default: unexpected(answer, to: "reading desired state")
        }
        if mustReadDesiredAgain {
            mustReadDesiredAgain = false
            readDesired()
        }
    }

    // MARK: Writes in order

    private mutating func write(_ effect: LoopEffect) {
        writes.add(effect, isFailing: storeIsFailing)
        writeNext()
    }

    private mutating func writeNext() {
        guard nextWrite == nil, let effect = writes.begin() else { return }
        switch effect {
        case .append(let entry): call(.append(entry), for: .write(effect))
        case .save(let details): call(.save(details), for: .write(effect))
        case .recordEvents(let events): call(.recordEvents(events), for: .write(effect))
        case .recordDrifts(let drifts): call(.recordDrifts(drifts), for: .write(effect))
        case .forget(let attachment): call(.forget(attachment), for: .write(effect))
        case .listCloud, .observeExports, .look, .perform, .wake: preconditionFailure("\(effect) is no write")
        }
    }

    private mutating func takeWritten(_ effect: LoopEffect, _ answer: SystemAnswer, at now: Instant) {
        switch answer {
        case .done:
            writes.end(isDone: true)
            if case .forget(let attachment) = effect { deliver(.forgotten(attachment), at: now) }
        case .storeFailed:
            writes.end(isDone: false)
            let again = now + loop.policy.revisitInterval
            nextWrite = again
            arm(again)
        default: unexpected(answer, to: "a write")
        }
        writeNext()
    }

    /// Whatever was asked of the store tells whether it can be used.
    private mutating func noteStore(_ answer: SystemAnswer, at now: Instant) {
        if case .storeFailed(let error) = answer {
            storeIsFailing = true
            deliver(.storeFailed("\(error)"), at: now)
        } else if storeIsFailing {
            storeIsFailing = false
            nextWrite = nil
            deliver(.storeRecovered, at: now)
        }
    }
}
