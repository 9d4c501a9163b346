import Reconciliation
import SQL

/// The tables in a database of MariaDB's, and how they come to be.
///
/// A statement that defines something is committed by itself (mariadb.com/kb/en/sql-statements-that-cause-an-implicit-commit), so
/// that each may be the last one before a crash: all can be run again, by several daemons at once, and the version is
/// written when all of them have been.
///
/// ``StoreSchema`` tells what the tables are for. Constraints have names that say what they want, since the name is what
/// somebody reads whose row is refused.
enum MariaDBSchema {
    /// The moment of a statement, in whole nanoseconds since 1970: not by UNIX_TIMESTAMP, which goes through the time zone of
    /// whoever writes.
    static let now = "(timestampdiff(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', utc_timestamp(6)) * 1000)"

    /// Brings the tables to the present version.
    static func migrate(_ database: any SQLConnection) throws {
        let found = try version(database)
        if found > StoreSchema.version {
            throw StoreError.tooNew(found: found, understood: StoreSchema.version)
        }
        guard found < StoreSchema.version else { return }
        // Several who start at the same time would only wait for each other's locks, table by table. It is a courtesy and no
        // more: other nodes of a cluster know nothing of it, or refuse it.
        _ = try? database.run("SELECT get_lock(concat('hawser ', md5(database())), 60)")
        defer {
            // It ends with the connection at the latest.
            _ = try? database.run("SELECT release_lock(concat('hawser ', md5(database())))")
        }
        let reached = try version(database)
        for step in steps where step.version > reached {
            for statement in step.statements { try define(statement, in: database) }
            try database.run("REPLACE INTO schema_version (version) VALUES (?)", [.integer(Int64(step.version))])
        }
    }

    /// - Returns: 0 for a database in which nothing is.
    private static func version(_ database: any SQLConnection) throws(SQLError) -> Int {
        do throws(SQLError) {
            return Int(try database.run("SELECT max(version) FROM schema_version").first?.first?.integer ?? 0)
        } catch {
            // ER_NO_SUCH_TABLE
            guard error.code == 1146 else { throw error }
            return 0
        }
    }

    private static let versions = """
        CREATE TABLE IF NOT EXISTS schema_version (
            version BIGINT NOT NULL PRIMARY KEY COMMENT 'a version that these tables have reached'
        ) \(options) COMMENT 'which program these tables are of: the greatest counts'
        """

    private static func define(_ statement: String, in database: any SQLConnection) throws {
        do throws(SQLError) { try database.execute(statement) } catch {
            // ER_BINLOG_CREATE_ROUTINE_NEED_SUPER: of a server that keeps a binary log.
            guard error.code == 1419 else { throw error }
            throw StoreError.unavailable(
                "this user may not define triggers while the server keeps a binary log; let somebody "
                    + "SET GLOBAL log_bin_trust_function_creators = 1 until hawserd has started once")
        }
    }

    /// What makes each version from the one before; a step that has once been released is never changed.
    static let steps = [(version: 7, statements: [versions] + seventh)]

    static let options = "ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
}
