import Reconciliation
import SQL
import VolumeModel

/// What the loop wrote, as it reads it at a start, and as people read it.
extension StoreReader {
    // MARK: What the loop wrote

    func bindings() throws(StoreError) -> [AttachmentID: VolumeID] {
        try perform { database in
            var bindings: [AttachmentID: VolumeID] = [:]
            try database.forEachRow("SELECT attachment, volume FROM bindings") { row in
                guard let attachment = row.uuid(0), let volume = row.uuid(1) else { return }
                bindings[AttachmentID(attachment)] = VolumeID(volume)
            }
            return bindings
        }
    }

    func savedStatuses() throws(StoreError) -> [SavedStatus] {
        try perform { database in
            var statuses: [SavedStatus] = []
            try database.forEachRow(
                """
                SELECT s.attachment, ready, reason, since, fingerprint, serial, device_number, disk_sequence, size_in_bytes,
                    generation, contest_machine, contest_stood_since, contest_undone_at, contest_times,
                    s.volume
                FROM status s LEFT JOIN observed_devices d ON d.attachment = s.attachment
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
        try perform { database in
            try database.run(
                "SELECT \(LedgerRow.columns) FROM ledger WHERE intent IN (SELECT intent FROM open_intents) ORDER BY line"
            )
        }.compactMap { LedgerRow.entry($0) }
    }

    func countedRemovals(since: Instant) throws(StoreError) -> [AttachmentID: Instant] {
        try perform { database in
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
        let rows = try perform { database in
            try database.run(
                "SELECT \(Self.driftColumns) FROM recorded_drifts WHERE \(condition) ORDER BY seen_at DESC LIMIT ?",
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

    private static func only(_ attachment: AttachmentID?) -> (condition: String, values: [SQLValue]) {
        attachment.map { ("WHERE attachment = ?", [.text($0.description)]) } ?? ("", [])
    }

    func events(of attachment: AttachmentID?, limit: Int) throws(StoreError) -> [EventRecord] {
        let (condition, values) = Self.only(attachment)
        let rows = try perform { database in
            try database.run(
                """
                SELECT at, attachment, name, severity, reason, message FROM recorded_events \(condition)
                ORDER BY line DESC LIMIT ?
                """, values + [.integer(Int64(limit))])
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
        let (condition, values) = Self.only(attachment)
        let columns = LedgerRow.columnNames.map { "l.\($0)" }.joined(separator: ", ")
        let lines = try perform { database in
            try database.run(
                """
                SELECT \(columns) FROM (SELECT intent, max(line) AS last FROM ledger \(condition)
                    GROUP BY intent ORDER BY last DESC LIMIT ?) AS i JOIN ledger AS l ON l.intent = i.intent
                ORDER BY l.line
                """, values + [.integer(Int64(limit))])
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
