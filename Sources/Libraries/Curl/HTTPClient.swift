import ActorThreads
import CCurl

/// An HTTP client over libcurl: a few connections, each with a handle and a thread of its own, reused from request to
/// request. TLS certificates and host names are verified.
public final class HTTPClient: Sendable {
    public struct Configuration: Sendable {
        /// How many requests can be under way; more wait their turn.
        public var connections = 4
        public var connectTimeout: Duration = .seconds(10)
        /// A file of certificates to trust instead of the system's.
        public var certificateAuthorityFile: String?
        /// Talks to this unix socket whatever the URL's host is.
        public var unixSocket: String?
        /// A longer answer is an error.
        public var bodyLimitInBytes = 256 << 20

        public init() {}
    }

    private let pool: Pool

    public init(_ configuration: Configuration = Configuration()) {
        Self.initializeLibrary
        pool = Pool((0..<max(1, configuration.connections)).map { _ in Connection(configuration) })
    }

    /// Sends one request and returns the whole answer, whatever its status.
    ///
    /// - Throws: ``HTTPError``, which tells whether the server can have acted on the request.
    public func send(_ request: HTTPRequest) async throws(HTTPError) -> HTTPResponse {
        let connection = await pool.take()
        let result = await connection.perform(request, onData: nil)
        await pool.give(connection)
        return try result.get()
    }

    /// Sends one request and hands out the body as it arrives; the response's own body is empty.
    ///
    /// `onData` runs on the connection's thread and returns whether it wants more.
    public func stream(
        _ request: HTTPRequest, onData: @escaping @Sendable ([UInt8]) -> Bool
    ) async throws(HTTPError) -> HTTPResponse {
        let connection = await pool.take()
        let result = await connection.perform(request, onData: onData)
        await pool.give(connection)
        return try result.get()
    }

    /// curl_global_init(3) wants to be called once, before any thread uses the library; so does a Swift global.
    private static let initializeLibrary: Void = {
        let result = curl_global_init(Int(CURL_GLOBAL_DEFAULT))
        precondition(result == CURLE_OK, "curl_global_init: \(result.rawValue)")
    }()
}

/// The connections that nobody uses, and who waits for one.
private actor Pool {
    private var idle: [Connection]
    private var waiting: [CheckedContinuation<Connection, Never>] = []

    init(_ connections: [Connection]) {
        idle = connections
    }

    func take() async -> Connection {
        if let connection = idle.popLast() { return connection }
        return await withCheckedContinuation { waiting.append($0) }
    }

    func give(_ connection: Connection) {
        if waiting.isEmpty { idle.append(connection) } else { waiting.removeFirst().resume(returning: connection) }
    }
}

/// One easy handle, which one thread at a time may use (libcurl-thread(3)): here always the same one.
private actor Connection {
    private let executor = ThreadExecutor(name: "http-client")
    private let configuration: HTTPClient.Configuration
    private var handle: Handle?

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(_ configuration: HTTPClient.Configuration) {
        self.configuration = configuration
    }

    func perform(
        _ request: HTTPRequest, onData: (@Sendable ([UInt8]) -> Bool)?
    ) -> Result<HTTPResponse, HTTPError> {
        let handle = handle ?? Handle()
        self.handle = handle
        return handle.perform(request, configuration, onData: onData)
    }
}

/// Owns a `CURL *` and frees it.
private final class Handle {
    private let curl: UnsafeMutableRawPointer

    init() {
        guard let curl = curl_easy_init() else { preconditionFailure("curl_easy_init: out of memory") }
        self.curl = curl
    }

    deinit {
        curl_easy_cleanup(curl)
    }

    func perform(
        _ request: HTTPRequest, _ configuration: HTTPClient.Configuration, onData: (@Sendable ([UInt8]) -> Bool)?
    ) -> Result<HTTPResponse, HTTPError> {
        curl_easy_reset(curl)
        let sink = Sink(limit: configuration.bodyLimitInBytes, onData: onData)
        let context = Unmanaged.passUnretained(sink).toOpaque()
        hawser_curl_set_text(curl, CURLOPT_URL, request.url)
        hawser_curl_set_text(curl, CURLOPT_CUSTOMREQUEST, request.method.rawValue)
        hawser_curl_set_text(curl, CURLOPT_PROTOCOLS_STR, "http,https")
        hawser_curl_set_long(curl, CURLOPT_NOSIGNAL, 1)
        hawser_curl_set_long(curl, CURLOPT_TCP_KEEPALIVE, 1)
        // A long answer in 16 KiB at a time, as is usual, is hundreds of calls.
        hawser_curl_set_long(curl, CURLOPT_BUFFERSIZE, 256 << 10)
        hawser_curl_set_long(curl, CURLOPT_TIMEOUT_MS, milliseconds(request.timeout))
        hawser_curl_set_long(curl, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(configuration.connectTimeout))
        hawser_curl_set_long(curl, CURLOPT_FRESH_CONNECT, request.isSentOnceAtMost ? 1 : 0)
        hawser_curl_set_data(curl, CURLOPT_WRITEFUNCTION, receiveBody)
        hawser_curl_set_pointer(curl, CURLOPT_WRITEDATA, context)
        hawser_curl_set_data(curl, CURLOPT_HEADERFUNCTION, receiveHeader)
        hawser_curl_set_pointer(curl, CURLOPT_HEADERDATA, context)
        if let file = configuration.certificateAuthorityFile { hawser_curl_set_text(curl, CURLOPT_CAINFO, file) }
        if let path = configuration.unixSocket { hawser_curl_set_text(curl, CURLOPT_UNIX_SOCKET_PATH, path) }

        // "Expect:" without a value keeps libcurl from waiting a second for a "100 Continue" before larger bodies.
        var headers = curl_slist_append(nil, "Expect:")
        for header in request.headers { headers = curl_slist_append(headers, "\(header.name): \(header.value)") }
        defer { curl_slist_free_all(headers) }
        hawser_curl_set_pointer(curl, CURLOPT_HTTPHEADER, headers)

        let code = request.body.withUnsafeBytes { body -> CURLcode in
            if !body.isEmpty || request.method == .post {
                hawser_curl_set_long(curl, CURLOPT_POSTFIELDSIZE, body.count)
                hawser_curl_set_pointer(curl, CURLOPT_POSTFIELDS, UnsafeMutableRawPointer(mutating: body.baseAddress))
                if body.isEmpty { hawser_curl_set_text(curl, CURLOPT_POSTFIELDS, "") }
            }
            return curl_easy_perform(curl)
        }
        withExtendedLifetime(sink) {}
        guard code == CURLE_OK || (code == CURLE_WRITE_ERROR && sink.hasEnough) else {
            return .failure(failure(code, isOverLimit: sink.isOverLimit))
        }
        var status = 0
        hawser_curl_get_long(curl, CURLINFO_RESPONSE_CODE, &status)
        return .success(HTTPResponse(status: status, headers: sink.headers, body: sink.body))
    }

    private func failure(_ code: CURLcode, isOverLimit: Bool) -> HTTPError {
        if isOverLimit { return HTTPError(effect: .unknown, text: "the answer is too long") }
        var effect = HTTPError.Effect.unknown
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_URL_MALFORMAT,
            CURLE_UNSUPPORTED_PROTOCOL, CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM:
            effect = .none
        case CURLE_OPERATION_TIMEDOUT:
            // Whether it was the connecting that took so long: then nothing was sent.
            var size = 0
            hawser_curl_get_long(curl, CURLINFO_REQUEST_SIZE, &size)
            if size == 0 { effect = .none }
        default: break
        }
        return HTTPError(effect: effect, text: String(cString: curl_easy_strerror(code)))
    }

    private func milliseconds(_ duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        return max(1, Int(seconds) * 1_000 + Int(attoseconds / 1_000_000_000_000_000))
    }
}

/// What libcurl writes into while a request is under way.
private final class Sink {
    var headers: [String: String] = [:]
    var body: [UInt8] = []
    var isOverLimit = false
    /// The receiver said that it wants no more.
    var hasEnough = false
    private let limit: Int
    private let onData: (@Sendable ([UInt8]) -> Bool)?

    init(limit: Int, onData: (@Sendable ([UInt8]) -> Bool)?) {
        self.limit = limit
        self.onData = onData
    }

    /// Takes in a part of the body.
    ///
    /// - Returns: whether more is wanted.
    func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if let onData {
            hasEnough = !onData(Array(bytes))
            return !hasEnough
        }
        guard body.count + bytes.count <= limit else {
            isOverLimit = true
            return false
        }
        body.append(contentsOf: bytes)
        return true
    }

    func receiveHeader(_ bytes: UnsafeRawBufferPointer) {
        let line = String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") { headers = [:] }
        guard let colon = line.firstIndex(of: ":") else { return }
        let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        headers[line[..<colon].lowercased()] = String(value.prefix { $0 != "\r" && $0 != "\n" && $0 != "\r\n" })
    }
}

private let receiveBody: hawser_curl_data = { bytes, size, count, context in
    guard let context, let bytes else { return 0 }
    let sink = Unmanaged<Sink>.fromOpaque(context).takeUnretainedValue()
    return sink.receive(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
}

private let receiveHeader: hawser_curl_data = { bytes, size, count, context in
    guard let context, let bytes else { return 0 }
    Unmanaged<Sink>.fromOpaque(context).takeUnretainedValue()
        .receiveHeader(UnsafeRawBufferPointer(start: bytes, count: size * count))
    return size * count
}
