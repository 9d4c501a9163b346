/// One HTTP request.
public struct HTTPRequest: Sendable {
    public enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case delete = "DELETE"
    }

    public var method: Method
    public var url: String
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]
    /// From the first byte of the connection to the last of the answer.
    public var timeout: Duration
    /// Never sent over a connection that has been used before: libcurl silently sends a request again when such a
    /// connection turns out to be dead (lib/transfer.c, `Curl_retry_request`), which a mutation must not be.
    public var isSentOnceAtMost: Bool

    public init(
        _ method: Method, _ url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = [],
        timeout: Duration = .seconds(30), isSentOnceAtMost: Bool = false
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.isSentOnceAtMost = isSentOnceAtMost
    }
}

/// The whole answer to a request.
public struct HTTPResponse: Sendable {
    public var status: Int
    /// By lower-case name; of repeated headers the last.
    public var headers: [String: String]
    public var body: [UInt8]

    public init(status: Int, headers: [String: String], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// A request that got no whole answer.
public struct HTTPError: Error, Sendable, CustomStringConvertible {
    public enum Effect: Sendable, Equatable {
        /// The server never saw the request.
        case none
        /// The server may have acted on it.
        case unknown
    }

    public var effect: Effect
    /// What went wrong; never a URL, which can hold a signature.
    public var text: String

    public init(effect: Effect, text: String) {
        self.effect = effect
        self.text = text
    }

    public var description: String { "cannot complete the HTTP request: \(text)" }
}
