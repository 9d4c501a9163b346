import Planning
import Testing
import VolumeModel

@testable import Reconciliation

/// A store in which an object is applied just before somebody listens to changes.
private actor LateStore: StateStore {
    private var entries: [DesiredEntry] = []
    private var revision: Int64 = 0

    func desiredState() -> DesiredState { DesiredState(entries: entries, revision: revision) }

    func desiredDelta(since revision: Int64) -> DesiredDelta {
        DesiredDelta(changed: revision < self.revision ? entries : [], removed: [], revision: self.revision)
    }

    /// The change was announced before, to nobody; no other ever comes.
    func desiredChanges() -> AsyncStream<Void> {
        let object = DesiredAttachment(
            id: AttachmentID(UUIDValue(high: 0, low: 1)), name: ObjectName("late").unsafelyUnwrapped,
            volume: .id(VolumeID(UUIDValue(high: 1, low: 1))), machine: .thisMachine, source: .row)
        entries = [.valid(object)]
        revision = 1
        return AsyncStream { _ in }
    }

    func apply(_ edits: [DesiredEdit], approving approval: RemovalApproval, dryRun: Bool) -> [AppliedEdit] { [] }
    func takeOver(_ name: ObjectName, as source: DesiredSource?, dryRun: Bool) -> [AppliedEdit] { [] }
    func delete(
        _ names: [ObjectName], by remover: Remover, approving approval: RemovalApproval, dryRun: Bool
    ) -> [AppliedEdit] { [] }
    func approveRemovals(_ generations: [AttachmentID: Int64]) {}
    func countedRemovals(since: Instant) -> [AttachmentID: Instant] { [:] }
    func suspend(_ name: ObjectName, _ suspension: Suspension?) -> Bool { false }
    func protect(_ volume: VolumeID, reason: String?) {}
    func permitInUse(_ attachment: AttachmentID, _ override: InUseOverride) {}
    func consumeOverride(of attachment: AttachmentID) {}
    func forget(_ attachment: AttachmentID) {}
    func bindings() -> [AttachmentID: VolumeID] { [:] }
    func bind(_ attachment: AttachmentID, to volume: VolumeID) {}
    func intend(_ entry: LedgerEntry, generation: Int64) -> Bool { true }
    func append(_ entry: LedgerEntry) {}
    func openLedger() -> [LedgerEntry] { [] }
    func save(_ details: [AttachmentDetail]) {}
    func record(_ events: [EventRecord]) {}
    func record(_ drifts: [DriftRecord]) {}
    func openDrifts() -> [DriftRecord] { [] }
    func savedStatuses() -> [SavedStatus] { [] }
    func directoryObjects(besides names: Set<ObjectName>) -> [ObjectName] { [] }
    func events(of attachment: AttachmentID?, limit: Int) -> [EventRecord] { [] }
    func driftHistory(since: Instant?, limit: Int) -> [DriftRecord] { [] }
    func operations(of attachment: AttachmentID?, limit: Int) -> [OperationRecord] { [] }
}

/// A CloudStack that cannot be reached, no devices, no NBD server, and a clock that stands still.
private struct Silence: CloudService, DeviceObserver, ExportServer, TimeSource {
    private func unreachable(_ command: String) -> CloudError {
        CloudError(remedy: .retryLater, effect: .none, command: command, text: "no route")
    }

    func listVolumes() throws(CloudError) -> CloudListing<VolumeRecord> { throw unreachable("listVolumes") }
    func listMachines() throws(CloudError) -> CloudListing<MachineRecord> { throw unreachable("listVirtualMachines") }
    func readVolume(_ id: VolumeID) throws(CloudError) -> ExactRead<VolumeRecord> { throw unreachable("listVolumes") }
    func readMachine(_ id: MachineID) throws(CloudError) -> ExactRead<MachineRecord> {
        throw unreachable("listVirtualMachines")
    }
    func findVolumes(named name: String, in zone: ZoneID) throws(CloudError) -> [VolumeRecord] {
        throw unreachable("listVolumes")
    }
    func zone(_ reference: ZoneReference) throws(CloudError) -> ExactRead<ZoneID> { throw unreachable("listZones") }
    func offering(_ reference: DiskOfferingReference) throws(CloudError) -> ExactRead<DiskOfferingRecord> {
        throw unreachable("listDiskOfferings")
    }
    func submit(_ mutation: CloudMutation, as job: JobID) throws(CloudError) -> CloudReceipt {
        throw unreachable("attachVolume")
    }
    func deleteVolume(_ id: VolumeID) throws(CloudError) { throw unreachable("deleteVolume") }
    func recentEvents(of volume: VolumeID) throws(CloudError) -> [VolumeEvent] { throw unreachable("listEvents") }
    func report(of job: JobID) throws(CloudError) -> JobReport { throw unreachable("queryAsyncJobResult") }

    func events() -> AsyncStream<DeviceEvent> { AsyncStream { _ in } }
    func use(of identity: DeviceIdentity) -> DeviceUse { DeviceUse(witnesses: [], undetermined: ["no devices"]) }
    func mismatch(of identity: DeviceIdentity) -> String? { "no devices" }
    func disks(with serial: DiskSerial) -> DiskSearch { .undetermined("no devices") }
    func hold(_ identity: DeviceIdentity) throws(DeviceError) { throw .failed("no devices") }
    func release(_ identity: DeviceIdentity) {}

    let capabilities = ExportCapabilities(
        kind: "none", appliesWithoutReload: true, supportsReadOnlyPerExport: true, countsClients: true,
        cutsSingleSessions: false, opensDeviceAtConnect: true)
    func events() -> AsyncStream<ExportEvent> { AsyncStream { _ in } }
    func observe() -> ExportObservation {
        ExportObservation(server: .down("none"), entries: [], isComplete: true, writableURI: "", readOnlyURI: "")
    }
    func read(_ name: ExportName) -> Fact<ExportEntry> { .unknown }
    func sessions(on device: DeviceNumber) -> ClientCount { .unknown("none") }
    func publish(_ publication: ExportPublication) throws(ExportError) { throw .serverDown("none") }
    func withdraw(_ name: ExportName, of owner: ExportOwner, leadingTo target: ExportTarget) throws(ExportError) {
        throw .serverDown("none")
    }
    func cutStrayedSessions(of name: ExportName, provenOn device: DeviceNumber) throws(ExportError) -> Int { 0 }

    func now() -> Instant { Instant(nanoseconds: 1_000_000_000) }
    /// Until the task is cancelled, which ends the stream: no time passes.
    func sleep(until deadline: Instant) async {
        let never = AsyncStream<Void> { (_: AsyncStream<Void>.Continuation) in }
        for await _ in never {}
    }
}

/// The shell around the loop.
@Suite struct ControllerTests {
    /// An object that was applied while hawserd started stayed in the store and was never acted on.
    @Test(.timeLimit(.minutes(1)))
    func `CONVERGES: what is applied between the first read and the listening is not missed`() async throws {
        let silence = Silence()
        let controller = Controller(
            here: MachineID(UUIDValue(high: 0, low: 9)), policy: Policy(),
            systems: OutsideSystems(
                cloud: silence, devices: silence, exports: silence, store: LateStore(), time: silence), seed: 1)
        let running = Task { try await controller.run() }
        var overview = await controller.overview()
        while overview.reports.isEmpty {
            try Task.checkCancellation()
            await Task.yield()
            overview = await controller.overview()
        }
        #expect(overview.reports.map(\.name) == ["late"])
        running.cancel()
        _ = await running.result
    }
}
