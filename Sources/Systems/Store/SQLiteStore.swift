import ActorThreads
import LinuxCalls
public import Reconciliation
import SQLite
public import VolumeModel

/// The embedded store: one SQLite file, one process.
///
/// Every call returns when what it wrote is on the disk (`synchronous=FULL`). Other processes may edit
/// `desired_volume_attachments`; that is noticed within milliseconds (``CommitFollowing``).
public actor SQLiteStore: StateStore {
    let database: SQLiteConnection
    /// Held for as long as the store lives.
    private let lock: FileLock
    private let executor = ThreadExecutor(name: "store")
    let directory: String
    private var changes: [AsyncStream<Void>.Continuation] = []
    /// Who follows the other processes' commits, once somebody wants to know.
    private var follower: Task<Void, Never>?
    private var seenVersion: Int64?

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Opens or makes the file.
    ///
    /// - Throws: ``StoreError/unavailable(_:)`` also when another process holds the store, with its number;
    ///   ``StoreError/tooNew(found:understood:)`` for a file of a newer program.
    public init(path: String) throws(StoreError) {
        directory = parentDirectory(of: path)
        do throws(SystemCallError) {
            try createDirectories(parentDirectory(of: path), mode: 0o700)
            switch try FileLock.acquire(path + ".lock") {
            case .acquired(let acquired): lock = acquired
            case .heldBy(let pid):
                let holder = pid.map { "process \($0)" } ?? "another process"
                throw SystemCallError("open store \(path), which is held by", holder, errno: 11)
            }
        } catch { throw .unavailable(error.description) }
        do throws(SQLiteError) { database = try SQLiteConnection(path: path) } catch {
            throw .unavailable(error.description)
        }
        try StoreSchema.migrate(database)
    }

    /// Runs statements and turns SQLite's words into the store's.
    private func perform<Result>(_ body: () throws(SQLiteError) -> Result) throws(StoreError) -> Result {
        do throws(SQLiteError) { return try body() } catch { throw .unavailable(error.description) }
    }

    private func inTransaction<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        try database.transaction(body) { .unavailable($0.description) }
    }

    // MARK: Desired state

    private func rows(where condition: String = "1", _ values: [SQLiteValue] = []) throws(StoreError) -> [DesiredRow] {
        try perform { () throws(SQLiteError) in
            try database.run(
                "\(DesiredRow.selection) WHERE \(condition) ORDER BY name", values
            ).map { DesiredRow($0) }
        }
    }

    private func protections() throws(StoreError) -> [VolumeID: String] {
        let rows = try perform { () throws(SQLiteError) in try database.run("SELECT volume, reason FROM protections") }
        return Dictionary(
            rows.compactMap { row in row[0].text.flatMap { VolumeID($0) }.map { ($0, row[1].text ?? "") } }
        ) { _, last in last }
    }

    private func revision() throws(StoreError) -> Int64 {
        try perform { () throws(SQLiteError) in
            try database.run("SELECT value FROM desired_revision").first?.first?.integer ?? 0
        }
    }

    public func desiredState() throws(StoreError) -> DesiredState {
        // In one transaction, so that no edit falls between the rows and their revision.
        try inTransaction { () throws(StoreError) in
            DesiredState(
                entries: try rows().compactMap(\.entry), protections: try protections(), revision: try revision())
        }
    }

    public func desiredDelta(since revision: Int64) throws(StoreError) -> DesiredDelta {
        try inTransaction { () throws(StoreError) in
            let changed = try rows(where: "revision > ?", [.integer(revision)]).compactMap(\.entry)
            let removed = try perform { () throws(SQLiteError) in
                try database.run("SELECT id FROM forgotten_attachments WHERE revision > ?", [.integer(revision)])
            }
            return DesiredDelta(
                changed: changed, removed: removed.compactMap { $0.first?.text.flatMap { AttachmentID($0) } },
                protections: try protections(), revision: try self.revision())
        }
    }

    public func desiredChanges() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        changes.append(continuation)
        if follower == nil {
            lookForOtherCommits()
            let directory = directory
            let look: @Sendable () async -> Bool = { [weak self] in await self?.lookForOtherCommits() ?? true }
            follower = Task { await CommitFollowing.follow(directory, look: look) }
        }
        return stream
    }

    deinit {
        follower?.cancel()
        for continuation in changes { continuation.finish() }
    }

    /// Asks SQLite whether another connection has committed, which costs a microsecond.
    ///
    /// - Returns: whether one has, since this was last asked.
    @discardableResult
    private func lookForOtherCommits() -> Bool {
        // A store that cannot be asked now is asked again; whoever uses it is told the reason.
        guard let version = try? database.dataVersion(), version != seenVersion else { return false }
        if seenVersion != nil { announceChange() }
        seenVersion = version
        return true
    }

    private func announceChange() {
        for continuation in changes { continuation.yield() }
    }

    public func apply(_ edits: [DesiredEdit], dryRun: Bool) throws(StoreError) -> [AppliedEdit] {
        let applied = try inTransaction { () throws(StoreError) in
            let existing = Dictionary(try rows().map { ($0["name"].text ?? "", $0) }) { _, last in last }
            var final = existing
            var applied: [AppliedEdit] = []
            var writes: [(old: DesiredRow?, new: DesiredRow)] = []
            for edit in edits {
                let old = existing[edit.name.text]
                if let old {
                    if old.isDeparting { throw .departing(edit.name) }
                    if let expected = edit.expectedGeneration, expected != old.generation {
                        throw .conflict(
                            "cannot change '\(edit.name)': it is at generation \(old.generation), not \(expected); read it again"
                        )
                    }
                }
                let new = DesiredRow(id: old?.id ?? "", edit: edit)
                if let old { try refuse(edit, new, replacing: old) }
                let differences = old?.differences(to: new) ?? []
                final[edit.name.text] = new
                if let old, differences.isEmpty {
                    applied.append(
                        AppliedEdit(name: edit.name, change: .unchanged, generation: old.generation, differences: []))
                } else {
                    writes.append((old, new))
                    applied.append(
                        AppliedEdit(
                            name: edit.name, change: old == nil ? .created : .configured,
                            generation: (old?.generation ?? 0) + 1, differences: differences))
                }
            }
            try refuseDoubleClaims(final)
            if !dryRun { for write in writes { try store(write.new, replacing: write.old) } }
            return applied
        }
        if !dryRun, applied.contains(where: { $0.change != .unchanged }) { announceChange() }
        return applied
    }

    /// What cannot change in the life of an object, and what is another source's to change.
    private func refuse(_ edit: DesiredEdit, _ new: DesiredRow, replacing old: DesiredRow) throws(StoreError) {
        func conflict(_ text: String) -> StoreError { .conflict("cannot apply '\(edit.name)': \(text)") }
        var isFromDirectory = false
        if case .directory = edit.source { isFromDirectory = true }
        switch (old.directoryFile, isFromDirectory) {
        case (let file?, false): throw conflict("the followed directory keeps it in \(file); edit that file instead")
        case (nil, true): throw conflict("it was not written in the followed directory; delete it first, or rename one")
        case (_?, true), (nil, false): break
        }
        let changed = DesiredRow.identityColumns.filter { old[$0] != new[$0] }
        if !changed.isEmpty {
            let words = old.differences(to: new).filter { line in changed.contains { line.hasPrefix("\($0):") } }
            throw conflict(
                "the volume of an object never changes (\(words.joined(separator: "; "))); "
                    + "delete the object and create another")
        }
        if let before = old.wantedSizeInBytes, let after = new.wantedSizeInBytes, after < before {
            throw conflict("volumes never shrink: \(after >> 30)Gi is less than \(before >> 30)Gi; write at least that")
        }
    }

    private func refuseDoubleClaims(_ rows: [String: DesiredRow]) throws(StoreError) {
        var owners: [String: [String: String]] = [:]
        for (name, row) in rows.sorted(by: { $0.key < $1.key }) {
            for (column, thing) in [("volume_id", "volume"), ("export_name", "export name")] {
                guard let claim = row[column].text else { continue }
                if let other = owners[column]?[claim] {
                    throw .conflict("cannot apply '\(name)': \(thing) \(claim) is claimed by '\(other)'")
                }
                owners[column, default: [:]][claim] = name
            }
        }
    }

    private func store(_ row: DesiredRow, replacing old: DesiredRow?) throws(StoreError) {
        try perform { () throws(SQLiteError) in
            if let old {
                let assignments = DesiredRow.specColumns.map { "\($0) = ?" }.joined(separator: ", ")
                try database.run(
                    "UPDATE desired_volume_attachments SET \(assignments) WHERE id = ?", row.spec + [.text(old.id)])
            } else {
                let marks = DesiredRow.specColumns.map { _ in "?" }.joined(separator: ", ")
                try database.run(
                    "INSERT INTO desired_volume_attachments (\(DesiredRow.specColumns.joined(separator: ", "))) VALUES (\(marks))",
                    row.spec)
            }
        }
    }

    public func delete(
        _ names: [ObjectName], by remover: Remover, dryRun: Bool
    ) throws(StoreError) -> [AppliedEdit] {
        let applied = try inTransaction { () throws(StoreError) in
            var applied: [AppliedEdit] = []
            for name in names {
                guard let row = try rows(where: "name = ?", [.text(name.text)]).first else {
                    applied.append(AppliedEdit(name: name, change: .notFound, generation: 0, differences: []))
                    continue
                }
                if remover != .directory, let file = row.directoryFile, !row.isDeparting {
                    throw .conflict(
                        "cannot delete '\(name)': the followed directory keeps it in \(file); remove it from that file")
                }
                if !dryRun { try depart(row, by: remover) }
                applied.append(
                    AppliedEdit(
                        name: name, change: .deleted, generation: row.generation + (row.isDeparting ? 0 : 1),
                        differences: []))
            }
            return applied
        }
        if !dryRun { announceChange() }
        return applied
    }

    private func depart(_ row: DesiredRow, by remover: Remover) throws(StoreError) {
        try perform { () throws(SQLiteError) in
            if remover == .personRetainingData {
                try database.run(
                    "UPDATE desired_volume_attachments SET deletion_policy = 'Retain' WHERE id = ?", [.text(row.id)])
            }
            if !row.isDeparting {
                try database.run(
                    "UPDATE desired_volume_attachments SET departing = 1 WHERE id = ?", [.text(row.id)])
            }
        }
    }

    // MARK: What people allow and forbid

    /// Puts an object before the loop again, although what is wanted has not changed.
    private func touch(_ id: SQLiteValue) throws(SQLiteError) {
        try database.run("UPDATE desired_revision SET value = value + 1")
        try database.run(
            "UPDATE desired_volume_attachments SET revision = (SELECT value FROM desired_revision) WHERE id = ?", [id])
    }

    public func suspend(_ name: ObjectName, _ suspension: Suspension?) throws(StoreError) -> Bool {
        let isFound = try inTransaction { () throws(StoreError) in
            guard let row = try rows(where: "name = ?", [.text(name.text)]).first else { return false }
            try perform { () throws(SQLiteError) in
                let id = SQLiteValue.text(row.id)
                if let suspension {
                    try database.run(
                        "INSERT OR REPLACE INTO suspensions VALUES (?, ?, ?)",
                        [id, .text(suspension.reason), suspension.until.map { .integer($0.nanoseconds) } ?? .null])
                } else {
                    try database.run("DELETE FROM suspensions WHERE attachment = ?", [id])
                }
                try touch(id)
            }
            return true
        }
        announceChange()
        return isFound
    }

    public func protect(_ volume: VolumeID, reason: String?) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            try perform { () throws(SQLiteError) in
                let id = SQLiteValue.text(volume.description)
                if let reason {
                    try database.run("INSERT OR REPLACE INTO protections VALUES (?, ?)", [id, .text(reason)])
                } else {
                    try database.run("DELETE FROM protections WHERE volume = ?", [id])
                }
                try database.run("UPDATE desired_revision SET value = value + 1")
            }
        }
        announceChange()
    }

    public func permitInUse(_ attachment: AttachmentID, _ override: InUseOverride) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            try perform { () throws(SQLiteError) in
                let id = SQLiteValue.text(attachment.description)
                try database.run(
                    "INSERT OR REPLACE INTO in_use_overrides VALUES (?, ?, ?, ?, ?)",
                    [
                        id, .text(override.volume.description),
                        override.diskSequence.map { .integer(Int64(bitPattern: $0)) } ?? .null,
                        .text(override.reason), .integer(override.expiresAt.nanoseconds),
                    ])
                try touch(id)
            }
        }
        announceChange()
    }

    public func consumeOverride(of attachment: AttachmentID) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            try perform { () throws(SQLiteError) in
                let id = SQLiteValue.text(attachment.description)
                try database.run("DELETE FROM in_use_overrides WHERE attachment = ?", [id])
                try touch(id)
            }
        }
        announceChange()
    }

    public func forget(_ attachment: AttachmentID) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            try perform { () throws(SQLiteError) in
                let id = [SQLiteValue.text(attachment.description)]
                try database.run("DELETE FROM desired_volume_attachments WHERE id = ? AND departing = 1", id)
                try database.run("DELETE FROM bindings WHERE attachment = ?", id)
                for table in ["status", "device_mappings", "exports", "suspensions", "in_use_overrides"] {
                    try database.run("DELETE FROM \(table) WHERE attachment = ?", id)
                }
                try closeCreation(of: id[0])
            }
        }
        announceChange()
    }

    // MARK: What the loop writes

    public func bindings() throws(StoreError) -> [AttachmentID: VolumeID] {
        let rows = try perform { () throws(SQLiteError) in
            try database.run("SELECT attachment, volume FROM bindings")
        }
        var bindings: [AttachmentID: VolumeID] = [:]
        for row in rows {
            if let id = row[0].text.flatMap({ AttachmentID($0) }) {
                bindings[id] = row[1].text.flatMap { VolumeID($0) }
            }
        }
        return bindings
    }

    public func bind(_ attachment: AttachmentID, to volume: VolumeID) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            try perform { () throws(SQLiteError) in
                let id = SQLiteValue.text(attachment.description)
                try database.run("INSERT OR REPLACE INTO bindings VALUES (?, ?)", [id, .text(volume.description)])
                try closeCreation(of: id)
            }
        }
    }

    private func closeCreation(of attachment: SQLiteValue) throws(SQLiteError) {
        _ = try database.run(
            "DELETE FROM open_intents WHERE intent IN (SELECT intent FROM ledger WHERE attachment = ? AND verb = 'create')",
            [attachment])
    }

    public func append(_ entry: LedgerEntry) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            try perform { () throws(SQLiteError) in
                try database.run(
                    "INSERT INTO ledger (\(LedgerRow.columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    LedgerRow.values(entry))
                let intent = [SQLiteValue.text(entry.intent.description)]
                if entry.closesIntent {
                    try database.run("DELETE FROM open_intents WHERE intent = ?", intent)
                } else {
                    try database.run("INSERT OR IGNORE INTO open_intents VALUES (?)", intent)
                }
            }
        }
    }

    public func openLedger() throws(StoreError) -> [LedgerEntry] {
        try perform { () throws(SQLiteError) in
            try database.run(
                "SELECT \(LedgerRow.columns) FROM ledger WHERE intent IN (SELECT intent FROM open_intents) ORDER BY line"
            )
        }.compactMap { LedgerRow.entry($0) }
    }

    public func save(_ details: [AttachmentDetail]) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            try perform { () throws(SQLiteError) in
                for detail in details {
                    try saveStatus(detail.report)
                    try saveDevice(detail)
                    try saveExport(detail)
                }
            }
        }
    }

    private func saveStatus(_ report: AttachmentReport) throws(SQLiteError) {
        var cause: Cause?
        if case .notReady(let found) = report.readiness { cause = found }
        try database.run(
            "INSERT OR REPLACE INTO status VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                .text(report.attachment.description), .text(report.name), .integer(report.generation),
                .integer(report.readiness == .ready ? 1 : 0), .text(cause?.code ?? ""), .text(cause?.message ?? ""),
                .integer(report.since.nanoseconds), LedgerRow.text(report.volume?.description),
                .text(report.cloudWord), .text(report.deviceWord), .text(report.exportWord),
            ])
    }

    private func saveDevice(_ detail: AttachmentDetail) throws(SQLiteError) {
        let attachment = SQLiteValue.text(detail.report.attachment.description)
        guard let device = detail.device, let volume = detail.report.volume else {
            try database.run("DELETE FROM device_mappings WHERE attachment = ?", [attachment])
            return
        }
        try database.run(
            "INSERT OR REPLACE INTO device_mappings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                attachment, .text(volume.description), LedgerRow.text(device.serial?.description),
                .text(device.kernelName), .text(device.path), LedgerRow.text(device.byIDLinks.first),
                .text(device.number.description), device.diskSequence.map { .integer(Int64(clamping: $0)) } ?? .null,
                .integer(device.sizeInBytes),
            ])
    }

    private func saveExport(_ detail: AttachmentDetail) throws(SQLiteError) {
        let attachment = SQLiteValue.text(detail.report.attachment.description)
        guard let entry = detail.export, let volume = detail.report.volume else {
            try database.run("DELETE FROM exports WHERE attachment = ?", [attachment])
            return
        }
        var clients = SQLiteValue.null
        if case .known(let count) = entry.clients { clients = .integer(Int64(count)) }
        try database.run(
            "INSERT OR REPLACE INTO exports VALUES (?, ?, ?, ?, ?, ?)",
            [
                attachment, .text(entry.name.text), .text(volume.description), .integer(entry.isReadOnly ? 1 : 0),
                .integer(entry.liveness == .live ? 1 : 0), clients,
            ])
    }

    /// How many events are kept.
    private static let eventLimit: Int64 = 10_000

    public func record(_ events: [EventRecord]) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            try perform { () throws(SQLiteError) in
                for event in events {
                    try database.run(
                        "INSERT INTO events (at, attachment, name, severity, reason, message) VALUES (?, ?, ?, ?, ?, ?)",
                        [
                            .integer(event.at.nanoseconds), LedgerRow.text(event.attachment?.description),
                            .text(event.name), .text(event.severity.rawValue), .text(event.reason),
                            .text(event.message),
                        ])
                }
                try database.run(
                    "DELETE FROM events WHERE line <= (SELECT max(line) FROM events) - ?", [.integer(Self.eventLimit)])
            }
        }
    }

    public func record(_ drifts: [DriftRecord]) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            for record in drifts {
                try perform { () throws(SQLiteError) in
                    _ = try database.run(
                        """
                        INSERT INTO drifts (attachment, name, world, kind, wanted, observed, seen_at, ended_at, repaired_by)
                        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                        ON CONFLICT (attachment, world, kind, seen_at) DO UPDATE SET wanted = excluded.wanted,
                            observed = excluded.observed, ended_at = excluded.ended_at, repaired_by = excluded.repaired_by
                        """,
                        [
                            .text(record.attachment.description), .text(record.name),
                            .text(record.drift.world.rawValue), .text(record.drift.kind.rawValue),
                            .text(record.drift.wanted), .text(record.drift.observed),
                            .integer(record.seenAt.nanoseconds),
                            record.endedAt.map { .integer($0.nanoseconds) } ?? .null,
                            .text(record.repairedBy),
                        ])
                }
            }
        }
    }

    public func openDrifts() throws(StoreError) -> [DriftRecord] {
        try drifts("ended_at IS NULL", [], limit: 1_000_000)
    }

    // MARK: What people read

    private static let driftColumns =
        "attachment, name, world, kind, wanted, observed, seen_at, ended_at, repaired_by"

    private func drifts(
        _ condition: String, _ values: [SQLiteValue], limit: Int
    ) throws(StoreError) -> [DriftRecord] {
        let rows = try perform { () throws(SQLiteError) in
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

    public func driftHistory(since: Instant?, limit: Int) throws(StoreError) -> [DriftRecord] {
        try drifts(
            "ended_at IS NULL OR ended_at >= ?", [.integer(since?.nanoseconds ?? .min)], limit: limit)
    }

    public func events(of attachment: AttachmentID?, limit: Int) throws(StoreError) -> [EventRecord] {
        let rows = try perform { () throws(SQLiteError) in
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

    public func operations(of attachment: AttachmentID?, limit: Int) throws(StoreError) -> [OperationRecord] {
        let lines = try perform { () throws(SQLiteError) in
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
}
