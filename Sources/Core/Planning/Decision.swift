public import VolumeModel

/// What is to be done about one attachment now.
public enum Decision: Sendable, Equatable {
    /// Desired and observed agree.
    case settled
    /// The object was deleted, and everything it asked for is gone.
    case departed
    /// Take this step; `because` is for people and for the ledger's evidence.
    case act(Step, because: String)
    /// Read this first, then decide anew; `cause` is what a person sees meanwhile.
    case look(Look, cause: Cause)
    /// Nothing now. `until` is when to decide again without being woken; `nil` to wait for events alone.
    case hold(Cause, until: Instant?)
}

/// A corrective step: the smallest change that brings the world nearer to what is wanted.
public enum Step: Sendable, Equatable {
    /// Ties an object to the volume that was found or created for it. Changes nothing outside.
    case bind(VolumeID)
    /// `name` holds the intent token.
    case createVolume(name: String, VolumeTemplate)
    case attach(VolumeID, to: MachineID, as: DiskRole)
    case detach(VolumeID, from: MachineID)
    /// Grows the volume; it never shrinks.
    case resize(VolumeID, toBytes: Int64)
    /// Deletes the volume with its data (NO-SURPRISE-DELETE).
    case deleteVolume(VolumeID)
    case publish(ExportName, of: VolumeID, device: DeviceRecord, isReadOnly: Bool)
    /// Only while the name is this owner's. Another's only under RIGHT-DISK, or when an object has adopted it.
    case withdraw(ExportName, of: ExportOwner, leadingTo: ExportTarget)
    case cutStrayedSessions(of: ExportName, provenOn: DeviceNumber)
    case hold(DeviceIdentity)
    case release(DeviceIdentity)
}

extension Step {
    /// Which step it is, whatever it is done to. Closed, so that programs can count them.
    public enum Kind: String, Sendable, Equatable, Hashable, CaseIterable {
        case bind, create, attach, detach, resize, delete, export, unexport, cut, hold, release
    }

    public var kind: Kind {
        switch self {
        case .bind: .bind
        case .createVolume: .create
        case .attach: .attach
        case .detach: .detach
        case .resize: .resize
        case .deleteVolume: .delete
        case .publish: .export
        case .withdraw: .unexport
        case .cutStrayedSessions: .cut
        case .hold: .hold
        case .release: .release
        }
    }

    /// A word for tables and events.
    public var verb: String { kind.rawValue }

    /// The step in words.
    public var summary: String {
        switch self {
        case .bind(let volume): "bind to volume \(volume)"
        case .createVolume(let name, let template):
            "create volume '\(name)'" + (template.sizeInBytes.map { " of \($0 >> 30) GiB" } ?? "")
        case .attach(let volume, let machine, let role):
            "attach volume \(volume) to machine \(machine)" + (role == .root ? " as its root disk" : "")
        case .detach(let volume, let machine): "detach volume \(volume) from machine \(machine)"
        case .resize(let volume, let size): "grow volume \(volume) to \(size >> 30) GiB"
        case .deleteVolume(let volume): "delete volume \(volume) with its data"
        case .publish(let name, _, let device, let isReadOnly):
            "export \(device.kernelName) as '\(name)'" + (isReadOnly ? " read-only" : "")
        case .withdraw(let name, _, _): "withdraw export '\(name)'"
        case .cutStrayedSessions(let name, _): "cut sessions of '\(name)' that are on a wrong disk"
        case .hold: "hold the device exclusively"
        case .release: "release the device"
        }
    }

    /// The effect that the ledger records before the step; `nil` for steps that leave nothing behind after a crash.
    public var ledgerAction: LedgerAction? {
        switch self {
        case .createVolume(let name, _): .createVolume(name: name)
        case .attach(let volume, let machine, _): .attachVolume(volume, to: machine)
        case .detach(let volume, let machine): .detachVolume(volume, from: machine)
        case .resize(let volume, let size): .resizeVolume(volume, sizeInBytes: size)
        case .deleteVolume(let volume): .deleteVolume(volume)
        case .publish(let name, let volume, _, _): .publishExport(name, of: volume)
        case .withdraw(let name, _, _): .withdrawExport(name)
        case .bind, .cutStrayedSessions, .hold, .release: nil
        }
    }

    /// Whether the step brings the world nearer to what is wanted; binding, holding and releasing are only preparation.
    public var isCorrective: Bool {
        switch self {
        case .createVolume, .attach, .detach, .resize, .deleteVolume, .publish, .withdraw, .cutStrayedSessions: true
        case .bind, .hold, .release: false
        }
    }

    /// Whether the step belongs to RIGHT-DISK or only gives back: it is never kept waiting by a backoff or a limit.
    public var isUrgent: Bool {
        switch self {
        case .cutStrayedSessions, .withdraw, .release, .bind: true
        case .createVolume, .attach, .detach, .resize, .deleteVolume, .publish, .hold: false
        }
    }

    /// Where it has its effect, and where it can fail.
    public var world: Backoff.World { ledgerAction?.isInCloudStack == true ? .cloudStack : .thisMachine }

    /// The machine that CloudStack works on for this step; its jobs run one after the other.
    public var machine: MachineID? {
        switch self {
        case .attach(_, let machine, _), .detach(_, let machine): machine
        case .bind, .createVolume, .resize, .deleteVolume, .publish, .withdraw, .cutStrayedSessions, .hold, .release:
            nil
        }
    }
}

/// Something to be read, for an act or to find out what became of one.
public enum Look: Sendable, Equatable, Hashable {
    case volume(VolumeID)
    case machine(MachineID)
    case job(JobID)
    /// Volumes by their exact name, in a zone.
    case volumesNamed(String, zone: ZoneReference)
    case use(DeviceIdentity)
    case mismatch(DeviceIdentity)
    case disks(DiskSerial)
    case sessions(DeviceIdentity)
    case export(ExportName)
    /// CloudStack's events of a volume: who did what to it. Read only when somebody undoes what Hawser does.
    case events(VolumeID)

    /// What is read, of whatever. Closed, so that programs can count them.
    public enum Kind: String, Sendable, Equatable, Hashable, CaseIterable {
        case volume, machine, job, names, use, mismatch, disks, sessions, export, events
    }

    public var kind: Kind {
        switch self {
        case .volume: .volume
        case .machine: .machine
        case .job: .job
        case .volumesNamed: .names
        case .use: .use
        case .mismatch: .mismatch
        case .disks: .disks
        case .sessions: .sessions
        case .export: .export
        case .events: .events
        }
    }

    /// What is read, in words.
    public var summary: String {
        switch self {
        case .volume(let id): "volume \(id)"
        case .machine(let id): "machine \(id)"
        case .job(let id): "job \(id)"
        case .volumesNamed(let name, _): "volumes named '\(name)'"
        case .use: "who uses the device"
        case .mismatch: "the device's identity"
        case .disks: "the kernel's disks"
        case .sessions: "the device's NBD sessions"
        case .export(let name): "export '\(name)'"
        case .events(let id): "CloudStack's events of volume \(id)"
        }
    }

    /// Whether the answer comes from CloudStack.
    public var isCloud: Bool {
        switch self {
        case .volume, .machine, .job, .volumesNamed, .events: true
        case .use, .mismatch, .disks, .sessions, .export: false
        }
    }
}

extension Step {
    /// Whether the step changes what an NBD server offers.
    public var changesExports: Bool {
        switch self {
        case .publish, .withdraw, .cutStrayedSessions: true
        case .bind, .createVolume, .attach, .detach, .resize, .deleteVolume, .hold, .release: false
        }
    }
}
