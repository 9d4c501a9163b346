import LinuxCalls
import Testing

private let analyzer = "/usr/bin/systemd-analyze"

/// The units that listen for nbd-server where there is systemd.
@Suite(.enabled(if: exists(analyzer) && NBDServerFixture.isAvailable, "needs systemd-analyze and nbd-server"))
struct SocketUnitTests {
    private static let units =
        #filePath.split(separator: "/").dropLast(4).reduce(into: "") { $0 += "/" + $1 }
        + "/deploy/systemd"

    @Test(arguments: ["hawser-nbd-server.socket", "hawser-nbd-server@.service"])
    func `systemd has no objection to a unit`(_ name: String) async throws {
        // A template is looked at as one of its instances.
        let directory = try TemporaryDirectory(prefix: "hawser-units")
        for unit in ["hawser-nbd-server.socket", "hawser-nbd-server@.service"] {
            try writeFile("\(directory.path)/\(unit)", bytes: try readFile("\(Self.units)/\(unit)"))
        }
        let instance = name.hasSuffix("@.service") ? "hawser-nbd-server@one.service" : name
        let outcome = try await ChildProcess.run(.init(analyzer, ["verify", "\(directory.path)/\(instance)"]))
        #expect(outcome.status.isSuccess)
        #expect(outcome.errors == "" && outcome.output == "")
    }
}
