import ControlAPIModel
import FoundationEssentials
import JSON
import Testing
import VolumeModel

/// What is written and read field by field is what the encoder and the decoder of every other answer write and read.
@Suite struct OverviewJSONTests {
    private let overview: WireOverview

    init() throws {
        let full = AttachmentReport(
            attachment: AttachmentID(UUIDValue(high: 1, low: 2)), name: "full", generation: 7,
            volume: VolumeID(UUIDValue(high: 3, low: 4)), machine: MachineID(UUIDValue(high: 5, low: 6)), isHere: true,
            isDeparting: true,
            restraint: .suspended(Suspension(reason: "a \"reason\"\n", until: Instant(nanoseconds: 1_000_000_000))),
            readiness: .notReady(.cloudUnreachable("tab\there")), since: Instant(nanoseconds: 951_782_400_123_000_000),
            cloudWord: "attached", deviceWord: "vdb", exportWord: "live", clients: .known(2),
            drifts: [Drift(world: .export, kind: .exportMissing, wanted: "é", observed: "\\")], next: "look",
            nextAt: Instant(nanoseconds: 5_000_000))
        let bare = AttachmentReport(
            attachment: AttachmentID(UUIDValue(high: 1, low: 3)), name: "bare", generation: 1, volume: nil,
            machine: nil,
            isHere: false, isDeparting: false, readiness: .ready, since: Instant(nanoseconds: 0), cloudWord: "-",
            deviceWord: "-", exportWord: "-", clients: nil, drifts: [], next: nil, nextAt: nil)
        overview = WireOverview(
            revision: 9, at: Timestamp(Instant(nanoseconds: 1_000_000)), here: "here", mode: "Enforce",
            items: [WireAttachment(full), WireAttachment(bare)],
            unmanaged: [WireUnmanaged(Unmanaged(world: .device, name: "vdc", detail: "serial x"))],
            nodeCauses: [WireCause(.stopping)])
    }

    @Test func `the same bytes are written`() throws {
        var overview = overview
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // A line feed may be written in two ways, and is; all else is byte for byte the same.
        let bytes = overview.json(items: overview.items)
        #expect(try JSONDecoder().decode(WireOverview.self, from: Data(bytes)) == overview)
        overview.items[0].suspension?.reason = "plain"
        overview.items[0].message = "plain"
        let plain = overview.json(items: overview.items)
        #expect(String(decoding: plain, as: UTF8.self) == String(decoding: try encoder.encode(overview), as: UTF8.self))
    }

    @Test func `what an encoder writes is read`() throws {
        #expect(try WireOverview(json: Array(try JSONEncoder().encode(overview))) == overview)
        #expect(try WireOverview(json: overview.json(items: overview.items)) == overview)
    }

    @Test(arguments: ["", "[]", "{}", #"{"at":"2026-11-21T00:00:00.000Z","here":"x","items":[{}]}"#])
    func `what is no overview is an error that says what is wrong`(_ text: String) {
        #expect(throws: JSONError.self) { try WireOverview(json: Array(text.utf8)) }
    }

    @Test(arguments: [
        "2026-11-21T00:00:00", "2026-11-21T00:00:00.00Z", "2026-13-21T00:00:00Z", "2026-11-21 00:00:00Z",
        "2026-11-21T24:00:00Z", "2026-11-21T00:00:00.000z", "+026-11-21T00:00:00Z", "",
    ])
    func `a time in another form is none`(_ text: String) { #expect(Timestamp(text) == nil) }

    @Test func `milliseconds may be left out`() {
        #expect(Timestamp("2000-02-29T00:00:00Z")?.instant.nanoseconds == 951_782_400_000_000_000)
    }
}
