import Planning
import VolumeModel

/// The loop in numbers.
extension ReconcileLoop {
    /// Costs what reading the rows costs: for who asks a few times a minute.
    func measurements(at now: Instant) -> Measurements {
        var measurements = Measurements(at: now, begunAt: begunAt, here: here, mode: policy.mode)
        let policy = policy
        for case let row? in rows { measurements.count(row, at: now, policy: policy) }
        measurements.troubles = Set(nodeCauses.map(\.kind))
        measurements.removals.areHeld = brake.isEngaged
        measurements.removals.wanted = brake.wanted.count
        measurements.removals.counted = brake.count(at: now, policy: policy)
        measurements.removals.allowed = Brake.allowance(among: slotByName.count, policy: policy)
        measurements.removals.window = policy.brakeWindow
        measurements.volumes = volumes.count
        measurements.machines = machines.values.count { $0.value != nil }
        measurements.devices = devices.count
        measurements.exports = exports?.entries.count ?? 0
        measurements.clients = exports?.entries.reduce(0) { $0 + $1.countedClients } ?? 0
        measurements.volumesListedAt = volumesListedAt
        measurements.machinesListedAt = machinesListedAt
        measurements.devicesAreKnown = devicesAreKnown
        measurements.exportServer = exports?.server ?? .unknown
        measurements.stepsUnderWay = stepsUnderWay
        measurements.jobsUnderWay = steppingInAll
        measurements.looksUnderWay = looksInAll
        measurements.queuedSteps = Set(queuedSteps).count
        measurements.queuedLooks = Set(queuedLooks).count
        measurements.work = work
        return measurements
    }
}

extension Measurements {
    fileprivate mutating func count(_ row: Row, at now: Instant, policy: Policy) {
        // Nothing was said of it yet.
        guard let publication = row.publication else { return }
        switch publication.readiness {
        case .ready: ready += 1
        case .departed: departed += 1
        case .notReady(let cause):
            notReady[cause.kind, default: 0] += 1
            waitingFor[cause.mover, default: 0] += 1
        }
        if case .suspended? = publication.restraint { suspended += 1 }
        if let contest = row.contest?.value, ContestRules.isContested(contest, at: now, policy: policy) {
            contested += 1
        }
        for drift in row.openDrifts { drifts[drift.drift.kind, default: 0] += 1 }
    }
}

extension ExportEntry {
    fileprivate var countedClients: Int { if case .known(let count) = clients { count } else { 0 } }
}
