import Reconciliation
import VolumeModel

/// What is on disk: the store's own rules, without its engine.
///
/// The tests that the real stores pass are run against it, too.
struct StoreModel: Sendable {
    private(set) var desired: [AttachmentID: DesiredAttachment] = [:]
    private var changedAt: [AttachmentID: Int64] = [:]
    private var forgottenAt: [AttachmentID: Int64] = [:]
    private(set) var revision: Int64 = 1
    private(set) var protections: [VolumeID: String] = [:]
    private(set) var bindings: [AttachmentID: VolumeID] = [:]
    private var open: [IntentID: [LedgerEntry]] = [:]
    private var order: [IntentID] = []
    private(set) var openDrifts: [DriftRecord] = []
    private(set) var statuses: [AttachmentID: SavedStatus] = [:]
    private(set) var removals: [AttachmentID: Instant] = [:]
    /// When something of each object was last begun to be taken down, approved or not.
    private var takenDownAt: [AttachmentID: Instant] = [:]
    /// How many lines the ledger has, with those that were closed.
    private(set) var ledgerLines = 0
    /// Everything that was written, for QUIET.
    private(set) var writes = 0
    /// The objects whose rows cannot be read.
    private(set) var garbled: Set<AttachmentID> = []
    /// Refuses everything while it is away.
    var isAway = false

    // MARK: The lease

    private(set) var lease: LeaseRecord?
    /// Under which holding each process writes; one that has none has the store for itself.
    private var holdings: [ProcessID: LeaseToken] = [:]

    mutating func takeLease(_ record: LeaseRecord, replacing seen: LeaseRecord?, by process: ProcessID) -> Bool {
        guard lease?.token == seen?.token, lease?.beat == seen?.beat else { return false }
        lease = record
        holdings[process] = record.token
        return true
    }

    mutating func renewLease(_ token: LeaseToken) -> Bool {
        guard lease?.token == token, lease?.isReleased == false else { return false }
        lease?.beat += 1
        return true
    }

    mutating func releaseLease(_ token: LeaseToken) {
        if lease?.token == token { lease?.isReleased = true }
    }

    func mayWrite(_ process: ProcessID) -> Bool { lease == nil || holdings[process] == lease?.token }

    // MARK: People

    var inOrder: [DesiredAttachment] { desired.values.sorted { $0.name < $1.name } }

    func object(named name: ObjectName) -> DesiredAttachment? { desired.values.first { $0.name == name } }

    mutating func apply(_ object: DesiredAttachment) { put(object) }

    mutating func edit(
        _ id: AttachmentID, countsAsChange: Bool = true, approving: Bool = false,
        _ change: (inout DesiredAttachment) -> Void
    ) {
        guard var object = desired[id] else { return }
        change(&object)
        if countsAsChange {
            object.generation += 1
            object.isRemovalApproved = approving
        }
        put(object)
    }

    /// Somebody applies an object again as it is: what was refused is tried again.
    mutating func touch(_ id: AttachmentID) { edit(id) { _ in } }

    /// Somebody writes what cannot be read into an object's row, or puts it right.
    mutating func garble(_ id: AttachmentID, _ isOn: Bool) {
        if isOn { garbled.insert(id) } else { garbled.remove(id) }
        edit(id) { _ in }
    }

    mutating func protect(_ volume: VolumeID, reason: String?) {
        protections[volume] = reason
        revision += 1
    }

    private mutating func put(_ object: DesiredAttachment) {
        revision += 1
        desired[object.id] = object
        changedAt[object.id] = revision
        forgottenAt[object.id] = nil
    }

    // MARK: hawserd

    var state: DesiredState {
        DesiredState(entries: inOrder.map(entry(of:)), protections: protections, revision: revision)
    }

    private func entry(of object: DesiredAttachment) -> DesiredEntry {
        guard garbled.contains(object.id) else { return .valid(object) }
        let problem = SpecProblem(field: "size", message: "'big' is no size")
        return .invalid(
            id: object.id, name: object.name.text, generation: object.generation, problems: [problem],
            isDeparting: object.isDeparting)
    }

    func delta(since: Int64) -> DesiredDelta {
        DesiredDelta(
            changed: inOrder.filter { changedAt[$0.id, default: 0] > since }.map(entry(of:)),
            removed: forgottenAt.filter { $0.value > since }.keys.sorted(), protections: protections,
            revision: revision)
    }

    var openLedger: [LedgerEntry] { order.flatMap { open[$0] ?? [] } }

    func lines(of intent: IntentID) -> [LedgerEntry] { open[intent] ?? [] }

    /// - Returns: whether it was written: the object is still as it was decided on.
    mutating func intend(_ entry: LedgerEntry, generation: Int64) -> Bool {
        guard desired[entry.attachment]?.generation == generation else { return false }
        append(entry)
        return true
    }

    mutating func append(_ entry: LedgerEntry) {
        writes += 1
        ledgerLines += 1
        if entry.countsAsRemoval { removals[entry.attachment] = max(removals[entry.attachment] ?? entry.at, entry.at) }
        switch entry.action {
        case .detachVolume, .deleteVolume: takenDownAt[entry.attachment] = entry.at
        default: if entry.countsAsRemoval { takenDownAt[entry.attachment] = entry.at }
        }
        if entry.closesIntent {
            close { $0 == entry.intent }
            return
        }
        if open[entry.intent] == nil { order.append(entry.intent) }
        open[entry.intent, default: []].append(entry)
    }

    private mutating func close(_ isOver: (IntentID) -> Bool) {
        for intent in order where isOver(intent) { open[intent] = nil }
        order.removeAll(where: isOver)
    }

    mutating func bind(_ attachment: AttachmentID, to volume: VolumeID) {
        writes += 1
        bindings[attachment] = volume
        closeCreation(of: attachment)
    }

    private mutating func closeCreation(of attachment: AttachmentID) {
        let created = open.filter { _, lines in
            guard let first = lines.first, first.attachment == attachment, case .createVolume = first.action else {
                return false
            }
            return true
        }
        close { created[$0] != nil }
    }

    mutating func consumeOverride(of attachment: AttachmentID) {
        writes += 1
        edit(attachment, countsAsChange: false) { $0.inUseOverride = nil }
    }

    /// As the store has it: nobody has approved its removal, and the brake holds it, or nothing of it was begun, or it only observes
    /// and nothing is open. An approval can have been taken back after something was.
    func canBeTakenBack(_ object: DesiredAttachment) -> Bool {
        guard object.isDeparting, !object.isRemovalApproved else { return false }
        if statuses[object.id]?.code == CauseKind.braked.rawValue { return true }
        guard let begun = takenDownAt[object.id], let since = object.departingSince else { return true }
        return begun < since
            || object.mode == .observe && !open.values.contains { $0.first?.attachment == object.id }
    }

    mutating func forget(_ attachment: AttachmentID) {
        writes += 1
        // Only what departs is forgotten; somebody may have applied the object again meanwhile.
        guard desired[attachment]?.isDeparting == true else { return }
        desired[attachment] = nil
        garbled.remove(attachment)
        bindings[attachment] = nil
        statuses[attachment] = nil
        closeCreation(of: attachment)
        revision += 1
        forgottenAt[attachment] = revision
    }

    mutating func noteWrite() { writes += 1 }

    mutating func save(_ details: [AttachmentDetail]) {
        writes += 1
        for detail in details where desired[detail.report.attachment] != nil {
            let id = detail.report.attachment
            statuses[id] = SavedStatus(detail, after: statuses[id])
            guard detail.report.readiness == .ready, let object = desired[detail.report.attachment],
                object.isRemovalApproved, !object.isDeparting, object.generation == detail.report.generation
            else { continue }
            edit(object.id, countsAsChange: false) { $0.isRemovalApproved = false }
        }
    }

    var savedStatuses: [SavedStatus] { statuses.values.sorted { $0.attachment < $1.attachment } }

    mutating func record(_ drifts: [DriftRecord]) {
        writes += 1
        for drift in drifts {
            openDrifts.removeAll {
                $0.attachment == drift.attachment && $0.drift.kind == drift.drift.kind && $0.seenAt == drift.seenAt
            }
            if drift.endedAt == nil { openDrifts.append(drift) }
        }
    }
}
