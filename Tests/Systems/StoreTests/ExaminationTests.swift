import MariaDB
import Reconciliation
import Rig
import SQL
@testable import Store
import Testing
import VolumeModel

/// What `hawser doctor` tells of the store.
@Suite struct ExaminationTests {
    private static let hasMariaDB = ThrowAwayMariaDB.obstacle == nil

    private func finding(_ subject: String, of store: SQLStore) async throws -> Finding {
        let findings = await store.examine()
        return try #require(findings.first { $0.subject == subject }, "\(findings)")
    }

    @Test func `of a file it is told that it is sound, and where it is`() async throws {
        let it = try await StoreFixture(.sqlite)
        let store = try await it.open()
        let found = try await finding("store", of: store)
        #expect(found.verdict == .good)
        #expect(found.message == "a file: SQLite, sound, schema version \(StoreSchema.version), \(it.path)")
        // It has no lease to tell of.
        #expect(await !store.examine().contains { $0.subject.contains("lease") })
    }

    @Test(.enabled(if: hasMariaDB, "no MariaDB here"))
    func `of a server it is told which it is, its database and its schema`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let store = try await it.open()
        let version = try it.client().run("SELECT version(), database(), @@socket")[0].map { $0.text ?? "" }
        let found = try await finding("store", of: store)
        #expect(found.verdict == .good)
        #expect(
            found.message
                == "a server: MariaDB \(version[0]) at \(version[2]), database \(version[1]), schema version 7")
    }

    @Test(.enabled(if: hasMariaDB, "no MariaDB here"))
    func `who holds the lease is told, whether that is this daemon, and since when he is silent`() async throws {
        let it = try await StoreFixture(.mariaDB)
        let (store, other) = (try await it.open(), try await it.open())
        let neighbour = try await it.open(node: "appliance-2")
        let subject = LeaseRow.subject
        #expect(try await finding(subject, of: store).message == "node appliance-1 has had none yet")
        func record(_ low: UInt64) -> LeaseRecord {
            LeaseRecord(
                token: LeaseToken(epoch: 1, nonce: UUIDValue(high: 1, low: low)), holder: "machine, process \(low)",
                lifetime: .seconds(60))
        }
        #expect(try await store.takeLease(record(1), replacing: nil))
        #expect(try await neighbour.takeLease(record(2), replacing: nil))
        let mine = try await finding(subject, of: store)
        #expect(mine.verdict == .good)
        #expect(
            mine.message.hasPrefix("node appliance-1: held by this hawserd (machine, process 1), taken "), "\(mine)")
        #expect(mine.message.hasSuffix("; node appliance-2 by machine, process 2"), "\(mine)")
        let theirs = try await finding(subject, of: other)
        #expect(theirs.message.hasPrefix("node appliance-1: held by machine, process 1, taken "), "\(theirs)")
        try it.client().execute("UPDATE node_leases SET renewed_at = renewed_at - 7200000000000")
        let silent = try await finding(subject, of: other)
        #expect(silent.verdict == .warning && silent.message.contains("last sign of life 120 min ago"), "\(silent)")
        try await store.releaseLease(record(1).token)
        #expect(try await finding(subject, of: other).message.contains("given back by machine, process 1"))
    }

    @Test(.enabled(if: hasMariaDB, "no MariaDB here"), arguments: [true, false])
    func `it is told whether the binary log says what others commit, or why it is asked for`(
        mayReadLog: Bool
    ) async throws {
        let it = try await StoreFixture(.mariaDB)
        _ = try await it.open()
        let engine = try await it.engine(mayReadLog: mayReadLog)
        let store = try await SQLStore.shared(engine, node: "n")
        let changes = await store.desiredChanges()
        try await wait(for: "the binary log to be tried") { engine.binaryLog.standing != .untried }
        let found = try await finding("changes in the store", of: store)
        #expect(found.verdict == .good)
        if mayReadLog {
            #expect(found.message == "told by the server's binary log")
        } else {
            #expect(found.message.hasPrefix("found by asking for them up to 50 times a second: "), "\(found)")
            #expect(found.message.contains("GRANT"), "\(found)")
        }
        withExtendedLifetime(changes) {}
    }

    @Test(.enabled(if: hasMariaDB, "no MariaDB here"))
    func `it is told whether the line to it is encrypted, and whether that proves anything`() async throws {
        let server = try await ThrowAwayMariaDB(.init(offersTLS: true))
        let database = try await server.freshDatabase()
        func found(_ tls: MariaDBTLS, overTCP: Bool = true) async throws -> Finding {
            var address = overTCP ? server.address(database: database.database, overTCP: true) : database
            address.tls = tls
            return try await finding("line to the store", of: try await SQLStore.shared(at: address, node: "n"))
        }
        #expect(try await found(MariaDBTLS(), overTCP: false).message == "without TLS, over a socket of this machine")
        #expect(try await found(MariaDBTLS()).message == "without TLS, within this machine")
        for requirement in [MariaDBTLS.Requirement.offered, .required] {
            let found = try await found(MariaDBTLS(requirement))
            #expect(found.verdict == .warning && found.message.hasPrefix("TLSv1."), "\(found)")
            #expect(found.remedy.contains("tls=verified"))
        }
        for requirement in [MariaDBTLS.Requirement.required, .verified] {
            let found = try await found(MariaDBTLS(requirement, authorityFile: server.authorityFile))
            #expect(found.verdict == .good && found.message.hasPrefix("TLSv1."), "\(found)")
        }
        try await server.remove()
    }

    @Test(arguments: [
        ("localhost", true), ("127.0.0.1", true), ("127.8.9.1", true), ("::1", true), ("10.0.0.1", false),
        ("127.example.org", false), ("db.example", false),
    ])
    func `a plain line to another machine is not one within this machine`(host: String, isThisMachine: Bool) {
        #expect(MariaDBEngine.isThisMachine(host) == isThisMachine)
    }

    @Test(.enabled(if: hasMariaDB, "no MariaDB here"))
    func `no password is in what is told, whatever is wrong`() async throws {
        let server = try await ThrowAwayMariaDB(.init(keepsBinaryLog: true))
        var address = try await server.freshDatabase()
        let root = try MariaDBConnection(address)
        let (password, name) = ("s3cret-of-the-store", address.database)
        try root.execute("CREATE USER hawser IDENTIFIED BY '\(password)'; GRANT ALL ON \(name).* TO hawser")
        // The tables are made by somebody who may do so.
        _ = try await SQLStore.shared(at: address, node: "n")
        address.endpoints = [.tcp(host: "127.0.0.1", port: server.port)]
        address.user = "hawser"
        address.password = MariaDBPassword(password)
        let engine = MariaDBEngine(address, MariaDBOptions())
        let store = try await SQLStore.shared(engine, node: "n")
        let changes = await store.desiredChanges()
        try await wait(for: "the binary log to be tried") { engine.binaryLog.standing != .untried }
        func expectNoPassword(_ verdict: Finding.Verdict) async {
            let findings = await store.examine()
            #expect(findings.contains { $0.verdict == verdict }, "\(findings)")
            #expect(!"\(findings)".contains(password))
        }
        await expectNoPassword(.good)
        for trouble in [
            "REVOKE ALL ON \(name).* FROM hawser", "SET PASSWORD FOR hawser = PASSWORD('another')",
        ] {
            try root.execute(trouble)
            // Who is in already would not notice.
            for row in try root.run("SELECT id FROM information_schema.processlist WHERE user = 'hawser'") {
                // One may have gone by itself.
                _ = try? root.run("KILL \(row[0].integer ?? 0)")
            }
            await expectNoPassword(.bad)
        }
        await server.stop()
        await expectNoPassword(.bad)
        withExtendedLifetime(changes) {}
        try await server.remove()
    }
}
