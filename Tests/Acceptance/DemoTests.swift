import Glibc
import LinuxCalls
import Rig
import Testing

/// The whole demo as a person starts it: the built programs as processes, a real NBD server, and as root real block devices.
@Suite(.serialized)
struct DemoTests {
    private static let servers = DemoNBDServer.allCases.filter(\.missingPrograms.isEmpty)

    @Test(
        .enabled(
            if: servers.count == DemoNBDServer.allCases.count,
            "needs \(DemoNBDServer.allCases.flatMap(\.missingPrograms).joined(separator: ", "))"),
        arguments: DemoNBDServer.allCases)
    func `the demo attaches, exports, and repairs all that it breaks`(_ nbd: DemoNBDServer) async throws {
        let root = #filePath.split(separator: "/").dropLast(3).reduce(into: "") { $0 += "/" + $1 }
        let outcome = try await ChildProcess.run(
            .init(
                BuiltPrograms.path(of: "hawser-demo"), ["--manifests", "\(root)/manifests/demo", "--nbd", nbd.rawValue])
        )
        #expect(outcome.status.isSuccess, "\(outcome.output)\n\(outcome.errors)")
        #expect(outcome.output.contains("4096 bytes written, flushed, read back, and found on the disk"))
        #expect(outcome.output.contains("nothing was done: each volume was read by its id, and there it was"))
    }
}
