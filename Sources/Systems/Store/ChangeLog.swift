import SQL

/// The table `desired_changes`.
enum ChangeLog {
    private static let kept: Int64 = 100_000
    private static let keptFor: Int64 = 3_600_000_000_000
    /// So many are taken out with one transaction.
    private static let step: Int64 = 10_000

    /// Takes out some of the oldest lines that nobody needs any more.
    ///
    /// - Parameter now: the database's words for the time.
    /// - Returns: whether there may be more.
    static func trim(_ database: any SQLConnection, now: String) throws(SQLError) -> Bool {
        func number(_ sql: String, _ values: [SQLValue] = []) throws(SQLError) -> Int64? {
            try database.run(sql, values).first?.first?.integer
        }
        guard let oldest = try number("SELECT min(revision) FROM desired_changes"),
            let newest = try number("SELECT max(revision) FROM desired_changes"), newest - kept >= oldest
        else { return false }
        let aim = min(oldest + step, newest - kept + 1)
        // The first that stays exists: whoever has seen it has missed nothing.
        guard
            let first = try number(
                "SELECT revision FROM desired_changes WHERE revision >= ? ORDER BY revision LIMIT 1", [.integer(aim)]),
            try number(
                "SELECT 1 FROM desired_changes WHERE revision = ? AND at < \(now) - \(keptFor)", [.integer(first)])
                != nil
        else { return false }
        try database.run("DELETE FROM desired_changes WHERE revision < ?", [.integer(first)])
        return aim <= newest - kept
    }
}
