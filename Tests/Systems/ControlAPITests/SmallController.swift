import Reconciliation
import VolumeModel

/// A controller and a store in one, small, with memory: desired objects by name, and an overview that lists them.
actor SmallController: Steering, StateStore {
    private var edits: [ObjectName: (edit: DesiredEdit, generation: Int64)] = [:]
    private var revision: Int64 = 1
    private(set) var reconciled: [ObjectName]?

    func overview() -> Overview {
        Overview(
            revision: revision, at: Instant(nanoseconds: 1_000_000_000), here: MachineID(UUIDValue(high: 0, low: 9)),
            reports: edits.values.sorted { $0.edit.name < $1.edit.name }.map(report), unmanaged: [],
            nodeCauses: [.cloudUnreachable("no route")])
    }

    private func report(_ entry: (edit: DesiredEdit, generation: Int64)) -> AttachmentReport {
        AttachmentReport(
            attachment: AttachmentID(UUIDValue(high: 0, low: 1)), name: entry.edit.name.text,
            generation: entry.generation, volume: disk == nil ? nil : VolumeID(UUIDValue(high: 0xC0FF, low: 1)),
            machine: nil, isHere: true, isDeparting: false,
            readiness: .notReady(.rootVolume), since: Instant(nanoseconds: 0), cloudWord: "attached",
            deviceWord: "vdb", exportWord: "live", clients: .known(2),
            drifts: [Drift(world: .export, kind: .exportMissing, wanted: "a", observed: "b")], next: nil, nextAt: nil)
    }

    func overview(newerThan revision: Int64, patience: Duration) -> Overview { overview() }

    func standing(newerThan revision: Int64, patience: Duration) -> NodeStanding {
        let overview = overview()
        return NodeStanding(revision: overview.revision, tally: ReadinessTally(), causes: overview.nodeCauses)
    }

    func detail(of name: ObjectName) -> AttachmentDetail? {
        edits[name].map { entry in
            AttachmentDetail(
                report: report(entry),
                conditions: [
                    Condition(
                        kind: .attached, status: .unknown, reason: "NotRead", message: "not read",
                        since: Instant(nanoseconds: 0))
                ], volume: nil, device: disk, export: nil)
        }
    }

    func plan() -> [PlanLine] {
        [
            PlanLine(
                attachment: AttachmentID(UUIDValue(high: 0, low: 1)), name: "a",
                outcome: .action(verb: "attach", summary: "attach it", reason: "it is wanted")),
            PlanLine(
                attachment: AttachmentID(UUIDValue(high: 0, low: 2)), name: "b", outcome: .hold(.rootVolume)),
        ]
    }

    func observedWorld() -> ObservedWorld {
        ObservedWorld(volumes: [], volumesListedAt: nil, machines: [], devices: [], exports: nil)
    }

    func reconcile(_ names: [ObjectName]?) -> [ObjectName] {
        reconciled = names
        return (names ?? []).filter { edits[$0] == nil }
    }

    /// Whose removal is on hold, with the generation; and what was approved.
    var held: [ObjectName: Int64] = [:]
    private(set) var approved: [AttachmentID: Int64] = [:]
    private(set) var approvals: [RemovalApproval] = []

    func hold(_ name: ObjectName, generation: Int64) { held[name] = generation }

    func removals() -> HeldRemovals {
        HeldRemovals(
            batch: held.isEmpty ? nil : "batch-\(held.count)",
            items: held.sorted { $0.key < $1.key }.enumerated().map { index, object in
                HeldRemovals.Item(
                    attachment: AttachmentID(UUIDValue(high: 0, low: UInt64(index))), generation: object.value,
                    name: object.key, volume: nil, reason: "it was deleted")
            }, allowed: 1, volumes: 10, window: .seconds(600))
    }

    func measurements() -> Measurements {
        var measured = Measurements(
            at: Instant(nanoseconds: 90_000_000_000), begunAt: Instant(nanoseconds: 7_500_000_000),
            here: MachineID(UUIDValue(high: 0, low: 9)), mode: .enforce)
        measured.removals.areHeld = !held.isEmpty
        measured.removals.wanted = held.count
        return measured
    }

    func approveRemovals(_ generations: [AttachmentID: Int64]) { approved = generations }

    func countedRemovals(since: Instant) -> [AttachmentID: Instant] { [:] }

    func apply(
        _ wanted: [DesiredEdit], approving approval: RemovalApproval, dryRun: Bool
    ) throws(StoreError) -> [AppliedEdit] {
        approvals.append(approval)
        if wanted.contains(where: { $0.export?.name.text == "taken" }) {
            throw .conflict("export name 'taken' is claimed by 'x'")
        }
        var changes: [AppliedEdit] = []
        for edit in wanted {
            let before = edits[edit.name]
            let change: AppliedEdit.Change =
                before == nil ? .created : before?.edit == edit ? .unchanged : .configured
            let generation = (before?.generation ?? 0) + (change == .unchanged ? 0 : 1)
            changes.append(AppliedEdit(name: edit.name, change: change, generation: generation, differences: []))
            if !dryRun { edits[edit.name] = (edit, generation) }
        }
        if !dryRun { revision += 1 }
        return changes
    }

    func takeOver(_ name: ObjectName, as source: DesiredSource?, dryRun: Bool) -> [AppliedEdit] { [] }
    func delete(
        _ names: [ObjectName], by remover: Remover, approving approval: RemovalApproval, dryRun: Bool
    ) -> [AppliedEdit] {
        approvals.append(approval)
        return names.map { name in
            let found = dryRun ? edits[name] : edits.removeValue(forKey: name)
            return AppliedEdit(
                name: name, change: found == nil ? .notFound : .deleted, generation: found?.generation ?? 0,
                differences: [])
        }
    }

    func events(of attachment: AttachmentID?, limit: Int) -> [EventRecord] {
        [
            EventRecord(
                at: Instant(nanoseconds: 0), attachment: attachment, name: "a", severity: .warning,
                reason: "RootVolume",
                message: "m")
        ]
    }

    func driftHistory(since: Instant?, limit: Int) -> [DriftRecord] { [] }
    func operations(of attachment: AttachmentID?, limit: Int) -> [OperationRecord] { [] }

    private(set) var suspensions: [ObjectName: Suspension] = [:]
    private(set) var protections: [VolumeID: String] = [:]

    func suspend(_ name: ObjectName, _ suspension: Suspension?) -> Bool {
        suspensions[name] = suspension
        return edits[name] != nil
    }

    func protect(_ volume: VolumeID, reason: String?) { protections[volume] = reason }
    /// What was allowed although it is in use, and the events that were written.
    private(set) var overrides: [InUseOverride] = []
    private(set) var written: [EventRecord] = []
    /// The disk that every object has here, with its volume.
    private var disk: DeviceRecord?

    func plug(_ device: DeviceRecord) { disk = device }

    func permitInUse(_ attachment: AttachmentID, _ override: InUseOverride) { overrides.append(override) }
    func consumeOverride(of attachment: AttachmentID) {}

    // What the API does not ask of a store.
    func desiredState() -> DesiredState { DesiredState(entries: [], protections: protections, revision: 0) }
    func desiredDelta(since revision: Int64) -> DesiredDelta {
        DesiredDelta(changed: [], removed: [], revision: revision)
    }
    func desiredChanges() -> AsyncStream<Void> { AsyncStream { $0.finish() } }
    func forget(_ attachment: AttachmentID) {}
    func bindings() -> [AttachmentID: VolumeID] { [:] }
    func bind(_ attachment: AttachmentID, to volume: VolumeID) {}
    func intend(_ entry: LedgerEntry, generation: Int64) -> Bool { true }
    func append(_ entry: LedgerEntry) {}
    func openLedger() -> [LedgerEntry] { [] }
    func save(_ details: [AttachmentDetail]) {}
    func record(_ events: [EventRecord]) { written += events }
    func record(_ drifts: [DriftRecord]) {}
    func openDrifts() -> [DriftRecord] { [] }
    func savedStatuses() -> [SavedStatus] { [] }
    func directoryObjects(besides names: Set<ObjectName>) -> [ObjectName] { [] }
}
