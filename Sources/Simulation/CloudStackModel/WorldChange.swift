/// What became different in a world: the rows as they are now. Worlds that take the same changes in the same order are the
/// same world.
public struct WorldChange: Sendable, Codable {
    /// Counts up without gaps, over restarts too.
    public internal(set) var number: Int64
    var volumes: [Volume]
    var jobs: [Job]
    var forgottenJobs: [String]
    var machines: [Machine]
    var events: [CloudEvent]
    var counters: CloudWorld.Counters
    /// Absent when nothing of it changed.
    var circumstances: CloudWorld.Circumstances?
    /// Absent when it was left as it was.
    var staleListing: StaleListing?
    /// What goes into the action log.
    public internal(set) var actions: [ActionRecord]
    /// What the hypervisor is to do.
    public internal(set) var orders: [HypervisorOrder]

    /// The volumes that listings show under the fault `staleList`; none when it has ended.
    struct StaleListing: Sendable, Codable {
        var volumes: VolumeTable?
    }
}

/// A change is missing between those that a world has and the one that it is given.
public struct MissingChange: Error, CustomStringConvertible {
    var expected: Int64
    var found: Int64

    public var description: String { "change \(expected) is missing before change \(found)" }
}

extension CloudWorld {
    struct Counters: Sendable, Codable {
        var number: Int64
        var job: Int64
        var action: Int64
        var random: UInt64
    }

    /// What is small and seldom changes: kept whole when any of it does.
    struct Circumstances: Sendable, Codable, Equatable {
        var accounts: [Account]
        var zones: [Zone]
        var diskOfferings: [DiskOffering]
        var faults: [Fault]
        var stragglers: [Straggler]
        var jobDelayInMilliseconds: Int64
        var pageSize: Int
        var dataDiskLimit: Int
        var enforcesPostAndTimestamps: Bool
        var jobRetentionInMilliseconds: Int64
        var version: String
    }

    /// What was taken for keeping already, of that which is compared and not marked.
    struct Kept: Sendable {
        var machines: [Machine] = []
        var circumstances: Circumstances?
        var newEvents = 0
        var isStaleListingKept = true
    }

    private var circumstances: Circumstances {
        get {
            Circumstances(
                accounts: accounts, zones: zones, diskOfferings: diskOfferings, faults: faults, stragglers: stragglers,
                jobDelayInMilliseconds: jobDelayInMilliseconds, pageSize: pageSize, dataDiskLimit: dataDiskLimit,
                enforcesPostAndTimestamps: enforcesPostAndTimestamps,
                jobRetentionInMilliseconds: jobRetentionInMilliseconds, version: version)
        }
        set {
            accounts = newValue.accounts
            zones = newValue.zones
            diskOfferings = newValue.diskOfferings
            faults = newValue.faults
            stragglers = newValue.stragglers
            jobDelayInMilliseconds = newValue.jobDelayInMilliseconds
            pageSize = newValue.pageSize
            dataDiskLimit = newValue.dataDiskLimit
            enforcesPostAndTimestamps = newValue.enforcesPostAndTimestamps
            jobRetentionInMilliseconds = newValue.jobRetentionInMilliseconds
            version = newValue.version
        }
    }

    /// Hands over what is different since the last time, with the actions and the orders that came of it; `nil` when
    /// nothing is. A draw of chance alone is no difference.
    public mutating func takeChange() -> WorldChange? {
        let circumstances = circumstances
        let hasNewCircumstances = kept.circumstances != circumstances
        let hasNewMachines = kept.machines != machines
        guard
            volumes.hasChanges || jobs.hasChanges || hasNewMachines || hasNewCircumstances || kept.newEvents > 0
                || !kept.isStaleListingKept || !actions.isEmpty || !orders.isEmpty
        else { return nil }
        lastChange += 1
        let known = hasNewMachines ? Dictionary(kept.machines.map { ($0.id, $0) }) { _, later in later } : [:]
        let changedJobs = jobs.takeChanged()
        let (actions, orders) = drain()
        let change = WorldChange(
            number: lastChange, volumes: volumes.takeChanged(), jobs: changedJobs.jobs,
            forgottenJobs: changedJobs.forgotten,
            machines: hasNewMachines ? machines.filter { known[$0.id] != $0 } : [],
            events: events.suffix(kept.newEvents),
            counters: Counters(number: lastNumber, job: lastJob, action: lastAction, random: randomState),
            circumstances: hasNewCircumstances ? circumstances : nil,
            staleListing: kept.isStaleListingKept ? nil : WorldChange.StaleListing(volumes: staleVolumes),
            actions: actions, orders: orders)
        kept = Kept(machines: machines, circumstances: circumstances)
        return change
    }

    /// Says that the world as it is now is kept whole.
    public mutating func wasKept() {
        _ = volumes.takeChanged()
        _ = jobs.takeChanged()
        kept = Kept(machines: machines, circumstances: circumstances)
    }

    /// Makes a change again that was kept. One that the world has already is passed over.
    public mutating func apply(_ change: WorldChange) throws(MissingChange) {
        guard change.number > lastChange else { return }
        guard change.number == lastChange + 1 else {
            throw MissingChange(expected: lastChange + 1, found: change.number)
        }
        lastChange = change.number
        for volume in change.volumes { volumes[volume.id] = volume }
        jobs.restore(change.jobs)
        for id in change.forgottenJobs { jobs[id] = nil }
        for machine in change.machines {
            if let index = machines.firstIndex(where: { $0.id == machine.id }) {
                machines[index] = machine
            } else {
                machines.append(machine)
            }
        }
        for event in change.events { add(event) }
        if let circumstances = change.circumstances { self.circumstances = circumstances }
        if let staleListing = change.staleListing { staleVolumes = staleListing.volumes }
        lastNumber = change.counters.number
        lastJob = change.counters.job
        lastAction = change.counters.action
        randomState = change.counters.random
    }
}
