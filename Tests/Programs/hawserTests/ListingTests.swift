import Arguments
import ControlAPIModel
import Testing
import VolumeModel

@testable import hawser

@Suite struct ListingTests {
    private func readings(_ names: [(name: String, isReady: Bool, labels: [String: String])]) throws -> Readings {
        var reports: [AttachmentReport] = []
        var objects: [WireObject] = []
        for (place, entry) in names.enumerated() {
            reports.append(
                AttachmentReport(
                    attachment: AttachmentID(UUIDValue(high: 0, low: UInt64(place))), name: entry.name, generation: 1,
                    volume: nil, machine: nil, isHere: true, isDeparting: false,
                    readiness: entry.isReady ? .ready : .notReady(.rootVolume), since: Instant(nanoseconds: 0),
                    cloudWord: "attached", deviceWord: "vd\(place)", exportWord: "live", clients: nil, drifts: [],
                    next: nil, nextAt: nil))
            objects.append(
                WireObject(
                    name: try #require(ObjectName(entry.name)), labels: entry.labels,
                    volume: .named("v", zone: .named("z")), machine: .thisMachine, export: nil, detach: DetachPolicy(),
                    file: "f"))
        }
        let overview = WireOverview(
            revision: 1, at: Timestamp(Instant(nanoseconds: 5_000_000_000)), here: "m",
            mode: "Enforce", items: reports.map { WireAttachment($0) }, unmanaged: [], nodeCauses: [])
        return Readings(overview: overview, objects: objects)
    }

    private func request(_ arguments: String...) throws -> ListRequest {
        try ListRequest(try GetCommand.command.description.parse(arguments))
    }

    private func names(_ arguments: [String], _ readings: Readings) throws -> [String] {
        let parsed = try GetCommand.command.description.parse(arguments)
        return try ListRequest(parsed).listing(readings).listing.items.map { $0.names[0] }
    }

    @Test func `labels choose, and a path or a column sorts`() throws {
        let readings = try readings([
            ("vol10", true, ["app": "x"]), ("vol2", false, ["app": "x"]), ("a", true, ["app": "y"]),
            ("vol1", false, [:]),
        ])
        #expect(try names([], readings) == ["vol10", "vol2", "a", "vol1"])
        #expect(try names(["--sort-by=.metadata.name"], readings) == ["a", "vol1", "vol2", "vol10"])
        #expect(try names(["--sort-by={.metadata.labels.app}"], readings) == ["vol1", "vol10", "vol2", "a"])
        #expect(try names(["--sort-by=ready", "-l", "app"], readings) == ["vol2", "vol10", "a"])
        #expect(try names(["-l", "app=x"], readings) == ["vol10", "vol2"])
        #expect(try names(["attachments", "a", "vol1"], readings) == ["a", "vol1"])
        #expect(try names(["volumeattachment/a", "volumeattachment/vol2"], readings) == ["vol2", "a"])
    }

    @Test func `one that is asked for by its name stands for itself, several are a list`() throws {
        let readings = try readings([("a", true, [:]), ("b", true, [:])])
        func text(_ arguments: String...) throws -> String {
            let request = try ListRequest(try GetCommand.command.description.parse(arguments))
            return try request.text(of: try request.listing(readings).listing)
        }
        #expect(try text("attachments", "a", "-o", "jsonpath={.kind} {.metadata.name}") == "VolumeAttachment a\n")
        #expect(try text("attachments", "a", "b", "-o", "jsonpath={.kind} {.items[*].metadata.name}") == "List a b\n")
        #expect(
            try text("attachments", "a", "-o", "json").hasPrefix(
                "{\n  \"apiVersion\" : \"hawser/v1\",\n  \"kind\" : \"VolumeA"))
        #expect(try text("-o", "name") == "volumeattachment/a\nvolumeattachment/b\n")
        #expect(
            try text("-o", "custom-columns=N:.metadata.name,X:.nope,D:status.device")
                == "N   X        D\na   <none>   vd0\nb   <none>   vd1\n")
        #expect(try text("--no-headers").split(separator: "\n").count == 2)
        #expect(try text().hasSuffix("2 of 2 ready\n"))
    }

    @Test func `a field to sort by that nothing has leaves the order, and is told`() throws {
        let readings = try readings([("b", true, [:]), ("a", true, [:])])
        let listing = try request("--sort-by=.metadata.nmae").listing(readings).listing
        #expect(listing.items.map(\.names) == [["b"], ["a"]])
        #expect(listing.isUnsorted)
        #expect(try !request("--sort-by=NAME").listing(readings).listing.isUnsorted)
    }

    @Test func `a row that makes no sense has a status and no spec`() throws {
        var readings = try readings([("a", false, [:])])
        readings.objects = []
        let request = try request("-o", "yaml")
        let text = try request.text(of: try request.listing(readings).listing)
        #expect(text.contains("reason: RootVolume") && !text.contains("spec:"))
    }

    @Test func `what was asked for and is not there is told`() throws {
        let readings = try readings([("a", true, [:])])
        #expect(try request("attachments", "a", "b", "c").listing(readings).missing == ["b", "c"])
    }

    @Test(arguments: [
        (["orders"], "one attachment is shown by 'hawser get attachments orders'"),
        (["volums"], "did you mean 'volumes'?"),
        (["-o", "xml"], "-o takes table, wide, json"), (["-o", "jsonpath="], "needs a template"),
        (["-o", "jsonpath={.a"], "a '{' has no '}'"), (["-o", "custom-columns=NAME"], "'NAME' is no column"),
        (["--sort-by", "SIZE"], "or a column of attachments: NAME, DESIRED"), (["-l", "a=b=c"], "is no requirement"),
        (["volumes/a", "b"], "'b' does not begin with 'volumes/'"),
    ])
    func `what is wrong is said before anything is asked`(_ arguments: [String], _ message: String) throws {
        let parsed = try GetCommand.command.description.parse(arguments)
        let error = #expect(throws: UsageError.self) { try ListRequest(parsed) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test func `in a watch each document that changes is printed by itself`() throws {
        var watch = WatchedList(try request("-w", "-o", "jsonpath={.metadata.name} {.status.readiness}"))
        #expect(try watch.text(try readings([("a", false, [:]), ("b", true, [:])])) == "a not-ready\nb ready\n")
        #expect(try watch.text(try readings([("a", false, [:]), ("b", true, [:])])) == "")
        #expect(try watch.text(try readings([("a", true, [:]), ("b", true, [:])])) == "a ready\n")
        var yaml = WatchedList(try request("-w", "-o", "yaml"))
        #expect(try yaml.text(try readings([("a", false, [:]), ("b", true, [:])])).components == 2)
    }

    @Test func `text becomes JSON with its quotation marks and controls escaped`() throws {
        let node = try Documents.node(["a": "\"\\\n\u{1}é"])
        #expect(Documents.compactJSON(node) == #"{"a":"\"\\\n\u0001é"}"#)
    }
}

extension String {
    /// How many documents stand in a stream of YAML.
    fileprivate var components: Int { split(separator: "\n").count { $0 == "---" } + 1 }
}
