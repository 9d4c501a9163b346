public import VolumeModel

/// Everything that is known about one desired attachment when its next step is decided.
///
/// A view is a value: the same view at the same instant gives the same decision, in the loop, in `hawser plan` and in
/// a simulation. Its copies share their contents until one of them is changed: it goes through the hands of a dozen rules at
/// each decision, and each copy of all that is in it would count some ten references up and down. What is in ``Facts`` and in
/// ``Particulars`` reads as if it stood here.
@dynamicMemberLookup
public struct VolumeView: Sendable, Equatable {
    /// Just one: an array is the standard library's box that is shared until it is written to.
    @usableFromInline var box: [Facts]

    /// What is known of every volume.
    public struct Facts: Sendable, Equatable {
        // MARK: What is wanted

        public var desired: DesiredAttachment
        /// This appliance.
        public var here: MachineID
        /// The volume that the object is bound to; `nil` until it was named, found or created.
        public var volume: VolumeID?
        /// The last whole listing lacked the volume, or showed it smaller: an exact read has to decide (WHOLE-VIEW).
        public var isNominatedAbsent = false
        /// The object departs, and leaves the volume and what is left to do with it to the other that claims it.
        public var yieldsClaim = false
        /// The machine that the object means: unknown until machines were listed, absent when there is none.
        public var target = Fact<MachineID>.unknown

        // MARK: What is seen

        public var cloud = Sighting<VolumeRecord>.never
        public var targetMachine = Sighting<MachineRecord>.never
        /// The root disk of the target, as last listed, where the volume is wanted as one.
        public var targetRoot = Fact<VolumeID>.unknown
        /// The machine that holds the volume now, when that is neither the target nor this one.
        public var holderMachine = Sighting<MachineRecord>.never
        /// Every device whose own serial is the volume's. Unknown until devices were enumerated; absent when there is none.
        public var devices = Fact<[DeviceRecord]>.unknown
        /// When the set of those devices last changed.
        public var devicesChangedAt = Instant.distantPast
        public var server = ExportServerState.unknown
        /// Whether all entries could be listed when last observed; while not, there may be names of this volume that nobody knows of.
        public var knowsAllExports = false
        /// The entry under the desired name.
        public var export = Sighting<ExportEntry>.never

        // MARK: Since when

        /// When the present wait began: for the device, for its going, for the export to show. Kept by the loop.
        public var waitingSince: Instant

        @usableFromInline var particulars = Seldom<Particulars>()
    }

    /// What is known of few: of volumes with a disk here, of those that something is being done with, and of those with
    /// which something is the matter.
    public struct Particulars: Sendable, Omissible {
        /// What a name among the references led to; see ``NameResolution``.
        public var resolution = NameResolution.none
        /// A createVolume on behalf of this object has made a volume: it is never sent again.
        public var creation: VolumeCreation?
        /// Another object that claims the same volume.
        public var claimedBy: ObjectName?
        /// Why the volume's data must not be deleted, in a person's words; kept apart from the object.
        public var protection: String?
        /// Another wanted volume with the same first 20 digits.
        public var serialSharedWith: VolumeID?
        /// When Hawser's last mutation of this volume was last known to be under way. What was asked before tells nothing.
        public var lastWrite: Instant?
        public var outstanding: OutstandingEffect?
        public var backoff: Backoff?
        /// The device as it was when it was last proven to be the volume, size and all. A volume that grows in CloudStack is
        /// for a while larger than its device, and that is no other disk.
        public var proven: DeviceIdentity?
        /// The device for which CloudStack was asked about the volume after it had come: see ``RightDiskRules/isMatched(_:_:)``.
        public var matched: DeviceIdentity?
        public var use = Sighting<DeviceUse>.never
        /// The outcome of the check on the open descriptor: `absent` when all was well, `present` with what differs.
        public var mismatch = Sighting<String>.never
        /// What the kernel says of disks with the volume's serial, whatever udev has told.
        public var search = Sighting<DiskSearch>.never
        /// The device that Hawser holds open exclusively during a removal.
        public var held: DeviceIdentity?
        /// Entries that Hawser made for this volume under another name.
        public var staleExports: [ExportEntry] = []
        /// Sessions on the volume's device, whatever their name.
        public var sessions = Sighting<ClientCount>.never
        /// When a name of this volume was last withdrawn by a removal that is still going on.
        public var withdrawnAt: Instant?

        /// When CloudStack was first seen to show the volume attached to this machine, since it last did not.
        public var arrivedAt = Instant.distantPast
        /// The last whole listing of machines lacked the one that the volume's record names: an exact read has to decide.
        public var isHolderNominatedAbsent = false
        /// Where Hawser attached the volume, and whether it stays there.
        public var contest: Shared<Contest>?

        public static let usual = Particulars()
    }

    public init(desired: DesiredAttachment, here: MachineID, now: Instant) {
        box = [Facts(desired: desired, here: here, waitingSince: now)]
    }

    @inlinable
    public subscript<Member>(dynamicMember path: WritableKeyPath<Facts, Member>) -> Member {
        @inline(__always) get { box[0][keyPath: path] }
        // No coroutine: what is chained to an optional row outlives the coroutine's frame in code that is not optimized.
        @inline(__always) set { box[0][keyPath: path] = newValue }
    }

    @inlinable
    public subscript<Member: Equatable>(dynamicMember path: WritableKeyPath<Particulars, Member>) -> Member {
        @inline(__always) get { box[0].particulars[path] }
        @inline(__always) set { box[0].particulars[path] = newValue }
    }
}

/// What became of the names in a reference.
public enum NameResolution: Sendable, Equatable {
    /// Nothing was looked up yet, or nothing has to be.
    case none
    /// The volumes of the wanted name (or of the intent token's name), read at the given time.
    case volumes([VolumeRecord], asked: Instant, answered: Instant)
    /// The zone or the offering that does not exist, in words.
    case missing(String)
}

/// A createVolume that made a volume.
public struct VolumeCreation: Sendable, Equatable {
    /// The id that CloudStack gave the volume when it took the call; `nil` when that answer was lost.
    public var volume: VolumeID?

    public init(volume: VolumeID?) {
        self.volume = volume
    }
}

/// An effect of Hawser's that is not known to have ended (JOB-BARRIER).
public struct OutstandingEffect: Sendable, Equatable {
    public var intent: IntentID
    public var action: LedgerAction
    /// `nil` for effects that are no CloudStack job; those end with the call.
    public var job: JobID?
    /// CloudStack's word that it took the call was recorded.
    public var isAccepted: Bool
    /// The call itself has not returned.
    public var isBeingSent: Bool
    /// When the call may last have left a machine; for one that was found in the ledger, when it was found.
    public var sentAt: Instant
    /// What CloudStack last said of the job; `unknown` when not asked yet.
    public var report: Sighting<JobReport>

    public init(
        intent: IntentID, action: LedgerAction, job: JobID?, isAccepted: Bool, isBeingSent: Bool, sentAt: Instant,
        report: Sighting<JobReport> = .never
    ) {
        self.intent = intent
        self.action = action
        self.job = job
        self.isAccepted = isAccepted
        self.isBeingSent = isBeingSent
        self.sentAt = sentAt
        self.report = report
    }
}
