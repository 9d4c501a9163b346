/// A volume as CloudStack reports it.
public struct VolumeRecord: Sendable, Equatable {
    public var id: VolumeID
    public var name: String
    public var zone: ZoneID
    public var state: VolumeState
    public var kind: VolumeKind
    /// In bytes. Some storage drivers round up: compare with ≥, never with =.
    public var sizeInBytes: Int64
    /// The machine that CloudStack's record says holds it. There is no "attached" state: this link is the truth.
    public var attachedTo: MachineID?
    /// The slot in that machine; never an identity.
    public var deviceIndex: Int64?
    /// A job on this volume that has not ended.
    public var pendingJob: JobID?

    public init(
        id: VolumeID, name: String, zone: ZoneID, state: VolumeState, kind: VolumeKind, sizeInBytes: Int64,
        attachedTo: MachineID? = nil, deviceIndex: Int64? = nil, pendingJob: JobID? = nil
    ) {
        self.id = id
        self.name = name
        self.zone = zone
        self.state = state
        self.kind = kind
        self.sizeInBytes = sizeInBytes
        self.attachedTo = attachedTo
        self.deviceIndex = deviceIndex
        self.pendingJob = pendingJob
    }
}

/// The states of a volume (CloudStack's `Volume.State`), by what they mean to Hawser.
public enum VolumeState: Sendable, Equatable, Hashable {
    /// A row without storage behind it: attachable, becomes `ready` with the first attach.
    case allocated
    case ready
    case uploaded
    /// On its way: `Attaching`, `Creating`, `Migrating`, `Resizing`, `Snapshotting`… It ends by itself, or an operator
    /// of CloudStack has to help.
    case transitional(String)
    /// Being destroyed or destroyed: `Destroy`, `Destroying`, `Expunging`, `Expunged`.
    case destroyed(String)
    /// Anything else, such as `UploadError`, or a state of a newer CloudStack.
    case unusable(String)

    /// Reads CloudStack's own word.
    public init(word: String) {
        switch word {
        case "Allocated": self = .allocated
        case "Ready": self = .ready
        case "Uploaded": self = .uploaded
        case "Creating", "Migrating", "Snapshotting", "RevertSnapshotting", "Resizing", "UploadOp", "Copying",
            "NotUploaded", "UploadInProgress", "Attaching", "Restoring":
            self = .transitional(word)
        case "Destroy", "Destroying", "Expunging", "Expunged": self = .destroyed(word)
        default: self = .unusable(word)
        }
    }

    /// CloudStack's own word.
    public var word: String {
        switch self {
        case .allocated: "Allocated"
        case .ready: "Ready"
        case .uploaded: "Uploaded"
        case .transitional(let word), .destroyed(let word), .unusable(let word): word
        }
    }
}

public enum VolumeKind: String, Sendable, Equatable, Hashable {
    case root = "ROOT"
    case data = "DATADISK"
}

/// A virtual machine as CloudStack reports it.
public struct MachineRecord: Sendable, Equatable {
    public var id: MachineID
    public var name: String
    public var zone: ZoneID
    public var state: MachineState

    public init(id: MachineID, name: String, zone: ZoneID, state: MachineState) {
        self.id = id
        self.name = name
        self.zone = zone
        self.state = state
    }
}

/// The states of a machine (CloudStack's `VirtualMachine.State`), by what they allow.
public enum MachineState: Sendable, Equatable, Hashable {
    case running
    case stopped
    /// `Starting`, `Stopping`, `Migrating`, `Restoring`: attach and detach are refused now and allowed later.
    case transitional(String)
    /// `Destroyed`, `Expunging`.
    case destroyed(String)
    /// `Error`, `Unknown`, `Shutdown`, or a state of a newer CloudStack.
    case unusable(String)

    /// Reads CloudStack's own word.
    public init(word: String) {
        switch word {
        case "Running": self = .running
        case "Stopped": self = .stopped
        case "Starting", "Stopping", "Migrating", "Restoring": self = .transitional(word)
        case "Destroyed", "Expunging": self = .destroyed(word)
        default: self = .unusable(word)
        }
    }

    /// CloudStack's own word.
    public var word: String {
        switch self {
        case .running: "Running"
        case .stopped: "Stopped"
        case .transitional(let word), .destroyed(let word), .unusable(let word): word
        }
    }
}

/// What CloudStack says of one asynchronous job.
public enum JobReport: Sendable, Equatable {
    case running
    case succeeded
    /// `text` can be missing: a job that ended with the management server, or that blocked for too long, has no result.
    /// The effect may have happened all the same.
    case failed(JobFailure)
    /// No such job: it never arrived, or it is older than CloudStack keeps them (`job.expire.minutes`).
    case notFound
}

/// How a job failed, sorted by what to do next.
public struct JobFailure: Sendable, Equatable {
    public var remedy: CloudRemedy
    /// CloudStack's own words.
    public var text: String

    public init(remedy: CloudRemedy, text: String) {
        self.remedy = remedy
        self.text = text
    }
}

/// What an error of CloudStack's means for the next step.
public enum CloudRemedy: String, Sendable, Equatable, Hashable, CaseIterable {
    /// Busy, throttled or unreachable: the same step may be right later.
    case retryLater
    /// The world is not as it was thought to be, or the answer made no sense: read again, then decide anew.
    case lookAgain
    /// The request can never succeed as it is: nothing until desired state changes.
    case wrongRequest
    /// The key, the signature, the role or the owner does not allow it.
    case notAllowed
    /// What the request names does not exist.
    case notThere
    /// A limit, a quota or a slot: a person has to make room.
    case limitReached
}
