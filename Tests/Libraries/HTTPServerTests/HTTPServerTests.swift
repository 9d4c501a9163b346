import ActorThreads
import Curl
import Glibc
import HTTPServer
import Testing

@Suite struct HTTPServerTests {
    private func echo() throws -> HTTPServer {
        try HTTPServer(.tcp(host: "127.0.0.1", port: 0), bodyLimitInBytes: 1_000) { request in
            switch request.path {
            case "/drop": .dropped
            default:
                .whole(
                    status: 200, headers: [("X-Query", request.rawQuery)],
                    body: Array("\(request.method) \(request.path) ".utf8) + request.body)
            }
        }
    }

    @Test func `a request comes in whole and its answer goes out whole`() async throws {
        let server = try echo()
        defer { server.stop() }
        let client = HTTPClient()
        let answer = try await client.send(
            HTTPRequest(.post, "http://127.0.0.1:\(server.port)/a?b=c%20d", body: Array("hello".utf8)))
        #expect(answer.status == 200)
        #expect(answer.headers["x-query"] == "b=c%20d")
        #expect(String(decoding: answer.body, as: UTF8.self) == "POST /a hello")
    }

    @Test func `a dropped connection is an error whose effect is unknown`() async throws {
        let server = try echo()
        defer { server.stop() }
        await #expect {
            try await HTTPClient().send(HTTPRequest(.get, "http://127.0.0.1:\(server.port)/drop"))
        } throws: { ($0 as? HTTPError)?.effect == .unknown }
    }

    @Test func `a server that is not there is an error without effect`() async throws {
        let server = try echo()
        let port = server.port
        server.stop()
        await #expect { try await HTTPClient().send(HTTPRequest(.get, "http://127.0.0.1:\(port)/")) } throws: {
            ($0 as? HTTPError)?.effect == HTTPError.Effect.none
        }
    }

    /// The library drops what is not sent when it is stopped.
    @Test func `an answer that is under way when the server is stopped goes out whole`() async throws {
        let (begun, hasBegun) = AsyncStream<Void>.makeStream()
        let body = [UInt8](repeating: 65, count: 3 << 20)
        let server = try HTTPServer(.tcp(host: "127.0.0.1", port: 0)) { _ in
            hasBegun.yield()
            // Long enough for the stop to come in between, most of the time; what holds does not depend on it.
            for _ in 0..<50 { await Task.yield() }
            return .whole(status: 200, headers: [], body: body)
        }
        async let answer = HTTPClient().send(
            HTTPRequest(.get, "http://127.0.0.1:\(server.port)/", timeout: .seconds(300)))
        for await _ in begun { break }
        await server.stopAndWait()
        #expect(try await answer.body.count == body.count)
    }

    /// The library ends the process when its listening socket goes before its threads, and when a connection is suspended
    /// while it is stopped.
    @Test func `servers are stopped while clients keep connecting`() async throws {
        for _ in 0..<400 {
            let server = try echo()
            let port = server.port
            async let answered = withTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask { _ = try? await HTTPClient().send(HTTPRequest(.get, "http://127.0.0.1:\(port)/")) }
                }
            }
            await server.stopAndWait()
            await answered
        }
    }

    @Test func `a body over the limit gets 413`() async throws {
        let server = try echo()
        defer { server.stop() }
        let answer = try await HTTPClient().send(
            HTTPRequest(.post, "http://127.0.0.1:\(server.port)/", body: [UInt8](repeating: 65, count: 5_000)))
        #expect(answer.status == 413)
    }

    /// The library's epoll loop with a single thread stops answering under such a burst.
    @Test func `a burst of 256 connections is served`() async throws {
        let server = try echo()
        defer { server.stop() }
        var configuration = HTTPClient.Configuration()
        configuration.connections = 256
        let client = HTTPClient(configuration)
        let statuses = await withTaskGroup(of: Int.self) { group in
            for number in 0..<512 {
                group.addTask {
                    (try? await client.send(HTTPRequest(.get, "http://127.0.0.1:\(server.port)/\(number)")).status) ?? 0
                }
            }
            return await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
        }
        #expect(statuses == [200: 512])
    }

    @Test func `a unix socket tells who is at the other end`() async throws {
        let path = "/tmp/hawser-http-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).sock"
        let server = try HTTPServer(.unix(path: path, mode: 0o600)) { request in
            .whole(status: 200, headers: [], body: Array("\(request.peer?.userID ?? 99_999)".utf8))
        }
        defer { server.stop() }
        var configuration = HTTPClient.Configuration()
        configuration.unixSocket = path
        let answer = try await HTTPClient(configuration).send(HTTPRequest(.get, "http://localhost/"))
        #expect(String(decoding: answer.body, as: UTF8.self) == "\(getuid())")
        #expect(throws: HTTPServerError.self) { try HTTPServer(.unix(path: path, mode: 0o600)) { _ in .dropped } }
    }

    @Test(arguments: [
        ("a=b&c=d+e", [("a", "b"), ("c", "d e")]), ("x=%C3%A9&y", [("x", "é"), ("y", "")]), ("z=%zz", [("z", "%zz")]),
    ]) func `forms are decoded`(text: String, pairs: [(String, String)]) {
        let decoded = FormDecoding.pairs(text)
        #expect(decoded.map(\.name) == pairs.map(\.0))
        #expect(decoded.map(\.value) == pairs.map(\.1))
    }
}
