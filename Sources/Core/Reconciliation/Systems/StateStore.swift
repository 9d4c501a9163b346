public import VolumeModel

/// What is kept on disk: desired state, the ledger, status, history.
///
/// Everything is durable when the call returns (DURABLE).
public protocol StateStore: Sendable {
    // MARK: Desired state

    /// All of desired state, with the revision it was read at.
    func desiredState() async throws(StoreError) -> DesiredState

    /// The objects that changed after a revision, so that one change costs the same among ten and among a million.
    func desiredDelta(since revision: Int64) async throws(StoreError) -> DesiredDelta

    /// Desired state may have changed, by this process or another: read it again. One consumer.
    func desiredChanges() async -> AsyncStream<Void>

    /// The objects that stand in the followed directory of manifests and are not on their way out, but for some.
    func directoryObjects(besides names: Set<ObjectName>) async throws(StoreError) -> [ObjectName]

    /// Creates and changes objects, all or none.
    ///
    /// - Throws: ``StoreError/conflict(_:)`` when a volume or an export name is claimed by another object, or when an
    ///   object was changed since the revision that an edit names.
    func apply(
        _ edits: [DesiredEdit], approving approval: RemovalApproval, dryRun: Bool
    ) async throws(StoreError) -> [AppliedEdit]

    /// Marks objects as departing, all or none: their exports and attachments are taken down, then they are forgotten.
    func delete(
        _ names: [ObjectName], by remover: Remover, approving approval: RemovalApproval, dryRun: Bool
    ) async throws(StoreError) -> [AppliedEdit]

    /// Settles who means a volume that several objects claim: one of them stays, and the others depart without taking anything
    /// down that is its, the data included.
    ///
    /// - Parameters:
    ///   - name: the object that stays.
    ///   - source: who it belongs to from now on; `nil` leaves that.
    /// - Returns: what becomes of the object, and of each of the others.
    /// - Throws: ``StoreError/conflict(_:)`` when there is no such object, it departs, its volume is not known yet, or one of the
    ///   others stands in the followed directory, which would bring it back.
    func takeOver(
        _ name: ObjectName, as source: DesiredSource?, dryRun: Bool
    ) async throws(StoreError) -> [AppliedEdit]

    /// Approves the removals that objects of these generations lead to, all or none (BRAKE).
    ///
    /// - Throws: ``StoreError/conflict(_:)`` when one of them has changed since.
    func approveRemovals(_ generations: [AttachmentID: Int64]) async throws(StoreError)

    /// When a step of an unapproved removal was last begun, of each object of which one was begun since then.
    func countedRemovals(since: Instant) async throws(StoreError) -> [AttachmentID: Instant]

    /// Sets an object aside, or (`nil`) takes it up again. Its generation stays.
    ///
    /// - Returns: whether there is an object of this name.
    func suspend(_ name: ObjectName, _ suspension: Suspension?) async throws(StoreError) -> Bool

    /// Keeps a volume's data from being deleted, or (`nil`) no longer.
    func protect(_ volume: VolumeID, reason: String?) async throws(StoreError)

    /// Allows one removal although the volume is in use, once.
    func permitInUse(_ attachment: AttachmentID, _ override: InUseOverride) async throws(StoreError)

    /// Uses an override up. Called before the step that it allows, so that a crash can only lose it, never repeat it.
    func consumeOverride(of attachment: AttachmentID) async throws(StoreError)

    /// Forgets a departing object when everything it asked for is gone.
    func forget(_ attachment: AttachmentID) async throws(StoreError)

    // MARK: What the loop writes

    /// The volumes that objects are bound to (created, or found by name).
    func bindings() async throws(StoreError) -> [AttachmentID: VolumeID]

    func bind(_ attachment: AttachmentID, to volume: VolumeID) async throws(StoreError)

    /// Adds the line to the ledger with which a step begins, unless somebody has changed the object since the step was decided
    /// on, so that what is under way can be taken back until the very moment at which it is begun.
    ///
    /// - Parameter generation: that of the object for which it was decided.
    /// - Returns: whether the line was written; it is not when the object is of another generation, or no more.
    func intend(_ entry: LedgerEntry, generation: Int64) async throws(StoreError) -> Bool

    /// Adds one line to the ledger.
    func append(_ entry: LedgerEntry) async throws(StoreError)

    /// The lines of every open intent, oldest first; see ``LedgerEntry``. Binding an object closes its createVolume.
    func openLedger() async throws(StoreError) -> [LedgerEntry]

    /// Writes what is known of attachments now, in place of what was written before.
    func save(_ details: [AttachmentDetail]) async throws(StoreError)

    func record(_ events: [EventRecord]) async throws(StoreError)

    /// Writes drifts as they begin, and again when they have ended.
    func record(_ drifts: [DriftRecord]) async throws(StoreError)

    /// Drifts that had not ended when they were last written.
    func openDrifts() async throws(StoreError) -> [DriftRecord]

    /// What was last saved of each attachment. One that an earlier version wrote is left out.
    func savedStatuses() async throws(StoreError) -> [SavedStatus]

    // MARK: What people read

    /// Newest first.
    func events(of attachment: AttachmentID?, limit: Int) async throws(StoreError) -> [EventRecord]

    /// Newest first; `since` bounds when they were last seen.
    func driftHistory(since: Instant?, limit: Int) async throws(StoreError) -> [DriftRecord]

    /// Newest first.
    func operations(of attachment: AttachmentID?, limit: Int) async throws(StoreError) -> [OperationRecord]
}

public struct DesiredState: Sendable, Equatable {
    public var entries: [DesiredEntry]
    /// Volumes whose data must not be deleted, and why. Kept apart from the objects, so that it outlives them.
    public var protections: [VolumeID: String]
    /// Goes up with every change of any object.
    public var revision: Int64

    public init(entries: [DesiredEntry], protections: [VolumeID: String] = [:], revision: Int64) {
        self.entries = entries
        self.protections = protections
        self.revision = revision
    }
}

/// What changed in desired state.
public struct DesiredDelta: Sendable, Equatable {
    /// New and changed objects, departing ones among them.
    public var changed: [DesiredEntry]
    /// Objects that are no longer in the store at all: forgotten.
    public var removed: [AttachmentID]
    /// All protections, changed or not; there are few.
    public var protections: [VolumeID: String]
    public var revision: Int64

    public init(
        changed: [DesiredEntry], removed: [AttachmentID], protections: [VolumeID: String] = [:], revision: Int64
    ) {
        self.changed = changed
        self.removed = removed
        self.protections = protections
        self.revision = revision
    }
}

/// What somebody wants one object to be. Identity, generation and departure are the store's.
public struct DesiredEdit: Sendable, Equatable {
    public var name: ObjectName
    public var labels: [String: String]
    public var volume: VolumeReference
    public var machine: MachineReference
    public var export: DesiredExport?
    public var detach: DetachPolicy
    public var mode: ReconcileMode
    public var wantedSizeInBytes: Int64?
    public var role: DiskRole
    public var deletion: DeletionPolicy
    public var source: DesiredSource
    /// The generation that the editor saw; `nil` to change whatever is there.
    public var expectedGeneration: Int64?

    public init(
        name: ObjectName, labels: [String: String], volume: VolumeReference, machine: MachineReference,
        export: DesiredExport?, detach: DetachPolicy, mode: ReconcileMode = .enforce, wantedSizeInBytes: Int64? = nil,
        role: DiskRole = .data, deletion: DeletionPolicy = DeletionPolicy(), source: DesiredSource,
        expectedGeneration: Int64? = nil
    ) {
        self.name = name
        self.labels = labels
        self.volume = volume
        self.machine = machine
        self.export = export
        self.detach = detach
        self.mode = mode
        self.wantedSizeInBytes = wantedSizeInBytes
        self.role = role
        self.deletion = deletion
        self.source = source
        self.expectedGeneration = expectedGeneration
    }
}

extension StateStore {
    /// What a person asks for by name: one removal carries its own approval.
    public func apply(_ edits: [DesiredEdit], dryRun: Bool) async throws(StoreError) -> [AppliedEdit] {
        try await apply(edits, approving: .one, dryRun: dryRun)
    }

    /// What a person asks for by name: one removal carries its own approval.
    public func delete(
        _ names: [ObjectName], by remover: Remover, dryRun: Bool
    ) async throws(StoreError) -> [AppliedEdit] {
        try await delete(names, by: remover, approving: .one, dryRun: dryRun)
    }
}

/// What a call says of the removals that it leads to (BRAKE). What a followed directory says never approves any.
public enum RemovalApproval: Sendable, Equatable {
    /// They count toward the brake, even one.
    case none
    /// That of a call about one object is approved by its name; those of a call about several count.
    case one
    /// So many are approved; more are refused with the whole call.
    case upTo(Int)

    /// - Parameter named: how many objects the call is about.
    /// - Throws: ``StoreError/conflict(_:)`` when there are more than were approved.
    public func covers(_ removals: Int, of named: Int) throws(StoreError) -> Bool {
        switch self {
        case .none: return false
        case .one: return removals == 1 && named == 1
        case .upTo(let most):
            guard removals <= most else {
                throw .conflict(
                    "cannot go on: this leads to \(removals) removals, and \(most) were approved; nothing was changed")
            }
            return removals > 0
        }
    }
}

/// Who takes an object out of desired state.
public enum Remover: Sendable, Equatable {
    case person
    /// The volume's data stays, whatever the object's deletion policy says; also when it is on its way out already.
    case personRetainingData
    /// The followed manifest directory, in which the object no longer stands.
    case directory
}

public struct AppliedEdit: Sendable, Equatable {
    public enum Change: String, Sendable, Equatable, CaseIterable {
        case created
        case configured
        case unchanged
        case deleted
        /// A delete of what was not there.
        case notFound = "not found"
    }

    public var name: ObjectName
    public var change: Change
    public var generation: Int64
    /// What changes, as `field: old → new`, for `diff`.
    public var differences: [String]
    /// Whether something that is there is taken away for it: a name withdrawn, or the volume detached.
    public var isRemoval: Bool

    public init(
        name: ObjectName, change: Change, generation: Int64, differences: [String], isRemoval: Bool = false
    ) {
        self.name = name
        self.change = change
        self.generation = generation
        self.differences = differences
        self.isRemoval = isRemoval
    }
}

public enum StoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Another object claims the same volume or export name, or the object was changed meanwhile.
    case conflict(String)
    /// The object is being taken down and cannot be changed until it is gone.
    case departing(ObjectName)
    /// Disk full, read-only, corrupt, locked.
    case unavailable(String)
    /// Another daemon has taken the node's lease over; nothing was written.
    case leaseLost
    /// The schema is newer than this program.
    case tooNew(found: Int, understood: Int)

    public var description: String {
        switch self {
        case .conflict(let text): text
        case .departing(let name): "cannot change '\(name)': it is being deleted; wait until it is gone"
        case .unavailable(let text): "cannot use the store: \(text)"
        case .leaseLost: "another hawserd has taken the node's lease over"
        case .tooNew(let found, let understood):
            "cannot use the store: its schema is version \(found) and this hawserd understands up to \(understood); "
                + "start the newer hawserd"
        }
    }
}
