import Planning
public import VolumeModel

/// What people see: reports, events, drift history, the plan.
extension ReconcileLoop {
    mutating func publishReport(
        _ decision: Decision, slot: Int, now: Instant, details: inout [AttachmentDetail], events: inout [EventRecord],
        drifts: inout [DriftRecord]
    ) {
        // Taken out of the table meanwhile, so that it is changed in place.
        guard var row = rows[slot].take() else { return }
        let saved = savedStatuses[slot]
        let news = row.contents.publish(
            decision, saved: saved, alike: &lastConditionTimes, drifts: &drifts, policy: policy, now: now)
        rows[slot] = row
        guard let news else { return }
        revision += 1
        reportedAt[slot] = revision
        tally.count(news.before, by: -1)
        tally.count(news.report.readiness, by: 1)
        if news.isOtherReadiness { events.append(contentsOf: event(of: news.report, now: now)) }
        if saved != nil, !news.report.readiness.isPassing { savedStatuses.forget(slot) }
        if let detail = news.worthSaving { details.append(detail) }
    }

    /// Changes of readiness are events; passing states (reading, stepping) are not.
    private func event(of report: AttachmentReport, now: Instant) -> [EventRecord] {
        func record(_ severity: EventRecord.Severity, _ reason: String, _ message: String) -> [EventRecord] {
            [
                EventRecord(
                    at: now, attachment: report.attachment, name: report.name, severity: severity, reason: reason,
                    message: message)
            ]
        }
        switch report.readiness {
        case .ready: return record(.normal, "Ready", "desired and observed agree")
        case .departed: return record(.normal, "Departed", "everything the object asked for is gone")
        case .notReady(let cause):
            switch cause {
            case .stopping: return []
            case _ where cause.isPassing: return []
            case .working(let text): return record(.normal, "Working", text)
            default: return record(cause.mover == .person ? .warning : .normal, cause.code, cause.message)
            }
        }
    }

    // MARK: What is asked of the loop

    public func overview(at now: Instant) -> Overview {
        return Overview(
            revision: revision, at: now, here: here, mode: policy.mode,
            reports: rows.compactMap { $0?.report }.sorted { $0.name < $1.name }, unmanaged: unmanaged(),
            nodeCauses: nodeCauses)
    }

    /// What is wrong with the node as a whole; each is of ``CauseKind/ofNodes``.
    var nodeCauses: [Cause] {
        var causes: [Cause] = []
        if let cloudTrouble { causes.append(cloudTrouble) }
        causes += [volumesProblem, machinesProblem].compactMap { $0.map { .listingIncomplete($0) } }
        if let storeTrouble { causes.append(.storeUnavailable(storeTrouble)) }
        switch planner.lease {
        case .held: break
        case .unproven: causes.append(.leaseUnproven)
        case .awaited(let holder): causes.append(.leaseHeldElsewhere(holder ?? "nobody yet"))
        }
        if case .down(let text)? = exports?.server { causes.append(.exportServerDown(text)) }
        if isStopping { causes.append(.stopping) }
        if brake.isEngaged { causes.append(.braked(brakeText)) }
        if let manifestTrouble { causes.append(.manifestsUnreadable(manifestTrouble)) }
        return causes
    }

    /// How the node stands as a whole.
    public var standing: NodeStanding { NodeStanding(revision: revision, tally: tally, causes: nodeCauses) }

    /// The reports that changed after a revision, of those whose readiness is no older than `since` and not passing, in no order:
    /// what that costs follows what is told, and not how many there are.
    public func changes(after revision: Int64, since: Instant, at now: Instant) -> ReportChanges {
        var changed: [AttachmentReport] = []
        for slot in reportedAt.indices where reportedAt[slot] > revision {
            guard let row = rows[slot], let publication = row.publication, publication.since >= since,
                !publication.readiness.isPassing, let report = row.report
            else { continue }
            changed.append(report)
        }
        return ReportChanges(standing: standing, at: now, reports: changed)
    }

    public func detail(of name: ObjectName, at now: Instant) -> AttachmentDetail? {
        guard let slot = slotByName[name], let row = rows[slot], let report = row.report else { return nil }
        var detail = row.contents.detail(report, conditions: row.contents.conditions(report.readiness))
        detail.observations = row.view.observationAges(at: now)
        return detail
    }

    /// What no desired state names, in each world (MINE-ONLY).
    private func unmanaged() -> [Unmanaged] {
        var found: [Unmanaged] = []
        // Sorted are those few that are named, not all that there are.
        let foreign = volumes.values.map(\.value).filter { volume in
            volume.attachedTo == here && volume.kind == .data && slots(of: volume.id).isEmpty
        }
        for volume in foreign.sorted(by: { $0.id < $1.id }) {
            found.append(
                Unmanaged(
                    world: .cloudStack, name: volume.name, detail: "volume \(volume.id) is attached to this machine"))
        }
        for device in devices.values.sorted(by: { $0.kernelName < $1.kernelName }) {
            guard let serial = device.serial, slotsBySerial[serial].isEmpty else { continue }
            found.append(Unmanaged(world: .device, name: device.kernelName, detail: "serial \(serial)"))
        }
        let names = Set(rows.compactMap { $0?.view.desired.export?.name })
        for entry in exports?.entries.sorted(by: { $0.name < $1.name }) ?? [] where !names.contains(entry.name) {
            if case .hawser(let volume) = entry.owner, !slots(of: volume).isEmpty { continue }
            found.append(Unmanaged(world: .export, name: entry.name.text, detail: "an export that no object names"))
        }
        return found
    }

    /// What would be done now: the planner's own decisions. Where it would first read, it is asked again with the
    /// reads answered by what is already known (PLAN-IS-DEED).
    public func plan(at now: Instant) -> [PlanLine] {
        rows.compactMap { row -> PlanLine? in
            guard let row else { return nil }
            let outcome: PlanLine.Outcome
            let (decision, reads) = foreseen(row, at: now)
            switch decision {
            case .settled, .departed: outcome = .settled
            case .hold(let cause, _): outcome = .hold(cause)
            case .look(let look, _): outcome = .look(look.summary)
            case .act(let step, _) where isHeldByBrake(step, row.view):
                outcome = .hold(heldCause(step))
            case .act(let step, let reason):
                outcome =
                    step.isCorrective
                    ? .action(verb: step.verb, summary: step.summary, reason: reason) : .look(step.summary)
            }
            return PlanLine(
                attachment: row.view.desired.id, name: row.view.desired.name.text, outcome: outcome,
                readsFirst: reads)
        }.sorted { $0.name < $1.name }
    }

    /// Asks the planner on and on as if each read had just confirmed what is known, until it decides something.
    ///
    /// - Returns: that, and what would be read for it first.
    private func foreseen(_ row: Row, at now: Instant) -> (decision: Decision, reads: [String]) {
        var reads: [String] = []
        var row = row
        row.contents.step = nil
        row.contents.view.outstanding = row.cloudEffect
        for _ in 0..<8 {
            let decision = decision(for: row, now: now)
            if case .look(_, .looking(let text)) = decision { reads.append(text) }
            guard case .look(let look, _) = decision, row.contents.view.confirm(look, at: now) else {
                if case .act(.hold(let identity), _) = decision {
                    row.contents.view.held = identity
                    continue
                }
                return (decision, reads)
            }
        }
        return (decision(for: row, now: now), reads)
    }

    public var observedWorld: ObservedWorld {
        ObservedWorld(
            volumes: volumes.values.map(\.value).sorted { $0.id < $1.id }, volumesListedAt: volumesListedAt,
            machines: machines.values.compactMap(\.fact.value).sorted { $0.id < $1.id },
            devices: devices.values.sorted { $0.kernelName < $1.kernelName }, exports: exports)
    }

    /// - Returns: the objects of these names, and the names that are none's.
    public func attachments(named names: [ObjectName]) -> (found: [AttachmentID], unknown: [ObjectName]) {
        var found: [AttachmentID] = []
        var unknown: [ObjectName] = []
        for name in names {
            if let slot = slotByName[name], let row = rows[slot] {
                found.append(row.view.desired.id)
            } else {
                unknown.append(name)
            }
        }
        return (found, unknown)
    }

}

extension RowContents {
    /// A report that says something else than the one before.
    fileprivate struct News {
        var report: AttachmentReport
        var isOtherReadiness: Bool
        /// What it says to somebody who reads it from disk, what comes next, and when, aside; `nil` when that is what the store
        /// has already.
        var worthSaving: AttachmentDetail?
        /// What it was before; `nil` when nothing was said.
        var before: AttachmentReport.Readiness?
    }

    /// - Parameters:
    ///   - saved: what the store has of it from before the start, when nothing that lasts is known yet.
    ///   - alike: the last conditions' times of any row, for rows to hold them in common.
    fileprivate mutating func publish(
        _ decision: Decision, saved: SavedStatus?, alike: inout [ConditionTime], drifts: inout [DriftRecord],
        policy: Policy, now: Instant
    ) -> News? {
        let previous = publication
        let readiness = Self.shown(ReportRules.readiness(of: decision), after: previous?.readiness)
        let before = saved.map { ($0.code, $0.since) } ?? previous.map { ($0.readiness.code, $0.since) }
        let isSame = before?.0 == readiness.code
        var report = ReportRules.report(
            view, decision: decision, restraint: RestraintRules.restraint(view, at: now, policy: policy),
            since: isSame ? before?.1 ?? now : now)
        report.readiness = readiness
        if isInvalid { report.drifts = [] }
        let publication = Publication(report)
        guard publication.digest != previous?.digest else { return nil }
        self.publication = publication
        stampConditions(readiness: readiness, now: now)
        if conditionTimes == alike { conditionTimes = alike }
        alike = conditionTimes
        followDrift(report, now: now, drifts: &drifts)
        let isWorthSaving = isWorthSaving(publication, report, after: previous, saved: saved)
        if isWorthSaving, readiness == .ready, view.desired.isRemovalApproved, !view.desired.isDeparting {
            // What was approved is done: the store takes it so when this is saved, and what comes from now on is something else.
            view.desired.isRemovalApproved = false
        }
        return News(
            report: report, isOtherReadiness: !isSame,
            worthSaving: isWorthSaving ? detail(report, conditions: []) : nil, before: previous?.readiness)
    }

    private func isWorthSaving(
        _ publication: Publication, _ report: AttachmentReport, after previous: Publication?, saved: SavedStatus?
    ) -> Bool {
        // The order to forget it is on its way: what is written behind it would stay for ever.
        if report.readiness == .departed { return false }
        guard let saved else { return publication.lastingDigest != previous?.lastingDigest }
        // After a start, what the store has of it still holds until something is known that lasts.
        return !report.readiness.isPassing
            && AttachmentDetail.fingerprint(of: report, device: provenDevice, export: view.export.value)
                != saved.fingerprint
    }

    private var provenDevice: DeviceRecord? {
        if case .right(let record, _) = RightDiskRules.verdict(view) { record } else { nil }
    }

    /// While something is only read again, what was the matter stays the matter: a status that flickers at each look says
    /// less, not more.
    private static func shown(
        _ readiness: AttachmentReport.Readiness, after previous: AttachmentReport.Readiness?
    ) -> AttachmentReport.Readiness {
        guard case .notReady(let cause) = readiness, cause.isPassing, case .notReady(let before)? = previous,
            !before.isPassing
        else { return readiness }
        return .notReady(before)
    }

    fileprivate mutating func stampConditions(readiness: AttachmentReport.Readiness, now: Instant) {
        // Written to only where something differs: rows that are alike share their times.
        for (index, kind) in Self.conditionKinds.enumerated() {
            let status = ConditionRules.status(of: kind, view, readiness: readiness)
            if index >= conditionTimes.count {
                conditionTimes.append(ConditionTime(status: status, since: now))
            } else if conditionTimes[index].status != status {
                conditionTimes[index] = ConditionTime(status: status, since: now)
            }
        }
    }

    /// Kept, since `allCases` makes the list anew each time.
    private static let conditionKinds = Condition.Kind.allCases

    /// Begins and ends the drifts of a row that has once been Ready.
    fileprivate mutating func followDrift(_ report: AttachmentReport, now: Instant, drifts: inout [DriftRecord]) {
        if report.readiness == .ready { hasBeenReady = true }
        // As it is nearly always.
        if report.drifts.isEmpty, openDrifts.isEmpty { return repairs = [] }
        var open: [DriftRecord] = []
        for var record in openDrifts {
            if report.drifts.contains(record.drift) || !view.isKnown(record.drift.world) {
                open.append(record)
            } else {
                record.endedAt = now
                record.repairedBy = repairs.joined(separator: ", ")
                drifts.append(record)
            }
        }
        if hasBeenReady {
            for drift in report.drifts where !open.contains(where: { $0.drift == drift }) {
                let record = DriftRecord(
                    attachment: report.attachment, name: report.name, drift: drift, seenAt: now, endedAt: nil,
                    repairedBy: "")
                open.append(record)
                drifts.append(record)
            }
        }
        if open.isEmpty { repairs = [] }
        openDrifts = open
    }

    fileprivate func conditions(_ readiness: AttachmentReport.Readiness) -> [Condition] {
        zip(Self.conditionKinds, conditionTimes).map { kind, time in
            ConditionRules.condition(kind, view, readiness: readiness, since: time.since)
        }
    }

    fileprivate func detail(_ report: AttachmentReport, conditions: [Condition]) -> AttachmentDetail {
        var device: DeviceRecord?
        // Nothing is proven of a disk whose volume's record was not read, nor of one that an unreadable row may mean.
        var isDeviceKnown = view.cloud.fact != .unknown
        switch RightDiskRules.verdict(view) {
        case .right(let record, _): device = record
        case .unknown: isDeviceKnown = false
        case .missing, .refused: break
        }
        return AttachmentDetail(
            report: report, conditions: conditions, volume: view.cloud.fact.value, device: device,
            isDeviceKnown: isDeviceKnown, export: view.export.fact.value, contest: view.contest?.value.kept)
    }
}

extension VolumeView {
    /// Whether a world can be judged now; a drift in it does not end while it cannot.
    fileprivate func isKnown(_ world: Drift.World) -> Bool {
        switch world {
        case .cloudStack: if case .unknown = self.cloud.fact { false } else { true }
        case .device: if case .unknown = self.devices { false } else { true }
        // Of names that are no longer wanted, other drifts tell.
        case .export: if self.desired.export != nil, case .unknown = self.export.fact { false } else { true }
        }
    }

    /// Answers a read with what is already known, as if it had just been read again.
    ///
    /// - Returns: whether anything was known.
    fileprivate mutating func confirm(_ look: Look, at now: Instant) -> Bool {
        func fresh<Value>(_ fact: Fact<Value>) -> Sighting<Value>? {
            if case .unknown = fact { return nil }
            return Sighting(fact, asked: now, answered: now, proof: .exact)
        }
        switch look {
        case .volume:
            guard let sighting = fresh(self.cloud.fact) else { return false }
            self.cloud = sighting
            self.isNominatedAbsent = false
        case .machine(let id):
            if self.target.value == id, let sighting = fresh(self.targetMachine.fact) {
                self.targetMachine = sighting
            } else if let sighting = fresh(self.holderMachine.fact) {
                self.holderMachine = sighting
            } else {
                return false
            }
        case .sessions:
            guard let clients = self.export.fact.value?.clients else { return false }
            self.sessions = Sighting(.present(clients), asked: now, answered: now, proof: .exact)
        case .use:
            self.use = Sighting(
                .present(DeviceUse(witnesses: [], undetermined: [])), asked: now, answered: now, proof: .exact)
        case .disks: self.search = Sighting(.present(.none), asked: now, answered: now, proof: .exact)
        case .mismatch: self.mismatch = Sighting(.absent, asked: now, answered: now, proof: .exact)
        case .volumesNamed:
            guard case .volumes(let found, _, _) = self.resolution else { return false }
            self.resolution = .volumes(found, asked: now, answered: now)
        case .events:
            guard var contest = self.contest?.value else { return false }
            contest.events = Sighting(
                contest.events.value.map { .present($0) } ?? .absent, asked: now, answered: now, proof: .exact)
            self.contest = Shared(contest)
        case .job, .export: return false
        }
        return true
    }
}
