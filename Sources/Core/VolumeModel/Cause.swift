/// Why an attachment is not Ready. Exactly one holds for each that is not (ONE-CAUSE); 'unknown' is not among them.
///
/// Status text, conditions, events and metrics all follow from this one value.
public enum Cause: Sendable, Equatable, Hashable {
    // What people wrote
    case invalidSpec(String)
    case claimedTwice(by: ObjectName)
    case serialShared(with: VolumeID)
    case exportNameTaken(ExportName, by: String)

    // CloudStack
    case cloudUnreachable(String)
    case cloudNotReadYet
    case notAllowed(String)
    case requestRefused(String)
    case limitReached(String)
    case volumeNotFound(String)
    case volumeNameAmbiguous(String, count: Int)
    case volumeGone(VolumeID)
    case recordsDisagree(VolumeID, device: String)
    case volumeTransitional(String)
    case volumeUnusable(String)
    case rootVolume
    case machineNotFound(String)
    case machineTransitional(MachineID, String)
    case machineUnusable(MachineID, String)
    case zoneMismatch
    case heldElsewhere(MachineID)
    case foreignJob(JobID)

    // Steps under way
    case working(String)
    case looking(String)
    case waitingForJob(JobID, verb: String, since: Instant)
    case answerLost(verb: String, since: Instant)
    case backingOff(until: Instant, after: String)
    case queued(String)

    // The machine's devices
    case devicesNotReadYet
    case waitingForDevice(since: Instant, until: Instant)
    case deviceMissing(since: Instant)
    case deviceLingers(since: Instant)
    case serialSeenTwice([String])
    case deviceMismatch(String)

    // Use
    case inUseByClients(Int)
    case inUseLocally(String)
    case useUndetermined(String)

    // Exports
    case exportServerDown(String)
    case waitingForExport(since: Instant)

    // Hawser itself
    case storeUnavailable(String)
    case stopping
}

/// Who has to act next.
public enum Mover: String, Sendable, Equatable, Hashable, CaseIterable {
    case hawser
    case cloudStack = "cloudstack"
    case kernel
    case exportServer = "export-server"
    case clients
    case person
}

extension Cause {
    /// A stable word for programs: the reason of a condition, the label of a metric.
    public var code: String {
        switch self {
        case .invalidSpec: "InvalidSpec"
        case .claimedTwice: "ClaimedTwice"
        case .serialShared: "SerialShared"
        case .exportNameTaken: "ExportNameTaken"
        case .cloudUnreachable: "CloudUnreachable"
        case .cloudNotReadYet: "CloudNotReadYet"
        case .notAllowed: "NotAllowed"
        case .requestRefused: "RequestRefused"
        case .limitReached: "LimitReached"
        case .volumeNotFound: "VolumeNotFound"
        case .volumeNameAmbiguous: "VolumeNameAmbiguous"
        case .volumeGone: "VolumeGone"
        case .recordsDisagree: "RecordsDisagree"
        case .volumeTransitional: "VolumeTransitional"
        case .volumeUnusable: "VolumeUnusable"
        case .rootVolume: "RootVolume"
        case .machineNotFound: "MachineNotFound"
        case .machineTransitional: "MachineTransitional"
        case .machineUnusable: "MachineUnusable"
        case .zoneMismatch: "ZoneMismatch"
        case .heldElsewhere: "HeldElsewhere"
        case .foreignJob: "ForeignJob"
        case .working: "Working"
        case .looking: "Looking"
        case .waitingForJob: "WaitingForJob"
        case .answerLost: "AnswerLost"
        case .backingOff: "BackingOff"
        case .queued: "Queued"
        case .devicesNotReadYet: "DevicesNotReadYet"
        case .waitingForDevice: "WaitingForDevice"
        case .deviceMissing: "DeviceMissing"
        case .deviceLingers: "DeviceLingers"
        case .serialSeenTwice: "SerialSeenTwice"
        case .deviceMismatch: "DeviceMismatch"
        case .inUseByClients: "InUseByClients"
        case .inUseLocally: "InUseLocally"
        case .useUndetermined: "UseUndetermined"
        case .exportServerDown: "ExportServerDown"
        case .waitingForExport: "WaitingForExport"
        case .storeUnavailable: "StoreUnavailable"
        case .stopping: "Stopping"
        }
    }

    /// What is the matter, for people; without instants, which the reader's clock turns into ages.
    public var message: String {
        switch self {
        case .invalidSpec(let text): text
        case .claimedTwice(let name): "'\(name)' claims the same volume; delete one of the two"
        case .serialShared(let other):
            "volume \(other) has the same first 20 digits, so the two disks cannot be told apart; detach one of them"
        case .exportNameTaken(let name, let owner): "export name '\(name)' is taken by \(owner)"
        case .cloudUnreachable(let text): "CloudStack cannot be reached: \(text)"
        case .cloudNotReadYet: "CloudStack has not been read yet"
        case .notAllowed(let text): "CloudStack does not allow it: \(text)"
        case .requestRefused(let text): "CloudStack refuses the request: \(text)"
        case .limitReached(let text): "a limit of CloudStack's is reached: \(text)"
        case .volumeNotFound(let text): "no volume \(text)"
        case .volumeNameAmbiguous(let name, let count): "\(count) volumes are named '\(name)'; say which by its id"
        case .volumeGone(let volume): "volume \(volume) no longer exists in CloudStack"
        case .recordsDisagree(let volume, let device):
            "CloudStack says that volume \(volume) does not exist, yet its disk is here as \(device); nothing is changed"
        case .volumeTransitional(let state): "the volume is in state \(state)"
        case .volumeUnusable(let state): "the volume is in state \(state), which cannot be attached"
        case .rootVolume: "it is a root disk; Hawser does not touch root disks"
        case .machineNotFound(let text): "no virtual machine \(text)"
        case .machineTransitional(let machine, let state): "machine \(machine) is in state \(state)"
        case .machineUnusable(let machine, let state): "machine \(machine) is in state \(state)"
        case .zoneMismatch: "the volume and the machine are in different zones"
        case .heldElsewhere(let machine):
            "machine \(machine) holds the volume; stop that machine or detach the volume there"
        case .foreignJob(let job): "job \(job), which Hawser did not start, is running on the volume"
        case .working(let what): what
        case .looking(let what): "reading \(what)"
        case .waitingForJob(let job, let verb, _): "waiting for CloudStack's job \(job) (\(verb))"
        case .answerLost(let verb, _): "the answer to \(verb) was lost; asking CloudStack what became of it"
        case .backingOff(_, let text): "waiting before the next try: \(text)"
        case .queued(let text): "queued: \(text)"
        case .devicesNotReadYet: "the machine's devices have not been read yet"
        case .waitingForDevice: "attached; waiting for the device to appear"
        case .deviceMissing: "CloudStack says attached, but no device with the volume's serial appeared"
        case .deviceLingers: "CloudStack says detached, but the device is still here"
        case .serialSeenTwice(let names): "devices \(names.joined(separator: ", ")) have the same serial"
        case .deviceMismatch(let text): text
        case .inUseByClients(let count): count == 1 ? "1 NBD client is connected" : "\(count) NBD clients are connected"
        case .inUseLocally(let text): "the device is in use: \(text)"
        case .useUndetermined(let text): "cannot tell whether the device is in use: \(text)"
        case .exportServerDown(let text): "the NBD server is not running: \(text)"
        case .waitingForExport: "exported; waiting for the server to show it"
        case .storeUnavailable(let text): "the store cannot be written: \(text)"
        case .stopping: "hawserd is stopping"
        }
    }

    /// Whose move it is.
    public var mover: Mover {
        switch self {
        case .invalidSpec, .claimedTwice, .serialShared, .exportNameTaken, .notAllowed, .requestRefused, .limitReached,
            .volumeNotFound, .volumeNameAmbiguous, .volumeGone, .recordsDisagree, .volumeUnusable, .rootVolume,
            .machineNotFound,
            .machineUnusable, .zoneMismatch, .heldElsewhere, .serialSeenTwice, .deviceMismatch, .storeUnavailable,
            .deviceMissing, .inUseLocally, .useUndetermined:
            .person
        case .cloudUnreachable, .volumeTransitional, .machineTransitional, .foreignJob, .waitingForJob: .cloudStack
        case .cloudNotReadYet, .working, .looking, .answerLost, .backingOff, .queued, .devicesNotReadYet, .stopping:
            .hawser
        case .waitingForDevice, .deviceLingers: .kernel
        case .inUseByClients: .clients
        case .exportServerDown, .waitingForExport: .exportServer
        }
    }

    /// Whether it is over in a moment by Hawser's own doing, and tells nobody anything new.
    public var isPassing: Bool {
        switch self {
        case .looking, .queued, .cloudNotReadYet, .devicesNotReadYet: true
        default: false
        }
    }

    /// What happens next, for people.
    public var next: String {
        switch mover {
        case .person: "nothing until a person acts"
        case .cloudStack: "Hawser looks again when CloudStack has moved on"
        case .kernel: "Hawser goes on at the device's event"
        case .exportServer: "Hawser goes on when the NBD server answers"
        case .clients: "Hawser goes on when the last client has disconnected"
        case .hawser: "Hawser goes on by itself"
        }
    }
}
