import Reconciliation
import SQL
import VolumeModel

extension LeaseRow {
    static let subject = "lease in the store"

    /// Who may act for a node, for a person: by the database's clock, since several daemons write the row.
    ///
    /// - Parameter token: under which holding the asker writes, if it asked for one.
    static func finding(
        of node: String, held token: LeaseToken?, in database: any SQLConnection, _ engine: any StoreEngine
    ) throws(SQLError) -> Finding {
        let others = try database.run(
            "SELECT node, holder FROM node_leases WHERE node <> ? AND released = 0 ORDER BY node LIMIT 9", [.text(node)]
        ).map { row in "; node \(row[0].text ?? "?") by \(row[1].text ?? "?")" }.joined()
        let times = try database.run(
            "SELECT \(engine.now) - taken_at, \(engine.now) - renewed_at FROM node_leases WHERE node = ?", [.text(node)]
        )
        guard let record = try read(of: node, in: database), let taken = times.first?[0].integer,
            let renewed = times.first?[1].integer
        else { return Finding(subject, .good, "node \(node) has had none yet\(others)") }
        guard !record.isReleased else {
            return Finding(subject, .good, "node \(node): given back by \(record.holder), free to be taken\(others)")
        }
        let holder = record.token == token ? "this hawserd (\(record.holder))" : record.holder
        let text =
            "node \(node): held by \(holder), taken \(age(taken)) ago, last sign of life \(age(renewed)) ago\(others)"
        guard renewed <= record.lifetime.wholeNanoseconds else {
            return Finding(
                subject, .warning, text,
                remedy: "if that hawserd is gone, nothing: another one for the node takes over by itself")
        }
        return Finding(subject, .good, text)
    }

    private static func age(_ nanoseconds: Int64) -> String {
        let milliseconds = max(0, nanoseconds / 1_000_000)
        if milliseconds < 10_000 { return "\(milliseconds) ms" }
        return milliseconds < 600_000 ? "\(milliseconds / 1_000) s" : "\(milliseconds / 60_000) min"
    }
}
