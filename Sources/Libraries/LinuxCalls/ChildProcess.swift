internal import ActorThreads
internal import CLinux
import Glibc

/// A program that this process started, from its start until it was reaped.
///
/// Its end is waited for on a thread of its own, and it is reaped under the lock under which signals are sent, so a
/// signal never reaches a stranger who was given the number of a child that is gone. Releasing the value does not end
/// the process.
public final class ChildProcess: Sendable {
    /// What to start, and how.
    public struct Command: Sendable {
        /// The path of the program; without a slash it is looked up in `PATH`.
        public var program: String
        /// What comes after the program's own name. No secrets: every user of the machine can read them.
        public var arguments: [String]
        /// The whole environment; nil gives this process's own.
        public var environment: [String: String]?
        public var workingDirectory: String?
        public var input: Input
        public var output: Output
        public var errors: Output
        /// Gives it a session of its own (setsid(2)): no signal of our terminal or process group reaches it.
        public var startsSession: Bool

        public init(
            _ program: String, _ arguments: [String] = [], environment: [String: String]? = nil,
            workingDirectory: String? = nil, input: Input = .nothing, output: Output = .inherited,
            errors: Output = .inherited, startsSession: Bool = false
        ) {
            self.program = program
            self.arguments = arguments
            self.environment = environment
            self.workingDirectory = workingDirectory
            self.input = input
            self.output = output
            self.errors = errors
            self.startsSession = startsSession
        }
    }

    /// Where the standard input comes from.
    public enum Input: Sendable, Equatable {
        /// /dev/null.
        case nothing
        case inherited
        case file(String)
        /// An open descriptor of this process, which stays the caller's.
        case descriptor(Int32)
    }

    /// Where a standard output goes.
    public enum Output: Sendable, Equatable {
        case inherited
        /// /dev/null.
        case discarded
        /// At the end of this file, which is made if need be.
        case appended(to: String)
        /// Into a pipe, read line by line through ``outputLines`` or ``errorLines``.
        case lines
        /// An open descriptor of this process, which stays the caller's.
        case descriptor(Int32)
    }

    /// The kernel's number for it, in this process's PID namespace.
    public let processID: Int32
    /// The program's path, for messages.
    public let program: String
    /// The lines of its standard output, without their ends, when the command asked for `.lines`; else empty. One reader.
    public let outputLines: AsyncStream<String>
    /// The same of its standard error.
    public let errorLines: AsyncStream<String>

    private let state = Lock(State())

    private struct State {
        var status: ExitStatus?
        var waiting: [CheckedContinuation<ExitStatus, Never>] = []
    }

    /// Starts the program. Signals are as a program expects them: none blocked, all at their default.
    ///
    /// - Throws: ``SystemCallError`` with `ENOENT` when there is no such program, and with whatever pipes, files or
    ///   the fork failed with.
    public init(starting command: Command) throws(SystemCallError) {
        var plan = try SpawnPlan(command)
        let pid: Int32
        do { pid = try plan.spawn(command) } catch {
            plan.closeAll()
            throw error
        }
        plan.closeChildEnds()
        processID = pid
        program = command.program
        outputLines = try lineStream(reading: plan.outputReader)
        errorLines = try lineStream(reading: plan.errorReader)
        try onOwnThread(named: "wait-\(pid)") { self.waitAndReap() }
    }

    /// How it ended; nil while it runs.
    public var exitStatus: ExitStatus? { state.withLock { $0.status } }

    public var isRunning: Bool { exitStatus == nil }

    /// Waits until it ended.
    public func waitForExit() async -> ExitStatus {
        await withCheckedContinuation { continuation in
            let known: ExitStatus? = state.withLock { state in
                if state.status == nil { state.waiting.append(continuation) }
                return state.status
            }
            if let known { continuation.resume(returning: known) }
        }
    }

    /// Sends a signal; to one that has ended it does nothing.
    public func send(signal: Int32) {
        state.withLock { state in
            if state.status == nil { _ = kill(processID, signal) }
        }
    }

    /// Asks it to end by SIGTERM, and ends it by SIGKILL when it has not within `grace`.
    @discardableResult
    public func stop(grace: Duration = .seconds(5)) async -> ExitStatus {
        send(signal: SIGTERM)
        let killer = Task {
            // A cancelled sleep means that the process ended by itself.
            guard (try? await Task.sleep(for: grace)) != nil else { return }
            self.send(signal: SIGKILL)
        }
        defer { killer.cancel() }
        return await waitForExit()
    }

    private func waitAndReap() {
        var information = siginfo_t()
        let peeked = retryingInterrupts {
            waitid(P_PID, id_t(processID), &information, WEXITED | WNOWAIT)
        }
        let waiting: [CheckedContinuation<ExitStatus, Never>] = state.withLock { state in
            var word: Int32 = 0
            let reaped = retryingInterrupts { hawser_wait_pid(processID, 0, &word) }
            // Only when somebody else reaped it, which nothing here does, is there no status to be had.
            let status: ExitStatus =
                peeked == 0 && reaped == processID ? ExitStatus(waitStatus: word) : .exited(code: 255)
            state.status = status
            defer { state.waiting = [] }
            return state.waiting
        }
        guard let status = exitStatus else { return }
        for continuation in waiting { continuation.resume(returning: status) }
    }
}

extension ChildProcess {
    /// What a program that ran to its end has said.
    public struct Outcome: Sendable {
        public let status: ExitStatus
        public let output: String
        public let errors: String
    }

    /// Runs a program to its end and returns what it said; ends it when the task is cancelled.
    public static func run(_ command: Command) async throws(SystemCallError) -> Outcome {
        var command = command
        command.output = .lines
        command.errors = .lines
        let child = try ChildProcess(starting: command)
        return await withTaskCancellationHandler {
            async let output = child.outputLines.reduce(into: "") { $0 += $1 + "\n" }
            async let errors = child.errorLines.reduce(into: "") { $0 += $1 + "\n" }
            let status = await child.waitForExit()
            return Outcome(status: status, output: await output, errors: await errors)
        } onCancel: {
            child.send(signal: SIGKILL)
        }
    }
}

extension ChildProcess {
    /// Starts a program and, until it ends, does what the first process of a PID namespace must do: it takes the exit
    /// status of every orphan, which would otherwise stay a zombie. For a process that has no other children, and on
    /// whose main thread nothing else is to happen: it blocks.
    public static func runAsFirstProcess(_ command: Command) throws(SystemCallError) -> ExitStatus {
        try spawnAndWait(command, for: { _ in -1 })
    }

    /// Runs a program to its end on this very thread: for a short one whose outcome is needed where nothing can be awaited.
    public static func runAndWait(_ command: Command) throws(SystemCallError) -> ExitStatus {
        try spawnAndWait(command, for: { $0 })
    }

    /// - Parameter whom: what waitpid(2) is to wait for; -1 takes the status of every child of this process, also of those
    ///   that somebody else waits for.
    private static func spawnAndWait(
        _ command: Command, for whom: (Int32) -> Int32
    ) throws(SystemCallError) -> ExitStatus {
        var plan = try SpawnPlan(command)
        defer { plan.closeAll() }
        let pid = try plan.spawn(command)
        while true {
            var word: Int32 = 0
            let ended = retryingInterrupts { hawser_wait_pid(whom(pid), 0, &word) }
            if ended == pid { return ExitStatus(waitStatus: word) }
            guard ended > 0 else { throw SystemCallError("wait for", command.program, errno: errno) }
        }
    }
}

/// The lines that come out of a pipe until its last writer is gone.
private func lineStream(reading descriptor: Int32?) throws(SystemCallError) -> AsyncStream<String> {
    let (stream, continuation) = AsyncStream<String>.makeStream()
    guard let descriptor else {
        continuation.finish()
        return stream
    }
    try onOwnThread(named: "child-output") {
        let pipe = FileDescriptor(owning: descriptor)
        var pending: [UInt8] = []
        // A pipe fails to be read only when it is not one; the stream then ends as at its end.
        while let chunk = try? pipe.read(upTo: 65_536), !chunk.isEmpty {
            pending += chunk
            while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                continuation.yield(String(decoding: pending[..<end], as: UTF8.self))
                pending.removeSubrange(...end)
            }
        }
        if !pending.isEmpty { continuation.yield(String(decoding: pending, as: UTF8.self)) }
        continuation.finish()
    }
    return stream
}

/// The descriptors that a child is to have, and posix_spawn(3) with them.
private struct SpawnPlan {
    private(set) var outputReader: Int32?
    private(set) var errorReader: Int32?
    private var childEnds: [Int32] = []
    private var standard: [Int32] = []

    init(_ command: ChildProcess.Command) throws(SystemCallError) {
        do {
            standard.append(try inputDescriptor(command.input))
            standard.append(try outputDescriptor(command.output, reader: \.outputReader, inherited: STDOUT_FILENO))
            standard.append(try outputDescriptor(command.errors, reader: \.errorReader, inherited: STDERR_FILENO))
        } catch {
            closeAll()
            throw error
        }
    }

    private mutating func inputDescriptor(_ input: ChildProcess.Input) throws(SystemCallError) -> Int32 {
        switch input {
        case .inherited: STDIN_FILENO
        case .descriptor(let number): number
        case .nothing: try opened("/dev/null", O_RDONLY)
        case .file(let path): try opened(path, O_RDONLY)
        }
    }

    private mutating func outputDescriptor(
        _ output: ChildProcess.Output, reader: WritableKeyPath<SpawnPlan, Int32?>, inherited: Int32
    ) throws(SystemCallError) -> Int32 {
        switch output {
        case .inherited: return inherited
        case .descriptor(let number): return number
        case .discarded: return try opened("/dev/null", O_WRONLY)
        case .appended(let path): return try opened(path, O_WRONLY | O_CREAT | O_APPEND)
        case .lines:
            var ends: [Int32] = [0, 0]
            guard pipe(&ends) == 0 else { throw SystemCallError("make", "a pipe", errno: errno) }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            self[keyPath: reader] = ends[0]
            childEnds.append(ends[1])
            return ends[1]
        }
    }

    private mutating func opened(_ path: String, _ flags: Int32) throws(SystemCallError) -> Int32 {
        let number = try FileDescriptor(opening: path, flags: flags, mode: 0o600).relinquish()
        childEnds.append(number)
        return number
    }

    mutating func closeChildEnds() {
        for end in childEnds { _ = close(end) }
        childEnds = []
    }

    mutating func closeAll() {
        closeChildEnds()
        for end in [outputReader, errorReader].compactMap({ $0 }) { _ = close(end) }
        outputReader = nil
        errorReader = nil
    }

    func spawn(_ command: ChildProcess.Command) throws(SystemCallError) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Copies above the standard ones first: a source among 0, 1 and 2 must not be overwritten before it is used.
        let copies = standard.map { fcntl($0, F_DUPFD_CLOEXEC, 10) }
        defer { for copy in copies where copy >= 0 { _ = close(copy) } }
        for (target, copy) in copies.enumerated() {
            guard copy >= 0 else { throw SystemCallError("copy descriptor of", command.program, errno: errno) }
            posix_spawn_file_actions_adddup2(&actions, copy, Int32(target))
        }
        // Descriptors that a library opened without close-on-exec are not the child's business.
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        if let directory = command.workingDirectory { posix_spawn_file_actions_addchdir_np(&actions, directory) }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        var flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
        if command.startsSession { flags |= HAWSER_POSIX_SPAWN_SETSID }
        posix_spawnattr_setflags(&attributes, Int16(flags))

        let arguments = CStrings([command.program] + command.arguments)
        let environment = command.environment.map { entries in
            CStrings(entries.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
        }
        defer {
            arguments.free()
            environment?.free()
        }
        var pid: pid_t = 0
        let result = posix_spawnp(
            &pid, command.program, &actions, &attributes, arguments.pointers, environment?.pointers ?? environ)
        guard result == 0 else { throw SystemCallError("start", command.program, errno: result) }
        return pid
    }
}

/// A null-terminated array of C strings; whoever makes it frees it.
private struct CStrings {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        pointers = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() { pointers.advanced(by: index).initialize(to: strdup(string)) }
        pointers.advanced(by: count).initialize(to: nil)
    }

    func free() {
        for index in 0..<count { Glibc.free(pointers[index]) }
        pointers.deallocate()
    }
}
