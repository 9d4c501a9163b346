import LinuxCalls
import Rig

/// Other people's clients of CloudStack, doing the same at the same simulator: the Python client `cs` as somebody would
/// write a script with it, and Ansible's `cs_volume`. `Tests/Support/python-clients.sh` installs both.
enum CloudStackClient: String, CaseIterable {
    case cs = "cs"
    case ansible = "Ansible"

    private static let programs = ".build/python-clients/bin"

    static func demandInstalled() throws(LeftOut) {
        guard exists("\(programs)/python"), exists("\(programs)/ansible-playbook") else {
            throw LeftOut(description: "no outside clients here: run Tests/Support/python-clients.sh")
        }
    }

    /// What a run cost.
    struct Cost {
        var seconds: Double
        var calls: Int
    }

    /// Wants these volumes, by their numbers, attached to a machine.
    func attach(_ volumes: Range<Int>, to machine: String, in installation: Installation) async throws -> Cost {
        let directory = try TemporaryDirectory(prefix: "hawser-bench")
        let path = directory.path
        let command: [String]
        switch self {
        case .cs:
            try writeFile("\(path)/attach.py", bytes: Array(Self.script.utf8))
            let ids = volumes.map { "\(Installation.volume($0))" }
            command = ["\(Self.programs)/python", "\(path)/attach.py", machine] + ids
        case .ansible:
            try writeFile("\(path)/attach.yaml", bytes: Array(Self.playbook(volumes, machine).utf8))
            command = ["\(Self.programs)/ansible-playbook", "--inventory", "localhost,", "\(path)/attach.yaml"]
        }
        try writeFile("\(path)/ansible.cfg", bytes: [])
        let before = try await installation.calls().count
        let start = ContinuousClock.now
        let outcome = try await ChildProcess.run(
            .init(
                command[0], Array(command.dropFirst()),
                environment: [
                    "CLOUDSTACK_ENDPOINT": installation.endpoints.endpoint,
                    "CLOUDSTACK_KEY": installation.endpoints.apiKey,
                    "CLOUDSTACK_SECRET": installation.endpoints.secretKey, "CLOUDSTACK_TIMEOUT": "120", "HOME": path,
                    "ANSIBLE_LOCAL_TEMP": path, "ANSIBLE_HOME": path, "ANSIBLE_CONFIG": "\(path)/ansible.cfg",
                    "ANSIBLE_LOCALHOST_WARNING": "False", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin",
                ]))
        let took = (ContinuousClock.now - start).inSeconds
        guard outcome.status.isSuccess else {
            throw Broken("\(rawValue): \(outcome.output.suffix(400)) \(outcome.errors.suffix(400))")
        }
        return Cost(seconds: took, calls: try await installation.calls().count - before)
    }

    /// Lists all volumes in pages, and attaches those that are elsewhere, one after the other.
    private static let script = """
        import os, sys
        from cs import CloudStack

        cloud = CloudStack(endpoint=os.environ["CLOUDSTACK_ENDPOINT"], key=os.environ["CLOUDSTACK_KEY"],
                           secret=os.environ["CLOUDSTACK_SECRET"], fetch_result=True, poll_interval=0.2, timeout=60)
        machine, wanted = sys.argv[1], sys.argv[2:]
        volumes = {v["id"]: v for v in cloud.listVolumes(fetch_list=True, listall=True)}
        for volume in wanted:
            if volumes[volume].get("virtualmachineid") != machine:
                cloud.attachVolume(id=volume, virtualmachineid=machine)
        """

    private static func playbook(_ volumes: Range<Int>, _ machine: String) -> String {
        let names = volumes.map { "volume-\($0)" }.joined(separator: ", ")
        return """
            - hosts: localhost
              connection: local
              gather_facts: false
              vars:
                ansible_python_interpreter: "{{ ansible_playbook_python }}"
              tasks:
                - ngine_io.cloudstack.cs_volume:
                    {zone: zone-1, name: "{{ item }}", state: attached, vm: \(machine == Installation.appliance ? "appliance" : machine),
                     disk_offering: Custom, size: 1}
                  loop: [\(names)]

            """
    }
}
