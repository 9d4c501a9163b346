/// What lives in the simulated cloud. Numbers (`number`) are the internal database ids that some error texts show.
public struct Account: Sendable, Codable, Equatable {
    public var name: String
    public var id: String
    public var userID: String
    public var apiKey: String
    public var secretKey: String
    /// Root administrators see more fields and other people's things.
    public var isRoot: Bool
    public var isEnabled: Bool
    /// What the account may have; no limit when `nil`. A root administrator has none.
    public var volumeLimit: Int?
    public var primaryStorageLimitInGiB: Int64?

    public init(
        name: String, id: String, userID: String, apiKey: String, secretKey: String, isRoot: Bool,
        isEnabled: Bool = true, volumeLimit: Int? = nil, primaryStorageLimitInGiB: Int64? = nil
    ) {
        self.name = name
        self.id = id
        self.userID = userID
        self.apiKey = apiKey
        self.secretKey = secretKey
        self.isRoot = isRoot
        self.isEnabled = isEnabled
        self.volumeLimit = volumeLimit
        self.primaryStorageLimitInGiB = primaryStorageLimitInGiB
    }
}

public struct Zone: Sendable, Codable, Equatable {
    public var number: Int64
    public var id: String
    public var name: String

    public init(number: Int64, id: String, name: String) {
        self.number = number
        self.id = id
        self.name = name
    }
}

public struct DiskOffering: Sendable, Codable, Equatable {
    public var number: Int64
    public var id: String
    public var name: String
    public var isCustomized: Bool
    /// In GiB; 0 when customized.
    public var sizeInGiB: Int64

    public init(number: Int64, id: String, name: String, isCustomized: Bool, sizeInGiB: Int64) {
        self.number = number
        self.id = id
        self.name = name
        self.isCustomized = isCustomized
        self.sizeInGiB = sizeInGiB
    }
}

public struct Machine: Sendable, Codable, Equatable {
    public var number: Int64
    public var id: String
    public var name: String
    public var zone: String
    public var account: String
    public var state: String
    public var created: Int64
    /// Its disks are made real by the hypervisor.
    public var isAppliance: Bool
    /// Snapshots of the whole machine: while there are any, its disks stay as they are.
    public var hasSnapshots = false
    /// Backups of it: while there are any, no disk comes or goes.
    public var hasBackups = false

    public init(
        number: Int64, id: String, name: String, zone: String, account: String, state: String, created: Int64,
        isAppliance: Bool
    ) {
        self.number = number
        self.id = id
        self.name = name
        self.zone = zone
        self.account = account
        self.state = state
        self.created = created
        self.isAppliance = isAppliance
    }
}

public struct Volume: Sendable, Codable, Equatable {
    public var number: Int64
    public var id: String
    public var name: String
    public var zone: String
    public var account: String
    public var type: String
    public var state: String
    public var sizeInBytes: Int64
    public var offering: String?
    public var created: Int64
    public var attached: Int64?
    public var machine: String?
    public var deviceID: Int64?
    public var tags: [Tag]
    /// Gone: found by its id only as something that was removed.
    public var isRemoved: Bool
    /// `deleteprotection`: it cannot be deleted until that is lifted.
    public var isProtected = false
    /// A snapshot of it is being made or copied away.
    public var hasSnapshotUnderWay = false
    /// The machines whose hypervisor has the disk, whatever the record says. More than one is two writers.
    public var holders: [Holder]

    public init(
        number: Int64, id: String, name: String, zone: String, account: String, type: String, state: String,
        sizeInBytes: Int64, offering: String?, created: Int64
    ) {
        self.number = number
        self.id = id
        self.name = name
        self.zone = zone
        self.account = account
        self.type = type
        self.state = state
        self.sizeInBytes = sizeInBytes
        self.offering = offering
        self.created = created
        attached = nil
        machine = nil
        deviceID = nil
        tags = []
        isRemoved = false
        holders = []
    }

    /// The serial that the hypervisor gives the disk.
    public var serial: String { String(id.filter { $0 != "-" }.prefix(20)) }
}

/// A machine that has a disk in a slot, as libvirt knows it.
public struct Holder: Sendable, Codable, Equatable {
    public var machine: String
    public var deviceID: Int64
    /// Whether the guest sees it; not so under the fault `deviceNeverAppears`.
    public var isVisible: Bool

    public init(machine: String, deviceID: Int64, isVisible: Bool = true) {
        self.machine = machine
        self.deviceID = deviceID
        self.isVisible = isVisible
    }
}

public struct Tag: Sendable, Codable, Equatable {
    public var key: String
    public var value: String

    public init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}

/// One entry of the event list. A job writes one when it is submitted, one when it begins and one when it has ended; all but
/// the first name that as their parent.
public struct CloudEvent: Sendable, Codable, Equatable {
    public var id: String
    public var type: String
    public var level: String
    public var state: String
    public var description: String
    public var created: Int64
    public var resource: String?
    /// Who did it, and whose the resource is. Absent in what an earlier version kept, as is what follows.
    public var user: String?
    public var account: String?
    public var parent: String?
    public var resourceType: String?
    public var resourceName: String?
}

/// One asynchronous job.
public struct Job: Sendable, Codable, Equatable {
    /// How far it has come.
    public enum Stage: String, Sendable, Codable {
        /// Its checks have not run.
        case submitted
        /// In the queue of its machine.
        case queued
        /// The hypervisor is at work.
        case working
        case done
    }

    public var id: String
    /// Counts up in the order in which jobs were submitted, which is the order of turns in each queue.
    public var number: Int64
    public var command: String
    public var instance: String?
    public var account: String
    public var parameters: [String: String]
    public var created: Int64
    public var completed: Int64?
    public var stage: Stage
    /// When the present stage is over.
    public var dueAt: Int64
    /// The machine in whose queue it is.
    public var machine: String?
    /// The slot that an attach takes, once the hypervisor has been asked.
    public var deviceID: Int64?
    /// 0 running, 1 succeeded, 2 failed.
    public var status: Int
    public var resultCode: Int
    /// The text of a failure; absent for jobs that ended without a result.
    public var errorText: String?
    public var hasResult: Bool
    /// The volume as it was when the job ran.
    public var resultVolume: Volume?
    /// The event with which it was submitted.
    public var startEvent: String?
}
