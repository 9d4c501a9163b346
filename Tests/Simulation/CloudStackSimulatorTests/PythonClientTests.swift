import CloudStackModel
import CloudStackSimulator
import LinuxCalls
import Testing

/// Unmodified clients of other people cannot tell the simulator from a CloudStack.
///
/// Their programs lie in `Tests/Support/python-clients`; each ends with "ok", or with what was not as CloudStack has it.
@Suite(.enabled(if: PythonClients.areInstalled, "needs outside clients: run Tests/Support/python-clients.sh"))
struct PythonClientTests {
    private func run(_ program: String, _ arguments: [String], jobDelayInMilliseconds: Int64) async throws -> String {
        let directory = try TemporaryDirectory(prefix: "hawser-clients-")
        var world = DefaultWorld.make(now: 1_000_000)
        world.jobDelayInMilliseconds = jobDelayInMilliseconds
        let simulator = try await Simulator.start(
            .init(stateDirectory: "\(directory.path)/state", seed: world, hypervisor: NoHypervisor()))
        try writeFile("\(directory.path)/ansible.cfg", bytes: [])
        let outcome = try await ChildProcess.run(
            .init(
                "\(PythonClients.programs)/\(program)", arguments,
                environment: [
                    "CLOUDSTACK_ENDPOINT": "http://127.0.0.1:\(await simulator.port)/client/api",
                    "CLOUDSTACK_KEY": "simulator-admin-key", "CLOUDSTACK_SECRET": "simulator-admin-secret",
                    // What Ansible keeps and unpacks stays in the test's own directory, and no user's settings are read.
                    "HOME": directory.path, "ANSIBLE_LOCAL_TEMP": directory.path, "ANSIBLE_HOME": directory.path,
                    "ANSIBLE_CONFIG": "\(directory.path)/ansible.cfg", "ANSIBLE_LOCALHOST_WARNING": "False",
                    "LC_ALL": "C.UTF-8",
                    "PATH": "/usr/bin:/bin",
                ]))
        await simulator.stop()
        return outcome.status == .exited(code: 0) ? outcome.output : "\(outcome.output)\n\(outcome.errors)"
    }

    @Test func `cs goes through the life of a volume, over GET and POST`() async throws {
        let said = try await run("python", ["\(PythonClients.scripts)/cs_client.py"], jobDelayInMilliseconds: 20)
        #expect(said == "ok\n")
    }

    @Test func `Apache Libcloud's driver goes through the life of a volume and of a machine`() async throws {
        let said = try await run("python", ["\(PythonClients.scripts)/libcloud_client.py"], jobDelayInMilliseconds: 20)
        #expect(said == "ok\n")
    }

    /// It asks for a job every two seconds, and at once for the first time: jobs here end before they are asked for.
    @Test func `Ansible's cs_volume brings each state about, and changes nothing when it is run again`() async throws {
        let said = try await run(
            "ansible-playbook",
            ["--inventory", "localhost,", "\(PythonClients.scripts)/ansible_volume.yaml"], jobDelayInMilliseconds: 0)
        #expect(said.contains("ok=14   changed=6    unreachable=0    failed=0    skipped=0"), "\(said)")
    }
}

/// Where `Tests/Support/python-clients.sh` puts the clients.
private enum PythonClients {
    static let programs = ".build/python-clients/bin"
    static let scripts = "Tests/Support/python-clients"
    static let areInstalled = exists(".build/python-clients/installed")
}
