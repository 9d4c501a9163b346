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
        /// The process runs, and the store can be asked. First of all inputs.
        case opened
        /// What the store knows, once it was ordered to ``Order/begin``.
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
        ///
        /// `notAfter`: it is answered with ``SystemAnswer/tooLate``, and not made, when the process was kept from making it
        /// for so long.
        case call(Int, SystemCall, notAfter: Instant)
        case wake(at: Instant)
        /// This process may act from now on: read the store, send ``Input/started(_:bindings:openLedger:openDrifts:statuses:)``, and tell of the world.
        case begin
        /// Another process has taken over: this one has to end, whatever is under way.
        case end(StoreError)
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
        case lease(asked: Instant)
    }

    public private(set) var loop: ReconcileLoop
    private var errands: [Int: (errand: Errand, isForStore: Bool)] = [:]
    private var lastNumber = 0
    private var orders: [Order] = []
    private var desiredRevision: Int64 = 0
    private var isReadingDesired = false
    private var mustReadDesiredAgain = false
    /// When something was last told or answered.
    private var lastInputAt: Instant
    /// What was told after a long silence, until desired state has been read again, and the exports where need be.
    private var deferred: [LoopEvent]?
    private var awaitsDesired = false
    private var awaitsExports = false
    private var isObservingExports = false
    private var mustObserveExportsAgain = false
    private var writes = WriteQueue()
    /// The objects that the store was asked to forget, and has not answered for.
    private var triedToForget: Set<AttachmentID> = []
    private var storeIsFailing = false
    /// When a write that failed is tried again.
    private var nextWrite: Instant?
    /// The wakes that are still to come, the nearest last.
    private var armedWakes: [Instant] = []
    private var keeper: LeaseKeeper
    private var isBegun = false
    /// What CloudStack has answered before the store was read.
    private var early: [LoopEvent] = []
    private var isStopping = false
    private var isOver = false

    /// `here` is this appliance's machine in CloudStack. The same `seed`, for ids and jitter, and the same inputs give the
    /// same orders.
    public init(here: MachineID, policy: Policy, lease: LeaseTerms = .exclusive, seed: UInt64, now: Instant) {
        loop = ReconcileLoop(here: here, policy: policy, seed: seed, now: now)
        keeper = LeaseKeeper(lease, now: now)
        lastInputAt = now
    }

    /// Under which holding this process acts; `nil` where there is no lease, or it is not held.
    public var leaseToken: LeaseToken? { keeper.token }

    public var isWaitingForLease: Bool { !keeper.isHolding }

    /// Whether no step is under way, and all that was to be written is written: what a stopping process waits for.
    public var isIdle: Bool {
        loop.stepsUnderWay == 0 && writes.isEmpty
    }

    /// Whether all calls that were ordered are answered.
    public var isQuiet: Bool { errands.isEmpty }

    /// How things stand and what was done, in numbers.
    public func measurements(at now: Instant) -> Measurements {
        var measurements = loop.measurements(at: now)
        measurements.lease = keeper.standing(at: now)
        measurements.isLeaseShared = keeper.isShared
        return measurements
    }

    public mutating func handle(_ input: Input, at now: Instant) -> [Order] {
        orders = []
        guard !isOver else { return [] }
        loop.take(lease: keeper.standing(at: now))
        let hasAsked = catchUp(at: now)
        switch input {
        case .opened: if keeper.isHolding { begin(at: now) }
        case .started(let desired, let bindings, let openLedger, let openDrifts, let statuses, let removals):
            desiredRevision = desired.revision
            isBegun = true
            lastInputAt = now
            deliver(
                .started(
                    desired, bindings: bindings, openLedger: openLedger, openDrifts: openDrifts, statuses: statuses,
                    removals: removals),
                at: now)
            for event in early { deliver(event, at: now) }
            early = []
        case .answered(let number, let answer):
            guard let (errand, isForStore) = errands.removeValue(forKey: number) else { break }
            if case .storeFailed(.leaseLost) = answer {
                end(keeper.lose())
                break
            }
            if isForStore { noteStore(answer, at: now) }
            take(answer, to: errand, at: now)
        case .desiredMayHaveChanged: if !hasAsked { readDesired() }
        case .device(let event): deliver(.device(event), at: now)
        case .exportsMayHaveChanged: observeExports(at: now)
        case .woken(let instant):
            armedWakes.removeAll { $0 == instant }
            if let due = nextWrite, due <= now { nextWrite = nil }
            writeNext(at: now)
            deliver(.timer, at: now)
            if let nextWrite { arm(nextWrite) }
        case .manifestsFollowed(let trouble): deliver(.manifestsFollowed(trouble: trouble), at: now)
        case .reconcile(let attachments): deliver(.reconcile(attachments), at: now)
        case .stopping:
            isStopping = true
            deliver(.stopping, at: now)
        }
        keepLease(at: now)
        return orders
    }

    // MARK: The lease

    private mutating func keepLease(at now: Instant) {
        if isStopping, isIdle, let call = keeper.release() { self.call(call, for: .lease(asked: now)) }
        if let call = keeper.due(at: now, using: &loop.generator) { self.call(call, for: .lease(asked: now)) }
        if let next = keeper.nextAsk { arm(next) }
    }

    private mutating func takeLease(_ answer: SystemAnswer, asked: Instant, at now: Instant) {
        let (news, next) = keeper.take(answer, asked: asked, at: now, using: &loop.generator)
        if let next { call(next, for: .lease(asked: now)) }
        loop.take(lease: keeper.standing(at: now))
        switch news {
        case .none: if isBegun { deliver(.timer, at: now) }
        case .acquired: if !isBegun { begin(at: now) }
        case .lost: end(news)
        }
    }

    /// CloudStack makes its first listing while the store is read: with very many volumes each takes about as long.
    private mutating func begin(at now: Instant) {
        loop.noteListing(at: now)
        call(.listVolumes, for: .volumes(asked: now))
        orders.append(.begin)
    }

    private mutating func end(_ news: LeaseKeeper.News) {
        isOver = true
        orders = [.end(.leaseLost)]
    }

    // MARK: The loop's effects

    private mutating func deliver(_ event: LoopEvent, at now: Instant) {
        // One who only waits for the lease sees nothing, and decides nothing.
        guard isBegun else { return }
        if deferred == nil {
            carryOut(loop.handle(event, at: now), at: now)
        } else {
            deferred?.append(event)
        }
    }

    private mutating func carryOut(_ effects: [LoopEffect], at now: Instant) {
        for effect in effects {
            switch effect {
            case .append, .save, .recordEvents, .recordDrifts, .forget: write(effect, at: now)
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

    /// Tells the loop of a listing: once it knows what the store knows.
    private mutating func tell(_ event: LoopEvent, at now: Instant) {
        if isBegun { deliver(event, at: now) } else { early.append(event) }
    }

    /// A nearer deadline gets a wake of its own, and one that finds nothing due is idle.
    private mutating func arm(_ instant: Instant) {
        if let nearest = armedWakes.last, nearest <= instant { return }
        armedWakes.append(instant)
        orders.append(.wake(at: instant))
    }

    private mutating func call(
        _ call: SystemCall, for errand: Errand, notAfter: Instant = Instant(nanoseconds: .max)
    ) {
        lastNumber += 1
        errands[lastNumber] = (errand, call.isForStore && !call.isForLease)
        orders.append(.call(lastNumber, call, notAfter: notAfter))
    }

    // MARK: Answers

    private mutating func take(_ answer: SystemAnswer, to errand: Errand, at now: Instant) {
        switch errand {
        case .volumes(let asked):
            switch answer {
            case .volumes(let listing):
                tell(.volumesListed(listing, asked: asked), at: now)
                // One walk over all pages for each resync, machines after volumes.
                call(.listMachines, for: .machines(asked: now))
            case .cloudFailed(let error): tell(.listingFailed(error), at: now)
            default: unexpected(answer, to: "listing volumes")
            }
        case .machines(let asked):
            switch answer {
            case .machines(let listing): tell(.machinesListed(listing, asked: asked), at: now)
            case .cloudFailed(let error): tell(.listingFailed(error), at: now)
            default: unexpected(answer, to: "listing machines")
            }
        case .exports(let asked):
            guard case .exports(let observation) = answer else { unexpected(answer, to: "observing exports") }
            isObservingExports = false
            deliver(.exports(observation, asked: asked), at: now)
            if mustObserveExportsAgain {
                observeExports(at: now)
            } else {
                awaitsExports = false
                resume(at: now)
            }
        case .look(let course):
            switch course.take(answer) {
            case .call(let next): call(next, for: .look(course))
            case .ended(let answer): deliver(.looked(course.ticket, answer, asked: course.asked), at: now)
            }
        case .step(let course):
            var course = course
            if case .overruled = answer { readDesired() }
            let next = course.take(answer, isOverruled: loop.overrules(course.ticket, at: now), at: now)
            goOn(course, next, at: now)
        case .desired: takeDesired(answer, at: now)
        case .write(let effect): takeWritten(effect, answer, at: now)
        case .lease(let asked): takeLease(answer, asked: asked, at: now)
        }
    }

    private mutating func goOn(_ course: StepCourse, _ progress: Progress<StepOutcome>, at now: Instant) {
        switch progress {
        case .call(let next):
            call(
                next, for: .step(course),
                notAfter: next.restsOnDecision ? course.ticket.notAfter : Instant(nanoseconds: .max))
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

    /// After a silence as long as decisions are good for, the process may have been stopped, and what is wanted have changed
    /// unheard: nothing is decided before desired state was read again, or cannot be. What lies waiting comes in no good order.
    ///
    /// - Returns: whether desired state is being read for that.
    private mutating func catchUp(at now: Instant) -> Bool {
        defer { lastInputAt = now }
        guard isBegun, deferred == nil, now - lastInputAt > loop.policy.decisionLifetime else { return false }
        deferred = []
        awaitsDesired = true
        let isOverdue = armedWakes.last.map { now - $0 > .seconds(1) } ?? false
        if isOverdue || !errands.isEmpty {
            // It may not have been idle but kept from running, and another process have worked here meanwhile.
            awaitsExports = true
            observeExports(at: now)
        }
        readDesired()
        return true
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
        } else {
            awaitsDesired = false
            resume(at: now)
        }
    }

    /// Goes on with what waits, when it is known again what is wanted and what is there.
    private mutating func resume(at now: Instant) {
        guard !awaitsDesired, !awaitsExports, let events = deferred.take() else { return }
        carryOut(loop.handle(events, at: now), at: now)
    }

    // MARK: Writes in order

    private mutating func write(_ effect: LoopEffect, at now: Instant) {
        writes.add(effect, isFailing: storeIsFailing)
        writeNext(at: now)
    }

    private mutating func writeNext(at now: Instant) {
        guard nextWrite == nil, let effect = writes.begin() else { return }
        if case .forget(let attachment) = effect, !triedToForget.contains(attachment) {
            guard loop.confirmForgetting(attachment, at: now) else {
                writes.end(isDone: true)
                deliver(.timer, at: now)
                return writeNext(at: now)
            }
            // From its first sending on, it may have been done.
            triedToForget.insert(attachment)
        }
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
            if case .forget(let attachment) = effect {
                triedToForget.remove(attachment)
                deliver(.forgotten(attachment), at: now)
            }
        case .storeFailed:
            writes.end(isDone: false)
            let again = now + loop.policy.revisitInterval
            nextWrite = again
            arm(again)
        default: unexpected(answer, to: "a write")
        }
        writeNext(at: now)
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
