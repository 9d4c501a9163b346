import ControlAPI
import ControlAPIModel
import FoundationEssentials
import Glibc
import HTTPServer
import LinuxCalls
import Reconciliation
import Store
import VolumeModel

extension FuzzTarget {
    /// A request to the control API, before a real store. The first line is the method and the path with its query; below it
    /// stands the body.
    static let controlRequests = FuzzTarget(name: "control-requests") { bytes in
        let input = HeadedInput(bytes)
        let words = input.head.split(separator: " ", maxSplits: 1)
        let target = words.last.map { $0.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false) } ?? []
        let server = try ControlUnderTest.shared.get()
        let (status, body) = await server.ask(
            words.first.map(String.init) ?? "", target.first.map(String.init) ?? "",
            query: target.count > 1 ? String(target[1]) : "", input.body)
        try hold("every request is answered or refused, not \(status)", status < 500)
        if target.first.map(String.init) == WirePath.apply, status == 200 {
            try await checkApplied(try JSONDecoder().decode(WireApply.self, from: Data(input.body)), server)
        }
        try await server.clear()
    }

    /// What was applied is what is given back.
    private static func checkApplied(_ request: WireApply, _ server: ControlUnderTest) async throws {
        guard !request.dryRun else { return }
        let stored = try await server.objects()
        for item in request.items {
            let found = stored.last { $0.name == item.name }
            let again = WireApply(items: found.map { [$0] } ?? [], dryRun: false)
            let body = Array(try JSONEncoder().encode(again))
            let (status, answer) = await server.ask("POST", WirePath.apply, query: "", body)
            let text = String(decoding: answer, as: UTF8.self)
            try hold("\(item) is given back as it was, not as \(found as Any): \(text)", status == 200)
            let changes = try JSONDecoder().decode(WireList<WireChange>.self, from: Data(answer)).items
            try hold("\(item) is given back as it was: \(changes)", changes.map(\.change) == ["unchanged"])
        }
    }
}

/// A control server before an empty store, and a controller that knows one attachment.
private struct ControlUnderTest {
    static let shared = Result { try ControlUnderTest() }

    private let directory: TemporaryDirectory
    private let store: SQLStore
    private let server: ControlServer

    private init() throws {
        directory = try TemporaryDirectory(prefix: "hawser-fuzz-control")
        store = try SQLStore.embedded(path: "\(directory.path)/hawser.db")
        server = ControlServer(controller: IdleController(), store: store, version: "1")
    }

    func ask(_ method: String, _ path: String, query: String, _ body: [UInt8]) async -> (status: Int, body: [UInt8]) {
        let answer = await server.respond(
            to: IncomingRequest(
                method: method, path: path, rawQuery: query, headers: [:], body: body,
                peer: PeerCredentials(processID: getpid(), userID: geteuid(), groupID: getegid())))
        switch answer {
        case .whole(let status, _, let body): return (status, body)
        case .dropped: return (0, [])
        }
    }

    func objects() async throws -> [WireObject] {
        let (_, body) = await ask("GET", WirePath.objects, query: "", [])
        return try JSONDecoder().decode(WireList<WireObject>.self, from: Data(body)).items
    }

    /// Leaves nothing for the next request, which is to mean the same each time.
    func clear() async throws {
        let state = try await store.desiredState()
        for entry in state.entries {
            let (id, text) =
                switch entry {
                case .valid(let desired): (desired.id, desired.name.text)
                case .invalid(let id, let name, _, _, _): (id, name)
                }
            if let name = ObjectName(text) { _ = try await store.delete([name], by: .person, dryRun: false) }
            try await store.forget(id)
        }
        for volume in state.protections.keys { try await store.protect(volume, reason: nil) }
    }
}

/// Knows one attachment, `orders`, and does nothing.
private struct IdleController: Steering {
    private static let report = AttachmentReport(
        attachment: AttachmentID(UUIDValue(high: 0, low: 1)), name: "orders", generation: 1,
        volume: VolumeID(UUIDValue(high: 1, low: 2)), machine: nil, isHere: true, isDeparting: false, readiness: .ready,
        since: Instant(nanoseconds: 0), cloudWord: "attached", deviceWord: "vdb", exportWord: "live",
        clients: .known(0), drifts: [], next: nil, nextAt: nil)

    func overview() async -> Overview {
        Overview(
            revision: 1, at: Instant(nanoseconds: 1_000_000_000), here: MachineID(UUIDValue(high: 0, low: 9)),
            reports: [Self.report], unmanaged: [], nodeCauses: [])
    }

    func overview(newerThan revision: Int64, patience: Duration) async -> Overview { await overview() }

    func standing(newerThan revision: Int64, patience: Duration) async -> NodeStanding {
        NodeStanding(revision: 1, tally: ReadinessTally(), causes: [])
    }

    func removals() async -> HeldRemovals {
        HeldRemovals(batch: nil, items: [], allowed: 1, volumes: 1, window: .seconds(600))
    }

    func measurements() async -> Measurements {
        let now = Instant(nanoseconds: 1_000_000_000)
        return Measurements(at: now, begunAt: now, here: MachineID(UUIDValue(high: 0, low: 9)), mode: .enforce)
    }

    func detail(of name: ObjectName) async -> AttachmentDetail? {
        guard name.text == Self.report.name else { return nil }
        return AttachmentDetail(report: Self.report, conditions: [], volume: nil, device: nil, export: nil)
    }

    func plan() async -> [PlanLine] { [] }

    func observedWorld() async -> ObservedWorld {
        ObservedWorld(volumes: [], volumesListedAt: nil, machines: [], devices: [], exports: nil)
    }

    func reconcile(_ names: [ObjectName]?) async -> [ObjectName] {
        (names ?? []).filter { $0.text != Self.report.name }
    }
}
