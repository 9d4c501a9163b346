import Planning
import VolumeModel

/// Deciding, reading and stepping.
extension ReconcileLoop {
    // MARK: Deciding

    mutating func decideDirtyRows(now: Instant) {
        var saved: [AttachmentDetail] = []
        var events: [EventRecord] = []
        var drifts: [DriftRecord] = []
        // Deciding can make a row dirty again (a binding, a queue that moved), but each time something has changed.
        while !dirty.isEmpty {
            let slots = dirty
            dirty = []
            weighRemovals(slots, now: now)
            for slot in slots {
                isDirty[slot] = false
                decide(slot: slot, now: now, saved: &saved, events: &events, drifts: &drifts)
            }
        }
        judgeBrake(now: now)
        announceBrake(now: now, events: &events)
        if !drifts.isEmpty {
            work.noteDrifts(drifts)
            effects.append(.recordDrifts(drifts))
        }
        if !events.isEmpty { effects.append(.recordEvents(events)) }
        if !saved.isEmpty { effects.append(.save(saved)) }
    }

    private mutating func decide(
        slot: Int, now: Instant, saved: inout [AttachmentDetail], events: inout [EventRecord],
        drifts: inout [DriftRecord]
    ) {
        if let effect = rows[slot]?.cloudEffect, effect.job == nil,
            let outcome = LedgerRules.outcome(of: effect, at: now, policy: policy)
        {
            end(effect, outcome: outcome, slot: slot, now: now)
        }
        guard let decided = rows[slot].map({ self.decision(for: $0, now: now) }) else { return }
        let decision = carryOut(decided, slot: slot, now: now)
        publishReport(decision, slot: slot, now: now, details: &saved, events: &events, drifts: &drifts)
    }

    /// The planner's word, or why it is not asked.
    func decision(for row: Row, now: Instant) -> Decision {
        if let problem = row.problems.first {
            return planner.decideUnreadable(
                row.view, because: .invalidSpec("\(problem.field): \(problem.message)"), at: now)
        }
        if let step = row.step, step.step.ledgerAction == nil {
            return .hold(.working(step.step.summary), until: nil)
        }
        return planner.decide(row.view, at: now)
    }

    /// Begins what was decided, as far as the limits allow, and says what the decision has become.
    private mutating func carryOut(_ decision: Decision, slot: Int, now: Instant) -> Decision {
        guard let attachment = rows[slot]?.view.desired.id else { return decision }
        switch decision {
        case .settled: return decision
        case .departed:
            if rows[slot]?.step == nil {
                effects.append(.forget(attachment))
                replace(slot: slot) { $0.isBeingForgotten = true }
                wakes.add(attachment, at: now + policy.revisitInterval)
            }
            return decision
        case .hold(_, let until):
            if let until, until.nanoseconds != .max { wakes.add(attachment, at: max(until, now)) }
            return decision
        case .look(let look, let cause):
            guard rows[slot]?.look == nil else { return .hold(cause, until: nil) }
            guard looksInAll < policy.looksInAll || !look.isCloud else {
                queuedLooks.append(attachment)
                return .hold(.queued("\(looksInAll) reads are under way"), until: nil)
            }
            if look.isCloud { looksInAll += 1 }
            replace(slot: slot) { $0.look = look }
            work.begin(look.kind)
            effects.append(.look(LookTicket(attachment: attachment, look: look)))
            return decision
        case .act(let step, let reason):
            // The order to forget it may be on its way to the store: what is begun now would be done for no object.
            if let row = rows[slot], row.contents.isBeingForgotten, !RightDiskRules.isGuard(step, row.view),
                !step.isRelease
            {
                return .hold(.working("forgetting the object"), until: nil)
            }
            return begin(step, because: reason, slot: slot, now: now) ?? decision
        }
    }

    /// Whether an object is still to be forgotten, when the order comes to be carried out after it has waited behind other
    /// writes: if not, it is worked on again.
    mutating func confirmForgetting(_ attachment: AttachmentID, at now: Instant) -> Bool {
        guard let slot = index[attachment.value], let row = rows[slot], row.contents.isBeingForgotten else {
            return false
        }
        switch decision(for: row, now: now) {
        case .departed: return true
        // What was read for it has become old behind other writes, not behind a stop, and nothing speaks against it.
        case .look
        where row.view.cloud.value?.attachedTo == nil
            && now - row.view.cloud.answered <= policy.decisionLifetime + policy.requestInFlightBound:
            return true
        case .settled, .hold, .act, .look:
            replace(slot: slot) { $0.isBeingForgotten = false }
            markDirty(slot: slot)
            return false
        }
    }

    /// - Returns: why the step was not begun.
    private mutating func begin(_ step: Step, because reason: String, slot: Int, now: Instant) -> Decision? {
        guard let row = rows[slot] else { return nil }
        guard row.step == nil else { return .hold(.working(step.summary), until: nil) }
        let attachment = row.view.desired.id
        if isStopping, !step.isUrgent { return .hold(.stopping, until: nil) }
        // While an effect is under way nothing is begun but what keeps it safe, of which nothing is written.
        if let storeTrouble, now < storeRetryAt, !step.isUrgent, row.view.outstanding == nil {
            wakes.add(attachment, at: storeRetryAt)
            return .hold(.storeUnavailable(storeTrouble), until: storeRetryAt)
        }
        let isRemoval = !row.view.desired.isRemovalApproved && BrakeRules.isRemoval(step, of: row.view)
        if isRemoval, let braked = brakeHolds(step, row.view, now: now) { return .hold(braked, until: nil) }
        if let limit = limit(on: step) {
            queuedSteps.append(attachment)
            return .hold(.queued(limit), until: nil)
        }
        if let waiting = pauseBefore(step, slot: slot, now: now) { return waiting }
        let ticket = StepTicket(
            attachment: attachment, generation: row.view.desired.generation, step: step,
            intent: IntentID(.random(using: &generator)),
            job: step.ledgerAction?.isCloudJob == true ? JobID(.random(using: &generator)) : nil, evidence: reason,
            notAfter: lastMoment(for: step, row.view, now: now), isGuard: RightDiskRules.isGuard(step, row.view),
            consumesOverride: row.view.desired.inUseOverride != nil && step.endsRemoval(of: row.view),
            countsAsRemoval: isRemoval && step.ledgerAction != nil)
        if ticket.countsAsRemoval { brake.begin(attachment, at: now, policy: policy) }
        guard var begun = rows[slot].take() else { return nil }
        begun.contents.step = ticket
        if case .attach(_, here, _) = step { begun.contents.attachBegunAt = now }
        begun.contents.view.outstanding = begun.outstanding
        rows[slot] = begun
        work.begin(step.kind)
        stepsUnderWay += 1
        seen[slot] = Fingerprint.unknown
        countCloudEffect(step.ledgerAction, by: 1)
        effects.append(.perform(ticket))
        return nil
    }

    /// Whether a step that has not had its effect yet is not to have it any more: somebody has changed the object since, or set it
    /// aside, or another claims its volume; or what was to be served or taken away is not what it was.
    func overrules(_ ticket: StepTicket, at now: Instant) -> Bool {
        guard let slot = index[ticket.attachment.value], let row = rows[slot],
            row.view.desired.generation == ticket.generation
        else { return true }
        if ticket.isGuard { return !RightDiskRules.isGuard(ticket.step, row.view) }
        if row.isInvalid || RestraintRules.restraint(row.view, at: now, policy: policy) != nil { return true }
        if row.view.claimedBy != nil { return true }
        switch ticket.step {
        case .deleteVolume: return row.view.protection != nil
        case .publish(_, _, let device, _):
            guard case .right(let right, _) = RightDiskRules.verdict(row.view) else { return true }
            return right.number != device.number || right.diskSequence != device.diskSequence
        case .bind, .createVolume, .attach, .detach, .resize, .withdraw, .cutStrayedSessions, .hold, .release:
            return false
        }
    }

    /// That there is no volume with the object's token can be made untrue by nobody but the lease's holder; but what is wanted
    /// can change while the names of the zone and the offering are looked up, or the process is stopped.
    private func lastMoment(for step: Step, _ view: VolumeView, now: Instant) -> Instant {
        if LeaseRules.isFreeOfLease(step, view) { return now + policy.decisionLifetime }
        guard case .held(let end) = planner.lease else { return now }
        if case .createVolume = step {
            return min(end, now + policy.decisionLifetime + policy.requestInFlightBound)
        }
        return min(end, now + policy.decisionLifetime)
    }

    /// Why a step is not begun that was just done and is wanted again: it failed and is too urgent for a backoff, it had no
    /// effect, or somebody undoes it. The first repetition is free; then the pauses double.
    private mutating func pauseBefore(_ step: Step, slot: Int, now: Instant) -> Decision? {
        guard let attachment = rows[slot]?.view.desired.id else { return nil }
        var attempt = rows[slot]?.contents.attempts[step.verb] ?? RowContents.Attempt(step: step)
        if attempt.step != step { attempt = RowContents.Attempt(step: step) }
        if attempt.notBefore == nil, let endedAt = attempt.endedAt {
            // What CloudStack did can be read late, and calls that it forgets are no reason to hurry.
            let isInCloud = step.ledgerAction?.isInCloudStack == true
            let (window, most) =
                isInCloud
                ? (policy.requestInFlightBound, policy.backoffCap) : (policy.backoffBase, policy.revisitInterval)
            attempt.repeats = now - endedAt < window ? attempt.repeats + 1 : 0
            let doubled = policy.backoffBase * (1 << min(max(attempt.repeats - 2, 0), 20))
            attempt.notBefore = attempt.repeats < 2 ? now : now + min(doubled, most)
        }
        replace(slot: slot) { $0.attempts[step.verb] = attempt }
        guard let notBefore = attempt.notBefore, now < notBefore else { return nil }
        wakes.add(attachment, at: notBefore)
        guard attempt.wasDone, step.changesExports, let object = rows[slot]?.view.desired.name else {
            return .hold(.backingOff(until: notBefore, after: "'\(step.summary)' does not last"), until: notBefore)
        }
        let contention = Contention(repair: step.summary, object: object, times: attempt.repeats)
        return .hold(.contested(contention, until: notBefore), until: notBefore)
    }

    /// Which limit keeps a step waiting; `nil` when none does.
    private func limit(on step: Step) -> String? {
        guard let action = step.ledgerAction, action.isCloudJob else { return nil }
        if steppingInAll >= policy.stepsInAll { return "\(steppingInAll) operations are under way" }
        if let machine = step.machine, steppingOnMachine[machine, default: 0] >= policy.stepsPerMachine {
            return "\(policy.stepsPerMachine) operations are under way on machine \(machine)"
        }
        return nil
    }

    /// Counts CloudStack's mutations from before the call until the job is known to have ended.
    mutating func countCloudEffect(_ action: LedgerAction?, by change: Int) {
        guard let action, action.isCloudJob else { return }
        steppingInAll += change
        switch action {
        case .attachVolume(_, let machine), .detachVolume(_, let machine):
            steppingOnMachine[machine, default: 0] += change
        case .createVolume, .resizeVolume, .deleteVolume, .publishExport, .withdrawExport: break
        }
        guard change < 0 else { return }
        // A few are enough to fill the place that has become free; those that still have to wait queue up again.
        let waiting = queuedSteps.prefix(4 * policy.stepsInAll)
        queuedSteps.removeFirst(waiting.count)
        for attachment in waiting { markDirty(attachment) }
    }

    // MARK: Answers to reads

    mutating func take(_ answer: LookAnswer, to ticket: LookTicket, asked: Instant, now: Instant) {
        if ticket.look.isCloud {
            looksInAll -= 1
            let waiting = queuedLooks.prefix(4 * policy.looksInAll)
            queuedLooks.removeFirst(waiting.count)
            for attachment in waiting { markDirty(attachment) }
        }
        guard let slot = index[ticket.attachment.value], rows[slot]?.look == ticket.look else { return }
        replace(slot: slot) { $0.look = nil }
        if case .events(let volume) = ticket.look {
            return takeEvents(answer, of: volume, slot: slot, asked: asked, now: now)
        }
        if case .failed(let error) = answer {
            takeLookFailure(error, slot: slot, now: now)
            return
        }
        cloudTrouble = ticket.look.isCloud ? nil : cloudTrouble
        func sighting<Value>(_ fact: Fact<Value>) -> Sighting<Value> {
            Sighting(fact, asked: asked, answered: now, proof: .exact)
        }
        switch answer {
        case .volume(let fact):
            let shared = fact.map { known($0) }
            sight(slot: slot, Sighting(sharing: shared, asked: asked, answered: now, proof: .exact), now: now)
            markDirty(slot: slot)
        case .machine(let fact): takeMachine(ticket.look, sighting(fact))
        case .job(let report): takeJob(sighting(.present(report)), slot: slot, now: now)
        case .volumesNamed(let found):
            update(slot: slot) { $0.view.resolution = .volumes(found, asked: asked, answered: now) }
        case .nameMissing(let text): update(slot: slot) { $0.view.resolution = .missing(text) }
        case .disks(let search): update(slot: slot) { $0.view.search = sighting(.present(search)) }
        case .use(let use): update(slot: slot) { $0.view.use = sighting(.present(use)) }
        case .mismatch(let text):
            update(slot: slot) { $0.view.mismatch = sighting(text.map { .present($0) } ?? .absent) }
        case .sessions(let count):
            update(slot: slot) { row in
                row.view.sessions = sighting(.present(count))
                guard var entry = row.view.export.fact.value else { return }
                // What was just counted is also what people are to see.
                entry.clients = count
                row.view.export = Sighting(
                    .present(entry), asked: row.view.export.asked, answered: row.view.export.answered,
                    proof: row.view.export.proof)
            }
        case .export(let fact):
            // Another name may be wanted by now, or this one have been published since the question.
            guard let row = rows[slot], let name = row.view.desired.export?.name, ticket.look == .export(name),
                asked >= row.contents.exportsChangedAt
            else { return markDirty(slot: slot) }
            update(slot: slot) { row in
                if row.view.export.fact != fact { row.view.waitingSince = now }
                row.view.export = sighting(fact)
            }
        case .events, .failed: break
        }
    }

    /// Who undid it. A refusal is an answer, too: that CloudStack does not tell. Nothing else hangs on it.
    private mutating func takeEvents(
        _ answer: LookAnswer, of volume: VolumeID, slot: Int, asked: Instant, now: Instant
    ) {
        guard rows[slot]?.view.volume == volume, var contest = rows[slot]?.view.contest?.value else { return }
        var fact = Fact<[VolumeEvent]>.absent
        if case .events(let events) = answer { fact = .present(events) }
        contest.events = Sighting(fact, asked: asked, answered: now, proof: .exact)
        update(slot: slot) { $0.view.contest = Shared(contest) }
    }

    private mutating func takeMachine(_ look: Look, _ sighting: Sighting<MachineRecord>) {
        guard case .machine(let id) = look else { return }
        let old = machines.updateValue(sighting, forKey: id)?.fact.value?.name
        let new = sighting.fact.value?.name
        if old != new {
            if let old { machinesByName[old]?.removeAll { $0 == id } }
            if let new { machinesByName[new, default: []].append(id) }
            for slot in rows.indices {
                guard case .named(let name)? = rows[slot]?.view.desired.machine, name == old || name == new else {
                    continue
                }
                resolveTarget(slot: slot)
            }
        }
        for slot in rows.indices {
            let isTarget = rows[slot]?.view.target.value == id
            let isHolder = rows[slot]?.view.cloud.fact.value?.attachedTo == id
            guard isTarget || isHolder else { continue }
            update(slot: slot) { row in
                if isTarget { row.view.targetMachine = sighting }
                if isHolder {
                    row.view.holderMachine = sighting
                    if sighting.value != nil { row.view.isHolderNominatedAbsent = false }
                }
            }
        }
    }

    private mutating func takeJob(_ report: Sighting<JobReport>, slot: Int, now: Instant) {
        guard var effect = rows[slot]?.cloudEffect else { return }
        effect.report = report
        if let outcome = LedgerRules.outcome(of: effect, at: now, policy: policy) {
            end(effect, outcome: outcome, slot: slot, now: now)
        } else {
            update(slot: slot) { $0.cloudEffect = effect }
        }
    }

    private mutating func takeLookFailure(_ error: CloudError, slot: Int, now: Instant) {
        let jitter = generator.nextUnit()
        let policy = policy
        if error.remedy == .notAllowed || error.remedy == .retryLater {
            cloudTrouble = error.remedy == .notAllowed ? .notAllowed(error.text) : .cloudUnreachable(error.text)
        }
        update(slot: slot) { row in
            // A read changes nothing, so whatever is wrong with it, it can be tried again.
            row.view.backoff = .after(
                row.view.backoff, world: .cloudStack, remedy: .retryLater, text: error.text,
                retryAfter: error.retryAfter,
                generation: row.view.desired.generation, jitter: jitter, now: now, policy: policy)
            // Asking for a job is paced by its last answer; a question without an answer counts as one.
            if let effect = row.cloudEffect {
                row.cloudEffect?.report = Sighting(
                    effect.report.fact, asked: effect.report.asked, answered: now, proof: .exact)
            }
        }
    }

    // MARK: Outcomes of steps

    mutating func take(_ outcome: StepOutcome, of ticket: StepTicket, now: Instant) {
        work.end(ticket, outcome)
        guard let slot = index[ticket.attachment.value], rows[slot]?.step == ticket else {
            // The row is gone, and nobody follows the job; the ledger still has it.
            countCloudEffect(ticket.step.ledgerAction, by: -1)
            return
        }
        stepsUnderWay -= 1
        replace(slot: slot) { row in
            row.attempts[ticket.step.verb]?.endedAt = now
            row.attempts[ticket.step.verb]?.wasDone = outcome == .done
            row.attempts[ticket.step.verb]?.notBefore = nil
        }
        if !outcome.leavesJob { countCloudEffect(ticket.step.ledgerAction, by: -1) }
        switch outcome {
        case .done: finish(ticket, slot: slot, now: now)
        case .accepted(let receipt):
            replace(slot: slot) { $0.createdVolume = receipt.volume }
            leave(ticket, job: receipt.job, isAccepted: true, slot: slot, now: now)
        case .answerLost:
            leave(ticket, job: ticket.job, isAccepted: false, slot: slot, now: now)
        case .failed(let remedy, let text, let retryAfter):
            fail(ticket, remedy: remedy, text: text, retryAfter: retryAfter, slot: slot, now: now)
        case .notStarted(let text):
            takeStoreFailure(text, now: now)
            update(slot: slot) { $0.step = nil }
        }
        if ticket.step.changesExports { observeExports() }
    }

    private mutating func finish(_ ticket: StepTicket, slot: Int, now: Instant) {
        if case .bind(let volume) = ticket.step {
            update(slot: slot) { row in
                row.step = nil
                row.binding = volume
            }
            rebind(slot: slot)
            return
        }
        update(slot: slot) { row in
            row.step = nil
            if ticket.step.isCorrective { row.noteRepair(ticket.step.verb) }
            if ticket.step.changesExports, row.view.backoff?.world == .thisMachine { row.view.backoff = nil }
            switch ticket.step {
            case .publish:
                row.exportsChangedAt = now
                row.view.export = .never
                row.view.withdrawnAt = nil
            case .withdraw(let name, _, _):
                row.exportsChangedAt = now
                if row.view.desired.export?.name == name { row.view.export = .never }
                row.view.staleExports.removeAll { $0.name == name }
                row.view.withdrawnAt = now
            case .cutStrayedSessions:
                row.exportsChangedAt = now
                row.view.export = .never
            case .hold(let identity): row.view.held = identity
            case .release: row.view.held = nil
            case .deleteVolume:
                row.view.lastWrite = now
                row.view.cloud = .never
                row.view.backoff = nil
            case .bind, .createVolume, .attach, .detach, .resize: break
            }
        }
    }

    /// The call has returned; CloudStack's job, or whether there is one, is now to be followed.
    private mutating func leave(_ ticket: StepTicket, job: JobID?, isAccepted: Bool, slot: Int, now: Instant) {
        guard let action = ticket.step.ledgerAction else { return }
        update(slot: slot) { row in
            row.step = nil
            row.cloudEffect = OutstandingEffect(
                intent: ticket.intent, action: action, job: job, isAccepted: isAccepted, isBeingSent: false,
                sentAt: now)
            row.view.lastWrite = now
        }
    }

    private mutating func fail(
        _ ticket: StepTicket, remedy: CloudRemedy, text: String, retryAfter: Duration?, slot: Int, now: Instant
    ) {
        let jitter = generator.nextUnit()
        let policy = policy
        update(slot: slot) { row in
            row.step = nil
            if ticket.step.ledgerAction?.isInCloudStack == true { row.view.lastWrite = now }
            if ticket.step.changesExports {
                row.exportsChangedAt = now
                row.view.export = .never
            }
            row.view.backoff = .after(
                row.view.backoff, world: ticket.step.world, remedy: remedy, text: "\(ticket.step.verb): \(text)",
                retryAfter: retryAfter,
                generation: ticket.generation, jitter: jitter, now: now, policy: policy)
        }
    }

    /// Writes that a call has ended, and gives its place among those under way to another.
    mutating func close(
        _ effect: OutstandingEffect, of attachment: AttachmentID, _ outcome: LedgerOutcome, evidence: String,
        now: Instant
    ) {
        effects.append(
            .append(
                LedgerEntry(
                    intent: effect.intent, attachment: attachment, action: effect.action, job: effect.job,
                    phase: .ended(outcome), at: now, evidence: evidence)))
        countCloudEffect(effect.action, by: -1)
    }

    /// A call is known to have ended: the ledger says so, and the volume is read anew.
    private mutating func end(_ effect: OutstandingEffect, outcome: LedgerOutcome, slot: Int, now: Instant) {
        guard let attachment = rows[slot]?.view.desired.id else { return }
        close(
            effect, of: attachment, outcome,
            evidence: effect.job == nil
                ? "it can no longer be on its way; the volume is read anew" : "CloudStack's report of the job", now: now
        )
        work.end(effect.action, outcome)
        let jitter = generator.nextUnit()
        let policy = policy
        update(slot: slot) { row in
            row.attempts[effect.action.verb]?.endedAt = now
            row.cloudEffect = nil
            row.view.lastWrite = now
            // What the volume is now has to be read; what was seen before the job ended is the past. It is kept for
            // show, but nothing is decided on it, because every rule asks for something newer than the last write.
            row.view.cloud = .never
            row.view.waitingSince = now
            if case .createVolume = effect.action {
                row.view.resolution = .none
                if outcome.leavesVolume { row.view.creation = VolumeCreation(volume: row.createdVolume) }
            }
            switch outcome {
            case .succeeded:
                row.noteRepair(effect.action.verb)
                row.view.backoff = nil
                row.noteContest(after: effect.action, at: now)
            case .failed(let remedy, let text):
                row.view.backoff = .after(
                    row.view.backoff, world: .cloudStack, remedy: remedy, text: "\(effect.action.verb): \(text)",
                    retryAfter: nil,
                    generation: row.view.desired.generation, jitter: jitter, now: now, policy: policy)
            // Whether it had an effect shows the next read; what is not there by then was undone.
            case .resolvedByReading: if row.view.contest != nil { row.noteContest(after: effect.action, at: now) }
            case .neverArrived: break
            }
        }
    }
}

extension Step {
    /// Whether a removal is complete with this step: the detach, or the withdrawal of a name alone.
    fileprivate func endsRemoval(of view: VolumeView) -> Bool {
        switch self {
        case .detach: true
        case .withdraw: !view.desired.isDeparting && view.target.value == view.here
        case .bind, .createVolume, .attach, .resize, .deleteVolume, .publish, .cutStrayedSessions, .hold, .release:
            false
        }
    }
}

extension Step {
    fileprivate var isRelease: Bool { if case .release = self { true } else { false } }
}

extension StepOutcome {
    /// Whether CloudStack may still be at work after the call.
    fileprivate var leavesJob: Bool {
        switch self {
        case .accepted, .answerLost: true
        case .done, .failed, .notStarted: false
        }
    }
}

extension RowContents {
    /// What Hawser itself takes away is not contested.
    fileprivate mutating func noteContest(after action: LedgerAction, at now: Instant) {
        switch action {
        case .attachVolume(_, let machine):
            view.contest = Shared(ContestRules.standing(view.contest?.value, on: machine, at: now))
        case .detachVolume(_, let machine): if view.contest?.value.machine == machine { view.contest = nil }
        case .createVolume, .resizeVolume, .deleteVolume, .publishExport, .withdrawExport: break
        }
    }

    fileprivate mutating func noteRepair(_ verb: String) {
        guard !openDrifts.isEmpty, repairs.last != verb else { return }
        repairs.append(verb)
    }
}
