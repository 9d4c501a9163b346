import ActorThreads
import LinuxCalls
public import MariaDB
public import Reconciliation
import SQL
public import VolumeModel

/// The store in an SQL database: a file that one process has for itself, or a server that several share.
///
/// Every call returns when what it wrote is on the disk. Other processes may edit `desired_volume_attachments`, with any SQL
/// client; that is noticed within milliseconds. What is read never waits for what is written, and what the loop writes not for
/// what people do: each has a connection and a thread of its own. (A file of SQLite's takes one writer at a time: there it is
/// one for both.)
public final class SQLStore: StateStore {
    private let engine: any StoreEngine
    private let loop: StoreWriter
    let people: StoreWriter
    let reader: StoreReader
    private let changes: ChangeNotice
    /// Whose lease this process asks for; `nil` where it has the store for itself.
    private let node: String?
    /// Of a file: held for as long as the store lives.
    private let lock: FileLock?
    /// Follows what others commit, once somebody wants to know.
    private let follower = Lock<Task<Void, Never>?>(nil)

    private init(
        _ engine: any StoreEngine, loop: StoreWriter, people: StoreWriter, node: String?, lock: consuming FileLock?
    ) {
        self.engine = engine
        self.node = node
        self.loop = loop
        self.people = people
        self.lock = lock
        changes = ChangeNotice()
        reader = StoreReader(engine, changes: changes)
    }

    deinit {
        follower.withLock { $0?.cancel() }
        changes.finish()
    }

    /// A file of SQLite's, which is made when it is not there, or brought up to date when it is of an older program.
    ///
    /// - Throws: ``StoreError/unavailable(_:)`` also when another process holds the store, with its number;
    ///   ``StoreError/tooNew(found:understood:)`` for a file of a newer program.
    public static func embedded(path: String) throws(StoreError) -> SQLStore {
        let lock: FileLock
        do throws(SystemCallError) {
            try createDirectories(parentDirectory(of: path), mode: 0o700)
            switch try FileLock.acquire(path + ".lock") {
            case .acquired(let acquired): lock = acquired
            case .heldBy(let pid):
                let holder = pid.map { "process \($0)" } ?? "another process"
                throw SystemCallError("open store \(path), which is held by", holder, errno: 11)
            }
        } catch { throw .unavailable(error.description) }
        let engine = SQLiteEngine(path: path)
        let database: any SQLConnection
        do {
            database = try engine.open(.loop)
            try engine.migrate(database)
        } catch let error as StoreError { throw error } catch { throw .unavailable("\(error)") }
        let writer = StoreWriter(engine, for: .loop, node: "self", thread: "store", opened: database)
        return SQLStore(engine, loop: writer, people: writer, node: nil, lock: lock)
    }

    /// A database of MariaDB's, which is made into a store when nothing is in it, and which others may use at the same time.
    ///
    /// - Parameters:
    ///   - node: whose lease this process asks for, when it asks for one.
    ///   - options: how long things may take; what the loop writes waits for no lock longer than a second.
    /// - Throws: ``StoreError/unavailable(_:)`` with the reason; ``StoreError/tooNew(found:understood:)`` for a database of a
    ///   newer program.
    public static func shared(
        at address: MariaDBAddress, node: String, _ options: MariaDBOptions = MariaDBOptions()
    ) async throws(StoreError) -> SQLStore {
        try await shared(MariaDBEngine(address, options), node: node)
    }

    static func shared(_ engine: MariaDBEngine, node: String) async throws(StoreError) -> SQLStore {
        let people = StoreWriter(engine, for: .people, node: node, thread: "store-people")
        try await people.migrate()
        let loop = StoreWriter(engine, for: .loop, node: node, thread: "store")
        return SQLStore(engine, loop: loop, people: people, node: node, lock: nil)
    }

    // MARK: Desired state

    public func desiredState() async throws(StoreError) -> DesiredState { try await reader.desiredState() }

    public func desiredDelta(since revision: Int64) async throws(StoreError) -> DesiredDelta {
        if let delta = changes.takeDelta(since: revision) { return delta }
        return try await reader.desiredDelta(since: revision)
    }

    public func desiredChanges() async -> AsyncStream<Void> {
        let stream = changes.stream()
        // What is committed after this is told.
        await reader.look()
        follower.withLock { follower in
            guard follower == nil else { return }
            follower = Task { [engine, reader, people] in
                await withDiscardingTaskGroup { group in
                    group.addTask { await engine.follow(with: reader) }
                    group.addTask { await Self.keepUp(engine, reader, people) }
                }
            }
        }
        return stream
    }

    /// How often the log of changes is cut, and all objects are read where that can find something.
    private static let upkeepPeriod = Duration.seconds(600)
    /// Does what is to be done now and then, until the task is cancelled.
    private static func keepUp(_ engine: any StoreEngine, _ reader: StoreReader, _ people: StoreWriter) async {
        let pause = engine.triggersSeeAll ? upkeepPeriod : engine.patienceWithMissing
        var trimmedAt: ContinuousClock.Instant?
        var readAt = ContinuousClock.now
        // A cancelled sleep ends the loop.
        while (try? await Task.sleep(for: pause)) != nil {
            // What fails now is done at the next time; that the store is away is told by others.
            if trimmedAt.map({ $0.duration(to: .now) >= upkeepPeriod }) ?? true {
                trimmedAt = .now
                try? await people.trimChanges()
            }
            guard !engine.triggersSeeAll else { continue }
            let age = readAt.duration(to: .now)
            let wantsReading = await reader.wantsReading(after: age)
            guard wantsReading || age >= upkeepPeriod else { continue }
            guard let vanished = try? await reader.readAll() else { continue }
            readAt = .now
            if !vanished.isEmpty { try? await people.recordVanishing(of: vanished) }
        }
    }

    public func directoryObjects(besides names: Set<ObjectName>) async throws(StoreError) -> [ObjectName] {
        try await reader.directoryObjects(besides: names)
    }

    public func apply(
        _ edits: [DesiredEdit], approving approval: RemovalApproval, dryRun: Bool
    ) async throws(StoreError) -> [AppliedEdit] {
        let applied = try await people.edit { try $0.apply(edits, approving: approval, dryRun: dryRun) }
        if !dryRun, applied.contains(where: { $0.change != .unchanged }) { changes.announce() }
        return applied
    }

    public func delete(
        _ names: [ObjectName], by remover: Remover, approving approval: RemovalApproval, dryRun: Bool
    ) async throws(StoreError) -> [AppliedEdit] {
        let applied = try await people.edit {
            try $0.delete(names, by: remover, approving: approval, dryRun: dryRun)
        }
        if !dryRun { changes.announce() }
        return applied
    }

    public func takeOver(
        _ name: ObjectName, as source: DesiredSource?, dryRun: Bool
    ) async throws(StoreError) -> [AppliedEdit] {
        let applied = try await people.edit { try $0.takeOver(name, as: source, dryRun: dryRun) }
        if !dryRun { changes.announce() }
        return applied
    }

    public func approveRemovals(_ generations: [AttachmentID: Int64]) async throws(StoreError) {
        try await people.edit { try $0.approveRemovals(generations) }
        changes.announce()
    }

    public func countedRemovals(since: Instant) async throws(StoreError) -> [AttachmentID: Instant] {
        try await reader.countedRemovals(since: since)
    }

    public func suspend(_ name: ObjectName, _ suspension: Suspension?) async throws(StoreError) -> Bool {
        let isFound = try await people.edit { try $0.suspend(name, suspension) }
        changes.announce()
        return isFound
    }

    public func protect(_ volume: VolumeID, reason: String?) async throws(StoreError) {
        try await people.edit { try $0.protect(volume, reason: reason) }
        changes.announce()
    }

    public func permitInUse(_ attachment: AttachmentID, _ override: InUseOverride) async throws(StoreError) {
        try await people.edit { try $0.permitInUse(attachment, override) }
        changes.announce()
    }

    // MARK: What the loop writes

    public func consumeOverride(of attachment: AttachmentID) async throws(StoreError) {
        try await loop.write { try $0.consumeOverride(of: attachment) }
        changes.announce()
    }

    public func forget(_ attachment: AttachmentID) async throws(StoreError) {
        try await loop.write { try $0.forget(attachment) }
        changes.announce()
    }

    public func bind(_ attachment: AttachmentID, to volume: VolumeID) async throws(StoreError) {
        try await loop.write { try $0.bind(attachment, to: volume) }
    }

    public func intend(_ entry: LedgerEntry, generation: Int64) async throws(StoreError) -> Bool {
        try await loop.intend(entry, generation: generation)
    }

    public func append(_ entry: LedgerEntry) async throws(StoreError) { try await loop.append(entry) }

    public func save(_ details: [AttachmentDetail]) async throws(StoreError) {
        try await loop.write { try $0.save(details) }
    }

    public func record(_ events: [EventRecord]) async throws(StoreError) {
        try await loop.write { try $0.record(events) }
    }

    public func record(_ drifts: [DriftRecord]) async throws(StoreError) {
        try await loop.write { try $0.record(drifts) }
    }

    // MARK: What is read again

    public func bindings() async throws(StoreError) -> [AttachmentID: VolumeID] { try await reader.bindings() }

    public func openLedger() async throws(StoreError) -> [LedgerEntry] { try await reader.openLedger() }

    public func openDrifts() async throws(StoreError) -> [DriftRecord] { try await reader.openDrifts() }

    public func savedStatuses() async throws(StoreError) -> [SavedStatus] { try await reader.savedStatuses() }

    public func events(of attachment: AttachmentID?, limit: Int) async throws(StoreError) -> [EventRecord] {
        try await reader.events(of: attachment, limit: limit)
    }

    public func driftHistory(since: Instant?, limit: Int) async throws(StoreError) -> [DriftRecord] {
        try await reader.driftHistory(since: since, limit: limit)
    }

    public func operations(
        of attachment: AttachmentID?, limit: Int
    ) async throws(StoreError) -> [OperationRecord] {
        try await reader.operations(of: attachment, limit: limit)
    }
}

/// Whose turn it is, where several processes share the database.
extension SQLStore: LeaseStore {
    public func lease() async throws(StoreError) -> LeaseRecord? { try await loop.lease() }

    public func takeLease(_ record: LeaseRecord, replacing seen: LeaseRecord?) async throws(StoreError) -> Bool {
        try await loop.takeLease(record, replacing: seen)
    }

    public func renewLease(_ token: LeaseToken) async throws(StoreError) -> Bool { try await loop.renewLease(token) }

    public func releaseLease(_ token: LeaseToken) async throws(StoreError) { try await loop.releaseLease(token) }
}

/// For a person: how the database is, and what is to be done about it.
extension SQLStore: Examinable {
    public func examine() async -> [Finding] {
        var findings = await reader.findings()
        if let node { findings.append(await reader.leaseFinding(of: node, held: await loop.holding)) }
        return findings
    }
}
