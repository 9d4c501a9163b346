public import VolumeModel

/// One call on an outside system: each of the moments at which the controller waits for somebody else, and the only ones.
///
/// What decides and what waits are kept apart by it: ``ControllerCore`` says which calls are to be made and takes their
/// answers, ``SystemCaller`` makes them in production, and a simulated world answers them in a simulation, from a seed and as
/// late, as often or as wrongly as it likes.
public enum SystemCall: Sendable, Equatable {
    // CloudStack: see CloudService
    case listVolumes
    case listMachines
    case readVolume(VolumeID)
    case readMachine(MachineID)
    case findVolumes(named: String, in: ZoneID)
    case zone(ZoneReference)
    case offering(DiskOfferingReference)
    case submit(CloudMutation, as: JobID)
    case deleteVolume(VolumeID)
    case report(of: JobID)
    case recentEvents(of: VolumeID)

    // This machine's devices: see DeviceObserver
    case use(of: DeviceIdentity)
    case mismatch(of: DeviceIdentity)
    case disks(with: DiskSerial)
    case hold(DeviceIdentity)
    case release(DeviceIdentity)

    // The NBD server: see ExportServer
    case observeExports
    case readExport(ExportName)
    case sessions(on: DeviceNumber)
    case publish(ExportPublication)
    case withdraw(ExportName, of: ExportOwner, leadingTo: ExportTarget)
    case cutStrayedSessions(of: ExportName, provenOn: DeviceNumber)

    // The store: see StateStore
    case desiredDelta(since: Int64)
    case consumeOverride(of: AttachmentID)
    case bind(AttachmentID, to: VolumeID)
    /// The line with which a step begins, written only while the object is still of this generation.
    case intend(LedgerEntry, generation: Int64)
    case append(LedgerEntry)
    case save([AttachmentDetail])
    case recordEvents([EventRecord])
    case recordDrifts([DriftRecord])
    case forget(AttachmentID)

    // The lease in a shared store: see LeaseStore
    case readLease
    case takeLease(LeaseRecord, replacing: LeaseRecord?)
    case renewLease(LeaseToken)
    case releaseLease(LeaseToken)
}

extension SystemCall {
    /// Whether the store answers it.
    public var isForStore: Bool {
        switch self {
        case .desiredDelta, .consumeOverride, .bind, .intend, .append, .save, .recordEvents, .recordDrifts, .forget,
            .readLease, .takeLease, .renewLease, .releaseLease:
            true
        default: false
        }
    }

    /// Whether it is the effect that a step was decided for, which is worth no more than what it was decided on. What is written
    /// about steps is true whenever it is written.
    var restsOnDecision: Bool {
        if case .bind = self { return true }
        return hasEffect && !isForStore
    }

    /// Whether it writes that a step begins.
    public var isIntention: Bool {
        switch self {
        case .intend: true
        case .append(let entry): entry.phase == .intended
        default: false
        }
    }

    /// Whether CloudStack answers it, over the network.
    public var isForCloudStack: Bool {
        switch self {
        case .listVolumes, .listMachines, .readVolume, .readMachine, .findVolumes, .zone, .offering, .submit,
            .deleteVolume, .report, .recentEvents:
            true
        default: false
        }
    }

    /// Whether it is about the lease itself.
    public var isForLease: Bool {
        switch self {
        case .readLease, .takeLease, .renewLease, .releaseLease: true
        default: false
        }
    }

    /// Whether it changes something outside, the store included.
    public var hasEffect: Bool {
        switch self {
        case .listVolumes, .listMachines, .readVolume, .readMachine, .findVolumes, .zone, .offering, .report,
            .recentEvents, .use,
            .mismatch, .disks, .observeExports, .readExport, .sessions, .desiredDelta, .readLease:
            false
        case .submit, .deleteVolume, .hold, .release, .publish, .withdraw, .cutStrayedSessions, .consumeOverride, .bind,
            .intend, .append, .save, .recordEvents, .recordDrifts, .forget, .takeLease, .renewLease, .releaseLease:
            true
        }
    }
}

/// What a ``SystemCall`` was answered with.
public enum SystemAnswer: Sendable {
    case volumes(CloudListing<VolumeRecord>)
    case machines(CloudListing<MachineRecord>)
    case volume(ExactRead<VolumeRecord>)
    case machine(ExactRead<MachineRecord>)
    case found([VolumeRecord])
    case zone(ExactRead<ZoneID>)
    case offering(ExactRead<DiskOfferingRecord>)
    case accepted(CloudReceipt)
    case job(JobReport)
    case events([VolumeEvent])
    case use(DeviceUse)
    case mismatch(String?)
    case disks(DiskSearch)
    case exports(ExportObservation)
    case export(Fact<ExportEntry>)
    case sessions(ClientCount)
    case desired(DesiredDelta)
    case lease(LeaseRecord?)
    /// Whether the lease is the asker's now.
    case leaseStands(Bool)
    /// It was not written: the object that it is about was changed since.
    case overruled
    /// It was not made any more: the order was too old when it came to be carried out.
    case tooLate
    /// It was done, and there is nothing to tell.
    case done
    case cloudFailed(CloudError)
    case deviceFailed(DeviceError)
    case exportFailed(ExportError)
    case storeFailed(StoreError)
}
