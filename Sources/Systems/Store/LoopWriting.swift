import Reconciliation
import SQL
import VolumeModel

/// What the loop writes, within a transaction. Each may come twice, when the answer to the first was lost: the second changes
/// nothing.
struct LoopWriting {
    let database: any SQLConnection

    func consumeOverride(of attachment: AttachmentID) throws(SQLError) {
        try database.run("DELETE FROM in_use_overrides WHERE attachment = ?", [.text(attachment.description)])
    }

    func forget(_ attachment: AttachmentID) throws(SQLError) {
        let id = [SQLValue.text(attachment.description)]
        // First: it waits for whoever takes the object back at this moment. One that was taken back keeps all that stands
        // beside it.
        try database.run("DELETE FROM departing_volume_attachments WHERE id = ?", id)
        guard try database.run("SELECT 1 FROM desired_volume_attachments WHERE id = ?", id).isEmpty else { return }
        for table in ["bindings", "status", "observed_devices", "observed_exports", "suspensions", "in_use_overrides"] {
            try database.run("DELETE FROM \(table) WHERE attachment = ?", id)
        }
        try closeCreation(of: id[0])
    }

    func bind(_ attachment: AttachmentID, to volume: VolumeID) throws(SQLError) {
        let id = SQLValue.text(attachment.description)
        try database.run(
            "REPLACE INTO bindings (attachment, volume) VALUES (?, ?)", [id, .text(volume.description)])
        try closeCreation(of: id)
    }

    private func closeCreation(of attachment: SQLValue) throws(SQLError) {
        try database.run(
            "DELETE FROM open_intents WHERE intent IN (SELECT intent FROM ledger WHERE attachment = ? AND verb = 'create')",
            [attachment])
    }

    // MARK: Ledger

    private static let appending = """
        INSERT INTO ledger (\(LedgerRow.columns))
        VALUES (\(LedgerRow.columnNames.map { _ in "?" }.joined(separator: ", ")))
        """

    /// - Returns: whether the object is still of that generation. One that departs is not taken back until the transaction
    ///   ends: who does that looks at what was begun of its removal. One that is wanted may be changed at any time, which looks at
    ///   nothing of that, and whose writer is not waited for.
    func isStill(
        _ attachment: AttachmentID, of generation: Int64, _ engine: any StoreEngine
    ) throws(SQLError) -> Bool {
        for table in DesiredReading.Table.allCases {
            let lock = table == .departing ? engine.lockingRead : ""
            let found = try database.run(
                "SELECT generation FROM \(table.rawValue) WHERE id = ?\(lock)", [.text(attachment.description)])
            if let found = found.first?.first { return found.integer == generation }
        }
        return false
    }

    func append(_ entry: LedgerEntry) throws(SQLError) {
        let values = LedgerRow.values(entry)
        let isThere = try !database.run(
            "SELECT 1 FROM ledger WHERE intent = ? AND phase = ? AND at = ?",
            LedgerRow.identity(of: values)
        ).isEmpty
        if !isThere { try database.run(Self.appending, values) }
        let intent = [SQLValue.text(entry.intent.description)]
        if entry.closesIntent {
            try database.run("DELETE FROM open_intents WHERE intent = ?", intent)
        } else {
            try database.run("REPLACE INTO open_intents (intent) VALUES (?)", intent)
        }
    }

    // MARK: Status

    func save(_ details: [AttachmentDetail]) throws(SQLError) {
        for detail in details {
            try saveStatus(detail)
            try saveDevice(detail)
            try saveExport(detail)
        }
    }

    private func saveStatus(_ detail: AttachmentDetail) throws(SQLError) {
        let report = detail.report
        let id = SQLValue.text(report.attachment.description)
        if report.readiness == .ready {
            // What was approved is done; what is taken away from now on is something else (BRAKE). It is read first, because
            // somebody may hold the row locked for long, and there is hardly ever anything to do.
            let approved = "FROM desired_volume_attachments WHERE id = ? AND removal_approved = 1 AND generation = ?"
            let generation = SQLValue.integer(report.generation)
            if try !database.run("SELECT 1 \(approved)", [id, generation]).isEmpty {
                try database.run(
                    """
                    UPDATE desired_volume_attachments SET removal_approved = 0
                    WHERE id = ? AND removal_approved = 1 AND generation = ?
                    """, [id, generation])
            }
        }
        var cause: Cause?
        if case .notReady(let found) = report.readiness { cause = found }
        let contest = detail.contest
        try database.run(
            """
            REPLACE INTO status (attachment, name, generation, ready, reason, message, since, volume, cloudstack, device,
                export, fingerprint, contest_machine, contest_stood_since, contest_undone_at, contest_times, mover, next)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                id, .text(report.name), .integer(report.generation), .integer(report.readiness == .ready ? 1 : 0),
                .text(cause?.code ?? ""), .text(cause?.message ?? ""), .integer(report.since.nanoseconds),
                LedgerRow.text(report.volume?.description), .text(report.cloudWord), .text(report.deviceWord),
                .text(report.exportWord), .integer(Int64(bitPattern: detail.fingerprint)),
                LedgerRow.text(contest?.machine.description),
                contest.map { .integer($0.stoodSince.nanoseconds) } ?? .null,
                contest?.undoneAt.map { .integer($0.nanoseconds) } ?? .null,
                contest.map { .integer(Int64($0.times)) } ?? .null, .text(cause?.mover.rawValue ?? ""),
                // What follows from the cause, and not what the next look is for: it is not written again for each look.
                .text(cause?.next ?? ""),
            ])
    }

    private func saveDevice(_ detail: AttachmentDetail) throws(SQLError) {
        guard detail.isDeviceKnown else { return }
        let attachment = SQLValue.text(detail.report.attachment.description)
        guard let device = detail.device, let volume = detail.report.volume else {
            try database.run("DELETE FROM observed_devices WHERE attachment = ?", [attachment])
            return
        }
        try database.run(
            """
            REPLACE INTO observed_devices (attachment, volume, serial, kernel_name, path, by_id_link, device_number,
                disk_sequence, size_in_bytes)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
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
            try database.run("DELETE FROM observed_exports WHERE attachment = ?", [attachment])
            return
        }
        var clients = SQLValue.null
        if case .known(let count) = entry.clients { clients = .integer(Int64(count)) }
        try database.run(
            """
            REPLACE INTO observed_exports (attachment, name, volume, read_only, live, clients)
            VALUES (?, ?, ?, ?, ?, ?)
            """,
            [
                attachment, .text(entry.name.text), .text(volume.description), .integer(entry.isReadOnly ? 1 : 0),
                .integer(entry.liveness == .live ? 1 : 0), clients,
            ])
    }

    // MARK: History

    /// How many events are kept.
    private static let eventLimit: Int64 = 10_000

    func record(_ events: [EventRecord]) throws(SQLError) {
        for event in events {
            let values: [SQLValue] = [
                .integer(event.at.nanoseconds), LedgerRow.text(event.attachment?.description), .text(event.name),
                .text(event.severity.rawValue), .text(event.reason), .text(event.message),
            ]
            // A pass over all has one time: by that alone each would be compared with all others.
            let others = try database.run(
                """
                SELECT at, attachment, name, severity, reason, message FROM recorded_events WHERE at = ? AND name = ?
                """, [values[0], values[2]])
            guard !others.contains(values) else { continue }
            try database.run(
                """
                INSERT INTO recorded_events (at, attachment, name, severity, reason, message)
                VALUES (?, ?, ?, ?, ?, ?)
                """, values)
        }
        guard let newest = try database.run("SELECT max(line) FROM recorded_events").first?.first?.integer else {
            return
        }
        try database.run("DELETE FROM recorded_events WHERE line <= ?", [.integer(newest - Self.eventLimit)])
    }

    func record(_ drifts: [DriftRecord]) throws(SQLError) {
        for record in drifts {
            try database.run(
                """
                REPLACE INTO recorded_drifts (attachment, name, world, kind, wanted, observed, seen_at, ended_at,
                    repaired_by)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    .text(record.attachment.description), .text(record.name), .text(record.drift.world.rawValue),
                    .text(record.drift.kind.rawValue), .text(record.drift.wanted), .text(record.drift.observed),
                    .integer(record.seenAt.nanoseconds), record.endedAt.map { .integer($0.nanoseconds) } ?? .null,
                    .text(record.repairedBy),
                ])
        }
    }
}
