import ControlAPIModel
import FoundationEssentials
import Glibc
public import HTTPServer
public import Reconciliation
public import VolumeModel

/// The control API on a unix socket: what the command line asks and tells a running controller.
///
/// Who is at the other end is known from the kernel (SO_PEERCRED): root, the daemon's own user, and members of one group
/// by their primary group.
public struct ControlServer: Sendable {
    let controller: any Steering
    let store: any StateStore
    private let version: String
    private let startedAt: Instant?
    private let permittedGroup: UInt32?
    private let examined: [any Examinable]
    private let metrics: MetricsPage
    private let legacy: (any LegacyTakeover)?

    /// - Parameters:
    ///   - startedAt: when the daemon began to run, for those who ask.
    ///   - permittedGroup: whose primary members may use the socket, beside root and the daemon's own user.
    ///   - examined: what `doctor` looks over.
    ///   - metrics: what scrapers read; without the calls of any system when it is not given.
    ///   - legacy: takes over from the old daemon; nil where that cannot be asked for.
    public init(
        controller: any Steering, store: any StateStore, version: String, startedAt: Instant? = nil,
        permittedGroup: UInt32? = nil, examined: [any Examinable] = [],
        metrics: MetricsPage? = nil, legacy: (any LegacyTakeover)? = nil
    ) {
        self.controller = controller
        self.store = store
        self.version = version
        self.startedAt = startedAt
        self.permittedGroup = permittedGroup
        self.examined = examined
        self.metrics = metrics ?? MetricsPage(controller: controller, version: version)
        self.legacy = legacy
    }

    /// Listens on a socket file; only those who may use it can open it.
    public func listen(onSocket path: String) throws(HTTPServerError) -> HTTPServer {
        try HTTPServer(.unix(path: path, mode: permittedGroup == nil ? 0o600 : 0o660)) { request in
            await self.respond(to: request)
        }
    }

    public func respond(to request: IncomingRequest) async -> OutgoingResponse {
        do {
            try permit(request.peer)
            return try await route(request)
        } catch let problem as WireProblem {
            return Self.answer(problem, status: problem.status, type: "application/problem+json")
        } catch let error as StoreError {
            let status =
                switch error {
                case .conflict, .departing: 409
                case .unavailable, .tooNew, .leaseLost: 503
                }
            return Self.answer(
                WireProblem(title: "the store refuses", status: status, detail: error.description), status: status,
                type: "application/problem+json")
        } catch let error as WireObject.Refusal {
            return Self.answer(
                WireProblem(title: "invalid object", status: 422, detail: error.description), status: 422,
                type: "application/problem+json")
        } catch {
            return Self.answer(
                WireProblem(title: "invalid request", status: 400, detail: "cannot read the request: \(error)"),
                status: 400, type: "application/problem+json")
        }
    }

    private func permit(_ peer: PeerCredentials?) throws(WireProblem) {
        // Over anything but a unix socket nobody is known, and nobody permitted.
        guard let peer,
            peer.userID == 0 || peer.userID == geteuid() || (permittedGroup.map { $0 == peer.groupID } ?? false)
        else {
            throw WireProblem(
                title: "not permitted", status: 403,
                detail:
                    "cannot serve user \(peer.map { String($0.userID) } ?? "unknown"): use root or hawserd's own user")
        }
    }

    private func route(_ request: IncomingRequest) async throws -> OutgoingResponse {
        let query = Query(request.rawQuery)
        switch (request.method, request.path) {
        case ("GET", WirePath.overview): return Self.answer(json: try await overview(query))
        case ("GET", WirePath.attachment): return Self.answer(try await detail(query))
        case ("GET", WirePath.objects): return Self.answer(try await objects())
        case ("GET", WirePath.plan): return Self.answer(WireList(items: await controller.plan().map(WirePlanLine.init)))
        case ("GET", WirePath.world): return Self.answer(WireWorld(await controller.observedWorld()))
        case ("GET", WirePath.doctor): return Self.answer(WireList(items: await examine()))
        case ("GET", WirePath.version):
            return Self.answer(WireVersion(version: version, startedAt: startedAt.map(Timestamp.init)))
        case ("GET", WirePath.events):
            let records = try await store.events(of: try await attachment(query), limit: try limit(query))
            return Self.answer(WireList(items: records.map(WireEvent.init)))
        case ("GET", WirePath.operations):
            let records = try await store.operations(of: try await attachment(query), limit: try limit(query))
            return Self.answer(WireList(items: records.map(WireOperation.init)))
        case ("GET", WirePath.metrics): return await metrics.answer()
        case ("GET", WirePath.drifts): return Self.answer(try await drifts(query))
        case ("POST", WirePath.apply): return Self.answer(try await apply(try Self.decode(request)))
        case ("POST", WirePath.delete): return Self.answer(try await delete(try Self.decode(request)))
        case ("POST", WirePath.takeOver): return Self.answer(try await takeOver(try Self.decode(request)))
        case ("POST", WirePath.suspend): return Self.answer(try await suspend(try Self.decode(request)))
        case ("POST", WirePath.resume): return Self.answer(try await resume(try Self.decode(request)))
        case ("POST", WirePath.protect): return Self.answer(try await protect(try Self.decode(request)))
        case ("GET", WirePath.protections): return Self.answer(try await protections())
        case ("GET", WirePath.brake): return Self.answer(await brake())
        case ("POST", WirePath.approve): return Self.answer(try await approve(try Self.decode(request)))
        case ("POST", WirePath.override):
            return Self.answer(try await override(try Self.decode(request), by: request.peer))
        case ("POST", WirePath.legacySurvey):
            return Self.answer(try await takeover().survey(try Self.decode(request)))
        case ("POST", WirePath.legacyAdopt):
            return Self.answer(try await takeover().adopt(try Self.decode(request)))
        case ("POST", WirePath.legacyConvert):
            return Self.answer(try await takeover().convert(try Self.decode(request)))
        case ("POST", WirePath.legacyUndo):
            return Self.answer(try await takeover().undo(try Self.decode(request)))
        case ("POST", WirePath.reconcile): return Self.answer(try await reconcile(try Self.decode(request)))
        default:
            throw WireProblem(
                title: "no such resource", status: 404, detail: "there is no \(request.method) \(request.path)")
        }
    }

    private func takeover() throws(WireProblem) -> any LegacyTakeover {
        guard let legacy else {
            throw WireProblem(
                title: "not here", status: 404, detail: "this hawserd does not take over from the old daemon")
        }
        return legacy
    }

    // MARK: Reading

    private func overview(_ query: Query) async throws -> [UInt8] {
        guard let revision = try query.number("newerThan") else { return Self.json(await controller.overview()) }
        // Longer than a minute nobody needs to hold a connection; the client asks again.
        let patience = min(max(try query.number("patienceSeconds") ?? 30, 0), 60)
        return Self.json(await controller.overview(newerThan: revision, patience: .seconds(patience)))
    }

    private static func json(_ overview: Overview) -> [UInt8] {
        WireOverview(overview, items: []).json(items: overview.reports.lazy.map { WireAttachment($0) })
    }

    private func detail(_ query: Query) async throws -> WireDetail {
        let name = query["name"] ?? ""
        guard let object = ObjectName(name), let detail = await controller.detail(of: object) else {
            throw Self.notFound(name)
        }
        return WireDetail(detail)
    }

    static func notFound(_ name: String) -> WireProblem {
        WireProblem(title: "not found", status: 404, detail: "there is no attachment '\(name)'")
    }

    /// Desired state, as it could be applied; rows that make no sense have no such form and are left out.
    private func objects() async throws -> WireList<WireObject> {
        let entries = try await store.desiredState().entries
        return WireList(
            items: entries.compactMap { entry in
                guard case .valid(let desired) = entry else { return nil }
                var object = WireObject(
                    name: desired.name, labels: desired.labels, volume: desired.volume, machine: desired.machine,
                    export: desired.export, detach: desired.detach, mode: desired.mode,
                    wantedSizeInBytes: desired.wantedSizeInBytes, role: desired.role, deletion: desired.deletion,
                    file: desired.source.file)
                object.generation = desired.generation
                object.id = desired.id.description
                return object
            })
    }

    private func drifts(_ query: Query) async throws -> WireList<WireDriftRecord> {
        var since: Instant?
        if let text = query["since"] {
            guard let moment = Timestamp(text) else {
                throw WireProblem(title: "invalid request", status: 400, detail: "since is no time: '\(text)'")
            }
            since = moment.instant
        }
        let records = try await store.driftHistory(since: since, limit: try limit(query))
        return WireList(items: records.map(WireDriftRecord.init))
    }

    private func limit(_ query: Query) throws -> Int { Int(min(max(try query.number("limit") ?? 200, 1), 10_000)) }

    /// The attachment that a query names; nil when it names none.
    private func attachment(_ query: Query) async throws -> AttachmentID? {
        guard let name = query["name"] else { return nil }
        guard let report = await controller.overview().reports.first(where: { $0.name == name }) else {
            throw Self.notFound(name)
        }
        return report.attachment
    }

    private func examine() async -> [WireFinding] {
        var findings: [WireFinding] = []
        for system in examined { findings += await system.examine().map(WireFinding.init) }
        return findings
    }

    // MARK: Changing

    private func apply(_ request: WireApply) async throws -> WireList<WireChange> {
        let edits = try request.items.map { item in
            DesiredEdit(
                name: try item.objectName(), labels: try item.checkedLabels(), volume: try item.volumeReference(),
                machine: try item.machineReference(), export: try item.desiredExport(), detach: try item.detachPolicy(),
                mode: try item.reconcileMode(), wantedSizeInBytes: try item.wantedSizeInBytes(),
                role: try item.diskRole(),
                deletion: try item.deletion(),
                source: .manifest(file: item.file), expectedGeneration: item.expectedGeneration)
        }
        return WireList(
            items:
                try await store.apply(
                    edits, approving: Self.approval(request.approvedRemovals), dryRun: request.dryRun
                ).map(WireChange.init))
    }

    private func delete(_ request: WireNames) async throws -> WireList<WireChange> {
        guard let names = request.names, !names.isEmpty else {
            throw WireProblem(title: "invalid request", status: 400, detail: "cannot delete: no names were given")
        }
        return WireList(
            items: try await store.delete(
                try objectNames(names), by: request.retainsData == true ? .personRetainingData : .person,
                approving: Self.approval(request.approvedRemovals, isPrune: request.isPrune == true),
                dryRun: request.dryRun
            ).map(WireChange.init))
    }

    private func takeOver(_ request: WireTakeOver) async throws -> WireList<WireChange> {
        let source: DesiredSource?
        switch request.owner {
        case nil: source = nil
        case "row": source = .row
        case "manifest": source = .manifest(file: "hawser take-over")
        case let other?:
            throw WireProblem(
                title: "invalid request", status: 400,
                detail: "'\(other)' is nobody that an object can belong to: write row or manifest")
        }
        let name = try objectNames([request.name])[0]
        return WireList(
            items: try await store.takeOver(name, as: source, dryRun: request.dryRun).map(WireChange.init))
    }

    private func reconcile(_ request: WireNames) async throws -> WireList<String> {
        let unknown = await controller.reconcile(try request.names.map(objectNames))
        guard unknown.isEmpty else {
            throw WireProblem(
                title: "not found", status: 404,
                detail: "there is no attachment \(unknown.map { "'\($0)'" }.joined(separator: ", "))")
        }
        return WireList(items: [])
    }

    func objectNames(_ names: [String]) throws -> [ObjectName] {
        try names.map { text in
            guard let name = ObjectName(text) else {
                throw WireProblem(
                    title: "invalid request", status: 400,
                    detail: "'\(text)' is no name of an object: \(ObjectName.rule)")
            }
            return name
        }
    }

    // MARK: JSON

    private static func decode<Body: Decodable>(_ request: IncomingRequest) throws -> Body {
        try JSONDecoder().decode(Body.self, from: Data(request.body))
    }

    private static func answer(json: [UInt8]) -> OutgoingResponse {
        .whole(status: 200, headers: [(name: "Content-Type", value: "application/json")], body: json)
    }

    private static func answer(
        _ body: some Encodable, status: Int = 200, type: String = "application/json"
    ) -> OutgoingResponse {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let headers = [(name: "Content-Type", value: type)]
        do {
            return .whole(status: status, headers: headers, body: Array(try encoder.encode(body)))
        } catch {
            return .whole(status: 500, headers: headers, body: Array(#"{"title":"cannot encode the answer"}"#.utf8))
        }
    }
}

/// The parameters of a request.
private struct Query {
    private let pairs: [(name: String, value: String)]

    init(_ text: String) {
        pairs = FormDecoding.pairs(text)
    }

    subscript(_ name: String) -> String? { pairs.last { $0.name == name }?.value }

    func number(_ name: String) throws(WireProblem) -> Int64? {
        guard let text = self[name] else { return nil }
        guard let number = Int64(text) else {
            throw WireProblem(title: "invalid request", status: 400, detail: "\(name) is no number: '\(text)'")
        }
        return number
    }
}
