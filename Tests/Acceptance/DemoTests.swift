import Glibc
import LinuxCalls
import Rig
import Testing

private let hasNBDKit = ["/usr/bin/nbdkit", "/usr/local/bin/nbdkit"].contains { (path: String) in
    access(path, X_OK) == 0
}

/// The whole demo as a person starts it: the built programs as processes, a real nbdkit, and as root real block devices.
@Suite(.enabled(if: hasNBDKit, "needs nbdkit"))
struct DemoTests {
    @Test func `the demo attaches, exports, and repairs all that it breaks`() async throws {
        let root = #filePath.split(separator: "/").dropLast(3).reduce(into: "") { $0 += "/" + $1 }
        let outcome = try await ChildProcess.run(
            .init(BuiltPrograms.path(of: "hawser-demo"), ["--manifests", "\(root)/manifests/demo"]))
        #expect(outcome.status.isSuccess, "\(outcome.output)\n\(outcome.errors)")
        #expect(outcome.output.contains("4096 bytes written, flushed, read back, and found on the disk"))
        #expect(outcome.output.contains("nothing was done: each volume was read by its id, and there it was"))
    }
}
