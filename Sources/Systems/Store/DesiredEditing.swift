import Planning
import Reconciliation
import SQL
import VolumeModel

/// What people, and followed manifests, want otherwise: carried out within a transaction, by the rules that hold for every
/// source.
struct DesiredEditing {
    let database: any SQLConnection
    let engine: any StoreEngine

    /// Somebody else was faster than this edit: it is tried again as a whole, on what there is by then.
    private static let overtaken = SQLError(
        kind: .lostRace, code: 0, message: "the object was changed meanwhile", statement: "")

    private func row(named name: String) throws(SQLError) -> DesiredRow? {
        try database.run("\(DesiredRow.selection) WHERE name = ?", [.text(name)]).first.map { DesiredRow($0) }
    }

    func apply(
        _ edits: [DesiredEdit], approving approval: RemovalApproval, dryRun: Bool
    ) throws -> [AppliedEdit] {
        var wanted: [String: DesiredRow] = [:]
        var applied: [AppliedEdit] = []
        var writes: [(old: DesiredRow?, new: DesiredRow)] = []
        for edit in edits {
            if wanted[edit.name.text] != nil {
                throw StoreError.conflict("cannot apply '\(edit.name)': it is given twice")
            }
            let old = try row(named: edit.name.text)
            if let old {
                if old.isDeparting, try !canBeTakenBack(old) { throw StoreError.departing(edit.name) }
                if let expected = edit.expectedGeneration, expected != old.generation {
                    throw StoreError.conflict(
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

    /// What stands in the followed directory never approves a removal.
    private static func approval(_ approval: RemovalApproval, of edits: [DesiredEdit]) -> RemovalApproval {
        let isFromDirectory = edits.contains { if case .directory = $0.source { true } else { false } }
        return isFromDirectory ? .none : approval
    }

    /// Whether a deleted object can be taken back by applying it again: nobody has approved its removal, and the brake holds
    /// it, or nothing of it was begun, since it is in use; or it only observes, and nothing that was begun is open: then nobody
    /// goes on with it.
    ///
    /// The row is locked first, and the ledger read as it is by then: a step of its removal and the taking back cannot both be
    /// committed (``LoopWriting/isStill(_:of:_:)``).
    private func canBeTakenBack(_ row: DesiredRow) throws(SQLError) -> Bool {
        let id = SQLValue.text(row.id)
        try database.run("SELECT 1 FROM departing_volume_attachments WHERE id = ?\(engine.exclusiveRead)", [id])
        let found = try database.run(
            """
            SELECT 1 FROM departing_volume_attachments AS o LEFT JOIN status AS s ON s.attachment = o.id
                WHERE o.id = ? AND o.removal_approved = 0 AND (s.reason = ? OR NOT EXISTS (
                    SELECT 1 FROM ledger WHERE ledger.attachment = o.id AND at >= o.departing_since
                        AND (counts_as_removal = 1 OR verb IN ('detach', 'delete'))\(engine.lockingRead))
                OR (o.mode = ? AND NOT EXISTS (
                    SELECT 1 FROM open_intents AS i JOIN ledger AS l ON l.intent = i.intent WHERE l.attachment = o.id\(engine.lockingRead))))
            """, [id, .text(CauseKind.braked.rawValue), .text(ReconcileMode.observe.rawValue)])
        return !found.isEmpty
    }

    private func approveRemoval(of name: ObjectName) throws(SQLError) {
        for table in DesiredReading.Table.allCases {
            try database.run("UPDATE \(table.rawValue) SET removal_approved = 1 WHERE name = ?", [.text(name.text)])
        }
    }

    func approveRemovals(_ generations: [AttachmentID: Int64]) throws {
        for (attachment, generation) in generations.sorted(by: { $0.key < $1.key }) {
            var isFound = false
            for table in DesiredReading.Table.allCases where !isFound {
                try database.run(
                    "UPDATE \(table.rawValue) SET removal_approved = 1 WHERE id = ? AND generation = ?",
                    [.text(attachment.description), .integer(generation)])
                isFound = database.changes > 0
            }
            guard isFound else {
                throw StoreError.conflict(
                    "cannot approve: what is held has changed; 'hawser brake' shows what it is now")
            }
        }
    }

    /// What cannot change in the life of an object, and what is another source's to change.
    private func refuse(_ edit: DesiredEdit, _ new: DesiredRow, replacing old: DesiredRow) throws {
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
    private func refuseDoubleClaims(_ wanted: [String: DesiredRow]) throws {
        for (column, thing) in [("volume_id", "volume"), ("export_name", "export name")] {
            var owners: [String: String] = [:]
            for (name, row) in wanted.sorted(by: { $0.key < $1.key }) {
                guard let claim = row[column].text else { continue }
                var owner = owners[claim]
                if owner == nil, let stored = try self.owner(of: claim, column), wanted[stored] == nil {
                    owner = stored
                }
                if let owner {
                    throw StoreError.conflict("cannot apply '\(name)': \(thing) \(claim) is claimed by '\(owner)'")
                }
                owners[claim] = name
            }
        }
    }

    private func owner(of claim: String, _ column: String) throws(SQLError) -> String? {
        try database.run("SELECT name FROM wanted_volume_attachments WHERE \(column) = ?", [.text(claim)])
            .first?.first?.text
    }

    private func store(_ row: DesiredRow, replacing old: DesiredRow?) throws(SQLError) {
        if let old, !old.isDeparting {
            let assignments = DesiredRow.specColumns.map { "\($0) = ?" }.joined(separator: ", ")
            try database.run(
                "UPDATE desired_volume_attachments SET \(assignments) WHERE id = ? AND generation = ?",
                row.spec + [.text(old.id), .integer(old.generation)])
            guard database.changes == 1 else { throw Self.overtaken }
            return
        }
        var columns = DesiredRow.specColumns
        var values = row.spec
        if let old {
            // It is taken back.
            try database.run("DELETE FROM departing_volume_attachments WHERE id = ?", [.text(old.id)])
            guard database.changes == 1 else { throw Self.overtaken }
            columns += ["id", "generation"]
            values += [.text(old.id), .integer(old.generation + 1)]
        }
        let marks = columns.map { _ in "?" }.joined(separator: ", ")
        try database.run(
            "INSERT INTO desired_volume_attachments (\(columns.joined(separator: ", "))) VALUES (\(marks))", values)
    }

    func delete(
        _ names: [ObjectName], by remover: Remover, approving approval: RemovalApproval, dryRun: Bool
    ) throws -> [AppliedEdit] {
        var applied: [AppliedEdit] = []
        for name in Self.distinct(names) {
            guard let row = try row(named: name.text) else {
                applied.append(AppliedEdit(name: name, change: .notFound, generation: 0, differences: []))
                continue
            }
            if remover != .directory, let file = row.directoryFile, !row.isDeparting {
                throw StoreError.conflict(
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

    private static func distinct(_ names: [ObjectName]) -> [ObjectName] {
        var seen: Set<ObjectName> = []
        return names.filter { seen.insert($0).inserted }
    }

    private func depart(_ row: DesiredRow, by remover: Remover) throws(SQLError) {
        let id = SQLValue.text(row.id)
        if !row.isDeparting {
            try database.run(
                "DELETE FROM desired_volume_attachments WHERE id = ? AND generation = ?",
                [id, .integer(row.generation)])
            guard database.changes == 1 else { throw Self.overtaken }
        }
        if remover == .personRetainingData {
            // What departs goes on by other rules.
            let raised = row.isDeparting ? ", generation = generation + 1, removal_approved = 0" : ""
            try database.run(
                """
                UPDATE departing_volume_attachments SET deletion_policy = 'Retain'\(raised)
                WHERE id = ? AND deletion_policy <> 'Retain'
                """, [id])
        }
    }

    // MARK: Conflicts

    /// See ``StateStore/takeOver(_:as:dryRun:)``.
    func takeOver(_ name: ObjectName, as source: DesiredSource?, dryRun: Bool) throws -> [AppliedEdit] {
        func conflict(_ text: String) -> StoreError { .conflict("cannot take over '\(name)': \(text)") }
        guard let row = try row(named: name.text) else { throw conflict("there is no attachment of that name") }
        if row.isDeparting { throw conflict("it is deleted, and on its way out; apply it again when it is gone") }
        guard let volume = try volume(of: row) else {
            throw conflict("its volume is not known yet; 'hawser status \(name)' says what it waits for")
        }
        var applied: [AppliedEdit] = []
        for other in try claimants(of: volume) where other != name {
            guard let rival = try self.row(named: other.text) else { continue }
            if let file = rival.directoryFile {
                throw conflict("the followed directory keeps '\(other)' in \(file); remove it from that file")
            }
            if !dryRun {
                try depart(rival, by: .personRetainingData)
                try approveRemoval(of: other)
            }
            applied.append(
                AppliedEdit(
                    name: other, change: .deleted, generation: rival.generation + 1, differences: [],
                    isRemoval: true))
        }
        var change = AppliedEdit(name: name, change: .unchanged, generation: row.generation, differences: [])
        if let word = source.map(DesiredRow.word(of:)), row["source"] != .text(word) {
            change = AppliedEdit(
                name: name, change: .configured, generation: row.generation + 1,
                differences: ["source: \(row["source"].text ?? "none") → \(word)"])
            if !dryRun {
                try database.run(
                    "UPDATE desired_volume_attachments SET source = ? WHERE id = ?", [.text(word), .text(row.id)])
            }
        }
        return [change] + applied
    }

    /// The volume that an object means: by its id, or as it was found or made.
    private func volume(of row: DesiredRow) throws(SQLError) -> String? {
        if let volume = row["volume_id"].text { return volume }
        return try database.run("SELECT volume FROM bindings WHERE attachment = ?", [.text(row.id)]).first?.first?.text
    }

    /// Who of those that stay means a volume.
    private func claimants(of volume: String) throws(SQLError) -> [ObjectName] {
        let found = try database.run(
            """
            SELECT name FROM desired_volume_attachments WHERE volume_id = ?
                OR id IN (SELECT attachment FROM bindings WHERE volume = ?) ORDER BY name
            """, [.text(volume), .text(volume)])
        return found.compactMap { $0.first?.text.flatMap { ObjectName($0) } }
    }

    // MARK: What people allow and forbid

    /// - Returns: whether there is an object of this name.
    func suspend(_ name: ObjectName, _ suspension: Suspension?) throws(SQLError) -> Bool {
        guard let row = try row(named: name.text) else { return false }
        let id = SQLValue.text(row.id)
        if let suspension {
            try database.run(
                "REPLACE INTO suspensions (attachment, reason, until) VALUES (?, ?, ?)",
                [id, .text(suspension.reason), suspension.until.map { .integer($0.nanoseconds) } ?? .null])
        } else {
            try database.run("DELETE FROM suspensions WHERE attachment = ?", [id])
        }
        return true
    }

    func protect(_ volume: VolumeID, reason: String?) throws(SQLError) {
        let id = SQLValue.text(volume.description)
        if let reason {
            try database.run("REPLACE INTO protections (volume, reason) VALUES (?, ?)", [id, .text(reason)])
        } else {
            try database.run("DELETE FROM protections WHERE volume = ?", [id])
        }
    }

    func permitInUse(_ attachment: AttachmentID, _ override: InUseOverride) throws(SQLError) {
        try database.run(
            "REPLACE INTO in_use_overrides (attachment, volume, disk_sequence, reason, expires_at) VALUES (?, ?, ?, ?, ?)",
            [
                .text(attachment.description), .text(override.volume.description),
                override.diskSequence.map { .integer(Int64(bitPattern: $0)) } ?? .null, .text(override.reason),
                .integer(override.expiresAt.nanoseconds),
            ])
    }
}
