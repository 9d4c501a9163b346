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
        let outcome = try await PrivateMachine.runTests(matching: "InsideMachineTests")
        let said = outcome.output + outcome.errors
        #expect(outcome.status.isSuccess, "\(said)")
        // Neither a filter that matches nothing nor a suite that was skipped may pass for success.
        for suite in [
            "UdevDevicesInsideMachineTests", "UdevMonitorInsideMachineTests", "DescribedDisksInsideMachineTests",
        ] {
            #expect(said.contains("Suite \(suite) passed"), "\(said)")
        }
    }
}
