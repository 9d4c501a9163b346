import Glibc
import HTTPServer
import LinuxCalls
import Testing
import UnixHTTP

/// The client over real sockets.
@Suite struct UnixHTTPClientTests {
    private let directory: TemporaryDirectory
    private var socket: String { "\(directory.path)/s" }

    init() throws {
        directory = try TemporaryDirectory(prefix: "hawser-unix-http-test")
    }

    // MARK: With the real server

    private func echo() throws -> HTTPServer {
        try HTTPServer(.unix(path: socket, mode: 0o600), bodyLimitInBytes: 5 << 20) { request in
            switch request.path {
            case "/drop": .dropped
            case "/nothing": .whole(status: 204, headers: [], body: [])
            default:
                .whole(
                    status: 207, headers: [("X-Query", request.rawQuery)],
                    body: Array("\(request.method) \(request.path) ".utf8) + request.body)
            }
        }
    }

    @Test func `a request goes out whole and its answer comes in whole`() async throws {
        let server = try echo()
        defer { server.stop() }
        let answer = try await UnixHTTPClient(socket: socket).send(
            UnixHTTPRequest(.post, "/a?b=c%20d", body: Array("hello".utf8)))
        #expect(answer.status == 207)
        #expect(answer.headers["x-query"] == "b=c%20d")
        #expect(String(decoding: answer.body, as: UTF8.self) == "POST /a hello")
        #expect(try await UnixHTTPClient(socket: socket).send(UnixHTTPRequest(.get, "/nothing")).status == 204)
    }

    @Test func `megabytes go both ways, and many requests at the same time`() async throws {
        let server = try echo()
        defer { server.stop() }
        let client = UnixHTTPClient(socket: socket)
        let body = (0..<(4 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(try await client.send(UnixHTTPRequest(.post, "/", body: body)).body.dropFirst(7) == body[...])
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<64 {
                group.addTask { try await client.send(UnixHTTPRequest(.get, "/\(number)")).status }
            }
            return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
        #expect(statuses == [207: 64])
    }

    @Test func `a body over the server's limit is refused in the server's words`() async throws {
        let server = try echo()
        defer { server.stop() }
        let request = UnixHTTPRequest(.post, "/", body: [UInt8](repeating: 65, count: 6 << 20))
        #expect(try await UnixHTTPClient(socket: socket).send(request).status == 413)
    }

    @Test func `a dropped connection is an error`() async throws {
        let server = try echo()
        defer { server.stop() }
        await #expect(throws: UnixHTTPError.broken("the connection was closed without an answer")) {
            try await UnixHTTPClient(socket: socket).send(UnixHTTPRequest(.get, "/drop"))
        }
    }

    @Test func `a server that is not there, or that does not listen, never saw the request`() async throws {
        await #expect(throws: UnixHTTPError.notConnected("No such file or directory")) {
            try await UnixHTTPClient(socket: socket).send(UnixHTTPRequest(.get, "/"))
        }
        let server = try echo()
        try writeFile("\(directory.path)/file", bytes: [])
        await #expect(throws: UnixHTTPError.notConnected("Connection refused")) {
            try await UnixHTTPClient(socket: "\(directory.path)/file").send(UnixHTTPRequest(.get, "/"))
        }
        server.stop()
        await #expect(throws: UnixHTTPError.notConnected("the socket's path is too long (at most 107 bytes)")) {
            try await UnixHTTPClient(socket: "/" + String(repeating: "x", count: 107)).send(
                UnixHTTPRequest(.get, "/"))
        }
    }

    @Test(arguments: ["", "a", "/a b", "/a\r\nX: y", "/é"])
    func `what would be another request is not sent`(_ target: String) async throws {
        await #expect(throws: UnixHTTPError.invalidRequest("'\(target)' is no path")) {
            try await UnixHTTPClient(socket: socket).send(UnixHTTPRequest(.get, target))
        }
    }

    // MARK: With a raw socket

    /// Listens, takes one connection, and does with it what is told, on a thread of its own.
    private func serve(_ body: @escaping @Sendable (Int32) -> Void) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(socket.utf8)) }
        let listener = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        try #require(isBound && listen(listener, 0) == 0)
        let work = Unmanaged.passRetained(Work(listener: listener, body: body))
        var thread = pthread_t()
        try #require(pthread_create(&thread, nil, runWork, work.toOpaque()) == 0)
        pthread_detach(thread)
    }

    @Test(arguments: [
        ("", UnixHTTPError.broken("the connection was closed without an answer")),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx",
            .broken("the connection was closed in the middle of the answer")
        ),
        ("220 mail.example ESMTP\r\n", .malformed("it does not begin with a status line")),
        ("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", .tooLong(limitInBytes: 100)),
    ])
    func `a malformed answer is an error that says what is wrong`(_ answer: String, _ error: UnixHTTPError) async throws
    {
        try serve { connection in
            readHead(connection)
            _ = answer.withCString { send(connection, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
        }
        await #expect(throws: error) {
            try await UnixHTTPClient(socket: socket, bodyLimitInBytes: 100).send(UnixHTTPRequest(.get, "/"))
        }
    }

    @Test func `an answer that does not come, or does not end, is not waited for beyond the time-out`() async throws {
        let (ended, end) = AsyncStream<Void>.makeStream()
        try serve { connection in
            readHead(connection)
            _ = "HTTP/1.1 200 OK\r\n".withCString { send(connection, $0, strlen($0), 0) }
            // Until the client gives up.
            readToEnd(connection)
            end.finish()
        }
        await #expect(throws: UnixHTTPError.timedOut(after: .milliseconds(50))) {
            try await UnixHTTPClient(socket: socket).send(UnixHTTPRequest(.get, "/", timeout: .milliseconds(50)))
        }
        for await _ in ended {}
    }

    @Test func `an answer that comes before the request was read counts`() async throws {
        try serve { connection in
            readHead(connection)
            let answer = "HTTP/1.1 413 \r\nContent-Length: 4\r\n\r\nlong"
            _ = answer.withCString { send(connection, $0, strlen($0), 0) }
        }
        let request = UnixHTTPRequest(.post, "/", body: [UInt8](repeating: 65, count: 8 << 20))
        let answer = try await UnixHTTPClient(socket: socket).send(request)
        #expect(answer.status == 413 && answer.body == Array("long".utf8))
    }
}

private final class Work: Sendable {
    let listener: Int32
    let body: @Sendable (Int32) -> Void

    init(listener: Int32, body: @escaping @Sendable (Int32) -> Void) {
        self.listener = listener
        self.body = body
    }
}

private let runWork: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
    guard let context else { return nil }
    let work = Unmanaged<Work>.fromOpaque(context).takeRetainedValue()
    let connection = accept(work.listener, nil, nil)
    work.body(connection)
    close(connection)
    close(work.listener)
    return nil
}

/// Reads to the empty line behind a request's fields.
private func readHead(_ connection: Int32) {
    var head: [UInt8] = []
    var byte: UInt8 = 0
    while !head.suffix(4).elementsEqual("\r\n\r\n".utf8), read(connection, &byte, 1) == 1 { head.append(byte) }
}

private func readToEnd(_ connection: Int32) {
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while read(connection, &buffer, buffer.count) > 0 {}
}
