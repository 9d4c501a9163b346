import Glibc
import LinuxCalls
import Rig

/// A standard stream, for lines.
struct FileHandle {
    static let standardError = FileHandle(number: STDERR_FILENO)
    static let standardOutput = FileHandle(number: STDOUT_FILENO)

    let number: Int32

    func say(_ line: String) {
        var bytes = Array((line + "\n").utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { write(number, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            // A reader that is gone is not told anything more.
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}

/// The process that a person starts: it makes the run's directory and the private machine, waits, and cleans up behind
/// whatever happened in there.
enum OuterProcess {
    static func run(_ arguments: [String]) async throws -> Int32 {
        guard arguments.first == "--run-inside", arguments.count > 1 else {
            FileHandle.standardError.say("usage: hawser-demo --run-inside COMMAND [ARGUMENT…]")
            return 64
        }
        if let obstacle = PrivateMachine.obstacle {
            FileHandle.standardError.say("hawser-demo: no private machine: \(obstacle)")
            return 69
        }
        let signals = try TerminationSignals.stream()
        let directory = try TemporaryDirectory(prefix: "hawser-demo")
        let path = try resolvedPath(directory.path)
        let child = try ChildProcess(
            starting: PrivateMachine.command(
                running: try ownProgramPath(), [FirstProcess.word, path] + arguments.dropFirst()))
        let watcher = Task {
            // Those inside hear a Ctrl-C by themselves; the machine is switched off when a second signal or SIGTERM comes.
            var heard = 0
            for await signal in signals {
                heard += 1
                if signal != SIGINT || heard > 1 { child.send(signal: SIGKILL) }
            }
        }
        defer { watcher.cancel() }
        let status = await child.waitForExit()
        await PrivateMachine.removeLeftovers(of: path)
        withExtendedLifetime(directory) {}
        switch status {
        case .exited(let code): return code
        case .signalled(let signal): return 128 + signal
        }
    }

    private static func resolvedPath(_ path: String) throws(SystemCallError) -> String {
        guard let resolved = realpath(path, nil) else { throw SystemCallError("resolve", path, errno: errno) }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

/// The first process of the private machine: it furnishes the machine, starts the process that does the work, and buries
/// orphans until that one ends. With it the kernel ends all others.
enum FirstProcess {
    static let word = "--first-process"

    static func run(_ arguments: [String]) throws(SystemCallError) -> Int32 {
        guard let directory = arguments.first else { throw SystemCallError("start", word, errno: EINVAL) }
        try PrivateMachine.furnish(runDirectory: directory)
        let status = try ChildProcess.runAsFirstProcess(
            .init(try ownProgramPath(), [InsideProcess.word] + arguments, input: .inherited))
        switch status {
        case .exited(let code): return code
        case .signalled(let signal): return 128 + signal
        }
    }
}

/// The process that does the work inside the private machine.
enum InsideProcess {
    static let word = "--inside"

    static func run(_ arguments: [String]) async throws -> Int32 {
        guard arguments.count > 1 else { throw SystemCallError("start", word, errno: EINVAL) }
        let udevd = try await PrivateMachine.startUdevd(log: "\(arguments[0])/udevd.log")
        let child = try ChildProcess(starting: .init(arguments[1], Array(arguments.dropFirst(2)), input: .inherited))
        let status = await child.waitForExit()
        await udevd.stop()
        switch status {
        case .exited(let code): return code
        case .signalled(let signal): return 128 + signal
        }
    }
}
