import Planning
public import VolumeModel

/// What people see: reports, events, drift history, the plan.
extension ReconcileLoop {
    mutating func publishReport(
        _ decision: Decision, slot: Int, now: Instant, saved: inout [AttachmentDetail], events: inout [EventRecord],
        drifts: inout [DriftRecord]
    ) {
        // Taken out of the table meanwhile, so that it is changed in place.
        guard var row = rows[slot].take() else { return }
        defer { rows[slot] = row }
        let previous = row.report
        let readiness = Self.shown(ReportRules.readiness(of: decision), after: previous?.readiness)
        let isSame = previous.map { $0.readiness.code == readiness.code } ?? false
        let since = isSame ? previous?.since ?? now : now
        var report = ReportRules.report(
            row.view, decision: decision, restraint: RestraintRules.restraint(row.view, at: now, policy: policy),
            since: since)
        report.readiness = readiness
        if row.isInvalid { report.drifts = [] }
        guard report != previous else { return }
        revision += 1
        row.contents.report = report
        row.contents.stampConditions(readiness: readiness, now: now)
        row.contents.followDrift(report, now: now, drifts: &drifts)
        if !isSame { events.append(contentsOf: event(of: report, after: previous, now: now)) }
        if previous.map({ !$0.isWorthTheSame(as: report) }) ?? true { saved.append(row.contents.detail(report)) }
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

    /// Changes of readiness are events; passing states (reading, stepping) are not.
    private func event(
        of report: AttachmentReport, after previous: AttachmentReport?, now: Instant
    ) -> [EventRecord] {
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
        var causes: [Cause] = []
        if let cloudTrouble { causes.append(cloudTrouble) }
        causes += [volumesProblem, machinesProblem].compactMap { $0.map { .listingIncomplete($0) } }
        if let storeTrouble { causes.append(.storeUnavailable(storeTrouble)) }
        if case .down(let text)? = exports?.server { causes.append(.exportServerDown(text)) }
        if isStopping { causes.append(.stopping) }
        if let manifestTrouble { causes.append(.manifestsUnreadable(manifestTrouble)) }
        return Overview(
            revision: revision, at: now, here: here, mode: policy.mode,
            reports: rows.compactMap { $0?.report }.sorted { $0.name < $1.name }, unmanaged: unmanaged(),
            nodeCauses: causes)
    }

    public func detail(of name: ObjectName) -> AttachmentDetail? {
        guard let slot = slotByName[name], let row = rows[slot] else { return nil }
        return row.report.map { row.contents.detail($0) }
    }

    /// What no desired state names, in each world (MINE-ONLY).
    private func unmanaged() -> [Unmanaged] {
        var found: [Unmanaged] = []
        // Sorted are those few that are named, not all that there are.
        let foreign = volumes.values.filter { volume in
            volume.attachedTo == here && volume.kind == .data && (slotsByVolume[volume.id] ?? []).isEmpty
        }
        for volume in foreign.sorted(by: { $0.id < $1.id }) {
            found.append(
                Unmanaged(
                    world: .cloudStack, name: volume.name, detail: "volume \(volume.id) is attached to this machine"))
        }
        for device in devices.values.sorted(by: { $0.kernelName < $1.kernelName }) {
            guard let serial = device.serial, (slotsBySerial[serial] ?? []).isEmpty else { continue }
            found.append(Unmanaged(world: .device, name: device.kernelName, detail: "serial \(serial)"))
        }
        let names = Set(rows.compactMap { $0?.view.desired.export?.name })
        for entry in exports?.entries.sorted(by: { $0.name < $1.name }) ?? [] where !names.contains(entry.name) {
            if case .hawser(let volume) = entry.owner, !(slotsByVolume[volume] ?? []).isEmpty { continue }
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
            switch foreseen(row, at: now) {
            case .settled, .departed: outcome = .settled
            case .hold(let cause, _): outcome = .hold(cause)
            case .look(let look, _): outcome = .look(look.summary)
            case .act(let step, let reason):
                outcome =
                    step.isCorrective
                    ? .action(verb: step.verb, summary: step.summary, reason: reason) : .look(step.summary)
            }
            return PlanLine(attachment: row.view.desired.id, name: row.view.desired.name.text, outcome: outcome)
        }.sorted { $0.name < $1.name }
    }

    /// Asks the planner on and on as if each read had just confirmed what is known, until it decides something.
    private func foreseen(_ row: Row, at now: Instant) -> Decision {
        var row = row
        row.contents.step = nil
        row.contents.view.outstanding = row.cloudEffect
        for _ in 0..<8 {
            let decision = decision(for: row, now: now)
            guard case .look(let look, _) = decision, row.contents.view.confirm(look, at: now) else {
                if case .act(.hold(let identity), _) = decision {
                    row.contents.view.held = identity
                    continue
                }
                return decision
            }
        }
        return decision(for: row, now: now)
    }

    public var observedWorld: ObservedWorld {
        ObservedWorld(
            volumes: volumes.values.sorted { $0.id < $1.id }, volumesListedAt: volumesListedAt,
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
    fileprivate mutating func stampConditions(readiness: AttachmentReport.Readiness, now: Instant) {
        var times = conditionTimes
        for (index, kind) in Condition.Kind.allCases.enumerated() {
            let status = ConditionRules.status(of: kind, view, readiness: readiness)
            if index >= times.count {
                times.append(ConditionTime(status: status, since: now))
            } else if times[index].status != status {
                times[index] = ConditionTime(status: status, since: now)
            }
        }
        conditionTimes = times
    }

    /// Begins and ends the drifts of a row that has once been Ready.
    fileprivate mutating func followDrift(_ report: AttachmentReport, now: Instant, drifts: inout [DriftRecord]) {
        if report.readiness == .ready { hasBeenReady = true }
        // As it is nearly always.
        if report.drifts.isEmpty, openDrifts.isEmpty { return repairs = [] }
        let current = Set(report.drifts)
        var open: [DriftRecord] = []
        for var record in openDrifts {
            if current.contains(record.drift) || !view.isKnown(record.drift.world) {
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

    fileprivate func detail(_ report: AttachmentReport) -> AttachmentDetail {
        var device: DeviceRecord?
        if case .right(let record, _) = RightDiskRules.verdict(view) { device = record }
        return AttachmentDetail(
            report: report,
            conditions: zip(Condition.Kind.allCases, conditionTimes).map { kind, time in
                ConditionRules.condition(kind, view, readiness: report.readiness, since: time.since)
            }, volume: view.cloud.fact.value, device: device, export: view.export.fact.value)
    }
}

extension AttachmentReport.Readiness {
    /// A word that says which readiness it is, without what changes from moment to moment.
    var code: String {
        switch self {
        case .ready: "Ready"
        case .departed: "Departed"
        case .notReady(let cause): cause.code
        }
    }
}

extension AttachmentReport {
    /// Whether two reports say the same to somebody who reads them from disk: what comes next, and when, aside.
    fileprivate func isWorthTheSame(as other: AttachmentReport) -> Bool { lasting == other.lasting }

    private var lasting: AttachmentReport {
        var report = self
        report.next = nil
        report.nextAt = nil
        return report
    }
}

extension VolumeView {
    /// Whether a world can be judged now; a drift in it does not end while it cannot.
    fileprivate func isKnown(_ world: Drift.World) -> Bool {
        switch world {
        case .cloudStack: if case .unknown = cloud.fact { false } else { true }
        case .device: if case .unknown = devices { false } else { true }
        case .export: if case .unknown = export.fact { false } else { true }
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
            guard let sighting = fresh(cloud.fact) else { return false }
            cloud = sighting
            isNominatedAbsent = false
        case .machine(let id):
            if target.value == id, let sighting = fresh(targetMachine.fact) {
                targetMachine = sighting
            } else if let sighting = fresh(holderMachine.fact) {
                holderMachine = sighting
            } else {
                return false
            }
        case .sessions:
            guard let clients = export.fact.value?.clients else { return false }
            sessions = Sighting(.present(clients), asked: now, answered: now, proof: .exact)
        case .use:
            use = Sighting(
                .present(DeviceUse(witnesses: [], undetermined: [])), asked: now, answered: now, proof: .exact)
        case .mismatch: mismatch = Sighting(.absent, asked: now, answered: now, proof: .exact)
        case .volumesNamed:
            guard case .volumes(let found, _, _) = resolution else { return false }
            resolution = .volumes(found, asked: now, answered: now)
        case .job, .export: return false
        }
        return true
    }
}
