import ActorThreads

/// An HTTP/1.1 client (RFC 9112) for servers on this machine that listen on a unix socket.
///
/// Each request has a connection of its own, so that it is sent once or not at all: there is no old connection that could
/// turn out to be dead. It needs no library, which a program that ends at once would wait for at each start.
public struct UnixHTTPClient: Sendable {
    private let socket: String
    private let connectTimeout: Duration
    private let bodyLimitInBytes: Int

    /// - Parameters:
    ///   - socket: the path of the server's socket.
    ///   - connectTimeout: how long to wait for a server that has too many connections waiting.
    ///   - bodyLimitInBytes: a longer answer is an error.
    public init(socket: String, connectTimeout: Duration = .seconds(5), bodyLimitInBytes: Int = 256 << 20) {
        self.socket = socket
        self.connectTimeout = connectTimeout
        self.bodyLimitInBytes = bodyLimitInBytes
    }

    /// Sends one request and returns the whole answer, whatever its status.
    public func send(_ request: UnixHTTPRequest) async throws(UnixHTTPError) -> UnixHTTPResponse {
        try await Exchange().perform(request, on: socket, connectTimeout, bodyLimitInBytes).get()
    }
}

/// One request and its answer, on a thread that may block.
private actor Exchange {
    private let executor = ThreadExecutor(name: "unix-http")

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func perform(
        _ request: UnixHTTPRequest, on socket: String, _ connectTimeout: Duration, _ bodyLimit: Int
    ) -> Result<UnixHTTPResponse, UnixHTTPError> {
        Result { () throws(UnixHTTPError) in try Self.exchange(request, socket, connectTimeout, bodyLimit) }
    }

    private static func exchange(
        _ request: UnixHTTPRequest, _ socket: String, _ connectTimeout: Duration, _ bodyLimit: Int
    ) throws(UnixHTTPError) -> UnixHTTPResponse {
        let bytes = try request.bytes()
        let connection = try UnixSocketConnection(to: socket, patience: connectTimeout, timeout: request.timeout)
        // A server that refuses a request may do so before it has read all of it.
        let isSent = try connection.send(bytes)
        var limits = ResponseParser.Limits()
        limits.bodyInBytes = bodyLimit
        do throws(UnixHTTPError) { return try response(connection, limits) } catch {
            if case .broken = error, !isSent { throw .broken("the connection was closed in the middle of the request") }
            throw error
        }
    }

    private static func response(
        _ connection: UnixSocketConnection, _ limits: ResponseParser.Limits
    ) throws(UnixHTTPError) -> UnixHTTPResponse {
        var parser = ResponseParser(limits: limits)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while !parser.isComplete {
            let count = try connection.receive(into: buffer)
            if count == 0 {
                try parser.end()
            } else {
                try parser.receive(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        }
        return parser.response
    }
}

extension UnixHTTPRequest {
    /// What is sent: the request line, the fields, and the body with its length.
    fileprivate func bytes() throws(UnixHTTPError) -> [UInt8] {
        // Anything else could end the line and begin another.
        guard target.hasPrefix("/"), target.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .invalidRequest("'\(target)' is no path")
        }
        var head = "\(method.rawValue) \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        if method == .post { head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n" }
        return Array(head.utf8) + "\r\n".utf8 + body
    }
}
