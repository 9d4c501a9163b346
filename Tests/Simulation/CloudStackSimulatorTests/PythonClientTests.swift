import CloudStackModel
import CloudStackSimulator
import LinuxCalls
import Testing

/// The unmodified Python client `cs` cannot tell the simulator from a CloudStack.
@Suite struct PythonClientTests {
    static let python = ".build/python-clients/bin/python"
    static let isInstalled = exists(python)

    @Test(.enabled(if: isInstalled, "needs the Python client: run Tests/Support/python-clients.sh with a network"))
    func `cs goes through the life of a volume, over GET and POST`() async throws {
        let directory = try TemporaryDirectory(prefix: "hawser-cs-")
        var world = DefaultWorld.make(now: 1_000_000)
        world.jobDelayInMilliseconds = 20
        let simulator = try await Simulator.start(
            .init(stateDirectory: directory.path, seed: world, hypervisor: NoHypervisor()))
        let outcome = try await ChildProcess.run(
            .init(
                Self.python, ["Tests/Support/cs_client.py"],
                environment: [
                    "CLOUDSTACK_ENDPOINT": "http://127.0.0.1:\(await simulator.port)/client/api",
                    "CLOUDSTACK_KEY": "simulator-admin-key", "CLOUDSTACK_SECRET": "simulator-admin-secret",
                ]))
        await simulator.stop()
        #expect(outcome.output == "ok\n", "\(outcome.errors)")
    }
}
