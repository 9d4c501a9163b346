/// What people read: views, in every database alike, in which times are times and nothing can be written.
///
/// They say no more than the tables do, by which Hawser goes on; a view may get further columns, and keeps those that it has.
struct StoreViews {
    /// The name of a view, and the SELECT that it stands for.
    typealias View = (name: String, selection: String)

    /// A whole number of nanoseconds since 1970 as a time in UTC, to the millisecond, in the words of the database.
    let time: (String) -> String

    var all: [View] {
        [
            ("volume_attachment_status", status),
            (
                "drift",
                """
                SELECT name, world, kind, wanted, observed, \(time("seen_at")) AS seen_at, \(time("ended_at")) AS ended_at,
                    repaired_by, attachment AS id FROM recorded_drifts
                """
            ),
            (
                "events",
                """
                SELECT \(time("at")) AS at, name, severity, reason, message, attachment AS id, line FROM recorded_events
                """
            ),
        ]
    }

    // MARK: Status

    private var status: String {
        [
            status(of: "desired_volume_attachments", isDeparting: false),
            status(of: "departing_volume_attachments", isDeparting: true),
        ].joined(separator: "\nUNION ALL\n")
    }

    /// What was said of an earlier generation does not hold of this one.
    private static let isSaid = "s.generation = w.generation"

    private func status(of table: String, isDeparting: Bool) -> String {
        let phases =
            [
                ("s.attachment IS NULL OR NOT (\(Self.isSaid))", isDeparting ? "Departing" : "Pending"),
                ("s.ready = 1", isDeparting ? "Departing" : "Ready"), ("s.mover = 'person'", "Blocked"),
            ] + (isDeparting ? [] : [("s.mover = 'hawser'", "Working")])
        let phase = phases.map { "WHEN \($0) THEN '\($1)'" }.joined(separator: " ")
        func said(_ column: String, otherwise words: String) -> String {
            "CASE WHEN \(Self.isSaid) THEN \(column) ELSE '\(words)' END AS \(column.dropFirst(2))"
        }
        let begun = isDeparting ? "w.departing_since" : "w.updated_at"
        return """
            SELECT w.name AS name, coalesce(s.volume, w.volume_id) AS volume_id, w.vm AS vm,
                CASE \(phase) ELSE '\(isDeparting ? "Departing" : "Waiting")' END AS phase,
                \(said("s.reason", otherwise: "NotSeenYet")),
                \(said("s.message", otherwise: "hawserd has not looked at it as it is now")),
                \(said("s.next", otherwise: "hawserd looks at it")),
                \(said("s.mover", otherwise: "hawser")),
                \(time("CASE WHEN \(Self.isSaid) THEN s.since ELSE \(begun) END")) AS since,
                w.generation AS generation, w.id AS id
            FROM \(table) AS w LEFT JOIN status AS s ON s.attachment = w.id
            """
    }
}
