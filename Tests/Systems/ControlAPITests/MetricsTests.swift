import ControlAPIClient
import Curl
import HTTPServer
import LinuxCalls
import Reconciliation
import Testing
import VolumeModel

@testable import ControlAPI

/// The text that Prometheus reads, who may read it, and that it is what the documentation says.
@Suite struct MetricsTests {
    private static let root = #filePath.split(separator: "/").dropLast(4).reduce(into: "") { $0 += "/" + $1 }

    private static var catalogue: [MetricFamily] {
        let now = Instant(nanoseconds: 1_000_000_000)
        return MetricCatalogue.families(
            Measurements(at: now, begunAt: now, here: MachineID(UUIDValue(high: 0, low: 9)), mode: .enforce),
            [CallCount(command: "listVolumes")],
            MetricCatalogue.Process(version: "1", usage: try? ProcessUsage.now()))
    }

    private func text(_ families: [MetricFamily]) -> String {
        String(decoding: ExpositionText.bytes(families), as: UTF8.self)
    }

    // MARK: The format

    @Test func `each metric has its help and type once, before its values, which follow each other in order`() {
        let families = [
            MetricFamily("b_total", .counter, "Second letter.", 7),
            MetricFamily(
                "a_seconds", .summary, "First letter.",
                [
                    .init(suffix: "_sum", labels: [("x", "1"), ("y", "2")], value: 0.5),
                    .init(suffix: "_count", labels: [("x", "1"), ("y", "2")], value: 3),
                ]),
            MetricFamily("c", "Whether.", true), MetricFamily("d", .gauge, "Nothing.", []),
        ]
        let expected = """
            # HELP b_total Second letter.
            # TYPE b_total counter
            b_total 7
            # HELP a_seconds First letter.
            # TYPE a_seconds summary
            a_seconds_sum{x="1",y="2"} 0.5
            a_seconds_count{x="1",y="2"} 3
            # HELP c Whether.
            # TYPE c gauge
            c 1
            # HELP d Nothing.
            # TYPE d gauge

            """
        #expect(text(families) == expected)
    }

    @Test func `backslashes and line feeds are escaped in texts, quotation marks in labels only`() {
        let odd = "a\\b\n\"c\" é"
        let family = MetricFamily("m", .gauge, odd, [.init(labels: [("l", odd)], value: 0)])
        #expect(
            text([family]) == "# HELP m a\\\\b\\n\"c\" é\n# TYPE m gauge\nm{l=\"a\\\\b\\n\\\"c\\\" é\"} 0\n")
    }

    @Test(
        arguments: [
            (0, "0"), (-3, "-3"), (0.25, "0.25"), (1_795_219_200.123, "1795219200.123"), (1e15, "1000000000000000"),
            (1e18, "1e+18"), (.nan, "NaN"),
            (.infinity, "+Inf"), (-.infinity, "-Inf"),
        ] as [(Double, String)])
    func `numbers are written as they are read`(_ number: Double, _ expected: String) {
        #expect(text([MetricFamily("m", .gauge, "h", number)]) == "# HELP m h\n# TYPE m gauge\nm \(expected)\n")
    }

    // MARK: The catalogue

    @Test func `names, labels and series are those that Prometheus takes, and no series comes twice`() {
        var names: Set<String> = []
        for family in Self.catalogue {
            #expect(names.insert(family.name).inserted, "\(family.name) comes twice")
            #expect(family.name.hasPrefix("hawser_") || family.name.hasPrefix("process_"))
            #expect(family.name.allSatisfy { $0 == "_" || ($0.isASCII && $0.isLowercase) }, "\(family.name)")
            #expect((family.kind == .counter) == family.name.hasSuffix("_total"), "\(family.name)")
            #expect(family.help.hasSuffix(".") && !family.samples.isEmpty, "\(family.name)")
            let series = family.samples.map { "\($0.suffix) \($0.labels)" }
            #expect(Set(series).count == series.count, "\(family.name)")
        }
    }

    /// A volume's id in a label would be a series for each volume.
    @Test func `there are no more labels than these, each of a closed set`() {
        let labels = Set(Self.catalogue.flatMap(\.samples).flatMap(\.labels).map(\.name))
        #expect(
            labels == [
                "version", "machine", "mode", "readiness", "reason", "mover", "kind", "listing", "command", "outcome",
                "step", "look",
            ])
        #expect(Self.catalogue.flatMap(\.samples).count < 300)
    }

    @Test func `what the node suffers from is shown with every cause that a node can have`() {
        var measured = Measurements(
            at: Instant(nanoseconds: 0), begunAt: Instant(nanoseconds: 0),
            here: MachineID(UUIDValue(high: 0, low: 9)), mode: .observe)
        measured.troubles = [.braked, .storeUnavailable]
        measured.notReady = [.serialSeenTwice: 2, .holderMissing: 1, .braked: 4]
        let shown = text(MetricCatalogue.families(measured, [], .init(version: "1", usage: nil)))
        for line in [
            #"hawser_node_trouble{reason="Braked"} 1"#, #"hawser_node_trouble{reason="ListingIncomplete"} 0"#,
            "hawser_store_up 0", "hawser_cloudstack_up 0", "hawser_attachments_quarantined 3",
            #"hawser_attachments{readiness="not-ready"} 7"#, #"hawser_attachments_not_ready{reason="Braked"} 4"#,
            #"hawser_node_info{machine="00000000-0000-0000-0000-000000000009",mode="Observe"} 1"#,
        ] {
            #expect(shown.contains("\n\(line)\n"), "\(line)")
        }
    }

    // MARK: The documentation

    /// A metric as a line of docs/metrics.md names it: `| \`name\` | type | labels | …`.
    private struct Line: Hashable, CustomStringConvertible {
        var name: String
        var kind: String
        var labels: String
        var description: String { "| `\(name)` | \(kind) | \(labels) |" }

        init(_ family: MetricFamily) {
            name = family.name
            kind = family.kind.rawValue
            labels = (family.samples.first?.labels ?? []).map { "`\($0.name)`" }.joined(separator: ", ")
        }

        init?(_ line: Substring) {
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
                .map { $0.trimmingPrefix(" ").reversed().drop { $0 == " " }.reversed() }.map { String($0) }
            guard cells.count >= 5, cells[1].hasPrefix("`"), cells[1].contains("_") else { return nil }
            name = cells[1].filter { $0 != "`" }
            kind = cells[2]
            labels = cells[3]
        }
    }

    @Test func `docs_metrics_md has every metric with its type and labels, in the same order, and no other`() throws {
        let documented = try readTextFile("\(Self.root)/docs/metrics.md").split(separator: "\n").compactMap(Line.init)
        #expect(documented == Self.catalogue.map(Line.init))
    }

    @Test func `alerts ask for metrics that there are, and each has a place in the troubleshooting page`() throws {
        let alerts = try readTextFile("\(Self.root)/deploy/prometheus/hawser-alerts.yaml")
        let names = Set(Self.catalogue.map(\.name))
        let words = alerts.split { !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_")) }.map(String.init)
        let asked = words.filter { $0.hasPrefix("hawser_") }
        #expect(asked.count > 10)
        for word in asked {
            #expect(names.contains { [$0, $0 + "_sum", $0 + "_count"].contains(word) }, "\(word)")
        }
        let troubleshooting = try readTextFile("\(Self.root)/docs/troubleshooting.md")
        let metrics = try readTextFile("\(Self.root)/docs/metrics.md")
        let lines = alerts.split(separator: "\n")
        let alertNames = lines.compactMap { $0.split(separator: "alert: ").last.map(String.init) }
            .filter { $0.hasPrefix("Hawser") }
        #expect(alertNames.count > 10 && Set(alertNames).count == alertNames.count)
        #expect(lines.count { $0.contains("runbook: docs/troubleshooting.md") } == alertNames.count)
        for name in alertNames {
            #expect(troubleshooting.contains("`\(name)`"), "docs/troubleshooting.md has nothing on \(name)")
            #expect(metrics.contains("`\(name)`"), "docs/metrics.md has nothing on \(name)")
        }
    }

    // MARK: Who may read it

    private func request(_ method: String, _ path: String) -> IncomingRequest {
        IncomingRequest(method: method, path: path, rawQuery: "", headers: [:], body: [], peer: nil)
    }

    @Test func `over the socket it is read by those who may use the socket`() async throws {
        let directory = try TemporaryDirectory(prefix: "hawser-metrics-test")
        let controller = SmallController()
        await controller.hold(try #require(ObjectName("one")), generation: 4)
        let socket = "\(directory.path)/control.sock"
        let api = ControlServer(controller: controller, store: controller, version: "1.2.3")
        let server = try api.listen(onSocket: socket)
        let shown = try await ControlClient(socket: socket).metrics()
        #expect(shown.contains("\nhawser_brake_engaged 1\n"))
        #expect(shown.contains("\nhawser_build_info{version=\"1.2.3\"} 1\n"))
        #expect(shown.contains("\nprocess_start_time_seconds 7.5\n"))
        #expect(shown.contains("\nhawser_cloudstack_listing_age_seconds{listing=\"volumes\"} 82.5\n"))
        guard case .whole(403, _, _) = await api.respond(to: request("GET", "/metrics")) else {
            Issue.record("a stranger was served")
            return
        }
        await server.stopAndWait()
    }

    @Test func `over TCP there is this page, and nothing else`() async throws {
        let controller = SmallController()
        let server = try MetricsPage(controller: controller, version: "1.2.3").listen(host: "127.0.0.1", port: 0)
        let base = "http://127.0.0.1:\(server.port)"
        let http = HTTPClient()
        let page = try await http.send(HTTPRequest(.get, "\(base)/metrics"))
        #expect(page.status == 200)
        #expect(page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(String(decoding: page.body, as: UTF8.self).contains("\nhawser_brake_engaged 0\n"))
        for path in ["/", "/metrics/", "/apis/hawser/v1/overview", "/apis/hawser/v1/brake"] {
            #expect(try await http.send(HTTPRequest(.get, base + path)).status == 404, "\(path)")
        }
        #expect(try await http.send(HTTPRequest(.post, "\(base)/metrics")).status == 405)
        #expect(try await http.send(HTTPRequest(.post, "\(base)/metrics", body: [1])).status == 413)
        await server.stopAndWait()
    }
}
