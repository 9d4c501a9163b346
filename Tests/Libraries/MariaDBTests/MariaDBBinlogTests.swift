import ActorThreads
import MariaDB
import Rig
import SQL
import Testing

@Suite(.disabled(if: ThrowAwayMariaDB.obstacle != nil, "no MariaDB here"))
struct MariaDBBinlogTests {
    /// A follower with a thread of its own.
    private actor Follower {
        private let executor = ThreadExecutor(name: "binlog")
        private var log: MariaDBBinlog?
        nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

        enum Opened: Sendable {
            case following(MariaDBBinlog.Interrupter)
            case unusable(String)
            case disconnected(SQLError)

            var reason: String? { if case .unusable(let reason) = self { reason } else { nil } }
        }

        func open(_ address: MariaDBAddress, silence: Duration = .seconds(10), serverID: UInt32? = nil) -> Opened {
            switch MariaDBBinlog.open(address, serverID: serverID ?? .random(in: 1_000...(.max)), silence: silence) {
            case .following(let log):
                self.log = log
                return .following(log.interrupter)
            case .unusable(let reason): return .unusable(reason)
            case .disconnected(let error): return .disconnected(error)
            }
        }

        func next() -> MariaDBBinlog.News? { log?.next() }

        /// The next of a transaction that touched this database: other tests write, too.
        func nextTables(in database: String) -> [String]? {
            while let news = next() {
                switch news {
                case .committed(let tables):
                    let own = tables.filter { $0.database == database }.map(\.name)
                    if !own.isEmpty { return own.sorted() }
                case .statement: continue
                case .ended: return nil
                }
            }
            return nil
        }
    }

    @Test func `what is committed is told by its tables, and what is rolled back is not`() async throws {
        let address = try await ThrowAwayMariaDB.shared().freshDatabase()
        let client = Client(address)
        try await client.execute(
            """
            CREATE TABLE a (n BIGINT); CREATE TABLE b (n BIGINT); CREATE TABLE `ä b` (n BIGINT);
            CREATE TRIGGER copy AFTER INSERT ON b FOR EACH ROW INSERT INTO `ä b` VALUES (NEW.n);
            INSERT INTO a VALUES (0)
            """)
        let follower = Follower()
        guard case .following = await follower.open(address) else { Issue.record("cannot follow"); return }
        try await client.begin()
        try await client.run("INSERT INTO a VALUES (1)")
        try await client.rollBack()
        try await client.begin()
        try await client.run("INSERT INTO b VALUES (1)")
        try await client.run("DELETE FROM b")
        try await client.commit()
        #expect(await follower.nextTables(in: address.database) == ["b", "ä b"])
        try await client.run("UPDATE a SET n = 5")
        #expect(await follower.nextTables(in: address.database) == ["a"])
    }

    @Test func `statements and tables without transactions are told, too`() async throws {
        let server = try await ThrowAwayMariaDB(
            .init(keepsBinaryLog: true, settings: ["--log-bin-compress=ON", "--log-bin-compress-min-len=10"]))
        let address = try await server.freshDatabase()
        let client = Client(address)
        try await client.execute("CREATE TABLE m (n BIGINT, t TEXT) ENGINE=MyISAM")
        let follower = Follower()
        guard case .following = await follower.open(address) else { Issue.record("cannot follow"); return }
        let table = MariaDBTable(database: address.database, name: "m")
        // The rows are compressed.
        try await client.run("INSERT INTO m VALUES (1, ?)", [.text(String(repeating: "x", count: 10_000))])
        #expect(await follower.next() == .committed([table]))
        try await client.run("TRUNCATE m")
        #expect(await follower.next() == .statement)
        // The log goes on in another file.
        try await client.execute("FLUSH BINARY LOGS")
        try await client.run("INSERT INTO m VALUES (2, '')")
        var news = await follower.next()
        while news == .statement { news = await follower.next() }
        #expect(news == .committed([table]))
        try await server.remove()
    }

    @Test func `a wait is interrupted from outside, at once and for ever`() async throws {
        let follower = Follower()
        let address = try await ThrowAwayMariaDB.shared().address(overTCP: true)
        guard case .following(let interrupter) = await follower.open(address) else {
            Issue.record("cannot follow")
            return
        }
        async let waiting = follower.nextTables(in: "no such database")
        interrupter.interrupt()
        #expect(await waiting == nil)
        #expect(await follower.next() == .ended(.interrupted))
        // Also when the connection is gone.
        interrupter.interrupt()
    }

    @Test func `a server that is killed, or hangs, is told as lost, and is followed again`() async throws {
        let server = try await ThrowAwayMariaDB(.init(keepsBinaryLog: true))
        let address = try await server.freshDatabase()
        let follower = Follower()
        guard case .following = await follower.open(address) else { Issue.record("cannot follow"); return }
        async let waiting = follower.next()
        await server.kill()
        guard case .ended(.lost(let error)) = await waiting else { Issue.record("not lost"); return }
        #expect(error.kind == .disconnected, "\(error)")
        guard case .disconnected = await follower.open(address) else { Issue.record("not disconnected"); return }
        try await server.start()
        guard case .following = await follower.open(address, silence: .seconds(2)) else {
            Issue.record("cannot follow")
            return
        }
        // Idle for longer than the silence that it bears: the server's signs of life are enough.
        async let first = follower.next()
        let client = Client(address)
        try await wait(for: "the follower to be idle for long") {
            try await client.run(
                "SELECT 1 FROM information_schema.processlist WHERE command LIKE 'Binlog%' AND time_ms > 2300"
            )
            .count == 1
        }
        try await client.execute("CREATE TABLE t (a BIGINT)")
        #expect(await first == .statement)
        try await server.pause()
        guard case .ended(.lost) = await follower.next() else { Issue.record("not lost"); return }
        await server.resume()
        try await server.remove()
    }

    @Test func `why a log cannot be followed is a value with the reason`() async throws {
        let plain = try await ThrowAwayMariaDB()
        #expect(await Follower().open(plain.address()).reason == "the server keeps no binary log (log_bin is off)")
        try await plain.remove()

        let server = try await ThrowAwayMariaDB(
            .init(keepsBinaryLog: true, settings: ["--binlog-ignore-db=left_out"]))
        let client = Client(server.address())
        #expect(await Follower().open(server.address(), serverID: 1).reason?.contains("server_id") == true)
        #expect(
            await Follower().open(server.address(database: "left_out")).reason
                == "the server's binary log leaves out the database left_out (binlog_ignore_db)")
        try await client.execute("CREATE USER poor; CREATE USER half; GRANT BINLOG MONITOR ON *.* TO half")
        for user in ["poor", "half"] {
            var address = server.address(overTCP: true)
            address.user = user
            let reason = await Follower().open(address).reason
            #expect(reason?.contains("GRANT REPLICATION SLAVE, BINLOG MONITOR") == true, "\(reason as Any)")
            try await client.execute("GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO \(user)")
            guard case .following = await Follower().open(address) else { Issue.record("cannot follow"); return }
        }
        try await client.execute("SET GLOBAL binlog_format = 'MIXED'")
        #expect(
            await Follower().open(server.address()).reason == "binlog_format of the server is MIXED, and must be ROW")
        try await server.remove()
    }
}
