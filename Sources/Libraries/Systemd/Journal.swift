internal import CSystemd
import Glibc

/// The system's journal, for lines with fields.
public enum Journal {
    /// How grave a line is, by syslog(3)'s numbers.
    public enum Priority: Int32, Sendable, CaseIterable {
        case error = 3
        case warning = 4
        case notice = 5
        case information = 6
        case debug = 7

        /// What stands before a line on stderr when systemd reads it (sd-daemon(3)): `<6>`.
        public var prefix: String { "<\(rawValue)>" }
    }

    /// Whether this process's stderr goes straight to the journal: then a ``Priority/prefix`` is understood, and fields
    /// can be sent. systemd.exec(5) says how to tell: `JOURNAL_STREAM` holds the device and inode of that stream.
    public static var ownsStandardError: Bool {
        guard let value = getenv("JOURNAL_STREAM") else { return false }
        let parts = String(cString: value).split(separator: ":").compactMap { UInt64($0) }
        var status = stat()
        guard parts.count == 2, fstat(STDERR_FILENO, &status) == 0 else { return false }
        return UInt64(status.st_dev) == parts[0] && UInt64(status.st_ino) == parts[1]
    }

    /// Sends one entry.
    ///
    /// - Parameters:
    ///   - fields: further fields; a name is upper-case letters, digits and underscores and begins with a letter, since
    ///     journald drops an entry with any other (systemd.journal-fields(7)). What is not is left out.
    /// - Throws: ``SystemdError`` when the journal does not take it.
    public static func send(
        _ message: String, priority: Priority, fields: [(name: String, value: String)] = []
    ) throws(SystemdError) {
        var entries = ["MESSAGE=\(message)", "PRIORITY=\(priority.rawValue)"]
        for field in fields where isFieldName(field.name) { entries.append("\(field.name)=\(field.value)") }
        // Copies on the C heap, since the vectors must stay valid together.
        let vectors = entries.map { entry in iovec(iov_base: strdup(entry), iov_len: entry.utf8.count) }
        defer { for vector in vectors { free(vector.iov_base) } }
        let result = sd_journal_sendv(vectors, Int32(vectors.count))
        guard result >= 0 else { throw SystemdError(operation: "write to the journal", errorNumber: -result) }
    }

    static func isFieldName(_ name: String) -> Bool {
        guard let first = name.utf8.first, (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) else { return false }
        return name.utf8.count <= 64
            && name.utf8.allSatisfy { byte in
                (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || byte == UInt8(ascii: "_")
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            }
    }
}
