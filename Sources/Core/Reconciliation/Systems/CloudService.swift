public import VolumeModel

/// CloudStack, as the loop needs it. A call never repeats itself: what to do after an error is decided by the planner.
public protocol CloudService: Sendable {
    /// Every volume that the account can see, in pages. Proves presence, nominates absence (WHOLE-VIEW).
    func listVolumes() async throws(CloudError) -> CloudListing<VolumeRecord>

    /// Every virtual machine that the account can see, in pages.
    func listMachines() async throws(CloudError) -> CloudListing<MachineRecord>

    /// One volume by its id: the only proof that it is not there.
    func readVolume(_ id: VolumeID) async throws(CloudError) -> ExactRead<VolumeRecord>

    func readMachine(_ id: MachineID) async throws(CloudError) -> ExactRead<MachineRecord>

    /// The volumes that carry exactly this name, for finding what a lost createVolume made.
    func findVolumes(named name: String, in zone: ZoneID) async throws(CloudError) -> [VolumeRecord]

    func zone(_ reference: ZoneReference) async throws(CloudError) -> ExactRead<ZoneID>

    func offering(_ reference: DiskOfferingReference) async throws(CloudError) -> ExactRead<DiskOfferingRecord>

    /// Sends one mutation under a job id that the caller has already written down.
    ///
    /// - Throws: ``CloudError`` with ``CloudError/Effect/unknown`` when the call may have arrived.
    func submit(_ mutation: CloudMutation, as job: JobID) async throws(CloudError) -> CloudReceipt

    /// Deletes a volume: the call ends when its data is gone, and has no job. Only an explicit wish may lead here
    /// (NO-SURPRISE-DELETE).
    func deleteVolume(_ id: VolumeID) async throws(CloudError)

    /// What CloudStack's event list tells of one volume, newest first: not all of it, but the latest. Asked only when somebody
    /// seems to undo what Hawser does.
    func recentEvents(of volume: VolumeID) async throws(CloudError) -> [VolumeEvent]

    /// What has become of a job.
    func report(of job: JobID) async throws(CloudError) -> JobReport
}

/// A mutation of CloudStack's state that runs as a job.
public enum CloudMutation: Sendable, Equatable {
    /// `sizeInBytes` is `nil` for an offering of a fixed size.
    case createVolume(name: String, sizeInBytes: Int64?, offering: DiskOfferingID, zone: ZoneID)
    case attachVolume(VolumeID, to: MachineID, as: DiskRole)
    case detachVolume(VolumeID)
    /// Grow only.
    case resizeVolume(VolumeID, sizeInBytes: Int64)
}

/// CloudStack's acknowledgement that it took a call.
public struct CloudReceipt: Sendable, Equatable {
    /// The job that CloudStack answered with. It differs from the requested one on servers that ignore `customjobid`.
    public var job: JobID
    /// The new volume, for createVolume.
    public var volume: VolumeID?

    public init(job: JobID, volume: VolumeID? = nil) {
        self.job = job
        self.volume = volume
    }
}

public struct DiskOfferingRecord: Sendable, Equatable {
    public var id: DiskOfferingID
    public var name: String
    /// Whether createVolume has to say a size.
    public var isCustomized: Bool
    /// The fixed size; 0 when it is customized.
    public var sizeInBytes: Int64

    public init(id: DiskOfferingID, name: String, isCustomized: Bool, sizeInBytes: Int64) {
        self.id = id
        self.name = name
        self.isCustomized = isCustomized
        self.sizeInBytes = sizeInBytes
    }
}

/// The result of a walk over all pages.
public struct CloudListing<Record: Sendable>: Sendable {
    public var records: [Record]
    /// Whether the number of distinct records agrees with the count that CloudStack gave. Even a complete listing only
    /// nominates absence: rows move between pages while things change.
    public var isComplete: Bool
    /// Why it is not complete, in one sentence; `nil` when it is.
    public var problem: String?

    public init(records: [Record], isComplete: Bool, problem: String? = nil) {
        self.records = records
        self.isComplete = isComplete
        self.problem = problem
    }
}

/// The answer to a question about one id.
public enum ExactRead<Record: Sendable>: Sendable {
    case found(Record)
    /// It existed once: CloudStack answers with an empty list.
    case removed
    /// No such id, or not for this account: CloudStack answers with 431.
    case neverExisted
}

/// What went wrong with one call, sorted by what to do next.
public struct CloudError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Whether the call can have had its effect.
    public enum Effect: Sendable, Equatable {
        /// It was refused, or never reached CloudStack.
        case none
        /// It may have arrived: look before anything else (NO-BLIND-REPEAT).
        case unknown
    }

    public var remedy: CloudRemedy
    public var effect: Effect
    /// How long CloudStack or the client asks to wait; `nil` leaves it to the backoff.
    public var retryAfter: Duration?
    /// CloudStack's command, such as `attachVolume`.
    public var command: String
    /// CloudStack's own words or the transport's; never a URL, a key or a signature.
    public var text: String

    public init(remedy: CloudRemedy, effect: Effect, retryAfter: Duration? = nil, command: String, text: String) {
        self.remedy = remedy
        self.effect = effect
        self.retryAfter = retryAfter
        self.command = command
        self.text = text
    }

    public var description: String { "cannot run \(command): \(text)" }
}
