import CMariaDB
import SQL

/// Owns one `MYSQL *`, connected or not, and closes it.
///
/// One thread at a time may use it (mariadb.com/kb/en/thread-safety-mariadb-connectorc).
final class ServerHandle {
    let pointer: UnsafeMutablePointer<MYSQL>

    private init() throws(SQLError) {
        LibraryThread.enter()
        guard let pointer = mysql_init(nil) else {
            throw SQLError(kind: .other, code: Int(CR_OUT_OF_MEMORY), message: "out of memory", statement: "")
        }
        self.pointer = pointer
    }

    deinit {
        LibraryThread.enter()
        mysql_close(pointer)
    }

    /// Connects to the first endpoint that lets us in and is fit for work.
    ///
    /// - Throws: ``SQL/SQLError`` of the kind `disconnected`, with what each endpoint said, and the number of the last.
    static func connect(
        to address: MariaDBAddress, _ options: MariaDBOptions
    ) throws(SQLError) -> (ServerHandle, MariaDBAddress.Endpoint, Session) {
        var failures: [String] = []
        var number = Int(CR_CONNECTION_ERROR)
        for endpoint in address.endpoints {
            do throws(SQLError) {
                let handle = try ServerHandle()
                try handle.open(endpoint, address, options)
                return (handle, endpoint, try handle.setUp(options))
            } catch {
                failures.append("cannot connect to \(endpoint): \(error.message)")
                number = error.code
            }
        }
        throw SQLError(
            kind: .disconnected, code: number,
            message: failures.isEmpty
                ? "cannot connect: the address has no endpoints" : failures.joined(separator: "; "),
            statement: "")
    }

    /// What is known of the server after ``setUp(_:)``.
    struct Session {
        /// Whether the server is a node of a Galera cluster.
        var isGalera: Bool
    }

    // MARK: Connecting

    private func open(
        _ endpoint: MariaDBAddress.Endpoint, _ address: MariaDBAddress, _ options: MariaDBOptions
    ) throws(SQLError) {
        set(MYSQL_OPT_CONNECT_TIMEOUT, options.connectTimeout.wholeSeconds)
        set(MYSQL_OPT_READ_TIMEOUT, options.readTimeout.wholeSeconds)
        set(MYSQL_OPT_WRITE_TIMEOUT, options.writeTimeout.wholeSeconds)
        // A server could ask for any file of this machine (mariadb.com/kb/en/load-data-infile, LOCAL).
        set(MYSQL_OPT_LOCAL_INFILE, UInt32(0))
        set(MYSQL_SET_CHARSET_NAME, "utf8mb4")
        mysql_options4(pointer, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", options.programName)
        set(address.tls)
        var host: String?
        var port: UInt32 = 0
        var socket: String?
        // Else the library takes "localhost" for a unix socket of its choice.
        switch endpoint {
        case .tcp(let name, let number):
            (host, port) = (name, UInt32(number))
            set(MYSQL_OPT_PROTOCOL, MYSQL_PROTOCOL_TCP.rawValue)
        case .unix(let path):
            socket = path
            set(MYSQL_OPT_PROTOCOL, MYSQL_PROTOCOL_SOCKET.rawValue)
        }
        // Not nil for none: the library would take that of the environment (MYSQL_PWD).
        let connected = mysql_real_connect(
            pointer, host, address.user, address.password?.text ?? "",
            address.database.isEmpty ? nil : address.database, port, socket, hawser_mariadb_flags)
        guard connected != nil else { throw failure("") }
        // Without a certificate to verify, the library goes on in plain text with a server that offers no TLS.
        if address.tls.requirement == .required || address.tls.requirement == .verified,
            mysql_get_ssl_cipher(pointer) == nil
        {
            throw SQLError(
                kind: .disconnected, code: Int(CR_SSL_CONNECTION_ERROR),
                message: "TLS is required, and the server does not offer it", statement: "")
        }
    }

    private func set(_ tls: MariaDBTLS) {
        guard tls.requirement != .off else { return }
        set(MYSQL_OPT_SSL_ENFORCE, CChar(1))
        if tls.requirement == .verified { set(MYSQL_OPT_SSL_VERIFY_SERVER_CERT, CChar(1)) }
        if let file = tls.authorityFile { set(MYSQL_OPT_SSL_CA, file) }
        if let file = tls.certificateFile { set(MYSQL_OPT_SSL_CERT, file) }
        if let file = tls.keyFile { set(MYSQL_OPT_SSL_KEY, file) }
    }

    private func set(_ option: mysql_option, _ text: String) { mysql_options(pointer, option, text) }

    /// A number: each option says which width it reads (mariadb.com/kb/en/mysql_optionsv).
    private func set<Number: BitwiseCopyable>(_ option: mysql_option, _ number: Number) {
        withUnsafePointer(to: number) { _ = mysql_options(pointer, option, $0) }
    }

    /// Makes a session that means the same on every server, whatever its configuration.
    private func setUp(_ options: MariaDBOptions) throws(SQLError) -> Session {
        var settings = [
            "sql_mode='\(Self.mode)'", "time_zone='+00:00'", "autocommit=1",
            "wait_timeout=\(options.idleLimit.wholeSeconds)",
            "idle_transaction_timeout=\(options.idleTransactionLimit.wholeSeconds)",
            "innodb_lock_wait_timeout=\(options.lockWait.wholeSeconds)",
            "lock_wait_timeout=\(options.lockWait.wholeSeconds)",
        ]
        let known = try query(
            "SHOW SESSION VARIABLES WHERE Variable_name IN ('wsrep_on', 'innodb_snapshot_isolation')")
        // Another's change of a row that was read in this transaction is then a lost race (error 1020), and not overwritten:
        // mariadb.com/kb/en/innodb-system-variables/#innodb_snapshot_isolation, in 10.6.18, 10.11.8 and later.
        if known.contains(where: { $0.first == "innodb_snapshot_isolation" }) {
            settings.append("innodb_snapshot_isolation=ON")
        }
        let isGalera = known.contains(["wsrep_on", "ON"])
        // Reads (1), updates and deletes (2) and inserts (4) first wait for all that the cluster has committed:
        // mariadb.com/kb/en/galera-cluster-system-variables/#wsrep_sync_wait. Without it a node shows what is gone elsewhere.
        if isGalera { settings.append("wsrep_sync_wait=7") }
        // A collation that, like SQLite, takes no two different texts for equal, not even by a space at the end.
        try execute(
            """
            SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin;
            SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;
            SET SESSION \(settings.joined(separator: ", "))
            """)
        let session = Session(isGalera: isGalera)
        try check(session)
        return session
    }

    /// mariadb.com/kb/en/sql-mode. What does not fit is an error, and not bent until it does; what is written the same means the
    /// same as in SQLite: `"a name"`, `||`, a backslash in a text, and the old values on the right of every assignment of UPDATE.
    static let mode = [
        "STRICT_ALL_TABLES", "STRICT_TRANS_TABLES", "NO_ZERO_DATE", "NO_ZERO_IN_DATE", "ERROR_FOR_DIVISION_BY_ZERO",
        "NO_ENGINE_SUBSTITUTION", "ONLY_FULL_GROUP_BY", "NO_AUTO_VALUE_ON_ZERO",
        "ANSI_QUOTES", "PIPES_AS_CONCAT", "NO_BACKSLASH_ESCAPES", "SIMULTANEOUS_ASSIGNMENT",
    ].joined(separator: ",")

    // MARK: Statements as text

    /// Whether the server works. A node of Galera that lost its cluster takes connections and answers `SELECT 1`, but refuses
    /// tables (error 1047).
    func check(_ session: Session) throws(SQLError) {
        guard session.isGalera else {
            _ = try query("SELECT 1")
            return
        }
        let status = try query("SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_ready', 'wsrep_cluster_status')")
        guard status.contains(["wsrep_ready", "ON"]), status.contains(["wsrep_cluster_status", "Primary"]) else {
            throw SQLError(
                kind: .disconnected, code: Int(ER_UNKNOWN_COM_ERROR),
                message: "this node is not a working part of its Galera cluster", statement: "")
        }
    }

    /// Runs one statement, or several with `;` between, and drops their rows. Those after one that fails are not run.
    func execute(_ sql: String) throws(SQLError) {
        try run(sql) { result in
            while mysql_fetch_row(result) != nil {}
        }
    }

    /// Runs a statement and returns its rows as texts.
    func query(_ sql: String) throws(SQLError) -> [[String?]] {
        var rows: [[String?]] = []
        try run(sql) { result in
            let count = Int(mysql_num_fields(result))
            while let row = mysql_fetch_row(result) {
                let lengths = mysql_fetch_lengths(result)
                rows.append(
                    (0..<count).map { column in
                        guard let value = row[column], let lengths else { return nil }
                        let bytes = UnsafeRawBufferPointer(start: value, count: Int(lengths[column]))
                        return String(decoding: bytes, as: UTF8.self)
                    })
            }
        }
        return rows
    }

    private func run(_ sql: String, _ take: (UnsafeMutablePointer<MYSQL_RES>) -> Void) throws(SQLError) {
        var sql = sql
        let code = sql.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { mysql_real_query(pointer, $0.baseAddress, UInt($0.count)) }
        }
        var number = 1
        // A statement of nothing, as after a last semicolon, is none.
        guard code == 0 || mysql_errno(pointer) == UInt32(ER_EMPTY_QUERY) else { throw failure(sql) }
        while true {
            if let result = mysql_use_result(pointer) {
                take(result)
                let failed = mysql_errno(pointer) != 0
                let failure = failed ? failure(sql, part: number) : nil
                mysql_free_result(result)
                if let failure { throw failure }
            } else if mysql_field_count(pointer) != 0 {
                throw failure(sql, part: number)
            }
            number += 1
            switch mysql_next_result(pointer) {
            case 0: continue
            case -1: return
            default:
                guard mysql_errno(pointer) == UInt32(ER_EMPTY_QUERY) else { throw failure(sql, part: number) }
                return
            }
        }
    }

    // MARK: Errors

    /// What the library says of its last call.
    ///
    /// - Parameter part: which of the statements in the text it was, from 1.
    func failure(_ sql: String, part: Int = 1, values: [SQLValue] = []) -> SQLError {
        Self.failure(
            number: mysql_errno(pointer), state: mysql_sqlstate(pointer), words: mysql_error(pointer), sql, part: part,
            values: values)
    }

    static func failure(
        number: UInt32, state: UnsafePointer<CChar>?, words: UnsafePointer<CChar>?, _ sql: String, part: Int = 1,
        values: [SQLValue]
    ) -> SQLError {
        let words = words.map { String(cString: $0) } ?? ""
        let message = MariaDBError.message(words, number: number, values: values)
        return SQLError(
            kind: MariaDBError.kind(number, state: state.map { String(cString: $0) } ?? ""), code: Int(number),
            message: part == 1 ? message : "statement \(part): \(message)", statement: sql)
    }
}
