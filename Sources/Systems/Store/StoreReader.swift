import ActorThreads
import LinuxCalls
import Reconciliation
import SQL
import SQLite
import VolumeModel

/// Whatever is only read from the file, over a connection and on a thread of its own: a write-ahead log is read while it is
/// written to, so that nothing here waits for the disk behind the ledger.
actor StoreReader {
    private let database: SQLiteConnection
    private let executor = ThreadExecutor(name: "store-reader")
    private let changes: ChangeNotice
    /// What was seen when it was last looked for commits.
    private var seenVersion: Int64?
    private var seenRevision: Int64?
    private var pace = CommitFollowing.Pace()
    /// Which write is looked for; the looks for an earlier one end.
    private var round = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(path: String, changes: ChangeNotice) throws(StoreError) {
        self.changes = changes
        do throws(SQLError) {
            // What it reads again and again are a few pages; a start reads everything, but once.
            database = try SQLiteConnection(path: path, isForReading: true, cacheInKibibytes: 256)
        } catch { throw .unavailable(error.description) }
    }

    private func perform<Result>(_ body: () throws(SQLError) -> Result) throws(StoreError) -> Result {
        try database.attempt(body)
    }

    private func inSnapshot<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        try database.transaction(for: .reading, body) { .unavailable($0.description) }
    }

    // MARK: Desired state

    private func entries(
        _ choice: DesiredReading.Choice, _ values: [SQLValue] = []
    ) throws(StoreError) -> [DesiredEntry] {
        try perform { () throws(SQLError) in
            var reading = DesiredReading()
            var entries: [DesiredEntry] = []
            try database.forEachRow(DesiredReading.selection(of: choice), values) { row in
                if let entry = reading.entry(row) { entries.append(entry) }
            }
            return entries
        }
    }

    private func protections() throws(StoreError) -> [VolumeID: String] {
        try perform { () throws(SQLError) in
            var protections: [VolumeID: String] = [:]
            try database.forEachRow("SELECT volume, reason FROM protections") { row in
                if let volume = row.uuid(0) { protections[VolumeID(volume)] = row.text(1) ?? "" }
            }
            return protections
        }
    }

    private func revision() throws(SQLError) -> Int64 {
        try database.run("SELECT value FROM desired_revision").first?.first?.integer ?? 0
    }

    func desiredState() throws(StoreError) -> DesiredState {
        // Of one moment, so that no edit falls between the rows and their revision.
        try inSnapshot { () throws(StoreError) in
            DesiredState(entries: try entries(.all), protections: try protections(), revision: try perform(revision))
        }
    }

    func desiredDelta(since revision: Int64) throws(StoreError) -> DesiredDelta {
        try inSnapshot { () throws(StoreError) in
            let changed = try entries(.changedSince, [.integer(revision)])
            let removed = try perform { () throws(SQLError) in
                try database.run("SELECT id FROM forgotten_attachments WHERE revision > ?", [.integer(revision)])
            }
            return DesiredDelta(
                changed: changed, removed: removed.compactMap { $0.first?.text.flatMap { AttachmentID($0) } },
                protections: try protections(), revision: try perform(self.revision))
        }
    }

    func directoryObjects(besides names: Set<ObjectName>) throws(StoreError) -> [ObjectName] {
        let others = try perform { () throws(SQLError) in
            var others: [ObjectName] = []
            try database.forEachRow(
                "SELECT name FROM desired_volume_attachments WHERE \(StoreSchema.isFromDirectory) ORDER BY name"
            ) { row in
                if let name = row.text(0).flatMap({ ObjectName($0) }), !names.contains(name) { others.append(name) }
            }
            return others
        }
        // Nothing is done for an object that somebody has made unreadable, not even a removal.
        var readable: [ObjectName] = []
        for name in others {
            if case .valid? = try entries(.named, [.text(name.text)]).first { readable.append(name) }
        }
        return readable
    }

    // MARK: What is committed

    /// Tells of changes of desired state that this or another process has committed, until the task is cancelled.
    func followCommits(in directory: String) async {
        look()
        let written = try? DirectoryChanges.stream(of: [directory], includingWrites: true)
        await withDiscardingTaskGroup { group in
            let period = written == nil ? CommitFollowing.periodWithoutEvents : CommitFollowing.period
            group.addTask { await self.lookEach(period) }
            guard let written else { return }
            for await _ in written {
                pace.noteWrite()
                round += 1
                lookFor(round)
            }
            round += 1
            group.cancelAll()
        }
    }

    private func lookEach(_ period: Duration) async {
        // A cancelled sleep ends the loop.
        while (try? await Task.sleep(for: period)) != nil { look() }
    }

    /// Looks for what was written, now and again.
    private func lookFor(_ round: Int) {
        guard round == self.round else { return }
        if look() { pace.noteCommit() }
        guard let pause = pace.pause() else { return }
        executor.run(after: pause) { [weak self] in self?.assumeIsolated { $0.lookFor(round) } }
    }

    /// Asks SQLite whether another connection has committed, which costs a microsecond.
    ///
    /// - Returns: whether one has, since this was last asked.
    @discardableResult
    private func look() -> Bool {
        // A store that cannot be asked now is asked again; whoever uses it is told the reason.
        guard let version = try? database.dataVersion(), version != seenVersion, let revision = try? revision() else {
            return false
        }
        let before = seenRevision
        seenVersion = version
        seenRevision = revision
        if let before, before != revision { announce(since: before, until: revision) }
        return true
    }

    /// A few changes are read along, since whoever is told asks for them next: that spares the way here and back.
    private func announce(since before: Int64, until revision: Int64) {
        // A read that fails now is made again by whoever asks, and is told the reason.
        if (before..<before + 64).contains(revision), let delta = try? desiredDelta(since: before) {
            changes.announce(delta, since: before)
        } else {
            changes.announce()
        }
    }

    // MARK: What the loop wrote

    func bindings() throws(StoreError) -> [AttachmentID: VolumeID] {
        try perform { () throws(SQLError) in
            var bindings: [AttachmentID: VolumeID] = [:]
            try database.forEachRow("SELECT attachment, volume FROM bindings") { row in
                guard let attachment = row.uuid(0), let volume = row.uuid(1) else { return }
                bindings[AttachmentID(attachment)] = VolumeID(volume)
            }
            return bindings
        }
    }

    func savedStatuses() throws(StoreError) -> [SavedStatus] {
        try perform { () throws(SQLError) in
            var statuses: [SavedStatus] = []
            try database.forEachRow(
                """
                SELECT s.attachment, ready, reason, since, fingerprint, serial, device_number, disk_sequence, size_in_bytes,
                    generation, contest_machine, contest_stood_since, contest_undone_at, contest_times,
                    s.volume
                FROM status s LEFT JOIN device_mappings d ON d.attachment = s.attachment
                """
            ) { row in
                guard let attachment = row.uuid(0), let since = row.integer(3), let fingerprint = row.integer(4),
                    let generation = row.integer(9)
                else { return }
                let code = row.integer(1) == 1 ? AttachmentReport.Readiness.ready.code : row.text(2) ?? ""
                statuses.append(
                    SavedStatus(
                        attachment: AttachmentID(attachment), generation: generation, code: code,
                        since: Instant(nanoseconds: since), fingerprint: UInt64(bitPattern: fingerprint),
                        volume: row.uuid(14).map { VolumeID($0) }, device: Self.device(row), contest: Self.contest(row))
                )
            }
            return statuses
        }
    }

    /// The columns from the fifth on of a saved status.
    private static func device(_ row: borrowing SQLRow) -> DeviceIdentity? {
        guard let serial = row.text(5).flatMap({ DiskSerial($0) }),
            let number = row.text(6).flatMap({ DeviceNumber($0) }),
            let size = row.integer(8)
        else { return nil }
        return DeviceIdentity(
            serial: serial, number: number, diskSequence: row.integer(7).map { UInt64(clamping: $0) }, sizeInBytes: size
        )
    }

    /// The columns from the tenth on of a saved status.
    private static func contest(_ row: borrowing SQLRow) -> Contest? {
        guard let machine = row.uuid(10), let since = row.integer(11), let times = row.integer(13) else { return nil }
        return Contest(
            machine: MachineID(machine), stoodSince: Instant(nanoseconds: since),
            undoneAt: row.integer(12).map { Instant(nanoseconds: $0) }, times: Int(clamping: times))
    }

    func openLedger() throws(StoreError) -> [LedgerEntry] {
        try perform { () throws(SQLError) in
            try database.run(
                "SELECT \(LedgerRow.columns) FROM ledger WHERE intent IN (SELECT intent FROM open_intents) ORDER BY line"
            )
        }.compactMap { LedgerRow.entry($0) }
    }

    func countedRemovals(since: Instant) throws(StoreError) -> [AttachmentID: Instant] {
        try perform { () throws(SQLError) in
            var removals: [AttachmentID: Instant] = [:]
            try database.forEachRow(
                "SELECT attachment, max(at) FROM ledger WHERE counts_as_removal = 1 AND at > ? GROUP BY attachment",
                [.integer(since.nanoseconds)]
            ) { row in
                if let attachment = row.uuid(0), let at = row.integer(1) {
                    removals[AttachmentID(attachment)] = Instant(nanoseconds: at)
                }
            }
            return removals
        }
    }

    func openDrifts() throws(StoreError) -> [DriftRecord] {
        try drifts("ended_at IS NULL", [], limit: 1_000_000)
    }

    // MARK: What people read

    private static let driftColumns =
        "attachment, name, world, kind, wanted, observed, seen_at, ended_at, repaired_by"

    private func drifts(
        _ condition: String, _ values: [SQLValue], limit: Int
    ) throws(StoreError) -> [DriftRecord] {
        let rows = try perform { () throws(SQLError) in
            try database.run(
                "SELECT \(Self.driftColumns) FROM drifts WHERE \(condition) ORDER BY seen_at DESC LIMIT ?",
                values + [.integer(Int64(limit))])
        }
        return rows.compactMap { row in
            guard let attachment = row[0].text.flatMap({ AttachmentID($0) }),
                let world = row[2].text.flatMap({ Drift.World(rawValue: $0) }),
                let kind = row[3].text.flatMap({ Drift.Kind(rawValue: $0) }), let seen = row[6].integer
            else { return nil }
            return DriftRecord(
                attachment: attachment, name: row[1].text ?? "",
                drift: Drift(world: world, kind: kind, wanted: row[4].text ?? "", observed: row[5].text ?? ""),
                seenAt: Instant(nanoseconds: seen), endedAt: row[7].integer.map { Instant(nanoseconds: $0) },
                repairedBy: row[8].text ?? "")
        }
    }

    func driftHistory(since: Instant?, limit: Int) throws(StoreError) -> [DriftRecord] {
        try drifts(
            "ended_at IS NULL OR ended_at >= ?", [.integer(since?.nanoseconds ?? .min)], limit: limit)
    }

    func events(of attachment: AttachmentID?, limit: Int) throws(StoreError) -> [EventRecord] {
        let rows = try perform { () throws(SQLError) in
            try database.run(
                """
                SELECT at, attachment, name, severity, reason, message FROM events
                WHERE ?1 IS NULL OR attachment = ?1 ORDER BY line DESC LIMIT ?2
                """, [LedgerRow.text(attachment?.description), .integer(Int64(limit))])
        }
        return rows.map { row in
            EventRecord(
                at: Instant(nanoseconds: row[0].integer ?? 0), attachment: row[1].text.flatMap { AttachmentID($0) },
                name: row[2].text ?? "",
                severity: row[3].text.flatMap { EventRecord.Severity(rawValue: $0) } ?? .normal,
                reason: row[4].text ?? "", message: row[5].text ?? "")
        }
    }

    func operations(of attachment: AttachmentID?, limit: Int) throws(StoreError) -> [OperationRecord] {
        let lines = try perform { () throws(SQLError) in
            try database.run(
                """
                SELECT \(LedgerRow.columns) FROM ledger WHERE intent IN
                    (SELECT intent FROM ledger WHERE ?1 IS NULL OR attachment = ?1
                     GROUP BY intent ORDER BY max(line) DESC LIMIT ?2)
                ORDER BY line
                """, [LedgerRow.text(attachment?.description), .integer(Int64(limit))])
        }.compactMap { LedgerRow.entry($0) }
        var records: [IntentID: OperationRecord] = [:]
        var order: [IntentID] = []
        for line in lines {
            if records[line.intent] == nil {
                order.append(line.intent)
                records[line.intent] = OperationRecord(
                    intent: line.intent, attachment: line.attachment, action: line.action, job: line.job,
                    startedAt: line.at, phase: line.phase, changedAt: line.at, evidence: line.evidence,
                    because: line.evidence)
            }
            records[line.intent]?.phase = line.phase
            records[line.intent]?.changedAt = line.at
            records[line.intent]?.evidence = line.evidence
            if let job = line.job { records[line.intent]?.job = job }
        }
        return order.reversed().compactMap { records[$0] }
    }

    // MARK: Examination

    func integrity() -> Finding {
        let subject = "store"
        let remedy = "stop hawserd, keep a copy of the file, and recover it with sqlite3's .recover"
        do {
            let answer = try database.run("PRAGMA quick_check(1)").first?.first?.text ?? "no answer"
            guard answer == "ok" else { return Finding(subject, .bad, answer, remedy: remedy) }
            return Finding(subject, .good, "the file is sound, schema version \(StoreSchema.version)")
        } catch {
            return Finding(subject, .bad, error.description, remedy: remedy)
        }
    }
}

/// Who wants to know that desired state has changed, and what has when that was read already.
final class ChangeNotice: Sendable {
    private struct State {
        var listeners: [AsyncStream<Void>.Continuation] = []
        var read: (delta: DesiredDelta, since: Int64)?
    }

    private let state = Lock(State())

    func stream() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        state.withLock { $0.listeners.append(continuation) }
        return stream
    }

    func announce() {
        for listener in state.withLock({ $0.listeners }) { listener.yield() }
    }

    func announce(_ delta: DesiredDelta, since revision: Int64) {
        state.withLock { $0.read = (delta, revision) }
        announce()
    }

    /// What has changed since a revision, when just that has been read and was not asked for before. What came after it is
    /// announced by itself.
    func takeDelta(since revision: Int64) -> DesiredDelta? {
        let read = state.withLock { state in
            defer { state.read = nil }
            return state.read
        }
        return read.flatMap { $0.since == revision ? $0.delta : nil }
    }

    func finish() {
        for listener in state.withLock({ $0.listeners }) { listener.finish() }
    }
}

extension SQLConnection {
    /// Runs statements and turns the database's words into the store's.
    func attempt<Result>(_ body: () throws(SQLError) -> Result) throws(StoreError) -> Result {
        do throws(SQLError) { return try body() } catch { throw .unavailable(error.description) }
    }
}
