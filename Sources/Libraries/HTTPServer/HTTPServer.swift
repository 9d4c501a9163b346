import ActorThreads
import CMicrohttpd
import Glibc

/// An HTTP server over libmicrohttpd.
///
/// Its threads only read and write; each request's handler runs as a task while the connection is suspended, so that a
/// slow handler keeps nobody waiting. The pool has two threads, because with a single one the library's epoll loop
/// stalls under bursts of connections (measured with 0.9.75).
///
public final class HTTPServer: Sendable {
    public typealias Handler = @Sendable (IncomingRequest) async -> OutgoingResponse

    /// The port that a TCP server listens on; 0 for a unix socket.
    public let port: UInt16
    private let address: ListeningAddress
    private let context: Context
    private let daemon: Lock<Daemon?>

    /// Serves from now on.
    ///
    /// Requests with a body longer than `bodyLimitInBytes` get 413.
    public init(
        _ address: ListeningAddress, bodyLimitInBytes: Int = 16 << 20, handler: @escaping Handler
    ) throws(HTTPServerError) {
        let socket = try ListeningSocket.open(address)
        context = Context(bodyLimit: bodyLimitInBytes, handler: handler)
        let pointer = Unmanaged.passUnretained(context).toOpaque()
        let started = hawser_http_start(
            socket.descriptor, 2, 2_000, 120, handleAccess, handleCompletion, handleURI, pointer)
        guard let started else {
            close(socket.descriptor)
            throw HTTPServerError(text: "MHD_start_daemon failed")
        }
        daemon = Lock(Daemon(pointer: started))
        port = socket.port
        self.address = address
    }

    deinit {
        stop()
    }

    /// The same as ``stop()``, waiting on a thread of its own: for callers on whose actor, or on whose thread of the
    /// cooperative pool, a request under way may still depend.
    public func stopAndWait() async {
        await Stopper().stop(self)
    }

    /// Takes no more requests, lets those under way end, and closes everything. Calling it again does nothing. What is
    /// asked meanwhile gets 503, or no answer; a client that does not take its answer within two seconds loses it.
    ///
    /// It blocks until then, and for ever when the caller holds up what a handler waits for.
    public func stop() {
        let running = daemon.withLock { daemon -> Daemon? in
            defer { daemon = nil }
            return daemon
        }
        guard let ended = running?.pointer else { return }
        context.takeNoMore()
        if case .unix(let path, _) = address { unlink(path) }
        // The library may not be stopped while a connection is suspended, and it drops answers that are not sent yet.
        // Until then it listens: MHD_quiesce_daemon and the library's own threads can both take the listening socket
        // out of one epoll set, and the second one ends the process (daemon.c of 0.9.75, line 5531).
        context.waitUntilHandled()
        context.waitUntilAnswered(seconds: 2)
        MHD_stop_daemon(ended)
    }
}

/// Waits where nobody else has to run.
private actor Stopper {
    private let executor = ThreadExecutor(name: "http-stop")

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func stop(_ server: HTTPServer) { server.stop() }
}

/// The library's handle.
///
/// `@unchecked Sendable` is sound because it is used only to end the daemon, which the one that took it out of the lock
/// does, from whatever thread.
private struct Daemon: @unchecked Sendable {
    let pointer: OpaquePointer
}

/// What the callbacks share.
private final class Context: Sendable {
    let bodyLimit: Int
    let handler: HTTPServer.Handler
    private let handlersUnderWay = Condition()
    private let answersUnderWay = Condition()

    init(bodyLimit: Int, handler: @escaping HTTPServer.Handler) {
        self.bodyLimit = bodyLimit
        self.handler = handler
    }

    /// Counts a request as under way; false when the server is being stopped, which may not have another connection
    /// suspended then.
    func begin() -> Bool {
        guard handlersUnderWay.enter() else { return false }
        answersUnderWay.change(by: 1)
        return true
    }

    func handlerEnded() { handlersUnderWay.change(by: -1) }
    func answerEnded() { answersUnderWay.change(by: -1) }
    func takeNoMore() { handlersUnderWay.close() }
    func waitUntilHandled() { handlersUnderWay.waitForZero() }
    func waitUntilAnswered(seconds: Int) { answersUnderWay.waitForZero(seconds: seconds) }
}

/// A count that can be waited on, and closed to those who want in.
///
/// `@unchecked Sendable` is sound because the count is touched only while the mutex is held.
private final class Condition: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var count = 0
    private var isClosed = false

    init() {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        condition.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    func change(by difference: Int) {
        pthread_mutex_lock(mutex)
        count += difference
        if count == 0 { pthread_cond_broadcast(condition) }
        pthread_mutex_unlock(mutex)
    }

    /// Counts one more, unless it is closed.
    func enter() -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if !isClosed { count += 1 }
        return !isClosed
    }

    func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        pthread_mutex_unlock(mutex)
    }

    func waitForZero() {
        pthread_mutex_lock(mutex)
        while count > 0 { pthread_cond_wait(condition, mutex) }
        pthread_mutex_unlock(mutex)
    }

    /// Waits no longer than this.
    func waitForZero(seconds: Int) {
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        deadline.tv_sec += seconds
        pthread_mutex_lock(mutex)
        while count > 0, pthread_cond_timedwait(condition, mutex, &deadline) == 0 {}
        pthread_mutex_unlock(mutex)
    }
}

/// One request from its first line to its end.
///
/// `@unchecked Sendable` is sound because the library calls back for one connection from one thread at a time, never
/// while the connection is suspended; and the task touches the answer only while it is, or under the lock.
private final class Exchange: @unchecked Sendable {
    private enum Stage {
        case headers
        case body
        case handling
        case answered
    }

    private let uri: String
    private var stage = Stage.headers
    private var body: [UInt8] = []
    private var isTooLarge = false
    private let answer = Lock<OutgoingResponse?>(nil)
    private(set) var wasHandled = false

    init(uri: String) {
        self.uri = uri
    }

    func proceed(
        _ context: Context, _ connection: OpaquePointer, method: String, data: UnsafePointer<CChar>?,
        size: UnsafeMutablePointer<Int>
    ) -> MHD_Result {
        switch stage {
        case .headers:
            stage = .body
            return .YES
        case .body where size.pointee > 0:
            receive(data, size.pointee, limit: context.bodyLimit)
            size.pointee = 0
            return .YES
        case .body:
            stage = .handling
            if isTooLarge {
                answer.withLock { $0 = .whole(status: 413, headers: [], body: Array("body too large\n".utf8)) }
                return reply(connection)
            }
            guard context.begin() else {
                answer.withLock {
                    $0 = .whole(status: 503, headers: [("Connection", "close")], body: Array("stopping\n".utf8))
                }
                return reply(connection)
            }
            handle(context, connection, method: method)
            return .YES
        case .handling, .answered:
            return reply(connection)
        }
    }

    private func receive(_ data: UnsafePointer<CChar>?, _ count: Int, limit: Int) {
        guard let data, !isTooLarge else { return }
        guard body.count + count <= limit else {
            isTooLarge = true
            body = []
            return
        }
        body.append(contentsOf: UnsafeRawBufferPointer(start: data, count: count))
    }

    private func handle(_ context: Context, _ connection: OpaquePointer, method: String) {
        let request = request(connection, method: method)
        let suspended = SuspendedConnection(connection)
        MHD_suspend_connection(connection)
        wasHandled = true
        // The task ends with the request; the server's stop waits for it.
        Task {
            let response = await context.handler(request)
            self.answer.withLock { $0 = response }
            suspended.resume()
            context.handlerEnded()
        }
    }

    private func request(_ connection: OpaquePointer, method: String) -> IncomingRequest {
        var path = uri
        var query = ""
        if let mark = uri.firstIndex(of: "?") {
            path = String(uri[..<mark])
            query = String(uri[uri.index(after: mark)...])
        }
        let headers = HeaderCollection()
        MHD_get_connection_values(
            connection, .HEADER_KIND, collectHeader, Unmanaged.passUnretained(headers).toOpaque())
        return IncomingRequest(
            method: method, path: path, rawQuery: query, headers: headers.values, body: body,
            peer: PeerCredentials(descriptor: hawser_http_descriptor(connection)))
    }

    private func reply(_ connection: OpaquePointer) -> MHD_Result {
        stage = .answered
        switch answer.withLock({ $0 }) {
        case nil, .dropped: return .NO
        case .whole(let status, let headers, let body):
            let response = body.withUnsafeBytes {
                MHD_create_response_from_buffer(
                    $0.count, UnsafeMutableRawPointer(mutating: $0.baseAddress), .RESPMEM_MUST_COPY)
            }
            guard let response else { return .NO }
            defer { MHD_destroy_response(response) }
            for header in headers { MHD_add_response_header(response, header.name, header.value) }
            return MHD_queue_response(connection, UInt32(status), response)
        }
    }
}

/// A connection that waits for its handler; the only call that may be made on it is to resume it.
///
/// `@unchecked Sendable` is sound because MHD_resume_connection may be called from any thread (libmicrohttpd manual,
/// "Suspending and resuming").
private struct SuspendedConnection: @unchecked Sendable {
    private let connection: OpaquePointer

    init(_ connection: OpaquePointer) {
        self.connection = connection
    }

    func resume() { MHD_resume_connection(connection) }
}

private final class HeaderCollection {
    var values: [String: String] = [:]
}

private let collectHeader: MHD_KeyValueIterator = { context, _, name, value in
    guard let context, let name else { return .YES }
    let headers = Unmanaged<HeaderCollection>.fromOpaque(context).takeUnretainedValue()
    headers.values[String(cString: name).lowercased()] = value.map { String(cString: $0) } ?? ""
    return .YES
}

/// Called with the request line, before anything else: the exchange begins here, because only here is the URI still as
/// it was sent.
private let handleURI: hawser_http_uri = { _, uri, _ in
    Unmanaged.passRetained(Exchange(uri: uri.map { String(cString: $0) } ?? "")).toOpaque()
}

private let handleAccess: MHD_AccessHandlerCallback = { context, connection, _, method, _, data, size, exchange in
    guard let context, let connection, let method, let size, let exchange = exchange?.pointee else { return .NO }
    return Unmanaged<Exchange>.fromOpaque(exchange).takeUnretainedValue().proceed(
        Unmanaged<Context>.fromOpaque(context).takeUnretainedValue(), connection, method: String(cString: method),
        data: data, size: size)
}

private let handleCompletion: MHD_RequestCompletedCallback = { context, _, exchange, _ in
    guard let context, let pointer = exchange?.pointee else { return }
    let ended = Unmanaged<Exchange>.fromOpaque(pointer).takeRetainedValue()
    exchange?.pointee = nil
    if ended.wasHandled { Unmanaged<Context>.fromOpaque(context).takeUnretainedValue().answerEnded() }
}
