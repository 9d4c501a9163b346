import Glibc
import LinuxCalls
import Rig
import Testing

/// hawserd killed with SIGKILL at ten points of an attach and of a detach: what it had begun is found again, ends as it was
/// meant to, and CloudStack was asked once. The built programs as processes, with plain files for disks.
@Suite(.enabled(if: access("/usr/bin/nbdkit", X_OK) == 0, "needs nbdkit"))
struct KillTests {
    private static let orders = "a7f226a7-95a0-43b6-942e-acc909ef0c08"
    private static let root = #filePath.split(separator: "/").dropLast(3).reduce(into: "") { $0 += "/" + $1 }
    private static let manifest = "\(root)/manifests/demo/1-orders.yaml"
    /// The volume is taken away ten times in a row: that is not to count as a fight, which a restart does not end.
    private static let settings = ["--contest-lasting", "0s"]

    private func withWorld(_ body: (DemoWorld) async throws -> Void) async throws {
        let directory = try TemporaryDirectory(prefix: "hawser-kill-")
        let world = DemoWorld(
            directory: directory.path, hasRealDevices: false,
            seedFile: "\(Self.root)/manifests/demo/simulator/world.yaml")
        do {
            try await world.startSimulator()
            try await world.startDaemon(Self.settings)
            #expect(
                try await world.hawser(["apply", "-f", Self.manifest, "--wait=120s"], output: .discarded).isSuccess)
            try await body(world)
        } catch {
            await world.stop()
            throw error
        }
        await world.stop()
    }

    /// Spread over the whole of an attach or a detach, which take about a second here.
    private static let points = (0..<10).map { Duration.milliseconds($0 * 90) }

    @Test func `NO-BLIND-REPEAT and CONVERGES: killed at ten points of an attach, it is attached once each time`()
        async throws
    {
        try await withWorld { world in
            for (number, point) in Self.points.enumerated() {
                try await world.detachBehindTheBack(volume: Self.orders)
                try await kill(world, after: point)
                _ = try await world.untilAllReady()
                #expect(
                    try await world.calls(of: "attachVolume", volume: Self.orders) == number + 2,
                    "killed after \(point)")
            }
        }
    }

    @Test func `NO-BLIND-REPEAT and CONVERGES: killed at ten points of a detach, it is detached once each time`()
        async throws
    {
        try await withWorld { world in
            for (number, point) in Self.points.enumerated() {
                #expect(try await world.hawser(["delete", "orders"], output: .discarded).isSuccess)
                try await kill(world, after: point)
                #expect(
                    try await world.hawser(
                        ["wait", "orders", "--for=detached", "--timeout=30s"], output: .discarded
                    ).isSuccess, "killed after \(point)")
                #expect(
                    try await world.calls(of: "detachVolume", volume: Self.orders) == number + 1,
                    "killed after \(point)")
                #expect(
                    try await world.hawser(["apply", "-f", Self.manifest, "--wait=120s"], output: .discarded).isSuccess)
            }
        }
    }

    /// The moment is the point here, so it is a time that is waited for, and not a condition.
    private func kill(_ world: DemoWorld, after point: Duration) async throws {
        try await Task.sleep(for: point)
        await world.killDaemon()
        try await world.startDaemon(Self.settings)
    }
}
