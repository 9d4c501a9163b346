public import ControlAPIModel
import FoundationEssentials
internal import JSON
internal import UnixHTTP

/// A running hawserd, reached over its socket.
public struct ControlClient: Sendable {
    private let http: UnixHTTPClient
    private let socket: String

    /// - Parameter socket: the path of hawserd's control socket.
    public init(socket: String) {
        http = UnixHTTPClient(socket: socket)
        self.socket = socket
    }

    public func overview() async throws(ControlError) -> WireOverview {
        try await overview(at: WirePath.overview)
    }

    /// Returns as soon as there is a newer overview than this, or after `patience`, at most a minute.
    public func overview(newerThan revision: Int64, patience: Duration) async throws(ControlError) -> WireOverview {
        let seconds = min(60, max(1, patience.components.seconds))
        return try await overview(at: "\(WirePath.overview)?newerThan=\(revision)&patienceSeconds=\(seconds)")
    }

    /// All that is known of one attachment.
    public func detail(of name: String) async throws(ControlError) -> WireDetail {
        try await get(WirePath.attachment + query(name))
    }

    /// Desired state, as it could be applied.
    public func objects() async throws(ControlError) -> [WireObject] {
        (try await get(WirePath.objects) as WireList<WireObject>).items
    }

    public func plan() async throws(ControlError) -> [WirePlanLine] {
        (try await get(WirePath.plan) as WireList<WirePlanLine>).items
    }

    public func world() async throws(ControlError) -> WireWorld { try await get(WirePath.world) }

    public func version() async throws(ControlError) -> String { try await daemon().version }

    /// Which daemon it is that answers, and since when.
    public func daemon() async throws(ControlError) -> WireVersion { try await get(WirePath.version) }

    /// The newest events, newest first.
    ///
    /// - Parameters:
    ///   - name: an attachment's name; nil for all.
    ///   - limit: at most so many; nil for as many as the daemon thinks fit.
    public func events(of name: String? = nil, limit: Int? = nil) async throws(ControlError) -> [WireEvent] {
        (try await get(WirePath.events + query(name, limit)) as WireList<WireEvent>).items
    }

    /// What the daemon finds when it looks its outside systems over.
    public func findings() async throws(ControlError) -> [WireFinding] {
        (try await get(WirePath.doctor) as WireList<WireFinding>).items
    }

    /// The operations that were changed last, newest first; the parameters are those of ``events(of:limit:)``.
    public func operations(of name: String? = nil, limit: Int? = nil) async throws(ControlError) -> [WireOperation] {
        (try await get(WirePath.operations + query(name, limit)) as WireList<WireOperation>).items
    }

    public func drifts(since: Timestamp? = nil, limit: Int? = nil) async throws(ControlError) -> [WireDriftRecord] {
        let parameters = [since.map { "since=\($0)" }, limit.map { "limit=\($0)" }].compactMap { $0 }
        let path = WirePath.drifts + (parameters.isEmpty ? "" : "?" + parameters.joined(separator: "&"))
        return (try await get(path) as WireList<WireDriftRecord>).items
    }

    /// - Parameter approvedRemovals: how many removals a person has approved; nil for just what is asked for by itself.
    public func apply(
        _ items: [WireObject], approvedRemovals: Int? = nil, dryRun: Bool = false
    ) async throws(ControlError) -> [WireChange] {
        let list: WireList<WireChange> = try await post(
            WirePath.apply, WireApply(items: items, dryRun: dryRun, approvedRemovals: approvedRemovals))
        return list.items
    }

    /// - Parameters:
    ///   - approvedRemovals: how many removals a person has approved; nil for just what is asked for by itself.
    ///   - isPrune: nobody has named them one by one.
    ///   - retainsData: the volumes' data stays, whatever the objects' deletion policies say.
    public func delete(
        _ names: [String], approvedRemovals: Int? = nil, isPrune: Bool = false, dryRun: Bool = false,
        retainsData: Bool = false
    ) async throws(ControlError) -> [WireChange] {
        let list: WireList<WireChange> = try await post(
            WirePath.delete,
            WireNames(
                names: names, dryRun: dryRun, retainsData: retainsData, approvedRemovals: approvedRemovals,
                isPrune: isPrune ? true : nil))
        return list.items
    }

    /// - Parameter owner: `row` or `manifest`; nil to leave whose it is.
    public func takeOver(_ name: String, as owner: String?, dryRun: Bool) async throws(ControlError) -> [WireChange] {
        let request = WireTakeOver(name: name, owner: owner, dryRun: dryRun)
        return (try await post(WirePath.takeOver, request) as WireList<WireChange>).items
    }

    public func suspend(_ names: [String], reason: String, until: Timestamp?) async throws(ControlError) -> [WireAck] {
        let request = WireSuspend(names: names, reason: reason, until: until)
        return (try await post(WirePath.suspend, request) as WireList<WireAck>).items
    }

    public func resume(_ names: [String]) async throws(ControlError) -> [WireAck] {
        (try await post(WirePath.resume, WireSuspend(names: names)) as WireList<WireAck>).items
    }

    /// - Parameters:
    ///   - volume: an id, or the name of an object that is bound to it.
    ///   - reason: nil to protect it no longer.
    public func protect(_ volume: String, reason: String?) async throws(ControlError) -> WireAck {
        try await post(WirePath.protect, WireProtect(volume: volume, reason: reason))
    }

    public func protections() async throws(ControlError) -> [WireProtect] {
        (try await get(WirePath.protections) as WireList<WireProtect>).items
    }

    /// The removals that are on hold.
    public func brake() async throws(ControlError) -> WireBrake { try await get(WirePath.brake) }

    /// What a scraper reads, as it stands.
    public func metrics() async throws(ControlError) -> String {
        String(decoding: try await bytes(of: Self.reading(WirePath.metrics)), as: UTF8.self)
    }

    /// Lets just this batch of removals go.
    public func approve(_ batch: String) async throws(ControlError) -> WireAck {
        try await post(WirePath.approve, WireApproval(batch: batch))
    }

    /// Allows one removal although the volume is in use.
    public func permitInUse(_ request: WireOverride) async throws(ControlError) -> WireAck {
        try await post(WirePath.override, request)
    }

    /// Looks again at some attachments, or at everything.
    public func reconcile(_ names: [String]?) async throws(ControlError) {
        let _: WireList<String> = try await post(WirePath.reconcile, WireNames(names: names))
    }

    // MARK: The old daemon

    /// What there is to be taken over from the old daemon; nothing is changed.
    public func legacySurvey(_ request: WireLegacyRequest) async throws(ControlError) -> WireLegacySurvey {
        try await post(WirePath.legacySurvey, request)
    }

    /// Notes which of the old daemon's files belong to the exports of imported objects.
    public func legacyAdopt(_ request: WireLegacyRequest) async throws(ControlError) -> WireLegacyDeeds {
        try await post(WirePath.legacyAdopt, request)
    }

    /// Turns old paths into by-id paths, in files and tables.
    public func legacyConvert(_ request: WireLegacyRequest) async throws(ControlError) -> WireLegacyDeeds {
        try await post(WirePath.legacyConvert, request)
    }

    /// Gives everything back to the old daemon.
    public func legacyUndo(_ request: WireLegacyRequest) async throws(ControlError) -> WireLegacyDeeds {
        try await post(WirePath.legacyUndo, request)
    }

    // MARK: HTTP

    /// Names hold nothing that a query would need encoded (``ObjectName``); what is no such name is left out of the URL.
    private func query(_ name: String?, _ limit: Int? = nil) -> String {
        var parameters: [String] = []
        if let name {
            let plain = name.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
                    || $0 == UInt8(ascii: ".")
            }
            parameters.append("name=\(plain ? name : "-")")
        }
        if let limit { parameters.append("limit=\(limit)") }
        return parameters.isEmpty ? "" : "?" + parameters.joined(separator: "&")
    }

    private func overview(at path: String) async throws(ControlError) -> WireOverview {
        let body = try await bytes(of: Self.reading(path))
        do { return try WireOverview(json: body) } catch { throw .unreadable("\(error)") }
    }

    private static func reading(_ path: String) -> UnixHTTPRequest {
        UnixHTTPRequest(.get, path, timeout: .seconds(75))
    }

    private func get<Body: Decodable>(_ path: String) async throws(ControlError) -> Body {
        try await send(Self.reading(path))
    }

    private func post<Body: Decodable>(_ path: String, _ body: some Encodable) async throws(ControlError) -> Body {
        let bytes: [UInt8]
        do { bytes = Array(try JSONEncoder().encode(body)) } catch { throw .unreadable("\(error)") }
        return try await send(UnixHTTPRequest(.post, path, body: bytes, timeout: .seconds(60)))
    }

    private func send<Body: Decodable>(_ request: UnixHTTPRequest) async throws(ControlError) -> Body {
        let body = try await bytes(of: request)
        do { return try JSONDecoder().decode(Body.self, from: Data(body)) } catch { throw .unreadable("\(error)") }
    }

    /// The body of the answer, when it is the one that was asked for.
    private func bytes(of request: UnixHTTPRequest) async throws(ControlError) -> [UInt8] {
        let response: UnixHTTPResponse
        do { response = try await http.send(request) } catch {
            switch error {
            case .notConnected, .timedOut, .broken: throw .unreachable(socket: socket, error.description)
            case .invalidRequest, .malformed, .tooLong: throw .unreadable(error.description)
            }
        }
        guard response.status == 200 else {
            // An answer that is no problem document says as much by its status.
            if let problem = try? JSONDecoder().decode(WireProblem.self, from: Data(response.body)) {
                throw .refused(problem)
            }
            if response.status == 503 { throw .unreachable(socket: socket, "it is being stopped") }
            throw .unreadable("status \(response.status)")
        }
        return response.body
    }
}

/// Why hawserd gave no answer that helps.
public enum ControlError: Error, Sendable, Equatable, CustomStringConvertible {
    case unreachable(socket: String, String)
    case refused(WireProblem)
    case unreadable(String)

    public var description: String {
        switch self {
        case .unreachable(let socket, let text): "cannot reach hawserd on \(socket): \(text)"
        case .refused(let problem): problem.detail
        case .unreadable(let text): "cannot understand hawserd's answer: \(text)"
        }
    }
}
