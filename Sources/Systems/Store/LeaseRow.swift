import Reconciliation
import SQL
import VolumeModel

/// The row of `node_leases` that says which daemon may act for a node.
///
/// It changes by compare-and-set alone: one statement by itself, which names what it was read to be, and counts when one row
/// was changed *and* that was told.
enum LeaseRow {
    static func read(of node: String, in database: any SQLConnection) throws(SQLError) -> LeaseRecord? {
        let row = try database.run(
            "SELECT epoch, nonce, beat, holder, lifetime, released FROM node_leases WHERE node = ?", [.text(node)]
        ).first
        guard let row, let epoch = row[0].integer, let nonce = row[1].text.flatMap({ UUIDValue($0) }),
            let beat = row[2].integer, let lifetime = row[4].integer
        else { return nil }
        return LeaseRecord(
            token: LeaseToken(epoch: epoch, nonce: nonce), beat: beat, holder: row[3].text ?? "",
            lifetime: .nanoseconds(lifetime), isReleased: row[5].integer == 1)
    }

    /// - Returns: whether it was put there.
    static func put(
        _ record: LeaseRecord, replacing seen: LeaseRecord?, of node: String, in database: any SQLConnection,
        _ engine: any StoreEngine
    ) throws(SQLError) -> Bool {
        let values: [SQLValue] = [
            .integer(record.token.epoch), .text(record.token.nonce.description), .text(record.holder),
            .integer(record.beat), .integer(record.lifetime.wholeNanoseconds),
            .integer(record.isReleased ? 1 : 0),
        ]
        if let seen {
            try database.run(
                """
                UPDATE node_leases SET epoch = ?, nonce = ?, holder = ?, beat = ?, lifetime = ?, released = ?,
                    taken_at = \(engine.now), renewed_at = \(engine.now)
                WHERE node = ? AND epoch = ? AND nonce = ? AND beat = ?
                """, values + key(seen.token, node) + [.integer(seen.beat)])
            return database.changes == 1
        }
        do throws(SQLError) {
            try database.run(
                """
                INSERT INTO node_leases (epoch, nonce, holder, beat, lifetime, released, taken_at, renewed_at, node)
                VALUES (?, ?, ?, ?, ?, ?, \(engine.now), \(engine.now), ?)
                """, values + [.text(node)])
            return true
        } catch {
            // Somebody was faster.
            guard error.kind == .constraint else { throw error }
            return false
        }
    }

    /// - Returns: whether it is still that of the token.
    static func renew(
        _ token: LeaseToken, of node: String, in database: any SQLConnection, _ engine: any StoreEngine
    ) throws(SQLError) -> Bool {
        try database.run(
            """
            UPDATE node_leases SET beat = beat + 1, renewed_at = \(engine.now)
            WHERE node = ? AND epoch = ? AND nonce = ? AND released = 0
            """, key(token, node))
        return database.changes == 1
    }

    static func release(_ token: LeaseToken, of node: String, in database: any SQLConnection) throws(SQLError) {
        _ = try database.run(
            "UPDATE node_leases SET released = 1 WHERE node = ? AND epoch = ? AND nonce = ?", key(token, node))
    }

    // MARK: Under the lease

    /// Whether it is that of the token until the transaction ends.
    static func stands(
        _ token: LeaseToken, of node: String, in database: any SQLConnection, _ engine: any StoreEngine
    ) throws(SQLError) -> Bool {
        let rows = try database.run(
            "SELECT 1 FROM node_leases WHERE node = ? AND epoch = ? AND nonce = ?\(engine.lockingRead)",
            key(token, node))
        return !rows.isEmpty
    }

    /// The same, and changes the row: whoever read it before has to read it again before he takes it.
    static func raiseBeat(
        _ token: LeaseToken, of node: String, in database: any SQLConnection, _ engine: any StoreEngine
    ) throws(SQLError) -> Bool {
        try database.run(
            "UPDATE node_leases SET beat = beat + 1, renewed_at = \(engine.now) WHERE node = ? AND epoch = ? AND nonce = ?",
            key(token, node))
        return database.changes == 1
    }

    private static func key(_ token: LeaseToken, _ node: String) -> [SQLValue] {
        [.text(node), .integer(token.epoch), .text(token.nonce.description)]
    }
}
