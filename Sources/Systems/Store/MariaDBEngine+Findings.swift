import Glibc
import MariaDB
import SQL
import VolumeModel

extension MariaDBEngine {
    func findings(_ database: any SQLConnection) -> [Finding] {
        [tables(database), secrecy(database), rights(database), clock(database), commits, cluster(database)]
            .compactMap { $0 }
    }

    private func tables(_ database: any SQLConnection) -> Finding {
        let subject = "store"
        do throws(SQLError) {
            let version = try number(database, "SELECT max(version) FROM schema_version")
            let triggers = try number(
                database, "SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = database()")
            guard version == Int64(StoreSchema.version) else {
                return Finding(
                    subject, .bad,
                    "its schema is version \(version), and this hawserd understands \(StoreSchema.version)",
                    remedy: "start the hawserd that made it so")
            }
            guard triggers >= Int64(MariaDBSchema.triggerCount) else {
                return Finding(
                    subject, .bad, "\(triggers) of its \(MariaDBSchema.triggerCount) triggers can be seen",
                    remedy: "DELETE FROM schema_version and start hawserd again, which defines them anew")
            }
            let server = (database as? MariaDBConnection).map { "\($0.serverVersion) at \($0.endpoint), " } ?? ""
            return Finding(
                subject, .good, "a server: MariaDB \(server)database \(address.database), schema version \(version)")
        } catch {
            return Finding(subject, .bad, error.description)
        }
    }

    /// Who else can read or change what goes to the server and back.
    private func secrecy(_ database: any SQLConnection) -> Finding {
        let subject = "line to the store"
        let remedy = "?tls=verified&ca=/path/of/authority.pem in store.url, and a certificate for the server"
        do throws(SQLError) {
            let rows = try database.run(
                """
                SELECT VARIABLE_NAME, VARIABLE_VALUE FROM information_schema.SESSION_STATUS
                WHERE VARIABLE_NAME IN ('SSL_CIPHER', 'SSL_VERSION') ORDER BY VARIABLE_NAME DESC
                """)
            let words = rows.compactMap { $0[1].text }.filter { !$0.isEmpty }.joined(separator: " ")
            switch ((database as? MariaDBConnection)?.endpoint, words.isEmpty) {
            case (nil, _): return Finding(subject, .warning, "it cannot be told where it leads")
            case (.unix?, true): return Finding(subject, .good, "without TLS, over a socket of this machine")
            case (.tcp(let host, _)?, true):
                guard !Self.isThisMachine(host) else {
                    return Finding(subject, .good, "without TLS, within this machine")
                }
                return Finding(
                    subject, .warning, "without TLS: whoever sits between reads and changes what is in the store",
                    remedy: remedy)
            case (_, false):
                switch address.tls.requirement {
                case .verified: return Finding(subject, .good, "\(words), with a certificate in the server's name")
                case .required where address.tls.authorityFile != nil:
                    return Finding(subject, .good, "\(words), with a certificate of \(address.tls.authorityFile ?? "")")
                case .off, .offered, .required:
                    return Finding(
                        subject, .warning,
                        "\(words), but nothing proves that it is the server: whoever sits between can take its place",
                        remedy: remedy)
                }
            }
        } catch {
            return Finding(subject, .bad, error.description)
        }
    }

    static func isThisMachine(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." }
    }

    /// What is tried on no row at all, since the server looks at rights first.
    private func rights(_ database: any SQLConnection) -> Finding {
        let subject = "rights in the store"
        var missing: [String] = []
        let tries =
            MariaDBSchema.writtenTables.flatMap { table in
                [
                    ("INSERT on \(table)", "INSERT INTO \(table) SELECT * FROM \(table) WHERE 1 = 0"),
                    ("DELETE on \(table)", "DELETE FROM \(table) WHERE 1 = 0"),
                ]
            }
            + ["desired_volume_attachments", "departing_volume_attachments"].map { table in
                ("UPDATE on \(table)", "UPDATE \(table) SET removal_approved = 1 WHERE 1 = 0")
            } + [("UPDATE on node_leases", "UPDATE node_leases SET beat = beat + 1 WHERE 1 = 0")]
        for (right, statement) in tries {
            do throws(SQLError) { try database.run(statement) } catch { missing.append(right) }
        }
        guard missing.isEmpty else {
            return Finding(
                subject, .bad, "missing: \(missing.joined(separator: ", "))",
                remedy: "GRANT ALL ON \(address.database).* to the user of hawserd")
        }
        return Finding(subject, .good, "all that is needed")
    }

    /// How far two clocks may be apart before times of one puzzle who looks at the other.
    private static let strangeDifference = Duration.seconds(2)

    /// Nothing is decided by it: it dates departures and leases for people.
    private func clock(_ database: any SQLConnection) -> Finding {
        let subject = "clock of the store"
        do throws(SQLError) {
            let server = try number(database, "SELECT \(now)")
            var time = timespec()
            clock_gettime(CLOCK_REALTIME, &time)
            let difference = server - Int64(time.tv_sec) * 1_000_000_000 - Int64(time.tv_nsec)
            let milliseconds = "\(difference / 1_000_000) ms ahead of this machine's"
            guard difference.magnitude < UInt64(Self.strangeDifference.wholeNanoseconds) else {
                return Finding(
                    subject, .warning, milliseconds,
                    remedy: "let both machines follow a time server: deletions are dated by the store's clock")
            }
            return Finding(subject, .good, milliseconds)
        } catch {
            return Finding(subject, .bad, error.description)
        }
    }

    /// How it is learned that others have committed something.
    private var commits: Finding? {
        let subject = "changes in the store"
        let polling = "found by asking for them up to 50 times a second"
        switch binaryLog.standing {
        case .untried: return nil
        case .followed: return Finding(subject, .good, "told by the server's binary log")
        case .unusable(let reason): return Finding(subject, .good, "\(polling): \(reason)")
        case .lost(let reason): return Finding(subject, .warning, "\(polling): the binary log was lost (\(reason))")
        }
    }

    private func cluster(_ database: any SQLConnection) -> Finding? {
        guard let connection = database as? MariaDBConnection, connection.isGalera else { return nil }
        let subject = "Galera"
        do throws(SQLError) {
            let rows = try database.run(
                """
                SELECT VARIABLE_NAME, VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS
                WHERE VARIABLE_NAME IN ('WSREP_CLUSTER_SIZE', 'WSREP_LOCAL_STATE_COMMENT')
                """)
            let words = rows.compactMap { row in
                row[0].text.flatMap { name in row[1].text.map { "\(name.lowercased()) \($0)" } }
            }
            return Finding(subject, .good, words.sorted().joined(separator: ", "))
        } catch {
            return Finding(subject, .warning, error.description)
        }
    }

    private func number(_ database: any SQLConnection, _ sql: String) throws(SQLError) -> Int64 {
        try database.run(sql).first?.first?.integer ?? 0
    }
}
