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

/// What the store of the demo lies in.
enum DemoStore: String, CaseIterable {
    case sqlite
    case mariadb
}

/// The process that a person starts: it makes the run's directory and the private machine, waits, and cleans up behind
/// whatever happened in there.
enum OuterProcess {
    static func run(_ arguments: [String]) async throws -> Int32 {
        let obstacle = PrivateMachine.obstacle
        var inner = arguments
        if arguments.first == "--run-inside", arguments.count > 1 {
            inner.removeFirst()
            if let obstacle {
                FileHandle.standardError.say("hawser-demo: no private machine: \(obstacle)")
                return 69
            }
        } else {
            let manifests = try value(of: "--manifests", in: arguments) ?? "manifests/demo"
            guard isDirectory(manifests) else {
                FileHandle.standardError.say(
                    "hawser-demo: there is no directory \(manifests); name it by --manifests DIR")
                return 64
            }
            let script = arguments.contains("--shell") ? "shell" : "demo"
            let nbd = try value(of: "--nbd", in: arguments) ?? DemoNBDServer.nbdkit.rawValue
            guard let server = DemoNBDServer(rawValue: nbd) else {
                let kinds = DemoNBDServer.allCases.map(\.rawValue).joined(separator: ", ")
                FileHandle.standardError.say("hawser-demo: --nbd takes \(kinds), not \(nbd)")
                return 64
            }
            let store = try value(of: "--store", in: arguments) ?? DemoStore.sqlite.rawValue
            guard let kind = DemoStore(rawValue: store) else {
                let kinds = DemoStore.allCases.map(\.rawValue).joined(separator: ", ")
                FileHandle.standardError.say("hawser-demo: --store takes \(kinds), not \(store)")
                return 64
            }
            if kind == .mariadb, let obstacle = ThrowAwayMariaDB.obstacle {
                FileHandle.standardError.say("hawser-demo: \(obstacle): run deploy/install-deps.sh")
                return 69
            }
            guard server.missingPrograms.isEmpty else {
                let missing = server.missingPrograms.joined(separator: " and ")
                FileHandle.standardError.say("hawser-demo: \(missing) is not installed: run deploy/install-deps.sh")
                return 69
            }
            if let obstacle {
                FileHandle.standardOutput.say("plain files instead of block devices: \(obstacle)")
                let directory = try TemporaryDirectory(prefix: "hawser-demo")
                return try await InsideProcess.show(
                    script, directory: try resolvedPath(directory.path), manifests: manifests, nbd: server,
                    store: kind, hasRealDevices: false)
            }
            inner = [InsideProcess.demoWord, script, manifests, nbd, store]
        }
        let signals = try TerminationSignals.stream()
        let directory = try TemporaryDirectory(prefix: "hawser-demo")
        let path = try resolvedPath(directory.path)
        let child = try ChildProcess(
            starting: PrivateMachine.command(
                running: try ownProgramPath(), [FirstProcess.word, path] + inner))
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

    private static func value(of option: String, in arguments: [String]) throws -> String? {
        guard let index = arguments.firstIndex(of: option) else { return nil }
        return index + 1 < arguments.count ? arguments[index + 1] : nil
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
    static let demoWord = "--demo"

    /// Runs the demo, or a shell with everything running.
    static func show(
        _ script: String, directory: String, manifests: String, nbd: DemoNBDServer, store: DemoStore,
        hasRealDevices: Bool
    ) async throws -> Int32 {
        let server = store == .mariadb ? try await ThrowAwayMariaDB() : nil
        let database = try await server?.emptyDatabase()
        let world = DemoWorld(
            directory: directory, hasRealDevices: hasRealDevices, seedFile: "\(manifests)/simulator/world.yaml",
            nbd: nbd, database: database)
        let code: Int32
        do {
            if script == "shell" {
                code = try await shell(world, manifests, database)
            } else {
                try await Demo(world: world, manifests: manifests, nbd: nbd, database: database).run()
                code = 0
            }
        } catch {
            FileHandle.standardError.say("hawser-demo: \(error)")
            for log in ["hawserd.log", "simulator.log"] {
                // A log that is not there has nothing to say.
                let text = (try? readTextFile("\(directory)/\(log)")) ?? ""
                for line in text.split(separator: "\n").suffix(15) { FileHandle.standardError.say("\(log): \(line)") }
            }
            code = 1
        }
        await world.stop()
        try await server?.remove()
        return code
    }

    private static func shell(
        _ world: DemoWorld, _ manifests: String, _ database: ThrowAwayMariaDB.Database?
    ) async throws -> Int32 {
        try await world.startSimulator()
        try await world.startDaemon()
        FileHandle.standardOutput.say(
            """
            everything runs; five commands to try:
              hawser apply -f \(manifests) --wait
              hawser status
              hawser describe orders
              hawser drift --since 10m
              hawser delete scratch
            """)
        if let database {
            FileHandle.standardOutput.say(
                "the rows, with any client: mariadb --socket=\(database.socket) --user=root \(database.name)")
        }
        var environment = ["HAWSER_SOCKET": world.socket]
        for name in ["HOME", "TERM", "LANG", "COLUMNS"] {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        environment["PATH"] = parentDirectory(of: try BuiltPrograms.path(of: "hawser")) + ":" + path
        let child = try ChildProcess(starting: .init("bash", ["--norc"], environment: environment, input: .inherited))
        _ = await child.waitForExit()
        return 0
    }

    static func run(_ arguments: [String]) async throws -> Int32 {
        guard arguments.count > 1 else { throw SystemCallError("start", word, errno: EINVAL) }
        let udevd = try await PrivateMachine.startUdevd(log: "\(arguments[0])/udevd.log")
        if arguments[1] == demoWord, arguments.count == 6, let nbd = DemoNBDServer(rawValue: arguments[4]),
            let store = DemoStore(rawValue: arguments[5])
        {
            let code = try await show(
                arguments[2], directory: arguments[0], manifests: arguments[3], nbd: nbd, store: store,
                hasRealDevices: true)
            await udevd.stop()
            return code
        }
        let child = try ChildProcess(starting: .init(arguments[1], Array(arguments.dropFirst(2)), input: .inherited))
        let status = await child.waitForExit()
        await udevd.stop()
        switch status {
        case .exited(let code): return code
        case .signalled(let signal): return 128 + signal
        }
    }
}
