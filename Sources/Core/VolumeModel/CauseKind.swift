/// The closed catalogue of causes: a stable word for each, which people look up with `hawser explain`.
public enum CauseKind: String, Sendable, Equatable, Hashable, CaseIterable {
    case invalidSpec = "InvalidSpec"
    case claimedTwice = "ClaimedTwice"
    case serialShared = "SerialShared"
    case exportNameTaken = "ExportNameTaken"
    case rootHere = "RootHere"
    case cannotShrink = "CannotShrink"
    case manifestsUnreadable = "ManifestsUnreadable"
    case observeOnly = "ObserveOnly"
    case suspended = "Suspended"
    case deletionGrace = "DeletionGrace"
    case protected = "Protected"
    case notMadeHere = "NotMadeHere"
    case braked = "Braked"
    case cloudUnreachable = "CloudUnreachable"
    case listingIncomplete = "ListingIncomplete"
    case cloudNotReadYet = "CloudNotReadYet"
    case notAllowed = "NotAllowed"
    case requestRefused = "RequestRefused"
    case limitReached = "LimitReached"
    case volumeNotFound = "VolumeNotFound"
    case volumeNameAmbiguous = "VolumeNameAmbiguous"
    case volumeGone = "VolumeGone"
    case recordsDisagree = "RecordsDisagree"
    case volumeTransitional = "VolumeTransitional"
    case volumeUnusable = "VolumeUnusable"
    case rootVolume = "RootVolume"
    case machineNotFound = "MachineNotFound"
    case machineTransitional = "MachineTransitional"
    case machineUnusable = "MachineUnusable"
    case machineNotStopped = "MachineNotStopped"
    case machineHasRoot = "MachineHasRoot"
    case zoneMismatch = "ZoneMismatch"
    case heldElsewhere = "HeldElsewhere"
    case holderMissing = "HolderMissing"
    case foreignJob = "ForeignJob"
    case working = "Working"
    case looking = "Looking"
    case waitingForJob = "WaitingForJob"
    case answerLost = "AnswerLost"
    case backingOff = "BackingOff"
    case queued = "Queued"
    case contested = "Contested"
    case devicesNotReadYet = "DevicesNotReadYet"
    case waitingForDevice = "WaitingForDevice"
    case deviceMissing = "DeviceMissing"
    case deviceLingers = "DeviceLingers"
    case waitingForGrowth = "WaitingForGrowth"
    case growthMissing = "GrowthMissing"
    case serialSeenTwice = "SerialSeenTwice"
    case deviceMismatch = "DeviceMismatch"
    case inUseByClients = "InUseByClients"
    case inUseLocally = "InUseLocally"
    case useUndetermined = "UseUndetermined"
    case exportServerDown = "ExportServerDown"
    case waitingForExport = "WaitingForExport"
    case storeUnavailable = "StoreUnavailable"
    case leaseUnproven = "LeaseUnproven"
    case leaseHeldElsewhere = "LeaseHeldElsewhere"
    case stopping = "Stopping"

    /// Those that a node as a whole can have.
    public static let ofNodes: [CauseKind] = [
        .manifestsUnreadable, .braked, .cloudUnreachable, .listingIncomplete, .notAllowed, .exportServerDown,
        .storeUnavailable, .leaseUnproven, .leaseHeldElsewhere, .stopping,
    ]

    /// What contradicts itself and is therefore left alone until a person has found out what is true.
    public var isQuarantine: Bool {
        switch self {
        case .serialShared, .serialSeenTwice, .deviceMismatch, .recordsDisagree, .holderMissing: true
        default: false
        }
    }
}

extension Cause {
    public var kind: CauseKind {
        switch self {
        case .invalidSpec: .invalidSpec
        case .claimedTwice: .claimedTwice
        case .serialShared: .serialShared
        case .exportNameTaken: .exportNameTaken
        case .rootHere: .rootHere
        case .cannotShrink: .cannotShrink
        case .manifestsUnreadable: .manifestsUnreadable
        case .observeOnly: .observeOnly
        case .suspended: .suspended
        case .deletionGrace: .deletionGrace
        case .protected: .protected
        case .notMadeHere: .notMadeHere
        case .braked: .braked
        case .cloudUnreachable: .cloudUnreachable
        case .listingIncomplete: .listingIncomplete
        case .cloudNotReadYet: .cloudNotReadYet
        case .notAllowed: .notAllowed
        case .requestRefused: .requestRefused
        case .limitReached: .limitReached
        case .volumeNotFound: .volumeNotFound
        case .volumeNameAmbiguous: .volumeNameAmbiguous
        case .volumeGone: .volumeGone
        case .recordsDisagree: .recordsDisagree
        case .volumeTransitional: .volumeTransitional
        case .volumeUnusable: .volumeUnusable
        case .rootVolume: .rootVolume
        case .machineNotFound: .machineNotFound
        case .machineTransitional: .machineTransitional
        case .machineUnusable: .machineUnusable
        case .machineNotStopped: .machineNotStopped
        case .machineHasRoot: .machineHasRoot
        case .zoneMismatch: .zoneMismatch
        case .heldElsewhere: .heldElsewhere
        case .holderMissing: .holderMissing
        case .foreignJob: .foreignJob
        case .working: .working
        case .looking: .looking
        case .waitingForJob: .waitingForJob
        case .answerLost: .answerLost
        case .backingOff: .backingOff
        case .queued: .queued
        case .contested: .contested
        case .devicesNotReadYet: .devicesNotReadYet
        case .waitingForDevice: .waitingForDevice
        case .deviceMissing: .deviceMissing
        case .deviceLingers: .deviceLingers
        case .waitingForGrowth: .waitingForGrowth
        case .growthMissing: .growthMissing
        case .serialSeenTwice: .serialSeenTwice
        case .deviceMismatch: .deviceMismatch
        case .inUseByClients: .inUseByClients
        case .inUseLocally: .inUseLocally
        case .useUndetermined: .useUndetermined
        case .exportServerDown: .exportServerDown
        case .waitingForExport: .waitingForExport
        case .storeUnavailable: .storeUnavailable
        case .leaseUnproven: .leaseUnproven
        case .leaseHeldElsewhere: .leaseHeldElsewhere
        case .stopping: .stopping
        }
    }
}
