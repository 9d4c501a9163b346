import LinuxCalls
import MariaDB
import Rig
import SQL
import Testing

/// Servers that go away, hang or refuse.
@Suite(.disabled(if: ThrowAwayMariaDB.obstacle != nil, "no MariaDB here"))
struct MariaDBFaultTests {
    @Test func `a server that is killed in mid-use is a lost connection, and what it committed is there again`()
        async throws
    {
        let server = try await ThrowAwayMariaDB()
        let client = Client(try await server.freshDatabase())
        try await client.execute("CREATE TABLE t (a BIGINT)")
        try await client.run("INSERT INTO t VALUES (1)")
        try await client.begin()
        try await client.run("INSERT INTO t VALUES (2)")
        await server.kill()
        let error = try #require(await client.failure(of: "INSERT INTO t VALUES (3)"))
        #expect(error.kind == .disconnected, "\(error)")
        #expect(try await client.with { (it) throws(SQLError) in it.isAlive } == false)
        // Dead for good, and at once.
        try await server.start()
        #expect(await client.failure(of: "SELECT 1")?.message == "the connection was lost before")
        let next = client.another()
        #expect(try await next.run("SELECT a FROM t") == [[.integer(1)]])
        // An idle connection finds it out at its next use.
        await server.kill()
        let found = await #expect(throws: SQLError.self) {
            try await next.with { (it) throws(SQLError) in try it.check() }
        }
        #expect(found?.kind == .disconnected)
        let refused = try #require(await client.another().failure(of: "SELECT 1"))
        #expect(refused.kind == .disconnected && refused.code == 2002, "\(refused)")
        #expect(refused.message.hasPrefix("cannot connect to \(server.socket): "), "\(refused)")
        try await server.remove()
    }

    @Test(.timeLimit(.minutes(1))) func `a server that hangs is a lost connection after the time-outs`() async throws {
        let server = try await ThrowAwayMariaDB()
        var options = MariaDBOptions()
        options.connectTimeout = .seconds(1)
        options.readTimeout = .seconds(1)
        let clients = [true, false].map { Client(server.address(overTCP: $0), options) }
        for client in clients { try await client.run("SELECT 1") }
        try await server.pause()
        // The kernel still takes connections for it.
        async let tcp = clients[0].failure(of: "SELECT 2")
        async let unix = clients[1].failure(of: "SELECT 2")
        async let fresh = clients[0].another().failure(of: "SELECT 2")
        for error in [await tcp, await unix, await fresh] { #expect(error?.kind == .disconnected, "\(error as Any)") }
        await server.resume()
        #expect(try await clients[0].another().run("SELECT 2") == [[.integer(2)]])
        try await server.remove()
    }

    @Test func `a connection that somebody killed is lost, within its rows too`() async throws {
        let client = try await Client.fresh()
        let other = client.another()
        let number = try await client.with { (it) throws(SQLError) in it.connectionID }
        try await other.execute("KILL \(number)")
        #expect(await client.failure(of: "SELECT 1")?.kind == .disconnected)

        let reader = client.another()
        let victim = try await reader.with { (it) throws(SQLError) in it.connectionID }
        let address = try await ThrowAwayMariaDB.shared().address()
        let error = await #expect(throws: SQLError.self) {
            try await reader.with { (it) throws(SQLError) in
                var rows = 0
                try it.forEachRow("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_1000000") { _ in
                    rows += 1
                    // There are far more than the line holds.
                    if rows == 1 { try? MariaDBConnection(address).execute("KILL \(victim)") }
                }
            }
        }
        #expect(error?.kind == .disconnected, "\(error as Any)")
    }

    @Test func `an error among the rows is told, and the connection goes on`() async throws {
        let client = try await Client.fresh()
        let number = try await client.with { (it) throws(SQLError) in it.connectionID }
        let address = try await ThrowAwayMariaDB.shared().address()
        let error = await #expect(throws: SQLError.self) {
            try await client.with { (it) throws(SQLError) in
                var rows = 0
                try it.forEachRow("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_1000000") { _ in
                    rows += 1
                    if rows == 1 { try? MariaDBConnection(address).execute("KILL QUERY \(number)") }
                }
            }
        }
        #expect(error?.code == 1317, "\(error as Any)")
        #expect(try await client.run("SELECT 1") == [[.integer(1)]])
    }

    @Test func `who left a transaction open is thrown out`() async throws {
        var options = MariaDBOptions()
        options.idleTransactionLimit = .seconds(1)
        let client = try await Client.fresh("CREATE TABLE t (id BIGINT PRIMARY KEY)", options)
        try await client.begin()
        try await client.run("INSERT INTO t VALUES (1)")
        // This waits for the lock, which the other's end frees.
        try await client.another().run("INSERT INTO t VALUES (1)")
        await #expect { try await client.commit() } throws: { ($0 as? SQLError)?.kind == .disconnected }
    }

    @Test func `of several endpoints the first that lets us in is taken, and each says why not`() async throws {
        let server = try await ThrowAwayMariaDB.shared()
        var address = server.address(overTCP: true)
        let (good, bad) = (address.endpoints[0], MariaDBAddress.Endpoint.tcp(host: "127.0.0.1", port: 1))
        address.endpoints = [.unix(path: "/nowhere.sock"), bad, good]
        let client = Client(address)
        #expect(try await client.with { (it) throws(SQLError) in it.endpoint } == good)
        address.endpoints.removeLast()
        let error = try #require(await Client(address).failure(of: "SELECT 1"))
        #expect(error.kind == .disconnected)
        #expect(error.message.contains("/nowhere.sock: ") && error.message.contains("127.0.0.1:1: "), "\(error)")
    }

    @Test func `a wrong password is no connection, and is not in the error`() async throws {
        let server = try await ThrowAwayMariaDB.shared()
        try await Client(server.address()).execute(
            "CREATE OR REPLACE USER guarded IDENTIFIED BY 'correct @:/ horse'")
        var address = server.address(overTCP: true)
        address.user = "guarded"
        address.password = MariaDBPassword("hunter2")
        let error = try #require(await Client(address).failure(of: "SELECT 1"))
        #expect(error.kind == .disconnected && error.code == 1045 && !error.description.contains("hunter2"), "\(error)")
        address.password = MariaDBPassword("correct @:/ horse")
        #expect(try await Client(address).run("SELECT 1") == [[.integer(1)]])
        address.database = "absent"
        #expect(await Client(address).failure(of: "SELECT 1")?.kind == .disconnected)
    }

    @Test func `a server with no room is no connection`() async throws {
        let server = try await ThrowAwayMariaDB()
        try await Client(server.address()).execute(
            "CREATE USER one WITH MAX_USER_CONNECTIONS 1; GRANT ALL ON *.* TO one")
        var address = server.address(overTCP: true)
        address.user = "one"
        let first = Client(address)
        try await first.run("SELECT 1")
        let error = try #require(await first.another().failure(of: "SELECT 1"))
        #expect(error.kind == .disconnected && error.code == 1226, "\(error)")
        await first.close()
        try await wait(for: "room") { await first.failure(of: "SELECT 1") == nil }
        try await server.remove()
    }

    @Test func `TLS is had where it is asked for, and nothing is sent in plain where it is required`() async throws {
        let server = try await ThrowAwayMariaDB(.init(offersTLS: true))
        let cipher = "SHOW SESSION STATUS LIKE 'Ssl_cipher'"
        func answer(_ tls: MariaDBTLS, host: String = "127.0.0.1") async -> Result<Bool, SQLError> {
            var address = server.address()
            address.endpoints = [.tcp(host: host, port: server.port)]
            address.tls = tls
            do throws(SQLError) {
                return .success(try await Client(address).run(cipher)[0][1].text?.isEmpty == false)
            } catch { return .failure(error) }
        }
        let authority = server.authorityFile
        #expect(await answer(MariaDBTLS(.off)) == .success(false))
        #expect(await answer(MariaDBTLS(.offered)) == .success(true))
        #expect(await answer(MariaDBTLS(.required)) == .success(true))
        #expect(await answer(MariaDBTLS(.required, authorityFile: authority)) == .success(true))
        #expect(await answer(MariaDBTLS(.verified, authorityFile: authority)) == .success(true))
        #expect(await answer(MariaDBTLS(.verified, authorityFile: authority), host: "localhost") == .success(true))
        // Another name of the same machine, which the certificate does not have.
        let elsewhere = await answer(MariaDBTLS(.verified, authorityFile: authority), host: "127.0.0.2")
        #expect(throws: SQLError.self) { try elsewhere.get() }
        // Nobody whom the system trusts has signed it.
        let unknown = await answer(MariaDBTLS(.verified))
        #expect(throws: SQLError.self) { try unknown.get() }
        // Another authority.
        let second = try await ThrowAwayMariaDB(.init(offersTLS: true))
        let stranger = await answer(MariaDBTLS(.required, authorityFile: second.authorityFile))
        #expect(throws: SQLError.self) { try stranger.get() }
        // A server that ends while a statement is written to it over TLS: SIGPIPE does not end this process.
        var address = second.address(overTCP: true)
        address.tls = MariaDBTLS(.required)
        let client = Client(address)
        try await client.run("SELECT 1")
        await second.kill()
        #expect(await client.failure(of: "SELECT 1")?.kind == .disconnected)

        address = try await ThrowAwayMariaDB.shared().address(overTCP: true)
        address.tls = MariaDBTLS(.required)
        let plain = try #require(await Client(address).failure(of: "SELECT 1"))
        #expect(plain.kind == .disconnected && plain.message.hasSuffix("the server does not offer it"), "\(plain)")
        address.tls = MariaDBTLS(.offered)
        #expect(try await Client(address).run(cipher)[0][1] == .text(""))
        try await server.remove()
        try await second.remove()
    }
}
