/// Why an attachment is not Ready. Exactly one holds for each that is not (ONE-CAUSE); 'unknown' is not among them.
///
/// Status text, conditions, events and metrics all follow from this one value.
public enum Cause: Sendable, Equatable, Hashable {
    // What people wrote
    case invalidSpec(String)
    case claimedTwice(by: ObjectName)
    case serialShared(with: VolumeID)
    case exportNameTaken(ExportName, by: String)

    case rootHere
    case cannotShrink(wanted: Int64, actual: Int64)
    case manifestsUnreadable(String)

    // What people allowed
    case observeOnly(wouldDo: String)
    case suspended(Suspension, wouldDo: String)
    case deletionGrace(VolumeID, until: Instant)
    case protected(VolumeID, reason: String)
    case notMadeHere(VolumeID)
    case braked(String)

    // CloudStack
    case cloudUnreachable(String)
    case listingIncomplete(String)
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
    case machineNotStopped(MachineID, String)
    case machineHasRoot(MachineID, VolumeID)
    case zoneMismatch
    case heldElsewhere(MachineID)
    case holderMissing(MachineID)
    case foreignJob(JobID)

    // Steps under way
    case working(String)
    case looking(String)
    case waitingForJob(JobID, verb: String, since: Instant)
    case answerLost(verb: String, since: Instant)
    case backingOff(until: Instant, after: String)
    case queued(String)
    case contested(Contention, until: Instant)

    // The machine's devices
    case devicesNotReadYet
    case waitingForDevice(since: Instant, until: Instant)
    case deviceMissing(since: Instant)
    case deviceLingers(since: Instant)
    case waitingForGrowth(since: Instant, until: Instant)
    case growthMissing(String)
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
    case leaseUnproven
    case leaseHeldElsewhere(String)
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
    public var code: String { kind.rawValue }

    /// What is the matter, for people; without instants, which the reader's clock turns into ages.
    public var message: String {
        switch self {
        case .invalidSpec(let text): text
        case .claimedTwice(let name): "'\(name)' claims the same volume; delete one of the two"
        case .serialShared(let other):
            "volume \(other) has the same first 20 digits, so the two disks cannot be told apart; detach one of them"
        case .exportNameTaken(let name, let owner): "export name '\(name)' is taken by \(owner)"
        case .rootHere: "a root disk cannot be attached to this appliance; name another, stopped machine"
        case .cannotShrink(let wanted, let actual):
            "the volume has \(Self.gibibytes(actual)), and \(Self.gibibytes(wanted)) are wanted: volumes never shrink"
        case .manifestsUnreadable(let text): "the manifest directory is not followed: \(text)"
        case .observeOnly(let step): "observed only; would \(step)"
        case .suspended(let suspension, let step): "suspended (\(suspension.reason)); would \(step)"
        case .deletionGrace(let volume, _): "volume \(volume) and its data are deleted when the grace period is over"
        case .protected(let volume, let reason): "volume \(volume) is protected: \(reason)"
        case .notMadeHere(let volume):
            "volume \(volume) no longer has the name that Hawser gave it; its data is not deleted"
        case .braked(let text): text
        case .cloudUnreachable(let text): "CloudStack cannot be reached: \(text)"
        case .listingIncomplete(let text): "CloudStack's listing is incomplete: \(text)"
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
        case .machineNotStopped(let machine, let state):
            "machine \(machine) is in state \(state); a root disk is attached and detached only while it is Stopped"
        case .machineHasRoot(let machine, let volume): "machine \(machine) already has root disk \(volume)"
        case .zoneMismatch: "the volume and the machine are in different zones"
        case .heldElsewhere(let machine):
            "machine \(machine) holds the volume; stop that machine or detach the volume there"
        case .holderMissing(let machine):
            "CloudStack says that machine \(machine) holds the volume, and that there is no such machine; nothing is changed"
        case .foreignJob(let job): "job \(job), which Hawser did not start, is running on the volume"
        case .working(let what): what
        case .looking(let what): "reading \(what)"
        case .waitingForJob(let job, let verb, _): "waiting for CloudStack's job \(job) (\(verb))"
        case .answerLost(let verb, _): "the answer to \(verb) was lost; finding out what became of it"
        case .backingOff(_, let text): "waiting before the next try: \(text)"
        case .queued(let text): "queued: \(text)"
        case .contested(let contention, _): contention.text
        case .devicesNotReadYet: "the machine's devices have not been read yet"
        case .waitingForDevice: "attached; waiting for the device to appear"
        case .deviceMissing: "CloudStack says attached, but no device with the volume's serial appeared"
        case .deviceLingers: "CloudStack says detached, but the device is still here"
        case .waitingForGrowth: "grown in CloudStack; waiting for the device to show it"
        case .growthMissing(let text): "grown in CloudStack, but the device did not follow: \(text)"
        case .serialSeenTwice(let names): "devices \(names.joined(separator: ", ")) have the same serial"
        case .deviceMismatch(let text): text
        case .inUseByClients(let count): count == 1 ? "1 NBD client is connected" : "\(count) NBD clients are connected"
        case .inUseLocally(let text): "the device is in use: \(text)"
        case .useUndetermined(let text): "cannot tell whether the device is in use: \(text)"
        case .exportServerDown(let text): "the NBD server is not running: \(text)"
        case .waitingForExport: "exported; waiting for the server to show it"
        case .storeUnavailable(let text): "the store cannot be written: \(text)"
        case .leaseUnproven: "the node's lease could not be renewed lately; nothing is changed until it is"
        case .leaseHeldElsewhere(let holder): "the node's lease is held by \(holder); this hawserd waits"
        case .stopping: "hawserd is stopping"
        }
    }

    /// Whose move it is.
    public var mover: Mover {
        switch self {
        case .invalidSpec, .claimedTwice, .serialShared, .exportNameTaken, .notAllowed, .requestRefused, .limitReached,
            .volumeNotFound, .volumeNameAmbiguous, .volumeGone, .recordsDisagree, .volumeUnusable, .rootVolume,
            .machineNotFound,
            .machineUnusable, .zoneMismatch, .heldElsewhere, .holderMissing, .serialSeenTwice, .deviceMismatch,
            .storeUnavailable,
            .deviceMissing, .inUseLocally, .useUndetermined, .rootHere, .cannotShrink, .manifestsUnreadable,
            .observeOnly, .contested,
            .suspended, .protected, .notMadeHere, .braked, .machineNotStopped, .machineHasRoot, .growthMissing:
            .person
        case .cloudUnreachable, .listingIncomplete, .volumeTransitional, .machineTransitional, .foreignJob,
            .waitingForJob:
            .cloudStack
        case .cloudNotReadYet, .working, .looking, .answerLost, .backingOff, .queued, .devicesNotReadYet, .stopping,
            .deletionGrace, .leaseUnproven, .leaseHeldElsewhere:
            .hawser
        case .waitingForDevice, .deviceLingers, .waitingForGrowth: .kernel
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
        if case .contested = self { return "Hawser repairs it again when the pause is over" }
        return switch mover {
        case .person: "nothing until a person acts"
        case .cloudStack: "Hawser looks again when CloudStack has moved on"
        case .kernel: "Hawser goes on at the device's event"
        case .exportServer: "Hawser goes on when the NBD server answers"
        case .clients: "Hawser goes on when the last client has disconnected"
        case .hawser: "Hawser goes on by itself"
        }
    }

    private static func gibibytes(_ bytes: Int64) -> String {
        bytes % (1 << 30) == 0 ? "\(bytes >> 30) GiB" : "\(bytes) bytes"
    }
}
