/// One volume attachment that somebody wants: a manifest, or a row of `desired_volume_attachments`.
///
/// What many objects have in common, or few have at all, is in ``Particulars``, and reads as if it stood here.
@dynamicMemberLookup
public struct DesiredAttachment: Sendable, Equatable {
    /// Which object this is; given when it was first accepted.
    public var id: AttachmentID
    public var name: ObjectName
    /// Goes up by one with every change of what is wanted.
    public var generation: Int64
    public var volume: VolumeReference
    public var detach: DetachPolicy
    /// How far Hawser may go.
    public var mode: ReconcileMode
    public var role: DiskRole
    /// Deleted by its owner: it is to be taken down (export, attachment) and then forgotten. The volume's data stays,
    /// unless the deletion policy says otherwise.
    public var isDeparting: Bool
    public var machine: MachineReference
    /// `nil`: the volume is attached and not exported.
    public var export: DesiredExport?
    @usableFromInline var particulars: Shared<Particulars>

    /// What is the same for many objects, or left out by most.
    public struct Particulars: Sendable, Equatable {
        public var labels: [String: String]
        /// The volume is at least to have this size; `nil` leaves it as it is. In bytes, a whole number of GiB.
        public var wantedSizeInBytes: Int64?
        public var deletion: DeletionPolicy
        /// Who owns the object.
        public var source: DesiredSource
        /// When it was deleted by its owner, by the store's clock.
        public var departingSince: Instant?
        /// Set by `hawser suspend`, and kept apart from what people write: applying the object again does not end it.
        public var suspension: Suspension?
        /// A person's word that this one volume may be taken away once although it is in use.
        public var inUseOverride: InUseOverride?
        /// A person has asked for the removal that the object leads to by its name, or has approved it (BRAKE). It ends
        /// when the object is Ready, and when something else is wanted of it.
        public var isRemovalApproved: Bool
    }

    public init(
        id: AttachmentID, name: ObjectName, generation: Int64 = 1, labels: [String: String] = [:],
        volume: VolumeReference, machine: MachineReference, export: DesiredExport? = nil,
        detach: DetachPolicy = DetachPolicy(), mode: ReconcileMode = .enforce, wantedSizeInBytes: Int64? = nil,
        role: DiskRole = .data, deletion: DeletionPolicy = DeletionPolicy(), source: DesiredSource,
        isDeparting: Bool = false, departingSince: Instant? = nil, suspension: Suspension? = nil,
        inUseOverride: InUseOverride? = nil, isRemovalApproved: Bool = false
    ) {
        self.id = id
        self.name = name
        self.generation = generation
        self.volume = volume
        self.machine = machine
        self.export = export
        self.detach = detach
        self.mode = mode
        self.role = role
        self.isDeparting = isDeparting
        particulars = Shared(
            Particulars(
                labels: labels, wantedSizeInBytes: wantedSizeInBytes, deletion: deletion, source: source,
                departingSince: departingSince, suspension: suspension, inUseOverride: inUseOverride,
                isRemovalApproved: isRemovalApproved))
    }

    @inlinable
    public subscript<Member>(dynamicMember path: WritableKeyPath<Particulars, Member>) -> Member {
        get { particulars.value[keyPath: path] }
        set {
            var changed = particulars.value
            changed[keyPath: path] = newValue
            particulars = Shared(changed)
        }
    }

    /// Holds its particulars in common with another object's, where they are equal.
    public mutating func shareParticulars(with other: DesiredAttachment) {
        if particulars == other.particulars { particulars = other.particulars }
    }
}

/// How a desired attachment says which volume it means.
public enum VolumeReference: Sendable, Equatable, Hashable {
    case id(VolumeID)
    /// An existing volume by its name, which must be the only one of that name in the zone. Names are not unique in
    /// CloudStack; the id found first is bound to the object for good.
    indirect case named(String, zone: ZoneReference)
    /// A volume to be created, once.
    indirect case created(VolumeTemplate)
}

/// What a volume is created from.
public struct VolumeTemplate: Sendable, Equatable, Hashable {
    /// The name people see in CloudStack; an intent token is added to it.
    public var name: String
    /// In bytes, a whole number of GiB, because createVolume takes GiB. `nil` for an offering with a fixed size.
    public var sizeInBytes: Int64?
    public var offering: DiskOfferingReference
    public var zone: ZoneReference

    public init(name: String, sizeInBytes: Int64?, offering: DiskOfferingReference, zone: ZoneReference) {
        self.name = name
        self.sizeInBytes = sizeInBytes
        self.offering = offering
        self.zone = zone
    }
}

public enum ZoneReference: Sendable, Equatable, Hashable {
    case id(ZoneID)
    case named(String)
}

public enum DiskOfferingReference: Sendable, Equatable, Hashable {
    case id(DiskOfferingID)
    case named(String)
}

/// Which virtual machine a volume is to be attached to.
public enum MachineReference: Sendable, Equatable, Hashable {
    /// `self`: the appliance on which hawserd runs.
    case thisMachine
    case id(MachineID)
    /// A machine by its name, which must be the only one of that name.
    case named(String)
}

/// The NBD export of a volume on this appliance. While the volume is attached elsewhere the name stays reserved.
public struct DesiredExport: Sendable, Equatable, Hashable {
    public var name: ExportName
    public var isReadOnly: Bool

    public init(name: ExportName, isReadOnly: Bool = false) {
        self.name = name
        self.isReadOnly = isReadOnly
    }
}

/// How a volume may be taken away.
public struct DetachPolicy: Sendable, Equatable, Hashable {
    /// What happens when a volume that must go is still in use.
    public enum WhenInUse: String, Sendable, Equatable, Hashable, CaseIterable {
        /// Wait until it is idle, however long that takes (IN-USE).
        case wait = "Wait"
    }

    public var whenInUse: WhenInUse

    public init(whenInUse: WhenInUse = .wait) {
        self.whenInUse = whenInUse
    }
}

/// Who wrote a desired attachment.
public enum DesiredSource: Sendable, Equatable, Hashable {
    /// `hawser apply`, with the file the person named.
    case manifest(file: String)
    /// A file of the manifest directory that hawserd follows.
    case directory(file: String)
    /// A row that some SQL client wrote.
    case row
}

/// What is wrong with a desired attachment that was edited where Hawser could not refuse it at the door: a row.
public struct SpecProblem: Sendable, Equatable, Hashable {
    /// The column or manifest field, such as `export.name`.
    public var field: String
    /// What is wrong and what to write instead.
    public var message: String

    public init(field: String, message: String) {
        self.field = field
        self.message = message
    }
}

/// One entry of desired state as the store hands it out: either what is wanted, or why it cannot be read.
public enum DesiredEntry: Sendable, Equatable {
    case valid(DesiredAttachment)
    /// Nothing is done for an entry that cannot be read, not even a removal; one that was deleted is forgotten if it never meant
    /// any volume.
    case invalid(
        id: AttachmentID, name: String, generation: Int64, problems: [SpecProblem], isDeparting: Bool = false)
}
