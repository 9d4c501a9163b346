import HTTPServer
import Reconciliation
import Testing
import VolumeModel

@testable import CloudStack

/// What the client makes of answers that CloudStack would not give, or that something in between has given.
@Suite struct StrangeAnswersTests {
    private static let volume = VolumeID("11111111-2222-3333-4444-555555555555").unsafelyUnwrapped
    private static let other = "99999999-2222-3333-4444-555555555555"

    private static func row(id: String, extra: String = "") -> String {
        #"{"id":"\#(id)","name":"v","zoneid":"\#(other)","state":"Ready","size":1,"type":"DATADISK"\#(extra)}"#
    }

    private func withAnswer(
        _ status: Int, _ body: String, _ use: (CloudStackService) async throws -> Void
    ) async throws {
        let server = try HTTPServer(.tcp(host: "127.0.0.1", port: 0)) { _ in
            .whole(status: status, headers: [], body: Array(body.utf8))
        }
        defer { server.stop() }
        try await use(
            CloudStackService(
                CloudStackConfiguration(
                    endpoint: "http://127.0.0.1:\(server.port)/client/api", apiKey: "key", secretKey: "secret")))
    }

    @Test(arguments: [
        (502, #"{"message":"upstream timed out"}"#, CloudError.Effect.unknown),
        (503, "<html>no backend</html>", .unknown), (504, "", .unknown), (500, "{}", .unknown), (408, "", .unknown),
        (200, "", .unknown), (200, "{}", .unknown), (200, "[]", .unknown), (200, #"{"ok":true}"#, .unknown),
        (302, "moved", .unknown), (200, #"{"attachvolumeresponse":{}}"#, .unknown),
        (200, #"{"attachvolumeresponse":{"jobid":"17"}}"#, .unknown),
        (530, #"{"attachvolumeresponse":{"errorcode":530,"errortext":"Internal error"}}"#, .unknown),
        (413, "too large", .none), (404, "<html>", .none),
        (431, #"{"attachvolumeresponse":{"errorcode":431,"errortext":"no"}}"#, .none),
        (401, #"{"attachvolumeresponse":{"errorcode":401,"errortext":"no"}}"#, .none),
    ]) func `NO-BLIND-REPEAT: only what was surely refused counts as not done`(
        status: Int, body: String, effect: CloudError.Effect
    ) async throws {
        try await withAnswer(status, body) { service in
            await #expect {
                try await service.submit(
                    .attachVolume(Self.volume, to: MachineID(Self.volume.value), as: .data),
                    as: JobID(Self.volume.value))
            } throws: { ($0 as? CloudError)?.effect == effect }
        }
    }

    /// Absence is believed only where CloudStack itself says so in full.
    @Test(arguments: [
        #"{"listvolumesresponse":{"count":1}}"#,
        #"{"listvolumesresponse":{"count":1,"volume":[]}}"#,
        #"{"listvolumesresponse":{"volume":"none"}}"#,
        #"{"listvolumesresponse":{"count":1,"volume":[\#(row(id: other))]}}"#,
        #"{"listvolumesresponse":{"count":2,"volume":[\#(row(id: "\(volume)")),\#(row(id: other))]}}"#,
        #"{"listvolumesresponse":{"count":1,"volume":[{"id":"11111111-2222-3333-4444-555555555555"}]}}"#,
        #"{"listvolumesresponse":{"count":1,"volume":[\#(row(id: "\(volume)", extra: #","virtualmachineid":7"#))]}}"#,
        #"{"listvolumesresponse":{"count":1,"volume":[\#(row(id: "\(volume)", extra: #","jobstatus":0,"jobid":7"#))]}}"#,
        #"{"message":"hello"}"#, "{}",
    ]) func `WHOLE-VIEW: an answer about another volume, or one that contradicts itself, proves nothing`(
        body: String
    ) async throws {
        try await withAnswer(200, body) { service in
            await #expect(throws: CloudError.self, "\(body)") { try await service.readVolume(Self.volume) }
        }
    }

    @Test(arguments: [#"{"listvolumesresponse":{}}"#, #"{"listvolumesresponse":{"count":0,"volume":[]}}"#])
    func `an empty answer says that the volume was removed`(body: String) async throws {
        try await withAnswer(200, body) { service in
            guard case .removed = try await service.readVolume(Self.volume) else {
                Issue.record("not removed")
                return
            }
        }
    }

    @Test func `an answer about another job says nothing of the one that was asked for`() async throws {
        let body = #"{"queryasyncjobresultresponse":{"jobid":"\#(Self.other)","jobstatus":1}}"#
        try await withAnswer(200, body) { service in
            await #expect { try await service.report(of: JobID(Self.volume.value)) } throws: {
                ($0 as? CloudError)?.remedy == .lookAgain
            }
        }
    }

    /// Else a zone that is there would pass for one that is not.
    @Test func `a zone that cannot be read is no zone that is missing`() async throws {
        let body = #"{"listzonesresponse":{"count":1,"zone":[{"id":1,"name":"Sydney"}]}}"#
        try await withAnswer(200, body) { service in
            await #expect { try await service.zone(.named("Sydney")) } throws: {
                ($0 as? CloudError)?.text == "a zone has the id '1', which is no UUID"
            }
        }
    }

    @Test func `a server that does not know of pages is not asked for ever`() async throws {
        let body = #"{"listvolumesresponse":{"count":900000,"volume":[\#(Self.row(id: Self.other))]}}"#
        try await withAnswer(200, body) { service in
            let listing = try await service.listVolumes()
            #expect(listing.records.count == 1)
            #expect(!listing.isComplete)
        }
    }

    @Test func `of two disk offerings with one name neither is taken`() async throws {
        let offering = #"{"id":"\#(Self.other)","name":"gold","iscustomized":true}"#
        let twin = #"{"id":"\#(Self.volume)","name":"gold","iscustomized":true}"#
        let body = #"{"listdiskofferingsresponse":{"count":2,"diskoffering":[\#(offering),\#(twin)]}}"#
        try await withAnswer(200, body) { service in
            await #expect { try await service.offering(.named("gold")) } throws: {
                ($0 as? CloudError)?.remedy == .wrongRequest
            }
        }
    }

    /// Such a wait would have been obeyed for as long as hawserd runs.
    @Test(arguments: [("9223372036854775807", Duration.seconds(3_600)), ("-77", .zero), ("250", .milliseconds(250))])
    func `nobody waits for an age because an answer says so`(_ number: String, _ wait: Duration) {
        #expect(ErrorSorting.wait(in: "please retry after [\(number)] ms.") == wait)
    }
}
