import LinuxCalls
import MariaDB
import Rig
import SQL
import SQLite
import Testing

/// What ``SQLConnection`` promises, of each database that keeps it.
@Suite struct SQLConnectionTests {
    enum Engine: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case sqlite
        case mariaDB

        var testDescription: String { rawValue }
        static var present: [Engine] { allCases.filter { $0 == .sqlite || ThrowAwayMariaDB.obstacle == nil } }
    }

    /// An empty database, and two connections to it.
    private struct Fixture {
        let first: any SQLConnection
        let second: any SQLConnection
        /// Removed when the test ends.
        let directory: TemporaryDirectory?

        init(_ engine: Engine) async throws {
            switch engine {
            case .sqlite:
                let made = try TemporaryDirectory(prefix: "hawser-sql-test")
                first = try SQLiteConnection(path: "\(made.path)/db", busyTimeoutInMilliseconds: 1)
                second = try SQLiteConnection(path: "\(made.path)/db", busyTimeoutInMilliseconds: 1)
                directory = made
            case .mariaDB:
                let address = try await ThrowAwayMariaDB.shared().freshDatabase()
                var options = MariaDBOptions()
                options.lockWait = .seconds(1)
                first = try MariaDBConnection(address, options)
                second = try MariaDBConnection(address, options)
                directory = nil
            }
            try first.execute(
                """
                CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(100) UNIQUE, n BIGINT CHECK (n < 1000));
                CREATE TABLE texts (a VARCHAR(100), b VARCHAR(100))
                """)
        }
    }

    private func kind(_ body: () throws(SQLError) -> Void) -> SQLError.Kind? {
        do throws(SQLError) { try body() } catch { return error.kind }
        return nil
    }

    @Test(arguments: Engine.present)
    func `changes counts the rows that were inserted, deleted or found`(_ engine: Engine) async throws {
        let it = try await Fixture(engine).first
        for (sql, changes) in [
            ("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 1), (3, 'c', 3)", 3), ("UPDATE t SET n = 1 WHERE n = 1", 2),
            ("UPDATE t SET n = 2 WHERE id = 9", 0), ("DELETE FROM t WHERE id > 1", 2), ("SELECT 1", 2),
            ("DELETE FROM t", 1), ("DELETE FROM t", 0),
        ] {
            try it.run(sql)
            #expect(it.changes == changes, "\(sql)")
        }
    }

    @Test(arguments: Engine.present)
    func `what a table refuses is a constraint`(_ engine: Engine) async throws {
        let it = try await Fixture(engine).first
        try it.run("INSERT INTO t VALUES (1, 'a', 1)")
        for sql in [
            "INSERT INTO t VALUES (1, 'b', 1)", "INSERT INTO t VALUES (2, 'a', 1)",
            "INSERT INTO t VALUES (2, 'b', 1000)",
            "INSERT INTO t VALUES (NULL, 'b', 1)",
        ] {
            #expect(kind { () throws(SQLError) in try it.run(sql) } == .constraint, "\(sql)")
        }
        #expect(kind { () throws(SQLError) in try it.run("INSERT INTO absent VALUES (1)") } == .other)
        #expect(kind { () throws(SQLError) in try it.run("no statement") } == .other)
        #expect(try it.run("SELECT id FROM t") == [[.integer(1)]])
    }

    @Test(arguments: Engine.present)
    func `a transaction is all or nothing, begun once and ended once`(_ engine: Engine) async throws {
        let fixture = try await Fixture(engine)
        let (it, other) = (fixture.first, fixture.second)
        struct Refused: Error {}
        #expect(throws: Refused.self) {
            try it.transaction { () throws(Refused) in
                _ = try? it.run("INSERT INTO t VALUES (1, 'a', 1)")
                throw Refused()
            } wrap: { _ in
                Refused()
            }
        }
        #expect(try other.run("SELECT id FROM t") == [])
        _ = try it.transaction { () throws(SQLError) in
            try it.run("INSERT INTO t VALUES (1, 'a', 1)")
        } wrap: {
            $0
        }
        #expect(try other.run("SELECT id FROM t") == [[.integer(1)]])
        #expect(kind { () throws(SQLError) in try it.commit() } == .other)
        try it.begin(.writing)
        #expect(kind { () throws(SQLError) in try it.begin(.writing) } == .other)
        it.rollBack()
        it.rollBack()
    }

    @Test(arguments: Engine.present)
    func `a reading transaction sees one moment`(_ engine: Engine) async throws {
        let fixture = try await Fixture(engine)
        let (it, other) = (fixture.first, fixture.second)
        try it.begin(.reading)
        #expect(try it.run("SELECT id FROM t") == [])
        try other.run("INSERT INTO t VALUES (1, 'a', 1)")
        #expect(try it.run("SELECT id FROM t") == [])
        try it.commit()
        #expect(try it.run("SELECT id FROM t") == [[.integer(1)]])
    }

    @Test(arguments: Engine.present)
    func `who comes second to a row lost the race`(_ engine: Engine) async throws {
        let fixture = try await Fixture(engine)
        let (it, other) = (fixture.first, fixture.second)
        try it.run("INSERT INTO t VALUES (1, 'a', 1)")
        try it.begin(.writing)
        try it.run("UPDATE t SET n = 2 WHERE id = 1")
        #expect(
            kind { () throws(SQLError) in
                _ = try other.transaction { () throws(SQLError) in
                    try other.run("UPDATE t SET n = 3 WHERE id = 1")
                } wrap: {
                    $0
                }
            } == .lostRace)
        try it.commit()
        _ = try other.transaction { () throws(SQLError) in
            try other.run("UPDATE t SET n = n + 1 WHERE id = 1")
        } wrap: {
            $0
        }
        #expect(try it.run("SELECT n FROM t") == [[.integer(3)]])
    }

    @Test(arguments: Engine.present)
    func `rows are handed out with their texts where they are`(_ engine: Engine) async throws {
        let it = try await Fixture(engine).first
        try it.run("INSERT INTO t VALUES (?, ?, ?)", [.integer(.max), .text("\u{1F6A2} a\0b"), .null])
        var rows = 0
        try it.forEachRow("SELECT id, name, n FROM t WHERE id = ?", [.integer(.max)]) { row in
            rows += 1
            #expect(row.integer(0) == .max && row.text(0) == nil)
            #expect(row.text(1) == "\u{1F6A2} a\0b" && row.integer(1) == nil)
            #expect(row.withTextBytes(1) { $0.count } == 8)
            #expect(row.isNull(2) && row.integer(2) == nil && row.text(2) == nil && !row.isNull(0))
        }
        #expect(rows == 1)
    }

    @Test(arguments: Engine.present)
    func `the same statement means the same`(_ engine: Engine) async throws {
        let it = try await Fixture(engine).first
        try it.run(#"INSERT INTO "texts" ("a", "b") VALUES ('a', 'A'), ('a ', 'a\n'), ('ä', 'a' || 'b')"#)
        #expect(try it.run("SELECT b FROM texts WHERE a = 'a'") == [[.text("A")]])
        #expect(try it.run("SELECT b FROM texts WHERE a = ?", [.text("a ")]) == [[.text(#"a\n"#)]])
        #expect(try it.run("SELECT a FROM texts WHERE b = 'ab' OR b = 'a'") == [[.text("ä")]])
        #expect(try it.run("SELECT COUNT(*) FROM texts WHERE b = 'a'") == [[.integer(0)]])
        #expect(try it.run("SELECT 'a' = 'A', 'a' = 'a ', 7 % 4") == [[.integer(0), .integer(0), .integer(3)]])
        try it.run("UPDATE texts SET a = b, b = a WHERE a = 'ä'")
        #expect(try it.run("SELECT a, b FROM texts WHERE b = 'ä'") == [[.text("ab"), .text("ä")]])
        try it.run("INSERT INTO t VALUES (0, 'zero', 1)")
        #expect(try it.run("SELECT id FROM t") == [[.integer(0)]])
    }

    @Test(arguments: Engine.present)
    func `several statements run in their order until one fails`(_ engine: Engine) async throws {
        let it = try await Fixture(engine).first
        #expect(
            kind { () throws(SQLError) in
                try it.execute(
                    "INSERT INTO t VALUES (1, 'a;b', 1); INSERT INTO t VALUES (1, 'c', 1); INSERT INTO t VALUES (2, 'd', 1);"
                )
            } == .constraint)
        #expect(try it.run("SELECT name FROM t") == [[.text("a;b")]])
    }
}
