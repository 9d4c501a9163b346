import ControlAPIModel
public import HTTPServer
import LinuxCalls
public import Reconciliation

/// What a scraper reads: everything that is measured, at the moment of the question.
public struct MetricsPage: Sendable {
    private let controller: any Steering
    private let version: String
    private let calls: (any CallCounting)?

    /// - Parameter calls: whose calls are counted.
    public init(controller: any Steering, version: String, calls: (any CallCounting)? = nil) {
        self.controller = controller
        self.version = version
        self.calls = calls
    }

    /// Serves this page over TCP, to whoever connects, and nothing else.
    public func listen(host: String, port: UInt16) throws(HTTPServerError) -> HTTPServer {
        try HTTPServer(.tcp(host: host, port: port), bodyLimitInBytes: 0) { request in await respond(to: request) }
    }

    func respond(to request: IncomingRequest) async -> OutgoingResponse {
        guard request.path == WirePath.metrics else {
            return Self.plain(404, "there is only GET \(WirePath.metrics)\n")
        }
        guard request.method == "GET" else {
            return Self.plain(405, "it can only be read, by GET\n", [(name: "Allow", value: "GET")])
        }
        return await answer()
    }

    func answer() async -> OutgoingResponse {
        let measured = await controller.measurements()
        // Without what the kernel tells of the process, the rest is as good.
        let process = MetricCatalogue.Process(version: version, usage: try? ProcessUsage.now())
        return .whole(
            status: 200, headers: [(name: "Content-Type", value: ExpositionText.contentType)],
            body: ExpositionText.bytes(MetricCatalogue.families(measured, calls?.callCounts() ?? [], process)))
    }

    private static func plain(
        _ status: Int, _ text: String, _ headers: [(name: String, value: String)] = []
    ) -> OutgoingResponse {
        .whole(
            status: status, headers: headers + [(name: "Content-Type", value: "text/plain; charset=utf-8")],
            body: Array(text.utf8))
    }
}
