import CloudStackModel
import CloudStackSimulator
import Curl
import FoundationEssentials
import LinuxCalls
import Testing

/// What callers see of the simulator before any volume is touched.
@Suite struct HTTPFaceTests {
    private static let refusal = "unable to verify user credentials and/or request signature"

    private func withSimulator(
        _ change: (inout CloudWorld) -> Void = { _ in }, _ body: (SignedCall) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory(prefix: "hawser-face-")
        var world = DefaultWorld.make(now: 1_000_000)
        world.jobDelayInMilliseconds = 10
        change(&world)
        let simulator = try await Simulator.start(
            .init(stateDirectory: directory.path, seed: world, hypervisor: NoHypervisor()))
        let call = SignedCall(endpoint: "http://127.0.0.1:\(await simulator.port)/client/api")
        do {
            try await body(call)
        } catch {
            await simulator.stop()
            throw error
        }
        await simulator.stop()
    }

    @Test(arguments: [
        ("no command", [("response", "json")], true, "null"),
        ("an unknown command", [("command", "listNothing"), ("response", "json")], true, "errorresponse"),
        ("a command in lower case", [("command", "listvolumes"), ("response", "json")], true, "errorresponse"),
        ("no signature", [("command", "listVolumes"), ("response", "json")], false, "listvolumesresponse"),
        (
            "version 3 without expires",
            [("command", "listVolumes"), ("response", "json"), ("signatureVersion", "3")], true, "listvolumesresponse"
        ),
        (
            "version 3 that has expired",
            [
                ("command", "listVolumes"), ("response", "json"), ("signatureVersion", "3"),
                ("expires", "2001-01-01T00:00:00+0000"),
            ], true, "listvolumesresponse"
        ),
    ]) func `401 has one text, and its envelope tells how far the call came`(
        name: String, query: [(String, String)], isSigned: Bool, envelope: String
    ) async throws {
        try await withSimulator { call in
            let response = try await call.send(query, isSigned: isSigned)
            #expect(response.status == 401, "\(name)")
            #expect(
                String(decoding: response.body, as: UTF8.self)
                    == #"{"\#(envelope)":{"uuidList":[],"errorcode":401,"errortext":"\#(Self.refusal)"}}"#)
            #expect(response.headers["x-description"] == Self.refusal)
        }
    }

    @Test(arguments: ["2030-01-02T03:04:05Z", "2030-01-02T03:04:05+0000", "2030-01-02T03:04:05+00:00"])
    func `an expiry may be written in the ways that clients write it`(expires: String) async throws {
        try await withSimulator { call in
            let answer = try await call.json("listZones", [("signatureVersion", "3"), ("expires", expires)])
            #expect(answer.status == 200)
        }
    }

    @Test func `an expiry in the past is not looked at without version 3`() async throws {
        try await withSimulator { call in
            let answer = try await call.json("listZones", [("expires", "2001-01-01T00:00:00Z")])
            #expect(answer.status == 200)
        }
    }

    @Test func `a wrong secret, an unknown key and a disabled account are refused alike`() async throws {
        try await withSimulator({ $0.accounts[1].isEnabled = false }) { call in
            var wrong = call
            wrong.secret = "wrong"
            var unknown = call
            unknown.key = "unknown"
            var disabled = call
            disabled.key = "simulator-user-key"
            disabled.secret = "simulator-user-secret"
            for caller in [wrong, unknown, disabled] {
                let answer = try await caller.json("listZones")
                #expect(answer.status == 401)
                #expect(answer.field("errortext") == Self.refusal)
            }
        }
    }

    @Test func `names are folded, and those of the query overwrite those of the form`() async throws {
        try await withSimulator { call in
            let folded = try await call.json("listVolumes", [("virtualMachineId", DefaultWorld.appliance)])
            #expect(folded.text.contains(#""count":1,"#))
            let response = try await call.send(
                [("command", "listVirtualMachines"), ("name", "spare")],
                form: [("name", "appliance"), ("response", "json")])
            let text = String(decoding: response.body, as: UTF8.self)
            #expect(response.status == 200)
            #expect(text.contains(#""name":"spare""#) && !text.contains(#""name":"appliance""#))
        }
    }

    @Test func `without response=json the answer is XML, of lists and of errors`() async throws {
        try await withSimulator({ $0.zones[0].name = "a<b>&\"c" }) { call in
            let zones = try await call.send([("command", "listZones")])
            let text = String(decoding: zones.body, as: UTF8.self)
            #expect(zones.headers["content-type"] == "text/xml; charset=UTF-8")
            #expect(
                text.hasPrefix(
                    #"<?xml version="1.0" encoding="UTF-8"?><listzonesresponse cloud-stack-version="4.20.0.0">"#
                        + "<count>1</count><zone><id>"))
            #expect(text.contains("<name>a&lt;b&gt;&amp;&quot;c</name>"))
            let failed = try await call.send([("command", "listVolumes"), ("id", DefaultWorld.zone)])
            #expect(failed.status == 431)
            #expect(String(decoding: failed.body, as: UTF8.self).contains("<errorcode>431</errorcode>"))
        }
    }

    @Test func `an empty list has neither count nor array`() async throws {
        try await withSimulator { call in
            let answer = try await call.json("listVolumes", [("name", "none")])
            #expect(answer.text == #"{"listvolumesresponse":{}}"#)
        }
    }

    @Test(arguments: ["\t", "\u{7F}", "\u{1}"])
    func `control characters are refused`(character: String) async throws {
        try await withSimulator { call in
            let answer = try await call.json("listVolumes", [("name", "a\(character)b")])
            #expect(answer.status == 431)
            #expect(
                answer.field("errortext")
                    == "Received value containing illegal ASCII non-printable characters for parameter name")
        }
    }

    @Test func `a text that needs escaping comes back as it went in`() async throws {
        try await withSimulator { call in
            let name = "a\\b \"c\" d\ne ü日 ~*[x]"
            let created = try await call.json(
                "createVolume",
                [
                    ("name", name), ("zoneid", DefaultWorld.zone), ("diskofferingid", DefaultWorld.customOffering),
                    ("size", "1"),
                ])
            #expect(created.status == 200)
            let listed = try await call.json("listVolumes", [("name", name)])
            #expect(listed.text.contains(#""name":"a\\b \"c\" d\ne ü日 ~*[x]""#))
        }
    }

    /// It hung: the call needed the actor that waited for the call.
    @Test func `it ends while a call is under way, and the call is answered`() async throws {
        let directory = try TemporaryDirectory(prefix: "hawser-ending-")
        var world = DefaultWorld.make(now: 1_000_000)
        world.faults = [Fault(kind: .latency, count: 1, milliseconds: 300)]
        let simulator = try await Simulator.start(
            .init(stateDirectory: directory.path, seed: world, hypervisor: NoHypervisor()))
        let call = SignedCall(endpoint: "http://127.0.0.1:\(await simulator.port)/client/api")
        async let answer = call.json("listZones")
        while await !simulator.snapshot.faults.isEmpty { await Task.yield() }
        await simulator.stop()
        #expect(try await answer.status == 200)
    }

    private static func expiring(inMinutes minutes: Int64) -> String {
        APIDate.text(milliseconds: SystemTime.now() + minutes * 60_000)
    }

    /// `enforce.post.requests.and.timestamps`.
    @Test(arguments: [
        ("GET of a question, 10 minutes", "listVolumes", false, Int64(10), 200),
        ("POST of a question, 10 minutes", "listVolumes", true, 10, 200),
        ("GET of a question, 20 minutes", "listVolumes", false, 20, 401),
        ("GET of a question, without version 3", "listVolumes", false, nil, 401),
        ("GET of a change, 10 minutes", "deleteVolume", false, 10, 405),
        ("POST of a change, 10 minutes", "deleteVolume", true, 10, 431),
        ("POST of a change, without version 3", "deleteVolume", true, nil, 401),
    ]) func `where it is enforced, changes come by POST and every request expires soon`(
        name: String, command: String, isPost: Bool, minutes: Int64?, status: Int
    ) async throws {
        try await withSimulator({ $0.enforcesPostAndTimestamps = true }) { call in
            var parameters = [("command", command), ("response", "json")]
            if let minutes {
                parameters += [("signatureVersion", "3"), ("expires", Self.expiring(inMinutes: minutes))]
            }
            let response = try await isPost ? call.send([], form: parameters) : call.send(parameters)
            #expect(response.status == status, "\(name): \(String(decoding: response.body, as: UTF8.self))")
        }
    }

    @Test func `what a user's role does not have is refused before the signature is looked at`() async throws {
        try await withSimulator { call in
            var user = call
            user.key = "simulator-user-key"
            user.secret = "wrong"
            let answer = try await user.json("listHosts")
            #expect(answer.status == 401)
            #expect(
                answer.field("errortext")
                    == "The given command 'listHosts' either does not exist, is not available for user.")
            #expect(answer.text.contains(#""cserrorcode":9999"#))
            #expect(try await call.json("listHosts").status == 200)
        }
    }

    @Test func `the admin port sets limits and states, and refuses what is not there`() async throws {
        let directory = try TemporaryDirectory(prefix: "hawser-settings-")
        let simulator = try await Simulator.start(
            .init(
                stateDirectory: directory.path, seed: DefaultWorld.make(now: 1_000_000), hypervisor: NoHypervisor()))
        func set(_ json: String) async throws -> Int {
            let url = "http://127.0.0.1:\(await simulator.adminPort)/settings"
            return try await HTTPClient().send(HTTPRequest(.post, url, body: Array(json.utf8))).status
        }
        let machine = DefaultWorld.otherMachine
        #expect(
            try await set(
                #"""
                {"dataDiskLimit": 2, "enforcePostAndTimestamps": true,
                 "machines": [{"machine": "\#(machine)", "state": "Migrating", "hasSnapshots": true}],
                 "accounts": [{"account": "user", "volumeLimit": 3, "primaryStorageLimitInGiB": -1}]}
                """#) == 200)
        let world = await simulator.snapshot
        #expect(world.dataDiskLimit == 2)
        #expect(world.enforcesPostAndTimestamps)
        #expect(world.machines.first { $0.id == machine }?.state == "Migrating")
        #expect(world.machines.first { $0.id == machine }?.hasSnapshots == true)
        #expect(world.accounts.first { $0.name == "user" }?.volumeLimit == 3)
        #expect(world.accounts.first { $0.name == "user" }?.primaryStorageLimitInGiB == nil)
        #expect(try await set(#"{"machines": [{"machine": "nobody"}]}"#) == 400)
        #expect(try await set(#"{"accounts": [{"account": "nobody"}]}"#) == 400)
        #expect(try await set(#"{"volumes": [{"volume": "none", "hasSnapshotUnderWay": true}]}"#) == 400)
        await simulator.stop()
    }

    @Test func `the admin port counts the calls, reads among them`() async throws {
        struct Calls: Decodable {
            var count: Int
            var seconds: Double
        }
        let directory = try TemporaryDirectory(prefix: "hawser-calls-")
        let simulator = try await Simulator.start(
            .init(
                stateDirectory: directory.path, seed: DefaultWorld.make(now: 1_000_000), hypervisor: NoHypervisor()))
        let call = SignedCall(endpoint: "http://127.0.0.1:\(await simulator.port)/client/api")
        _ = try await call.json("listVolumes")
        _ = try await call.json("listVolumes")
        _ = try await call.json("listZones")
        let url = "http://127.0.0.1:\(await simulator.adminPort)/calls"
        let answer = try await HTTPClient().send(HTTPRequest(.get, url))
        let calls = try JSONDecoder().decode([String: Calls].self, from: Data(answer.body))
        #expect(calls.mapValues(\.count) == ["listVolumes": 2, "listZones": 1])
        #expect(calls.values.allSatisfy { $0.seconds > 0 })
        await simulator.stop()
    }
}
