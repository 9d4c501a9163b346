import VolumeModel

/// A CloudStack in memory: its entities, its state machines, its jobs, its faults.
///
/// It has no clock and does no I/O: the time is an argument, and what a hypervisor has to do comes out as orders whose
/// outcomes go back in. Sources: the CloudStack 4.20 tree (`VolumeApiServiceImpl`, `ApiServer`, `ApiDispatcher`,
/// `AsyncJobManagerImpl`), and threads of apache/cloudstack where they are named.
public struct CloudWorld: Sendable, Codable {
    public var accounts: [Account] = []
    public var zones: [Zone] = []
    public var diskOfferings: [DiskOffering] = []
    public var machines: [Machine] = []
    public internal(set) var volumes = VolumeTable()
    public internal(set) var jobs = JobTable()
    public internal(set) var events: [CloudEvent] = []
    public var faults: [Fault] = []
    var staleVolumes: VolumeTable?
    var stragglers: [Straggler] = []
    var lastNumber: Int64 = 100
    var lastJob: Int64 = 0
    var lastAction: Int64 = 0
    var randomState: UInt64
    /// The number of the last change that was taken for keeping.
    var lastChange: Int64 = 0
    /// What of this was taken for keeping already; not itself kept.
    var kept = Kept()

    // Global settings
    /// How long an attach, detach, resize or create takes.
    public var jobDelayInMilliseconds: Int64 = 500
    /// `default.page.size`, which is also the maximum.
    public var pageSize = 500
    public var dataDiskLimit = 32
    /// `enforce.post.requests.and.timestamps`: changes come by POST, and every request expires within 15 minutes.
    public var enforcesPostAndTimestamps = false
    /// `job.expire.minutes`.
    public var jobRetentionInMilliseconds: Int64 = 1_440 * 60_000
    public var version = "4.20.0.0"

    /// What was done and what happened, in order; drained by whoever keeps it. It is kept with the world until then, so that
    /// a crash between keeping the world and keeping the log loses nothing.
    public internal(set) var actions: [ActionRecord] = []
    public internal(set) var orders: [HypervisorOrder] = []

    struct Straggler: Sendable, Codable, Equatable {
        var volume: String
        var dueAt: Int64
    }

    public init(seed: UInt64) {
        randomState = seed
    }

    private enum CodingKeys: String, CodingKey {
        case accounts, zones, diskOfferings, machines, volumes, jobs, events, faults, staleVolumes, stragglers
        case lastNumber, lastJob, lastAction, lastChange, randomState, actions, orders
        case jobDelayInMilliseconds, pageSize, dataDiskLimit, enforcesPostAndTimestamps, jobRetentionInMilliseconds
        case version
    }

    // MARK: Identifiers

    mutating func nextNumber() -> Int64 {
        lastNumber += 1
        return lastNumber
    }

    mutating func newID() -> String {
        var generator = SplitMix64(seed: randomState)
        let id = UUIDValue.random(using: &generator)
        randomState = generator.state
        return id.description
    }

    // MARK: Lookup

    public func account(key: String) -> Account? { accounts.first { $0.apiKey == key } }
    func machine(_ id: String) -> Machine? { machines.first { $0.id == id } }
    func zone(_ id: String) -> Zone? { zones.first { $0.id == id } }
    func offering(_ id: String) -> DiskOffering? { diskOfferings.first { $0.id == id } }

    /// Whether the caller may see what belongs to an account.
    func isVisible(_ owner: String, to caller: Account) -> Bool { caller.isRoot || owner == caller.name }

    // MARK: Making the world

    /// Puts a volume into the world without a job, as a seed file does.
    ///
    /// - Returns: the volume's id.
    @discardableResult
    public mutating func addVolume(
        id: String? = nil, name: String, zone: String, account: String, type: String = "DATADISK",
        sizeInBytes: Int64, offering: String?, machine: String? = nil, deviceID: Int64? = nil, state: String = "Ready",
        now: Int64
    ) -> String {
        let id = id ?? newID()
        var volume = Volume(
            number: nextNumber(), id: id, name: name, zone: zone, account: account, type: type, state: state,
            sizeInBytes: sizeInBytes, offering: offering, created: now)
        if let machine {
            let device = deviceID ?? freeDevice(on: machine)
            volume.machine = machine
            volume.deviceID = device
            volume.attached = now
            if let device { volume.holders = [Holder(machine: machine, deviceID: device)] }
        }
        volumes[id] = volume
        return id
    }

    /// The disks that the appliances' hypervisor has to show now: what a restart of the simulator brings back.
    public var disksInAppliances: [HypervisorOrder.Disk] {
        volumes.values.filter { volume in
            !volume.isRemoved && volume.type == "DATADISK"
                && volume.holders.contains { $0.isVisible && isAppliance($0.machine) }
        }.map { HypervisorOrder.Disk(volume: $0) }.sorted { $0.volume < $1.volume }
    }

    func isAppliance(_ machine: String?) -> Bool { machines.contains { $0.id == machine && $0.isAppliance } }

    /// The volumes that the record has on a machine.
    func attached(to machine: String) -> [Volume] {
        volumes.on(machine).filter { $0.machine == machine && !$0.isRemoved }
    }

    /// Legal device ids are 0, 1, 2, 4 and up: 3 is the CD-ROM. The lowest free one from 1.
    func freeDevice(on machine: String) -> Int64? {
        let taken = jobs.jobs(at: machine).filter { $0.stage == .working }.compactMap(\.deviceID)
        let used = Set(attached(to: machine).compactMap(\.deviceID) + taken)
        return (1...Int64(dataDiskLimit + 1)).first { $0 != 3 && !used.contains($0) }
    }

    mutating func record(_ kind: String, command: String, job: String?, volume: String?, detail: String, now: Int64) {
        lastAction += 1
        actions.append(
            ActionRecord(
                number: lastAction, at: now, kind: kind, command: command, job: job, volume: volume, detail: detail))
    }

    mutating func add(_ event: CloudEvent) {
        events.append(event)
        if events.count > 5_000 { events.removeFirst(1_000) }
        kept.newEvents += 1
    }

    /// Puts back orders that were handed over by a world that is no more, for ``orderAgain()``.
    public mutating func restore(orders: [HypervisorOrder]) { self.orders = orders }

    /// Hands over what has happened since the last time.
    public mutating func drain() -> (actions: [ActionRecord], orders: [HypervisorOrder]) {
        defer {
            actions = []
            orders = []
        }
        return (actions, orders)
    }
}

/// One line of the action log: a mutating call that was accepted, an effect that took place, how a job ended, or a hazard
/// that came true.
public struct ActionRecord: Sendable, Codable, Equatable {
    /// Counts up without gaps, over restarts too.
    public var number: Int64
    public var at: Int64
    /// `call`, `effect`, `outcome` or `hazard`.
    public var kind: String
    public var command: String
    public var job: String?
    public var volume: String?
    public var detail: String
}

/// What a hypervisor has to do for a job.
public struct HypervisorOrder: Sendable, Codable, Equatable {
    public enum Action: String, Sendable, Codable {
        case plug
        case unplug
        case resize
        case discard
    }

    public struct Disk: Sendable, Codable, Equatable {
        public var volume: String
        public var serial: String
        public var sizeInBytes: Int64

        public init(volume: Volume) {
            self.volume = volume.id
            serial = volume.serial
            sizeInBytes = volume.sizeInBytes
        }
    }

    public var action: Action
    public var disk: Disk
    /// The job that waits for the outcome; `nil` when none does.
    public var job: String?
}
