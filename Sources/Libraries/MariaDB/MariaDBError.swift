import CMariaDB
import SQL

/// What the numbers of errors mean (mariadb.com/kb/en/mariadb-error-code-reference; mysqld_error.h and errmsg.h of
/// libmariadb 3.3).
enum MariaDBError {
    /// - Parameters:
    ///   - number: of the server (1000 and up) or of libmariadb (2000 to 2999, 5000 to 5999).
    ///   - state: the SQLSTATE, five characters.
    static func kind(_ number: UInt32, state: String) -> SQLError.Kind {
        switch Int32(clamping: number) {
        // 1205 and 1020 fail the statement alone, and the connection then rolls back the rest. 1180 is how the certification of
        // Galera can fail a commit; 1412 is a table that was altered since the snapshot.
        case ER_LOCK_DEADLOCK, ER_LOCK_WAIT_TIMEOUT, ER_CHECKREAD, ER_ERROR_DURING_COMMIT, ER_TABLE_DEF_CHANGED,
            ER_LOCK_ABORTED:
            .lostRace
        case CR_SOCKET_CREATE_ERROR, CR_CONNECTION_ERROR, CR_CONN_HOST_ERROR, CR_IPSOCK_ERROR, CR_UNKNOWN_HOST,
            CR_SERVER_GONE_ERROR, CR_SERVER_HANDSHAKE_ERR, CR_SERVER_LOST, CR_SERVER_LOST_EXTENDED,
            CR_SSL_CONNECTION_ERROR, CR_ERR_NET_READ, CR_ERR_NET_WRITE, CR_ERR_NET_UNCOMPRESS,
            // Whose turn it is to speak is no longer known.
            CR_COMMANDS_OUT_OF_SYNC, CR_MALFORMED_PACKET,
            // 1047: this node of a cluster is not part of it at the moment.
            ER_UNKNOWN_COM_ERROR,
            ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED, ER_BAD_HOST_ERROR,
            ER_HANDSHAKE_ERROR, ER_SERVER_SHUTDOWN, ER_NORMAL_SHUTDOWN, ER_SHUTDOWN_COMPLETE, ER_FORCING_CLOSE,
            ER_HOST_IS_BLOCKED, ER_HOST_NOT_PRIVILEGED, ER_ABORTING_CONNECTION, ER_NEW_ABORTING_CONNECTION,
            ER_NET_PACKET_TOO_LARGE, ER_NET_READ_ERROR_FROM_PIPE, ER_NET_FCNTL_ERROR, ER_NET_PACKETS_OUT_OF_ORDER,
            ER_NET_UNCOMPRESS_ERROR, ER_NET_READ_ERROR, ER_NET_READ_INTERRUPTED, ER_NET_ERROR_ON_WRITE,
            ER_NET_WRITE_INTERRUPTED, ER_CONNECTION_KILLED:
            .disconnected
        case ER_NO_DEFAULT_FOR_FIELD, ER_TRUNCATED_WRONG_VALUE_FOR_FIELD, ER_WARN_DATA_OUT_OF_RANGE,
            WARN_DATA_TRUNCATED, ER_TRUNCATED_WRONG_VALUE, ER_DATA_TOO_LONG, ER_VIEW_CHECK_FAILED,
            ER_CONSTRAINT_FAILED, ER_SIGNAL_EXCEPTION, ER_SIGNAL_NOT_FOUND, ER_SIGNAL_WARN:
            .constraint
        default:
            // 22: a value that does not fit; 23: integrity; 45: a SIGNAL of somebody's trigger
            // (mariadb.com/kb/en/sqlstate). CHECK of MySQL, 3819, is HY000.
            ["22", "23", "45"].contains(state.prefix(2)) || number == 3819 ? .constraint : .other
        }
    }

    /// The server's words, without the values that it quotes. What a trigger says stays as it is.
    static func message(_ text: String, number: UInt32, values: [SQLValue]) -> String {
        switch Int32(clamping: number) {
        // Duplicate entry 'VALUE' for key 'NAME': the name alone is no value.
        case ER_DUP_ENTRY, ER_DUP_ENTRY_WITH_KEY_NAME, ER_FOREIGN_DUPLICATE_KEY_WITH_CHILD_INFO:
            guard let key = position(of: "' for key '", in: Array(text.utf8)) else { return "Duplicate entry" }
            return "Duplicate entry" + String(decoding: Array(text.utf8)[(key + 1)...], as: UTF8.self)
        // Incorrect integer value: 'VALUE' for column `db`.`table`.`column` at row 1
        case ER_TRUNCATED_WRONG_VALUE, ER_TRUNCATED_WRONG_VALUE_FOR_FIELD, ER_WRONG_VALUE_FOR_TYPE, ER_WRONG_VALUE,
            ER_DATA_OUT_OF_RANGE, ER_ILLEGAL_VALUE_FOR_TYPE, ER_INVALID_CHARACTER_STRING, ER_CANNOT_CONVERT_CHARACTER:
            return withoutQuoted(text)
        case ER_SIGNAL_EXCEPTION, ER_SIGNAL_NOT_FOUND, ER_SIGNAL_WARN: return text
        default: return without(values, in: text)
        }
    }

    private static func withoutQuoted(_ text: String) -> String {
        guard let first = text.firstIndex(of: "'"), let last = text.lastIndex(of: "'"), first < last else {
            return text
        }
        return text[..<first] + "'…'" + text[text.index(after: last)...]
    }

    /// Other messages quote names; one that equals a bound text cannot be told from it.
    private static func without(_ values: [SQLValue], in text: String) -> String {
        let secrets = values.compactMap(\.text).filter { !$0.isEmpty }.map { Array($0.utf8) }
        guard !secrets.isEmpty else { return text }
        var rest = Array(text.utf8)[...]
        var kept: [UInt8] = []
        while let byte = rest.first {
            if byte == UInt8(ascii: "'"),
                let secret = secrets.first(where: { rest.dropFirst().starts(with: $0 + [UInt8(ascii: "'")]) })
            {
                kept += "'…'".utf8
                rest = rest.dropFirst(secret.count + 2)
            } else {
                kept.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: kept, as: UTF8.self)
    }

    /// Where the last of them begins.
    private static func position(of needle: String, in text: [UInt8]) -> Int? {
        let needle = Array(needle.utf8)
        guard text.count >= needle.count else { return nil }
        return (0...(text.count - needle.count)).last { text[$0...].starts(with: needle) }
    }
}
