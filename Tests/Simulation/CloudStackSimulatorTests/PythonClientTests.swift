import FoundationEssentials
import LinuxCalls
import Testing

/// Unmodified clients of other people cannot tell the simulator from a CloudStack.
///
/// Their programs lie in `Tests/Support/python-clients`; each ends with "ok", or with what was not as CloudStack has it.
@Suite(.enabled(if: PythonClients.areInstalled, "needs outside clients: run Tests/Support/python-clients.sh"))
struct PythonClientTests {
    private struct Ready: Decodable {
        var endpoint: String
        var apiKey: String
        var secretKey: String
    }

    /// Runs a client against a simulator in a process of its own: clients have time-outs, and must not wait for other tests.
    private func run(
        _ program: String, _ arguments: [String], jobDelay: String, seed: String = "{}", method: String = "get"
    ) async throws -> String {
        let directory = try TemporaryDirectory(prefix: "hawser-clients-")
        try writeFile("\(directory.path)/seed.yaml", bytes: Array(seed.utf8))
        let simulator = try ChildProcess(
            starting: .init(
                ".build/debug/hawser-simulator",
                [
                    "--state", "\(directory.path)/state", "--seed-file", "\(directory.path)/seed.yaml", "--job-delay",
                    jobDelay,
                ],
                output: .lines))
        defer { simulator.send(signal: 9) }
        var lines = simulator.outputLines.makeAsyncIterator()
        let ready = try JSONDecoder().decode(Ready.self, from: Data(try #require(await lines.next()).utf8))
        try writeFile("\(directory.path)/ansible.cfg", bytes: [])
        let outcome = try await ChildProcess.run(
            .init(
                "\(PythonClients.programs)/\(program)", arguments,
                environment: [
                    "CLOUDSTACK_ENDPOINT": ready.endpoint, "CLOUDSTACK_KEY": ready.apiKey,
                    "CLOUDSTACK_SECRET": ready.secretKey, "CLOUDSTACK_TIMEOUT": "120", "CLOUDSTACK_METHOD": method,
                    // What Ansible keeps and unpacks stays in the test's own directory, and no user's settings are read.
                    "HOME": directory.path, "ANSIBLE_LOCAL_TEMP": directory.path, "ANSIBLE_HOME": directory.path,
                    "ANSIBLE_CONFIG": "\(directory.path)/ansible.cfg", "ANSIBLE_LOCALHOST_WARNING": "False",
                    "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin",
                ]))
        return outcome.status == .exited(code: 0) ? outcome.output : "\(outcome.output)\n\(outcome.errors)"
    }

    @Test func `cs goes through the life of a volume, over GET and POST`() async throws {
        let said = try await run("python", ["\(PythonClients.scripts)/cs_client.py"], jobDelay: "20ms")
        #expect(said == "ok\n")
    }

    @Test func `Apache Libcloud's driver goes through the life of a volume and of a machine`() async throws {
        let said = try await run("python", ["\(PythonClients.scripts)/libcloud_client.py"], jobDelay: "20ms")
        #expect(said == "ok\n")
    }

    /// It asks for a job every two seconds, and at once for the first time: jobs here end before they are asked for.
    @Test(arguments: [("get", "{}"), ("post", "enforcePostAndTimestamps: true")])
    func `Ansible's cs_volume brings each state about, and changes nothing when it is run again`(
        method: String, seed: String
    ) async throws {
        let said = try await run(
            "ansible-playbook", ["--inventory", "localhost,", "\(PythonClients.scripts)/ansible_volume.yaml"],
            jobDelay: "0s", seed: seed, method: method)
        #expect(said.contains("ok=14   changed=6    unreachable=0    failed=0    skipped=0"), "\(said)")
    }

    /// The other way round: the rule is felt by a client that does not follow it.
    @Test func `Libcloud, which signs without an expiry, is refused where short expiries are enforced`() async throws {
        let said = try await run(
            "python", ["\(PythonClients.scripts)/libcloud_client.py"], jobDelay: "20ms",
            seed: "enforcePostAndTimestamps: true")
        // Its very first question is refused.
        #expect(said.contains("InvalidCredsError"), "\(said)")
    }
}

/// Where `Tests/Support/python-clients.sh` puts the clients.
private enum PythonClients {
    static let programs = ".build/python-clients/bin"
    static let scripts = "Tests/Support/python-clients"
    static let areInstalled = exists(".build/python-clients/installed")
}
