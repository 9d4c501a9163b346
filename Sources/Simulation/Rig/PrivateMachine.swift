import Glibc
public import LinuxCalls

/// A machine within the machine: a mount, network and PID namespace of one run, with its own `/dev`, `/run`, loopback
/// interface and udevd. Whatever happens in it, the machine's own udev, rules and `/dev` are never touched, and when its
/// first process ends the kernel ends all the others.
///
/// Loop devices alone are the whole kernel's: they are recognised by the run's directory, by the rule of this machine's
/// udevd and by ``removeLeftovers(of:)``.
public enum PrivateMachine {
    private static let udevd = ["/lib/systemd/systemd-udevd", "/usr/lib/systemd/systemd-udevd"]

    /// Why there can be no private machine here, in words for a person; nil when there can.
    public static let obstacle = findObstacle()

    private static func findObstacle() -> String? {
        if geteuid() != 0 { return "not root" }
        if !LoopDevice.isAvailable { return "this kernel has no loop devices (/dev/loop-control)" }
        if !udevd.contains(where: exists) { return "systemd-udevd is not installed (package udev)" }
        // A container may be root and yet not be allowed namespaces or mounts: the only proof is to try.
        let trial = ChildProcess.Command(
            "unshare", ["--mount", "--net", "--pid", "--fork", "--mount-proc", "--propagation", "private", "true"],
            output: .discarded, errors: .discarded)
        guard let status = try? ChildProcess.runAndWait(trial), status.isSuccess else {
            return "namespaces are not permitted here (unshare failed)"
        }
        return nil
    }

    /// The command that runs a program of ours as the first process of a new private machine. That process is to call
    /// ``furnish(runDirectory:)`` before anything else.
    public static func command(running program: String, _ arguments: [String]) -> ChildProcess.Command {
        ChildProcess.Command(
            "unshare",
            [
                "--mount", "--net", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--propagation", "private",
                "--", program,
            ] + arguments,
            input: .inherited)
    }

    /// Makes the namespaces that this process was started in a machine of its own.
    ///
    /// - Parameter runDirectory: the run's own directory, without symbolic links in its path; disks whose data lies under
    ///   `disks` in it are this machine's.
    public static func furnish(runDirectory: String) throws(SystemCallError) {
        guard getpid() == 1 else {
            throw SystemCallError(
                "furnish", "a machine that is not private (this is not its first process)", errno: EPERM)
        }
        try Namespaces.bringUpLoopback()
        let devices = "\(runDirectory)/dev"
        try createDirectories(devices)
        try Namespaces.mountMemoryFileSystem(on: devices)
        for node in ["null", "zero", "full", "random", "urandom", "tty", "loop-control"] {
            try Namespaces.copyNode("/dev/\(node)", to: "\(devices)/\(node)")
        }
        for (link, target) in [
            ("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"), ("ptmx", "pts/ptmx"),
        ] { try replaceLink("\(devices)/\(link)", target: target) }
        try createDirectories("\(devices)/shm")
        try createDirectories("\(devices)/pts")
        if isDirectory("/dev/pts") { try Namespaces.bindMount("/dev/pts", on: "\(devices)/pts") }
        try Namespaces.moveMount(from: devices, to: "/dev")
        try Namespaces.mountMemoryFileSystem(on: "/run")
        try createDirectories("/run/lock")
        try createDirectories("/run/udev/rules.d")
        try writeFile(ruleFile, bytes: Array(rule(disks: "\(runDirectory)/disks").utf8))
    }

    private static let ruleFile = "/run/udev/rules.d/61-hawser-rig.rules"

    /// Where, in a private machine, the data of its disks lies.
    public static func disksDirectory() throws(SystemCallError) -> String {
        let rule = try readTextFile(ruleFile)
        guard let pattern = rule.split(separator: "\"").first(where: { $0.hasSuffix("/disks/*") }) else {
            throw SystemCallError("find the disks' directory in", ruleFile, errno: EINVAL)
        }
        return String(pattern.dropLast(2))
    }

    /// Runs those tests of this very test program whose names match as a process in a new private machine, with
    /// `HAWSER_TEST_MACHINE` set in its environment.
    public static func runTests(matching filter: String) async throws -> ChildProcess.Outcome {
        let own = try linkTarget("/proc/self/exe") ?? ""
        var environment = ["HAWSER_TEST_MACHINE": "1"]
        for name in ["PATH", "LD_LIBRARY_PATH"] {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        return try await ChildProcess.run(
            .init(
                BuiltPrograms.path(of: "hawser-demo"),
                ["--run-inside", own, "--testing-library", "swift-testing", "--filter", filter],
                environment: environment))
    }

    /// The udev rule that gives a loop device, whose file lies in this run's directory, the name and the serial which a
    /// virtio disk has: those that its file is named after.
    ///
    /// `$$` is udev(7)'s way to write `$`, `%%` that for `%`.
    static func rule(disks: String) -> String {
        """
        SUBSYSTEM=="block", KERNEL=="loop[0-9]*", ACTION!="remove", ATTR{loop/backing_file}=="\(disks)/*", \
        PROGRAM="/bin/sh -c 'read f </sys/$devpath/loop/backing_file; f=$${f##*/}; echo $${f%%.img}'", \
        ENV{ID_SERIAL}="$result", SYMLINK+="disk/by-id/virtio-$result"

        """
    }

    /// Starts the udevd of this machine and waits until it listens.
    public static func startUdevd(log: String) async throws -> ChildProcess {
        guard let program = udevd.first(where: exists) else {
            throw SystemCallError("start", "systemd-udevd", errno: ENOENT)
        }
        let child = try ChildProcess(
            starting: .init(program, output: .appended(to: log), errors: .appended(to: log), startsSession: true))
        try await wait(for: "systemd-udevd to listen", within: .seconds(60)) {
            guard child.isRunning else { throw SystemCallError("keep running", program, errno: ECHILD) }
            return exists("/run/udev/control")
        }
        return child
    }

    /// Unbinds the loop devices that a run left behind, however it ended. For the process that started the machine, when
    /// all in it has ended.
    public static func removeLeftovers(of runDirectory: String) async {
        var left: Set<LoopDevice> = []
        for _ in 0..<1_000 {
            // Without /sys there are no devices; what cannot be listed cannot be removed either.
            left.formUnion((try? LoopDevice.all(backedByFilesUnder: runDirectory)) ?? [])
            for device in left {
                // Both may fail as long as somebody, udevd perhaps, still looks at it: then again a little later.
                try? device.unbind()
                if (try? device.remove()) != nil { left.remove(device) }
            }
            if left.isEmpty { return }
            // A cancelled sleep only makes the attempts follow at once.
            try? await Task.sleep(for: .milliseconds(20))
        }
    }
}
