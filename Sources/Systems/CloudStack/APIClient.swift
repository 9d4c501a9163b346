import ActorThreads
import Curl
import FoundationEssentials
import JSON
import Reconciliation
import VolumeModel

/// One CloudStack endpoint with one account's keys.
public struct CloudStackConfiguration: Sendable {
    /// Such as `https://cloud.example/client/api`.
    public var endpoint: String
    public var apiKey: String
    public var secretKey: String
    /// A file of certificates to trust instead of the system's.
    public var certificateAuthorityFile: String?
    public var requestTimeout: Duration = .seconds(30)
    /// In any second; one less than CloudStack's own throttle allows an account, where it is on: for a person's call.
    public var callsPerSecond: Double = 24
    public var connections = 8
    public var pageSize = 500

    public init(endpoint: String, apiKey: String, secretKey: String) {
        self.endpoint = endpoint
        self.apiKey = apiKey
        self.secretKey = secretKey
    }
}

/// As whom calls are made, and where. No description of it shows the keys.
public struct CloudStackAccount: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    public let endpoint: String
    let apiKey: String
    let secretKey: String

    public init(endpoint: String, apiKey: String, secretKey: String) {
        self.endpoint = endpoint
        self.apiKey = apiKey
        self.secretKey = secretKey
    }

    public var description: String { "an account at \(endpoint)" }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// Makes calls and sorts their errors; knows nothing of what they mean. A call is sent once.
struct APIClient: Sendable {
    private let configuration: CloudStackConfiguration
    /// Each call takes what holds when it begins.
    private let account: Lock<CloudStackAccount>
    private let http: HTTPClient
    private let window: CallWindow
    let counts = CallCounts()

    init(_ configuration: CloudStackConfiguration) {
        self.configuration = configuration
        account = Lock(
            CloudStackAccount(
                endpoint: configuration.endpoint, apiKey: configuration.apiKey, secretKey: configuration.secretKey))
        var client = HTTPClient.Configuration()
        client.connections = configuration.connections
        client.certificateAuthorityFile = configuration.certificateAuthorityFile
        http = HTTPClient(client)
        window = CallWindow(perSecond: configuration.callsPerSecond)
    }

    /// From now on calls are made so.
    func use(_ other: CloudStackAccount) { account.withLock { $0 = other } }

    /// Calls a command and returns what stands inside its envelope.
    ///
    /// Whatever changes something goes by POST, over a connection of its own, so that nothing below can send it twice.
    func call(
        _ command: String, _ parameters: [String: String], changes: Bool = false
    ) async throws(CloudError) -> JSONDocument {
        try await wait(before: command)
        let began = ContinuousClock.now
        do throws(CloudError) {
            let response = try await send(command, parameters, changes: changes)
            let document = try Self.read(response, command: command, changes: changes)
            counts.note(command, failure: nil, duration: began.duration(to: .now))
            return document
        } catch {
            counts.note(command, failure: error.remedy, duration: began.duration(to: .now))
            throw error
        }
    }

    /// How far this machine's clock is ahead of the server's, in seconds; nil when the server does not say its time.
    func clockSkew() async throws(CloudError) -> Double? {
        try await wait(before: "listCapabilities")
        return Self.clockSkew(try await send("listCapabilities", [:], changes: false).headers["date"])
    }

    /// Until the window has room for one more call.
    private func wait(before command: String) async throws(CloudError) {
        let wait = window.take()
        guard wait > .zero else { return }
        do { try await Task.sleep(for: wait) } catch {
            throw CloudError(remedy: .retryLater, effect: .none, command: command, text: "cancelled")
        }
    }

    private func send(
        _ command: String, _ parameters: [String: String], changes: Bool
    ) async throws(CloudError) -> HTTPResponse {
        var all = parameters
        all["command"] = command
        let account = account.withLock { $0 }
        let form = RequestSigning.form(
            all, apiKey: account.apiKey, secretKey: account.secretKey, expires: Self.expiry())
        let request =
            changes
            ? HTTPRequest(
                .post, account.endpoint, headers: [("Content-Type", "application/x-www-form-urlencoded")],
                body: Array(form.utf8), timeout: configuration.requestTimeout, isSentOnceAtMost: true)
            : HTTPRequest(.get, account.endpoint + "?" + form, timeout: configuration.requestTimeout)
        do throws(HTTPError) {
            return try await http.send(request)
        } catch {
            let effect: CloudError.Effect = changes && error.effect == .unknown ? .unknown : .none
            throw CloudError(remedy: .retryLater, effect: effect, command: command, text: error.text)
        }
    }

    /// Ten minutes are within what `enforce.post.requests.and.timestamps` allows.
    private static func expiry() -> String {
        let date = Date(timeIntervalSinceNow: 600)
        return date.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: false)) + "+0000"
    }

    /// What stands inside an answer's envelope.
    static func read(
        _ response: HTTPResponse, command: String, changes: Bool
    ) throws(CloudError) -> JSONDocument {
        // An answer that makes no sense may come from something in between: the call may have had its effect.
        let unclear: CloudError.Effect = changes ? .unknown : .none
        let garbled = { (text: String) -> CloudError in
            CloudError(remedy: .lookAgain, effect: unclear, command: command, text: text)
        }
        var document: JSONDocument?
        var reason = "is no JSON"
        do throws(JSONError) { document = try JSONDocument(response.body) } catch { reason += " (\(error))" }
        let body = document?.root.fields?.first
        if let body, body.item["errorcode"] != nil {
            throw error(body.item, response, command: command, changes: changes)
        }
        guard response.status < 400 else {
            // A proxy, a balancer or the servlet engine has answered. What it refuses for the request's own sake has not
            // gone further; of the rest nobody knows.
            let isRefusal = response.status < 500 && response.status != 408
            throw CloudError(
                remedy: ErrorSorting.remedy(code: response.status, text: ""), effect: isRefusal ? .none : unclear,
                command: command, text: "HTTP \(response.status) without an answer of CloudStack's")
        }
        guard let document else { throw garbled("the answer \(reason)") }
        guard let body else { throw garbled("the answer is empty") }
        guard body.name == command.lowercased() + "response" else {
            throw garbled("the answer is to '\(body.name)'")
        }
        return document
    }

    private static func error(
        _ body: JSONItem, _ response: HTTPResponse, command: String, changes: Bool
    ) -> CloudError {
        let code = Int(body["errorcode"]?.integer ?? Int64(response.status))
        var text = body["errortext"]?.text ?? "error \(code)"
        if code == 401, let skew = clockSkew(response.headers["date"]), abs(skew) > 60 {
            text += " (this machine's clock differs from the server's by \(Int(skew)) seconds)"
        }
        return CloudError(
            remedy: ErrorSorting.remedy(code: code, text: text),
            effect: ErrorSorting.effect(code: code, changes: changes),
            retryAfter: code == 429 ? ErrorSorting.wait(in: text) : nil, command: command, text: text)
    }

    /// How far this machine's clock is ahead of the server's, by the Date header (RFC 9110, section 5.6.7).
    private static func clockSkew(_ header: String?) -> Double? {
        guard let parts = header?.split(separator: " "), parts.count == 6,
            let day = Int(parts[1]), let year = Int(parts[3]),
            let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
                .firstIndex(of: String(parts[2]))
        else { return nil }
        let two = { (number: Int) in number < 10 ? "0\(number)" : "\(number)" }
        let text = "\(year)-\(two(month + 1))-\(two(day))T\(parts[4])Z"
        guard let date = try? Date(text, strategy: .iso8601) else { return nil }  // an odd header only loses the hint
        return -date.timeIntervalSinceNow
    }
}
