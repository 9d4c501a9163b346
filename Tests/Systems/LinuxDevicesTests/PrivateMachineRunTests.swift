import Glibc
import LinuxCalls
import Rig
import Testing

/// Runs the suites named `…InsideMachineTests`, of this module and of Udev, as a process in a private machine: there they
/// find a udevd, a /dev and disks of their own.
@Suite(
    .enabled(if: getenv("HAWSER_TEST_MACHINE") == nil, "is what starts the private machine"),
    .enabled(if: PrivateMachine.obstacle == nil, "needs a private machine: \(PrivateMachine.obstacle ?? "")"))
struct PrivateMachineRunTests {
    @Test func `all claims about a real udevd hold inside a private machine`() async throws {
        let own = try #require(try linkTarget("/proc/self/exe"))
        var environment = ["HAWSER_TEST_MACHINE": "1"]
        for name in ["PATH", "LD_LIBRARY_PATH"] {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        let outcome = try await ChildProcess.run(
            .init(
                BuiltPrograms.path(of: "hawser-demo"),
                ["--run-inside", own, "--testing-library", "swift-testing", "--filter", "InsideMachineTests"],
                environment: environment))
        let said = outcome.output + outcome.errors
        #expect(outcome.status.isSuccess, "\(said)")
        // Neither a filter that matches nothing nor a suite that was skipped may pass for success.
        for suite in ["UdevDevicesInsideMachineTests", "UdevMonitorInsideMachineTests"] {
            #expect(said.contains("Suite \(suite) passed"), "\(said)")
        }
    }
}
