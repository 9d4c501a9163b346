import ActorThreads
import LinuxCalls
public import Reconciliation
import SQL
import SQLite
public import VolumeModel

/// The embedded store: one SQLite file, one process.
///
/// Every call returns when what it wrote is on the disk (`synchronous=FULL`). Other processes may edit
/// `desired_volume_attachments`; that is noticed within milliseconds (``CommitFollowing``). This actor writes, and its thread
/// waits for the disk; what only reads is read by ``StoreReader``.
public actor SQLiteStore: StateStore {
    private let database: SQLiteConnection
    /// Whatever only reads goes here, and does not wait for the disk behind what is written.
    let reader: StoreReader
    /// Held for as long as the store lives.
    private let lock: FileLock
    private let executor = ThreadExecutor(name: "store")
    let directory: String
    private let changes = ChangeNotice()
    /// Follows the commits of other processes, once somebody wants to know.
    private var follower: Task<Void, Never>?

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
        do throws(SQLError) { database = try SQLiteConnection(path: path, cacheInKibibytes: 1_000) } catch {
            throw .unavailable(error.description)
        }
        try StoreSchema.migrate(database)
        reader = try StoreReader(path: path, changes: changes)
    }

    private func perform<Result>(_ body: () throws(SQLError) -> Result) throws(StoreError) -> Result {
        try database.attempt(body)
    }

    private func inTransaction<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        try database.transaction(body) { .unavailable($0.description) }
    }

    // MARK: Reading

    public nonisolated func desiredState() async throws(StoreError) -> DesiredState { try await reader.desiredState() }

    public nonisolated func desiredDelta(since revision: Int64) async throws(StoreError) -> DesiredDelta {
        if let delta = changes.takeDelta(since: revision) { return delta }
        return try await reader.desiredDelta(since: revision)
    }

    public nonisolated func directoryObjects(
        besides names: Set<ObjectName>
    ) async throws(StoreError) -> [ObjectName] {
        try await reader.directoryObjects(besides: names)
    }

    public nonisolated func bindings() async throws(StoreError) -> [AttachmentID: VolumeID] {
        try await reader.bindings()
    }

    public nonisolated func openLedger() async throws(StoreError) -> [LedgerEntry] { try await reader.openLedger() }

    public nonisolated func openDrifts() async throws(StoreError) -> [DriftRecord] { try await reader.openDrifts() }

    public nonisolated func savedStatuses() async throws(StoreError) -> [SavedStatus] {
        try await reader.savedStatuses()
    }

    public nonisolated func events(of attachment: AttachmentID?, limit: Int) async throws(StoreError) -> [EventRecord] {
        try await reader.events(of: attachment, limit: limit)
    }

    public nonisolated func driftHistory(since: Instant?, limit: Int) async throws(StoreError) -> [DriftRecord] {
        try await reader.driftHistory(since: since, limit: limit)
    }

    public nonisolated func operations(
        of attachment: AttachmentID?, limit: Int
    ) async throws(StoreError) -> [OperationRecord] {
        try await reader.operations(of: attachment, limit: limit)
    }

    public func desiredChanges() -> AsyncStream<Void> {
        if follower == nil {
            follower = Task { [reader, directory] in await reader.followCommits(in: directory) }
        }
        return changes.stream()
    }

    deinit {
        follower?.cancel()
        changes.finish()
    }

    // MARK: Desired state

    private func row(named name: String) throws(StoreError) -> DesiredRow? {
        try perform { () throws(SQLError) in
            try database.run("\(DesiredRow.selection) WHERE name = ?", [.text(name)]).first.map { DesiredRow($0) }
        }
    }

    public func apply(
        _ edits: [DesiredEdit], approving approval: RemovalApproval, dryRun: Bool
    ) throws(StoreError) -> [AppliedEdit] {
        let applied = try inTransaction { () throws(StoreError) in
            var wanted: [String: DesiredRow] = [:]
            var applied: [AppliedEdit] = []
            var writes: [(old: DesiredRow?, new: DesiredRow)] = []
            for edit in edits {
                if wanted[edit.name.text] != nil { throw .conflict("cannot apply '\(edit.name)': it is given twice") }
                let old = try row(named: edit.name.text)
                if let old {
                    if old.isDeparting, try !canBeTakenBack(old) { throw .departing(edit.name) }
                    if let expected = edit.expectedGeneration, expected != old.generation {
                        throw .conflict(
                            "cannot change '\(edit.name)': it is at generation \(old.generation), not \(expected); read it again"
                        )
                    }
                }
                let new = DesiredRow(id: old?.id ?? "", edit: edit)
                if let old { try refuse(edit, new, replacing: old) }
                var differences = old?.differences(to: new) ?? []
                if old?.isDeparting == true { differences.append("departing: 1 → 0") }
                wanted[edit.name.text] = new
                if let old, differences.isEmpty {
                    applied.append(
                        AppliedEdit(name: edit.name, change: .unchanged, generation: old.generation, differences: []))
                } else {
                    writes.append((old, new))
                    applied.append(
                        AppliedEdit(
                            name: edit.name, change: old == nil ? .created : .configured,
                            generation: (old?.generation ?? 0) + 1, differences: differences,
                            isRemoval: old?.isDeparting == false && old?.isRemoval(for: new) == true))
                }
            }
            try refuseDoubleClaims(wanted)
            let isApproved = try Self.approval(approval, of: edits).covers(
                applied.filter(\.isRemoval).count, of: edits.count)
            guard !dryRun else { return applied }
            for write in writes { try store(write.new, replacing: write.old) }
            if isApproved { for edit in applied where edit.isRemoval { try approveRemoval(of: edit.name) } }
            return applied
        }
        if !dryRun, applied.contains(where: { $0.change != .unchanged }) { changes.announce() }
        return applied
    }

    /// What stands in the followed directory never approves a removal.
    private static func approval(_ approval: RemovalApproval, of edits: [DesiredEdit]) -> RemovalApproval {
        let isFromDirectory = edits.contains { if case .directory = $0.source { true } else { false } }
        return isFromDirectory ? .none : approval
    }

    /// Whether a deleted object can be taken back by applying it again: nobody has approved its removal, and the brake holds
    /// it, or nothing of it was begun, since it is in use.
    private func canBeTakenBack(_ row: DesiredRow) throws(StoreError) -> Bool {
        try perform { () throws(SQLError) in
            let found = try database.run(
                """
                SELECT 1 FROM desired_volume_attachments AS o LEFT JOIN status AS s ON s.attachment = o.id
                    WHERE o.id = ? AND o.removal_approved = 0 AND (s.reason = ? OR NOT EXISTS (
                        SELECT 1 FROM ledger WHERE ledger.attachment = o.id AND counts_as_removal = 1
                            AND at >= o.departing_since))
                """, [.text(row.id), .text(CauseKind.braked.rawValue)])
            return !found.isEmpty
        }
    }

    private func approveRemoval(of name: ObjectName) throws(StoreError) {
        _ = try perform { () throws(SQLError) in
            try database.run(
                "UPDATE desired_volume_attachments SET removal_approved = 1 WHERE name = ?", [.text(name.text)])
        }
    }

    public func approveRemovals(_ generations: [AttachmentID: Int64]) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            for (attachment, generation) in generations.sorted(by: { $0.key < $1.key }) {
                let changed = try perform { () throws(SQLError) in
                    try database.run(
                        """
                        UPDATE desired_volume_attachments SET removal_approved = 1 WHERE id = ? AND generation = ?
                            RETURNING id
                        """, [.text(attachment.description), .integer(generation)])
                }
                guard !changed.isEmpty else {
                    throw .conflict("cannot approve: what is held has changed; 'hawser brake' shows what it is now")
                }
            }
        }
        changes.announce()
    }

    public nonisolated func countedRemovals(
        since: Instant
    ) async throws(StoreError) -> [AttachmentID: Instant] { try await reader.countedRemovals(since: since) }

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

    /// - Parameter wanted: the objects that are applied, by their names. What they will be counts, not what they are.
    private func refuseDoubleClaims(_ wanted: [String: DesiredRow]) throws(StoreError) {
        for (column, thing) in [("volume_id", "volume"), ("export_name", "export name")] {
            var owners: [String: String] = [:]
            for (name, row) in wanted.sorted(by: { $0.key < $1.key }) {
                guard let claim = row[column].text else { continue }
                var owner = owners[claim]
                if owner == nil, let stored = try self.owner(of: claim, column), wanted[stored] == nil {
                    owner = stored
                }
                if let owner {
                    throw .conflict("cannot apply '\(name)': \(thing) \(claim) is claimed by '\(owner)'")
                }
                owners[claim] = name
            }
        }
    }

    private func owner(of claim: String, _ column: String) throws(StoreError) -> String? {
        try perform { () throws(SQLError) in
            try database.run("SELECT name FROM desired_volume_attachments WHERE \(column) = ?", [.text(claim)])
                .first?.first?.text
        }
    }

    private func store(_ row: DesiredRow, replacing old: DesiredRow?) throws(StoreError) {
        try perform { () throws(SQLError) in
            if let old {
                let assignments = (DesiredRow.specColumns.map { "\($0) = ?" } + ["departing = 0"]).joined(
                    separator: ", ")
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
        _ names: [ObjectName], by remover: Remover, approving approval: RemovalApproval, dryRun: Bool
    ) throws(StoreError) -> [AppliedEdit] {
        let applied = try inTransaction { () throws(StoreError) in
            var applied: [AppliedEdit] = []
            for name in Self.distinct(names) {
                guard let row = try row(named: name.text) else {
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
                        differences: [], isRemoval: true))
            }
            let removals = applied.filter(\.isRemoval)
            let isApproved = try (remover == .directory ? RemovalApproval.none : approval).covers(
                removals.count, of: applied.count)
            if isApproved, !dryRun { for removal in removals { try approveRemoval(of: removal.name) } }
            return applied
        }
        if !dryRun { changes.announce() }
        return applied
    }

    private static func distinct(_ names: [ObjectName]) -> [ObjectName] {
        var seen: Set<ObjectName> = []
        return names.filter { seen.insert($0).inserted }
    }

    private func depart(_ row: DesiredRow, by remover: Remover) throws(StoreError) {
        try perform { () throws(SQLError) in
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

    public func suspend(_ name: ObjectName, _ suspension: Suspension?) throws(StoreError) -> Bool {
        let isFound = try inTransaction { () throws(StoreError) in
            guard let row = try row(named: name.text) else { return false }
            try perform { () throws(SQLError) in
                let id = SQLValue.text(row.id)
                if let suspension {
                    try database.run(
                        "INSERT OR REPLACE INTO suspensions VALUES (?, ?, ?)",
                        [id, .text(suspension.reason), suspension.until.map { .integer($0.nanoseconds) } ?? .null])
                } else {
                    try database.run("DELETE FROM suspensions WHERE attachment = ?", [id])
                }
            }
            return true
        }
        changes.announce()
        return isFound
    }

    public func protect(_ volume: VolumeID, reason: String?) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            try perform { () throws(SQLError) in
                let id = SQLValue.text(volume.description)
                if let reason {
                    try database.run("INSERT OR REPLACE INTO protections VALUES (?, ?)", [id, .text(reason)])
                } else {
                    try database.run("DELETE FROM protections WHERE volume = ?", [id])
                }
            }
        }
        changes.announce()
    }

    public func permitInUse(_ attachment: AttachmentID, _ override: InUseOverride) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            try perform { () throws(SQLError) in
                let id = SQLValue.text(attachment.description)
                try database.run(
                    "INSERT OR REPLACE INTO in_use_overrides VALUES (?, ?, ?, ?, ?)",
                    [
                        id, .text(override.volume.description),
                        override.diskSequence.map { .integer(Int64(bitPattern: $0)) } ?? .null,
                        .text(override.reason), .integer(override.expiresAt.nanoseconds),
                    ])
            }
        }
        changes.announce()
    }

    public func consumeOverride(of attachment: AttachmentID) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            try perform { () throws(SQLError) in
                let id = SQLValue.text(attachment.description)
                try database.run("DELETE FROM in_use_overrides WHERE attachment = ?", [id])
            }
        }
        changes.announce()
    }

    public func forget(_ attachment: AttachmentID) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            try perform { () throws(SQLError) in
                let id = [SQLValue.text(attachment.description)]
                // One that was taken back meanwhile keeps all that stands beside it.
                let wanted = "SELECT 1 FROM desired_volume_attachments WHERE id = ? AND departing = 0"
                guard try database.run(wanted, id).isEmpty else { return }
                try database.run("DELETE FROM desired_volume_attachments WHERE id = ?", id)
                try database.run("DELETE FROM bindings WHERE attachment = ?", id)
                for table in ["status", "device_mappings", "exports", "suspensions", "in_use_overrides"] {
                    try database.run("DELETE FROM \(table) WHERE attachment = ?", id)
                }
                try closeCreation(of: id[0])
            }
        }
        changes.announce()
    }

    // MARK: What the loop writes

    public func bind(_ attachment: AttachmentID, to volume: VolumeID) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            try perform { () throws(SQLError) in
                let id = SQLValue.text(attachment.description)
                try database.run("INSERT OR REPLACE INTO bindings VALUES (?, ?)", [id, .text(volume.description)])
                try closeCreation(of: id)
            }
        }
    }

    private func closeCreation(of attachment: SQLValue) throws(SQLError) {
        _ = try database.run(
            "DELETE FROM open_intents WHERE intent IN (SELECT intent FROM ledger WHERE attachment = ? AND verb = 'create')",
            [attachment])
    }

    public func append(_ entry: LedgerEntry) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            try perform { () throws(SQLError) in
                try database.run(
                    "INSERT INTO ledger (\(LedgerRow.columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    LedgerRow.values(entry))
                let intent = [SQLValue.text(entry.intent.description)]
                if entry.closesIntent {
                    try database.run("DELETE FROM open_intents WHERE intent = ?", intent)
                } else {
                    try database.run("INSERT OR IGNORE INTO open_intents VALUES (?)", intent)
                }
            }
        }
    }

    public func save(_ details: [AttachmentDetail]) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            try perform { () throws(SQLError) in
                for detail in details {
                    try saveStatus(detail)
                    try saveDevice(detail)
                    try saveExport(detail)
                }
            }
        }
    }

    private func saveStatus(_ detail: AttachmentDetail) throws(SQLError) {
        let report = detail.report
        if report.readiness == .ready {
            // What was approved is done; what is taken away from now on is something else (BRAKE).
            try database.run(
                "UPDATE desired_volume_attachments SET removal_approved = 0 WHERE id = ? AND removal_approved = 1 "
                    + "AND departing = 0 AND generation = ?",
                [.text(report.attachment.description), .integer(report.generation)])
        }
        var cause: Cause?
        if case .notReady(let found) = report.readiness { cause = found }
        let contest = detail.contest
        try database.run(
            "INSERT OR REPLACE INTO status VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                .text(report.attachment.description), .text(report.name), .integer(report.generation),
                .integer(report.readiness == .ready ? 1 : 0), .text(cause?.code ?? ""), .text(cause?.message ?? ""),
                .integer(report.since.nanoseconds), LedgerRow.text(report.volume?.description),
                .text(report.cloudWord), .text(report.deviceWord), .text(report.exportWord),
                .integer(Int64(bitPattern: detail.fingerprint)), LedgerRow.text(contest?.machine.description),
                contest.map { .integer($0.stoodSince.nanoseconds) } ?? .null,
                contest?.undoneAt.map { .integer($0.nanoseconds) } ?? .null,
                contest.map { .integer(Int64($0.times)) } ?? .null,
            ])
    }

    private func saveDevice(_ detail: AttachmentDetail) throws(SQLError) {
        guard detail.isDeviceKnown else { return }
        let attachment = SQLValue.text(detail.report.attachment.description)
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

    private func saveExport(_ detail: AttachmentDetail) throws(SQLError) {
        let attachment = SQLValue.text(detail.report.attachment.description)
        guard let entry = detail.export, let volume = detail.report.volume else {
            try database.run("DELETE FROM exports WHERE attachment = ?", [attachment])
            return
        }
        var clients = SQLValue.null
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
            try perform { () throws(SQLError) in
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
                try perform { () throws(SQLError) in
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
}
