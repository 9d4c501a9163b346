import ActorThreads
import Rig
import SQL
import Testing

@testable import MariaDB

@Suite(.disabled(if: ThrowAwayMariaDB.obstacle != nil, "no MariaDB here"))
struct MariaDBConnectionTests {
    // MARK: Values

    @Test(arguments: [
        SQLValue.null, .integer(0), .integer(.min), .integer(.max), .real(-0.5), .real(.greatestFiniteMagnitude),
        .text(""), .text("a\0b"), .text("it's \\ \"quoted\" ? ;"), .text("\u{1F6A2} ⚓ ß"), .text(" trailing "),
        .text(String(repeating: "0123456789abcdef", count: 65_536)), .blob([]), .blob([0, 1, 255, 0]),
    ])
    func `a value comes back as it was sent`(_ value: SQLValue) async throws {
        let client = try await Client.fresh(
            "CREATE TABLE t (i BIGINT, r DOUBLE, s LONGTEXT, b LONGBLOB)")
        let column =
            switch value {
            case .null, .integer: "i"
            case .real: "r"
            case .text: "s"
            case .blob: "b"
            }
        try await client.run("INSERT INTO t (\(column)) VALUES (?)", [value])
        // Twice: the buffers have grown for the second one.
        for _ in 0..<2 {
            let found = try await client.run("SELECT \(column) FROM t")
            #expect(found == [[value]])
        }
    }

    @Test func `whole numbers of each width come back, and above Int64 as digits`() async throws {
        let client = try await Client.fresh(
            """
            CREATE TABLE t (a TINYINT, b TINYINT UNSIGNED, c SMALLINT, d SMALLINT UNSIGNED, e MEDIUMINT, f MEDIUMINT UNSIGNED,
                g INT, h INT UNSIGNED, i BIGINT, j BIGINT UNSIGNED, k YEAR, l BOOLEAN, m BIT(1), n BIT(64))
            """)
        try await client.run(
            """
            INSERT INTO t VALUES (-128, 255, -32768, 65535, -8388608, 16777215, -2147483648, 4294967295,
                -9223372036854775808, 18446744073709551615, 2155, TRUE, b'1', x'FFFFFFFFFFFFFFFF')
            """)
        let numbers: [Int64] = [-128, 255, -32768, 65535, -8_388_608, 16_777_215, -2_147_483_648, 4_294_967_295, .min]
        let largest = SQLValue.text("18446744073709551615")
        #expect(
            try await client.run("SELECT * FROM t")
                == [numbers.map { .integer($0) } + [largest, .integer(2155), .integer(1), .integer(1), largest]])
        try await client.run("UPDATE t SET j = 9223372036854775807, n = b'101'")
        #expect(try await client.run("SELECT j, n FROM t") == [[.integer(.max), .integer(5)]])
    }

    @Test func `decimals, times and other types come back as MariaDB writes them`() async throws {
        let client = try await Client.fresh()
        let row = try await client.run(
            """
            SELECT CAST(1.10 AS DECIMAL(10,2)), DATE '2024-02-29', TIMESTAMP '2024-02-29 12:34:56.000789',
                TIME '-12:00:01', SUM(2), NULL, CAST(0.5 AS FLOAT), CAST('7d1f0000-0000-0000-0000-000000000001' AS UUID),
                JSON_ARRAY(1, 'é'), x'00ff'
            """)
        #expect(
            row == [
                [
                    .text("1.10"), .text("2024-02-29"), .text("2024-02-29 12:34:56.000789"), .text("-12:00:01"),
                    .text("2"), .null, .real(0.5), .text("7d1f0000-0000-0000-0000-000000000001"), .text("[1, \"é\"]"),
                    .blob([0, 255]),
                ]
            ])
    }

    @Test func `a hundred thousand rows are handed out one by one`() async throws {
        let client = try await Client.fresh()
        let (count, sum, bytes) = try await client.with { (it) throws(SQLError) in
            var (count, sum, bytes) = (0, Int64(0), 0)
            try it.forEachRow("SELECT seq, CONCAT('row ', seq), NULL FROM seq_1_to_100000") { row in
                count += 1
                sum += row.integer(0) ?? 0
                bytes += row.withTextBytes(1) { $0.count } ?? 0
                if !row.isNull(2) || row.text(0) != nil || row.integer(1) != nil { count = .min }
            }
            return (count, sum, bytes)
        }
        #expect(count == 100_000 && sum == 5_000_050_000 && bytes == 400_000 + 488_895)
    }

    @Test func `long and short texts of one answer do not mix`() async throws {
        let client = try await Client.fresh("CREATE TABLE t (id BIGINT PRIMARY KEY, a LONGTEXT, b LONGTEXT)")
        for (id, size) in [10, 300, 5, 100_000, 0, 257].enumerated() {
            let text = String(repeating: "x", count: size)
            try await client.run(
                "INSERT INTO t VALUES (?, ?, ?)", [.integer(Int64(id)), .text(text), .text("\(size)")])
        }
        for _ in 0..<2 {
            for row in try await client.run("SELECT a, b, id FROM t ORDER BY id") {
                #expect(row[1].text == row[0].text.map { "\($0.utf8.count)" })
                #expect(row[0].text?.allSatisfy { $0 == "x" } == true)
            }
        }
    }

    // MARK: Statements

    @Test func `a session means the same whatever the server's configuration is`() async throws {
        let client = try await Client.fresh()
        let settings = try await client.run(
            """
            SELECT @@sql_mode, @@time_zone, @@tx_isolation, @@autocommit, @@character_set_client,
                @@collation_connection, @@innodb_lock_wait_timeout, @@wait_timeout, @@idle_transaction_timeout,
                @@innodb_snapshot_isolation
            """)[0]
        for mode in ServerHandle.mode.split(separator: ",") { #expect(settings[0].text?.contains(mode) == true) }
        #expect(
            settings.dropFirst() == [
                .text("+00:00"), .text("REPEATABLE-READ"), .integer(1), .text("utf8mb4"), .text("utf8mb4_nopad_bin"),
                .integer(5), .integer(3_600), .integer(30), .integer(1),
            ])
    }

    @Test func `statements with triggers among them run as one text, and an error says which failed`() async throws {
        let client = try await Client.fresh(
            """
            CREATE TABLE t (a BIGINT);
            CREATE TABLE log (a BIGINT);
            CREATE TRIGGER after_insert AFTER INSERT ON t FOR EACH ROW
            BEGIN
                INSERT INTO log VALUES (NEW.a);
                IF NEW.a > 10 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'more than ten: it is too much'; END IF;
            END;
            INSERT INTO t VALUES (1);
            SELECT * FROM t;
            -- The end
            """)
        #expect(try await client.run("SELECT a FROM log") == [[.integer(1)]])
        let error = await #expect(throws: SQLError.self) {
            try await client.execute(
                "INSERT INTO t VALUES (2); SELECT 1; INSERT INTO t VALUES (11); INSERT INTO t VALUES (3)")
        }
        #expect(error?.kind == .constraint && error?.message == "statement 3: more than ten: it is too much")
        #expect(try await client.run("SELECT a FROM log") == [[.integer(1)], [.integer(2)]])
    }

    @Test func `a prepared text holds one statement, and as many values as parameters`() async throws {
        let client = try await Client.fresh("CREATE TABLE t (a BIGINT)")
        #expect(await client.failure(of: "SELECT 1; DROP TABLE t")?.kind == .other)
        #expect(await client.failure(of: "SELECT ?, ?", [.integer(1)])?.message == "1 values for 2 parameters")
        #expect(try await client.run("SELECT a FROM t") == [])
    }

    @Test func `only so many statements are kept`() async throws {
        var options = MariaDBOptions()
        options.keptStatements = 3
        let client = try await Client.fresh("", options)
        for round in 0..<20 { #expect(try await client.run("SELECT \(round % 7)") == [[.integer(Int64(round % 7))]]) }
        let status = "SHOW SESSION STATUS LIKE 'Com_stmt_%'"
        let counts = Dictionary(
            uniqueKeysWithValues: try await client.run(status).map { ($0[0].text ?? "", Int($0[1].text ?? "") ?? 0) })
        #expect((counts["Com_stmt_prepare"] ?? 0) - (counts["Com_stmt_close"] ?? 0) == 3)
        // Those that fit are prepared once.
        for _ in 0..<20 { try await client.run("SELECT 'again'") }
        let after = try await client.run(status).first { $0[0].text == "Com_stmt_prepare" }?[1].text
        #expect(after == "\((counts["Com_stmt_prepare"] ?? 0) + 1)")
    }

    @Test func `a statement outlives the change of its table`() async throws {
        let client = try await Client.fresh("CREATE TABLE t (a BIGINT); INSERT INTO t VALUES (7)")
        #expect(try await client.run("SELECT a FROM t") == [[.integer(7)]])
        #expect(try await client.run("SELECT * FROM t") == [[.integer(7)]])
        try await client.execute("ALTER TABLE t MODIFY a VARCHAR(20), ADD b BIGINT DEFAULT 1")
        #expect(try await client.run("SELECT a FROM t") == [[.text("7")]])
        // Once it says that the columns are others, and is then prepared anew.
        #expect(await client.failure(of: "SELECT * FROM t")?.kind == .other)
        #expect(try await client.run("SELECT * FROM t") == [[.text("7"), .integer(1)]])
    }

    @Test func `a procedure's answers do not stay in the line`() async throws {
        let client = try await Client.fresh(
            "CREATE PROCEDURE p() BEGIN SELECT 1 UNION SELECT 2; SELECT 'second', 3; END")
        #expect(try await client.run("CALL p()") == [[.integer(1)], [.integer(2)]])
        #expect(try await client.run("SELECT 4") == [[.integer(4)]])
    }

    @Test func `changes counts rows that were found, changed or not`() async throws {
        let client = try await Client.fresh("CREATE TABLE t (id BIGINT PRIMARY KEY, a BIGINT)")
        #expect(try await client.changes("INSERT INTO t VALUES (1, 1), (2, 1), (3, 3)") == 3)
        #expect(try await client.changes("UPDATE t SET a = 1 WHERE a = 1") == 2)
        #expect(try await client.changes("UPDATE t SET a = 2 WHERE id = 9") == 0)
        #expect(try await client.changes("DELETE FROM t WHERE id > 1") == 2)
        #expect(try await client.changes("SELECT 1") == 2)
        #expect(try await client.changes("INSERT INTO t VALUES (1, 1) ON DUPLICATE KEY UPDATE a = 1") == 1)
        #expect(try await client.changes("INSERT INTO t VALUES (1, 1) ON DUPLICATE KEY UPDATE a = 2") == 2)
    }

    // MARK: Errors

    @Test(arguments: [
        ("INSERT INTO t (id, name, n) VALUES (1, ?, 1)", 1062), ("INSERT INTO t (id, name, n) VALUES (2, ?, 10)", 4025),
        ("INSERT INTO t (id, name, n) VALUES (2, NULL, length(?))", 1048),
        ("INSERT INTO t (id, name, n) VALUES (2, concat(?, repeat('x', 100)), 1)", 1406),
        ("INSERT INTO t (id, name, n) VALUES (2, ?, 1000)", 1264), ("INSERT INTO t (id, name) VALUES (2, ?)", 1364),
        ("INSERT INTO t (id, name, n) VALUES (2, 'x', ?)", 1366),
        ("INSERT INTO child VALUES (length(?))", 1452), ("DELETE FROM t WHERE length(?) > 0", 1451),
    ])
    func `what the tables refuse is a constraint, and its words hold no value`(_ sql: String, _ number: Int)
        async throws
    {
        let client = try await Client.fresh(
            """
            CREATE TABLE t (id BIGINT PRIMARY KEY, name VARCHAR(20) NOT NULL UNIQUE, n TINYINT NOT NULL CHECK (n < 10));
            CREATE TABLE child (t BIGINT, FOREIGN KEY (t) REFERENCES t (id));
            INSERT INTO t VALUES (1, 'hunter2', 1);
            INSERT INTO child VALUES (1)
            """)
        let error = try #require(await client.failure(of: sql, [.text("hunter2")]))
        #expect(error.kind == .constraint && error.code == number, "\(error)")
        #expect(!error.description.contains("hunter2") && error.statement == sql, "\(error)")
    }

    @Test func `a trigger's words are the message`() async throws {
        let client = try await Client.fresh(
            """
            CREATE TABLE t (a BIGINT);
            CREATE TRIGGER refuse BEFORE UPDATE ON t FOR EACH ROW
                SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'a volume''s name never changes';
            INSERT INTO t VALUES (1)
            """)
        let error = try #require(await client.failure(of: "UPDATE t SET a = 2"))
        #expect(error.kind == .constraint && error.message == "a volume's name never changes")
    }

    // MARK: Transactions

    @Test func `what is rolled back was never there`() async throws {
        let client = try await Client.fresh("CREATE TABLE t (a BIGINT)")
        try await client.begin()
        try await client.run("INSERT INTO t VALUES (1)")
        try await client.rollBack()
        #expect(try await client.run("SELECT * FROM t") == [])
        try await client.begin()
        try await client.run("INSERT INTO t VALUES (2)")
        try await client.commit()
        #expect(try await client.another().run("SELECT * FROM t") == [[.integer(2)]])
    }

    @Test func `a reading transaction sees one moment and changes nothing`() async throws {
        let client = try await Client.fresh("CREATE TABLE t (a BIGINT)")
        let other = client.another()
        try await client.begin(.reading)
        try await other.run("INSERT INTO t VALUES (1)")
        #expect(try await client.run("SELECT * FROM t") == [])
        #expect(await client.failure(of: "INSERT INTO t VALUES (2)")?.code == 1792)
        try await client.commit()
        #expect(try await client.run("SELECT * FROM t") == [[.integer(1)]])
    }

    @Test func `of two transactions that wait for each other, one lost the race and is rolled back whole`() async throws
    {
        let first = try await Client.fresh(
            "CREATE TABLE t (id BIGINT PRIMARY KEY, a BIGINT); INSERT INTO t VALUES (1, 0), (2, 0), (3, 0)")
        let second = first.another()
        for client in [first, second] { try await client.begin() }
        try await first.run("UPDATE t SET a = 1 WHERE id = 1")
        try await second.run("UPDATE t SET a = 2 WHERE id IN (2, 3)")
        async let one = first.failure(of: "UPDATE t SET a = 1 WHERE id = 2")
        async let two = second.failure(of: "UPDATE t SET a = 2 WHERE id = 1")
        let errors = await [one, two]
        #expect(errors.compactMap { $0 }.map(\.kind) == [.lostRace], "\(errors)")
        let (winner, loser) = errors[0] == nil ? (first, second) : (second, first)
        // Nothing of the loser's is left to commit.
        await #expect(throws: SQLError.self) { try await loser.commit() }
        try await winner.commit()
        try await loser.begin()
        try await loser.run("UPDATE t SET a = a + 10 WHERE id = 1")
        try await loser.commit()
    }

    @Test func `who waits too long for a lock lost the race, and its transaction is rolled back`() async throws {
        var options = MariaDBOptions()
        options.lockWait = .seconds(1)
        let holder = try await Client.fresh(
            "CREATE TABLE t (id BIGINT PRIMARY KEY, a BIGINT); INSERT INTO t VALUES (1, 0), (2, 0)", options)
        let waiter = holder.another()
        try await holder.begin()
        try await holder.run("UPDATE t SET a = 1 WHERE id = 1")
        try await waiter.begin()
        try await waiter.run("UPDATE t SET a = 2 WHERE id = 2")
        let error = try #require(await waiter.failure(of: "UPDATE t SET a = 2 WHERE id = 1"))
        #expect(error.kind == .lostRace && error.code == 1205)
        // MariaDB itself would have kept the first update.
        try await holder.run("UPDATE t SET a = 1 WHERE id = 2 AND a = 0")
        try await holder.commit()
        #expect(try await waiter.run("SELECT a FROM t") == [[.integer(1)], [.integer(1)]])
    }

    @Test func `what others changed since it was read is not overwritten`() async throws {
        let client = try await Client.fresh(
            "CREATE TABLE t (id BIGINT PRIMARY KEY, a BIGINT); INSERT INTO t VALUES (1, 0)")
        try await client.begin()
        #expect(try await client.run("SELECT a FROM t") == [[.integer(0)]])
        try await client.another().run("UPDATE t SET a = 5")
        let error = try #require(await client.failure(of: "UPDATE t SET a = 1 WHERE id = 1"))
        #expect(error.kind == .lostRace && error.code == 1020)
        #expect(try await client.run("SELECT a FROM t") == [[.integer(5)]])
        // A comparison that is part of the statement is made with the newest row.
        #expect(try await client.changes("UPDATE t SET a = 6 WHERE a = 5") == 1)
    }

    @Test func `a transaction is begun and ended once`() async throws {
        let client = try await Client.fresh()
        await #expect(throws: SQLError.self) { try await client.commit() }
        try await client.begin()
        await #expect(throws: SQLError.self) { try await client.begin() }
        try await client.commit()
        try await client.rollBack()
        await #expect(throws: SQLError.self) { try await client.commit() }
    }

    // MARK: Threads

    /// mysql_thread_init(3): each thread that used the library ends with mysql_thread_end.
    @Test func `a thread that used the library says so when it ends`() async throws {
        let address = try await ThrowAwayMariaDB.shared().address()
        var client: Client? = Client(address)
        let number = try #require(
            try await client?.with { (it) throws(SQLError) in
                try it.run("SELECT 1")
                return LibraryThread.enter()
            })
        #expect(LibraryThread.isPresent(number))
        client = nil
        try await wait(for: "the thread to have ended") { !LibraryThread.isPresent(number) }
    }
}
