/// One request to a server on a unix socket.
public struct UnixHTTPRequest: Sendable {
    public enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
    }

    public var method: Method
    /// Path and query (origin-form, RFC 9112, section 3.2.1): visible ASCII that begins with a slash.
    public var target: String
    /// JSON, when there is one.
    public var body: [UInt8]
    /// From the beginning of the connection to the last byte of the answer.
    public var timeout: Duration

    public init(_ method: Method, _ target: String, body: [UInt8] = [], timeout: Duration = .seconds(30)) {
        self.method = method
        self.target = target
        self.body = body
        self.timeout = timeout
    }
}

/// The whole answer to a request.
public struct UnixHTTPResponse: Sendable, Equatable {
    public var status: Int
    /// By lower-case name; of repeated fields the last.
    public var headers: [String: String] = [:]
    public var body: [UInt8] = []
}

/// A request that got no whole answer.
public enum UnixHTTPError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The request is none that could be sent.
    case invalidRequest(String)
    /// Nobody took the connection: the server never saw the request.
    case notConnected(String)
    /// The server did not take the connection, or did not answer, in time.
    case timedOut(after: Duration)
    /// The connection failed, or was closed before the answer was whole.
    case broken(String)
    /// What came is no HTTP/1.1, or none that can be told apart safely.
    case malformed(String)
    /// The answer is longer than it may be.
    case tooLong(limitInBytes: Int)

    public var description: String {
        switch self {
        case .invalidRequest(let text): "the request cannot be sent: \(text)"
        case .notConnected(let text): text
        case .timedOut(let timeout): "no answer within \(timeout)"
        case .broken(let text): text
        case .malformed(let text): "the answer is no HTTP/1.1: \(text)"
        case .tooLong(let limit): "the answer is longer than \(limit) bytes"
        }
    }
}
