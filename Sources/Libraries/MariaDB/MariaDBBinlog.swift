import ActorThreads
import CMariaDB
import Glibc
public import SQL

/// A table of a server.
public struct MariaDBTable: Sendable, Hashable, CustomStringConvertible {
    public var database: String
    public var name: String

    public init(database: String, name: String) {
        self.database = database
        self.name = name
    }

    public var description: String { "\(database).\(name)" }
}

/// Follows a server's binary log as a replica does, and tells which tables committed transactions changed: microseconds after
/// the commit, whoever made it.
///
/// It is a hint and no source of facts: what it says is to be read again with a connection, and everything is read again when
/// it is opened, because of what happened before, and when it ended. Its owner opens another then.
///
/// ``next()`` blocks: let an actor with a thread of its own hold it. Any thread may interrupt it (``interrupter``).
///
/// The server must keep a log (`log_bin`) in the format ROW, and the user has the rights REPLICATION SLAVE and BINLOG
/// MONITOR (mariadb.com/kb/en/grant).
public final class MariaDBBinlog {
    /// What happened.
    public enum News: Sendable, Equatable {
        /// A transaction that changed rows of these tables was committed.
        case committed(Set<MariaDBTable>)
        /// A statement that is logged as such was carried out, like TRUNCATE or ALTER TABLE: any table may have changed.
        case statement
        /// Nothing more comes.
        case ended(Ending)
    }

    /// Why nothing more comes.
    public enum Ending: Sendable, Equatable {
        /// Somebody called ``Interrupter/interrupt()``.
        case interrupted
        /// The server, the line to it, or the log is gone. It may be there again later.
        case lost(SQLError)
    }

    /// What came of ``open(_:serverID:silence:_:)``.
    public enum Opening {
        case following(MariaDBBinlog)
        /// It cannot be followed until somebody changes the server's settings or the user's rights. The reason says which, in
        /// words for a person.
        case unusable(String)
        /// No connection was to be had now.
        case disconnected(SQLError)
    }

    /// Ends a wait, from any thread.
    ///
    /// It owns a descriptor of its own of the connection's socket, so that it can shut the connection down at any time, also
    /// while or after that is closed.
    public final class Interrupter: Sendable {
        private let descriptor: Int32
        private let flag = Lock(false)

        fileprivate init(_ server: ServerHandle) {
            descriptor = fcntl(mysql_get_socket(server.pointer), F_DUPFD_CLOEXEC, 0)
        }

        deinit {
            if descriptor >= 0 { close(descriptor) }
        }

        /// Has ``MariaDBBinlog/next()`` return `.ended(.interrupted)`, now if it waits, and for ever.
        public func interrupt() {
            flag.withLock { $0 = true }
            if descriptor >= 0 { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }

        fileprivate var wasCalled: Bool { flag.withLock { $0 } }
    }

    public let interrupter: Interrupter
    private let server: ServerHandle
    private let log: UnsafeMutablePointer<MARIADB_RPL>
    /// The library's event, used again for the next one. Without one there is nothing more to come.
    private var event: UnsafeMutablePointer<MARIADB_RPL_EVENT>?
    private var ending: Ending?
    /// Those of the transaction that is being told.
    private var tables: Set<MariaDBTable> = []

    /// Begins to follow at the present end of the log: what is committed after this returns is told.
    ///
    /// - Parameters:
    ///   - serverID: a number that no server and no other follower has: the server throws out whoever came before with the same.
    ///     Not 0.
    ///   - silence: after so long without a sign of life from the server, which gives four in this time, it is lost; in whole
    ///     seconds.
    public static func open(
        _ address: MariaDBAddress, serverID: UInt32, silence: Duration = .seconds(10),
        _ options: MariaDBOptions = MariaDBOptions()
    ) -> Opening {
        LibraryThread.enter()
        var address = address
        let database = address.database
        address.database = ""
        var options = options
        options.readTimeout = silence
        do throws(SQLError) {
            let (server, _, _) = try ServerHandle.connect(to: address, options)
            let settings = try server.query(
                "SELECT @@GLOBAL.log_bin, @@GLOBAL.binlog_format, @@GLOBAL.server_id")[0]
            guard settings[0] == "1" else { return .unusable("the server keeps no binary log (log_bin is off)") }
            guard settings[1] == "ROW" else {
                return .unusable("binlog_format of the server is \(settings[1] ?? "unknown"), and must be ROW")
            }
            guard serverID != 0, settings[2] != "\(serverID)" else {
                return .unusable(
                    "\(serverID) cannot be the number of a follower: it is 0 or the server's own server_id")
            }
            guard let place = try server.query("SHOW MASTER STATUS").first, place.count >= 4, let file = place[0],
                let position = place[1].flatMap(UInt.init)
            else { return .unusable("the server does not tell the position of its binary log") }
            if let reason = omission(of: database, only: place[2] ?? "", not: place[3] ?? "") {
                return .unusable(reason)
            }
            // Said by a replica before it asks for the log: that it knows MariaDB's GTIDs (4) and checksums, and how often, in
            // nanoseconds, it wants a sign of life (mariadb.com/kb/en/5-slave-registration).
            try server.execute(
                """
                SET @mariadb_slave_capability = 4;
                SET @master_binlog_checksum = @@GLOBAL.binlog_checksum;
                SET @master_heartbeat_period = \(silence.quarterInNanoseconds)
                """)
            let follower = try MariaDBBinlog(server, file: file, position: position, serverID: serverID)
            // The server refuses in its first answer; when it does not, it first tells the name of the file.
            if case .lost(let error)? = follower.fetch() { throw error }
            return .following(follower)
        } catch {
            switch Int32(clamping: error.code) {
            case ER_SPECIFIC_ACCESS_DENIED_ERROR,
                ER_ACCESS_DENIED_ERROR where error.kind != .disconnected:
                return .unusable(
                    "\(error.message); let somebody GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* to this user")
            case _ where error.kind == .disconnected: return .disconnected(error)
            default: return .unusable(error.message)
            }
        }
    }

    /// Why the log leaves this database out, if it does (`binlog_do_db`, `binlog_ignore_db`).
    private static func omission(of database: String, only: String, not: String) -> String? {
        guard !database.isEmpty else { return nil }
        let (only, not) = (only.split(separator: ","), not.split(separator: ","))
        if !only.isEmpty, !only.contains(database[...]) {
            return "the server's binary log leaves out the database \(database) (binlog_do_db)"
        }
        return not.contains(database[...])
            ? "the server's binary log leaves out the database \(database) (binlog_ignore_db)" : nil
    }

    private init(_ server: ServerHandle, file: String, position: UInt, serverID: UInt32) throws(SQLError) {
        guard let log = hawser_mariadb_rpl_init(server.pointer) else { throw server.failure("") }
        self.server = server
        self.log = log
        interrupter = Interrupter(server)
        hawser_mariadb_rpl_set_text(log, MARIADB_RPL_FILENAME, file, file.utf8.count)
        hawser_mariadb_rpl_set_long(log, MARIADB_RPL_START, position)
        hawser_mariadb_rpl_set_number(log, MARIADB_RPL_SERVER_ID, serverID)
        hawser_mariadb_rpl_set_number(log, MARIADB_RPL_FLAGS, 0)
        guard mariadb_rpl_open(log) == 0 else { throw server.failure("") }
    }

    deinit {
        LibraryThread.enter()
        if let event { mariadb_free_rpl_event(event) }
        mariadb_rpl_close(log)
    }

    /// Waits for the next news. After `.ended` it returns the same at once.
    public func next() -> News {
        LibraryThread.enter()
        while true {
            if let ending = fetch() { return .ended(ending) }
            if let news = takeEvent() { return news }
        }
    }

    /// Waits for the next event.
    ///
    /// - Returns: why there is none.
    private func fetch() -> Ending? {
        if let ending { return ending }
        // It frees the event when there is no next one.
        event = mariadb_rpl_fetch(log, event)
        if event != nil { return nil }
        let ending: Ending = interrupter.wasCalled ? .interrupted : .lost(failure())
        self.ending = ending
        return ending
    }

    private func failure() -> SQLError {
        if mysql_errno(server.pointer) != 0 { return server.failure("") }
        if mariadb_rpl_errno(log) != 0 {
            return ServerHandle.failure(
                number: mariadb_rpl_errno(log), state: nil, words: mariadb_rpl_error(log), "", values: [])
        }
        return SQLError(
            kind: .disconnected, code: Int(CR_SERVER_LOST), message: "the server ended its binary log", statement: "")
    }

    /// Event types and what they mean: mariadb.com/kb/en/replication-protocol.
    private func takeEvent() -> News? {
        guard let event = event?.pointee else { return nil }
        switch event.event_type {
        case TABLE_MAP_EVENT:
            tables.insert(
                MariaDBTable(
                    database: text(event.event.table_map.database), name: text(event.event.table_map.table)))
            return nil
        case XID_EVENT: return takeTables()
        case QUERY_EVENT:
            let statement = text(event.event.query.statement)
            switch statement {
            case "BEGIN": return nil
            // Of tables whose engine knows no transactions; for them a ROLLBACK comes too late.
            case "COMMIT", "ROLLBACK": return takeTables()
            case _ where statement.hasPrefix("SAVEPOINT") || statement.hasPrefix("ROLLBACK TO"): return nil
            default: return .statement
            }
        // A long one, or one that is missing from the log.
        case QUERY_COMPRESSED_EVENT, EXECUTE_LOAD_QUERY_EVENT, INCIDENT_EVENT: return .statement
        default: return nil
        }
    }

    private func takeTables() -> News? {
        guard !tables.isEmpty else { return nil }
        defer { tables = [] }
        return .committed(tables)
    }

    private func text(_ string: MARIADB_STRING) -> String {
        String(decoding: UnsafeRawBufferPointer(start: string.str, count: string.length), as: UTF8.self)
    }
}

extension Duration {
    /// Of what ``wholeSeconds`` makes of it.
    fileprivate var quarterInNanoseconds: UInt64 { UInt64(wholeSeconds) * 250_000_000 }
}
