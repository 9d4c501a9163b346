import ControlAPI
import ControlAPIClient
import ControlAPIModel
import Glibc
import HTTPServer
import LinuxCalls
import Reconciliation
import Testing
import VolumeModel

/// The server and the client together, over a real socket.
@Suite struct ControlServerTests {
    private let directory: TemporaryDirectory
    private let controller = SmallController()
    private let server: HTTPServer
    private let client: ControlClient

    init() throws {
        directory = try TemporaryDirectory(prefix: "hawser-control-test")
        let socket = "\(directory.path)/control.sock"
        server = try ControlServer(
            controller: controller, store: controller, version: "1.2.3", startedAt: Instant(nanoseconds: 7_000_000_000)
        ).listen(onSocket: socket)
        client = ControlClient(socket: socket)
    }

    private func object(_ name: String, export: String? = nil) throws -> WireObject {
        WireObject(
            name: try #require(ObjectName(name)), labels: ["a": "b"],
            volume: .named("data", zone: .named("zone-1")), machine: .thisMachine,
            export: try export.map { DesiredExport(name: try #require(ExportName($0)), isReadOnly: true) },
            detach: DetachPolicy(), file: "x.yaml")
    }

    @Test func `what is applied is created, then unchanged, and shows`() async throws {
        #expect(try await client.apply([object("one", export: "e")], dryRun: true).map(\.change) == ["created"])
        #expect(try await client.overview().items.isEmpty)
        #expect(try await client.apply([object("one", export: "e")]).map(\.change) == ["created"])
        #expect(try await client.apply([object("one", export: "e")]).map(\.change) == ["unchanged"])
        let overview = try await client.overview()
        let item = try #require(overview.items.first)
        #expect(item.name == "one" && !item.isReady && item.reason == "RootVolume" && item.clients == 2)
        #expect(item.drifts.map(\.kind) == ["ExportMissing"])
        #expect(overview.nodeCauses.map(\.reason) == ["CloudUnreachable"])
        #expect(try await client.delete(["one", "two"]).map(\.change) == ["deleted", "not found"])
    }

    // MARK: BRAKE

    @Test func `BRAKE: what is on hold is shown with each reason, and exactly that batch is approved`() async throws {
        #expect(try await client.brake().batch == nil)
        await #expect(throws: ControlError.self) { try await client.approve("batch-1") }
        await controller.hold(try #require(ObjectName("one")), generation: 4)
        let shown = try await client.brake()
        #expect(shown.items == [WireBrake.Item(name: "one", volume: nil, reason: "it was deleted")])
        #expect(shown.allowed == 1 && shown.volumes == 10 && shown.windowSeconds == 600)
        // Meanwhile another one comes.
        await controller.hold(try #require(ObjectName("two")), generation: 7)
        let error = await #expect(throws: ControlError.self) { try await client.approve(try #require(shown.batch)) }
        guard case .refused(let problem)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(problem.status == 409 && problem.detail.contains("now batch 'batch-2' of 2 removals"))
        #expect(await controller.approved.isEmpty)
        #expect(try await client.approve("batch-2").message == "batch/batch-2 approved: one, two")
        #expect(await controller.approved.values.sorted() == [4, 7])
    }

    @Test func `BRAKE: what a call approves reaches the store`() async throws {
        _ = try await client.apply([object("one")])
        _ = try await client.apply([object("one")], approvedRemovals: 3)
        _ = try await client.delete(["one"])
        _ = try await client.delete(["one"], isPrune: true)
        _ = try await client.delete(["one", "two"], approvedRemovals: 2)
        #expect(await controller.approvals == [.one, .upTo(3), .one, .none, .upTo(2)])
    }

    @Test func `a refusal arrives in the words of the one who refuses`() async throws {
        let error = await #expect(throws: ControlError.self) {
            try await client.apply([object("one", export: "taken")])
        }
        guard case .refused(let problem)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(problem.status == 409)
        #expect(error?.description == "export name 'taken' is claimed by 'x'")
    }

    @Test func `an object that the client did not check is checked by the server`() async throws {
        var forged = try object("one")
        forged.name = "../x"
        let wrong = forged
        let error = await #expect(throws: ControlError.self) { try await client.apply([wrong]) }
        guard case .refused(let problem)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(problem.status == 422)
    }

    @Test func `plan, world, events and version can be read`() async throws {
        #expect(try await client.plan().map(\.kind) == ["action", "hold"])
        #expect(try await client.world().exportServer == "not asked yet")
        #expect(try await client.events().map(\.reason) == ["RootVolume"])
        #expect(try await client.version() == "1.2.3")
        #expect(try await client.daemon().startedAt?.instant == Instant(nanoseconds: 7_000_000_000))
        await #expect(throws: ControlError.self) { try await client.events(of: "nobody") }
    }

    @Test func `reconcile names what it does not know`() async throws {
        _ = try await client.apply([object("one")])
        try await client.reconcile(["one"])
        try await client.reconcile(nil)
        let error = await #expect(throws: ControlError.self) { try await client.reconcile(["two"]) }
        #expect(error?.description == "there is no attachment 'two'")
    }

    @Test func `whom the kernel does not vouch for is not served`() async throws {
        let api = ControlServer(controller: controller, store: controller, version: "1")
        for peer in [nil, PeerCredentials(processID: 1, userID: 4_000_000, groupID: 4_000_000)] {
            let answer = await api.respond(
                to: IncomingRequest(
                    method: "GET", path: WirePath.version, rawQuery: "", headers: [:], body: [], peer: peer))
            guard case .whole(let status, _, _) = answer else {
                Issue.record("no answer")
                return
            }
            #expect(status == 403)
        }
    }

    @Test func `a daemon that is not there is an error that names its socket`() async throws {
        let error = await #expect(throws: ControlError.self) {
            try await ControlClient(socket: "/nonexistent/control.sock").overview()
        }
        #expect(error?.description.contains("/nonexistent/control.sock") == true)
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999_000_000, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"), (1_795_219_200_000_000_000, "2026-11-21T00:00:00.000Z"),
        (-1_000_000, "1969-12-31T23:59:59.999Z"),
    ])
    func `a moment reads back as it was written`(_ nanoseconds: Int64, _ text: String) throws {
        #expect(Timestamp(Instant(nanoseconds: nanoseconds)).description == text)
        if nanoseconds >= 0 { #expect(Timestamp(text)?.instant.nanoseconds == nanoseconds) }
    }

    /// The first of them, as `since` of a GET, ended hawserd.
    @Test(arguments: [
        "9223372036854775807-01-01T00:00:00Z", "2026-02-31T00:00:00Z", "9999-12-31T23:59:59Z",
        "2262-04-11T23:47:16.855Z",
    ])
    func `a moment that no clock shows is none`(_ text: String) {
        #expect(Timestamp(text) == nil)
    }

    private static let strange: [@Sendable (inout WireObject) -> Void] = [
        { $0.labels = ["a=b": "c"] }, { $0.labels = ["a": "b\nc=d"] }, { $0.volume.name = "" }, { $0.volume.zone = "" },
        { $0.vm = "" }, { $0.volume.sizeInBytes = -(1 << 30) }, { $0.volume.sizeInBytes = 7 },
        { $0.volume.id = "00000000-0000-0001-0000-000000000002" }, { $0.attachAs = "Root" },
    ]

    /// They were accepted, and then stood in the store as rows that make no sense, or as something else.
    @Test(arguments: strange.indices)
    func `what could not be kept as it is meant is refused`(index: Int) async throws {
        var object = try object("one")
        Self.strange[index](&object)
        let wrong = object
        let error = await #expect(throws: ControlError.self) { try await client.apply([wrong]) }
        guard case .refused(let problem)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(problem.status == 422)
    }

    // MARK: Force, for one object only

    @Test func `an override is for one object, with a reason, an end and a disk, and it is recorded who gave it`()
        async throws
    {
        _ = try await client.apply([object("one")])
        let now = try await client.overview().at.instant
        func permit(_ name: String, _ reason: String, ends: Instant) async throws {
            _ = try await client.permitInUse(
                WireOverride(name: name, reason: reason, expiresAt: Timestamp(ends)))
        }
        let later = now + .seconds(60)
        await #expect(throws: ControlError.self, "no disk") { try await permit("one", "why", ends: later) }
        await controller.plug(
            DeviceRecord(
                kernelName: "vdb", number: DeviceNumber(major: 254, minor: 16), path: "/dev/vdb", byIDLinks: [],
                serial: nil, diskSequence: 7, sizeInBytes: 1 << 30, isReadOnly: false))
        await #expect(throws: ControlError.self, "no reason") { try await permit("one", "", ends: later) }
        await #expect(throws: ControlError.self, "no such object") { try await permit("two", "why", ends: later) }
        await #expect(throws: ControlError.self, "over") { try await permit("one", "why", ends: now) }
        #expect(await controller.overrides.isEmpty)
        #expect(await controller.written.isEmpty)
        try await permit("one", "the client hangs", ends: later)
        let given = try #require(await controller.overrides.first)
        #expect(given.reason == "the client hangs (by user \(geteuid()))")
        #expect(given.diskSequence == 7)
        let event = try #require(await controller.written.first)
        #expect(event.reason == "Overridden" && event.name == "one" && event.message.hasSuffix(given.reason))
    }
}
