import Glibc
import LinuxCalls
import Rig
import Testing

/// What a scraper is told by the built programs, and what Prometheus itself thinks of it.
@Suite(.serialized, .enabled(if: access("/usr/bin/nbdkit", X_OK) == 0, "needs nbdkit"))
struct MetricsTests {
    /// Prometheus's own judge of metrics and alerts, where it is installed.
    private static let promtool: String? = {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin"
        return path.split(separator: ":").map { "\($0)/promtool" }.first { access($0, X_OK) == 0 }
    }()

    private func value(of series: String, in page: String) -> String? {
        page.split(separator: "\n").first { $0.hasPrefix(series + " ") }?.split(separator: " ").last.map(String.init)
    }

    /// - Parameter input: a file that it reads on its standard input.
    private func expectPromtool(_ arguments: String..., input: String = "/dev/null") async throws {
        guard let promtool = Self.promtool else { return }
        let outcome = try await ChildProcess.run(
            .init("sh", ["-c", "input=$1; shift; exec \"$@\" < \"$input\"", "sh", input, promtool] + arguments))
        #expect(outcome.status.isSuccess, "promtool \(arguments): \(outcome.output)\(outcome.errors)")
    }

    @Test func `a brake that engages and is released shows to a scraper, and so does what was done`() async throws {
        try await AppliedDemo.run(settings: ["--metrics-listen", "127.0.0.1:0"]) { demo in
            let quiet = try await demo.world.scrape()
            #expect(value(of: "hawser_brake_engaged", in: quiet) == "0")
            #expect(value(of: #"hawser_attachments{readiness="ready"}"#, in: quiet) == "4")
            #expect(value(of: #"hawser_steps_ended_total{step="attach",outcome="succeeded"}"#, in: quiet) == "4")
            #expect(
                value(of: #"hawser_cloudstack_calls_total{command="attachVolume",outcome="answered"}"#, in: quiet)
                    == "4")
            for series in ["hawser_store_up", "hawser_cloudstack_up", "hawser_nbd_server_up", "hawser_lease_held"] {
                #expect(value(of: series, in: quiet) == "1", "\(series)")
            }
            try await expectPromtool("check", "metrics", input: try demo.write("page.txt", quiet))

            let deleted = try await demo.hawser("delete", "orders", "scratch")
            #expect(deleted.status.isSuccess, "\(deleted.errors)")
            let waited = try await demo.hawser("wait", "orders", "scratch", "--timeout", "60s")
            #expect(waited.status == .exited(code: 4), "\(waited.output)\(waited.errors)")
            let braked = try await demo.world.scrape()
            #expect(value(of: "hawser_brake_engaged", in: braked) == "1")
            #expect(value(of: "hawser_brake_held_removals", in: braked) == "2")
            #expect(value(of: #"hawser_attachments_not_ready{reason="Braked"}"#, in: braked) == "2")
            #expect(value(of: #"hawser_node_trouble{reason="Braked"}"#, in: braked) == "1")
            let printed = try await demo.hawser("metrics")
            #expect(value(of: "hawser_brake_engaged", in: printed.output) == "1", "\(printed.errors)")

            let batch = try await demo.hawser("brake", "-o", "name").output.split(separator: "\n").first
            _ = try await demo.hawser("brake", "approve", String(try #require(batch)))
            for name in ["orders", "scratch"] {
                let gone = try await demo.hawser("wait", name, "--for=detached", "--timeout", "60s")
                #expect(gone.status.isSuccess, "\(gone.errors)")
            }
            let released = try await demo.world.scrape()
            #expect(value(of: "hawser_brake_engaged", in: released) == "0")
            #expect(value(of: #"hawser_steps_ended_total{step="detach",outcome="succeeded"}"#, in: released) == "2")
        }
    }

    @Test(.enabled(if: promtool != nil, "needs promtool, of Debian's package prometheus"))
    func `Prometheus takes the alerts, and they come when they should`() async throws {
        let directory = "\(AppliedDemo.root)/deploy/prometheus"
        try await expectPromtool("check", "rules", "\(directory)/hawser-alerts.yaml")
        try await expectPromtool("test", "rules", "\(directory)/hawser-alerts-test.yaml")
    }
}
