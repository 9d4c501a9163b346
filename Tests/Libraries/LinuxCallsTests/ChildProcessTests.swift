import Glibc
import LinuxCalls
import Testing

@Suite struct ChildProcessTests {
    @Test func `a program's output, errors and exit code come back`() async throws {
        let outcome = try await ChildProcess.run(.init("sh", ["-c", "echo one; printf two; echo no >&2; exit 3"]))
        #expect(outcome.status == .exited(code: 3))
        #expect(outcome.output == "one\ntwo\n")
        #expect(outcome.errors == "no\n")
    }

    @Test func `a program that does not exist is an error that names it`() async {
        let error = await #expect(throws: SystemCallError.self) {
            try await ChildProcess.run(.init("/nonexistent/program"))
        }
        #expect(error?.description == "cannot start /nonexistent/program: No such file or directory")
    }

    @Test func `environment and working directory are what was asked for, and nothing else`() async throws {
        let outcome = try await ChildProcess.run(
            .init(
                "/bin/sh", ["-c", "pwd; env | grep -v -e ^PWD= -e ^SHLVL= -e ^_="], environment: ["ANCHOR": "down"],
                workingDirectory: "/"))
        #expect(outcome.output == "/\nANCHOR=down\n")
    }

    @Test func `a child gets no descriptor but the three standard ones`() async throws {
        let leaked = open("/dev/null", O_RDONLY)
        defer { close(leaked) }
        let outcome = try await ChildProcess.run(.init("/bin/ls", ["/proc/self/fd"]))
        // The fourth is the directory that ls itself reads.
        #expect(outcome.output == "0\n1\n2\n3\n")
    }

    /// Tests failed now and then because another one's waiting had taken their children's statuses.
    @Test func `waiting for one child takes nothing from those who wait for another`() async throws {
        for _ in 0..<20 {
            let other = try ChildProcess(starting: .init("sh", ["-c", "exit 7"]))
            #expect(try ChildProcess.runAndWait(.init("true")).isSuccess)
            #expect(await other.waitForExit() == .exited(code: 7))
        }
    }

    @Test func `one that ignores SIGTERM is killed when the grace is over`() async throws {
        let child = try ChildProcess(
            starting: .init("sh", ["-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], output: .lines))
        for await line in child.outputLines where line == "ready" { break }
        #expect(await child.stop(grace: .milliseconds(50)) == .signalled(SIGKILL))
        #expect(!child.isRunning)
    }

    @Test func `a child starts with signals at their default, whatever its parent has blocked`() async throws {
        let outcome = try await ChildProcess.run(.init("grep", ["-E", "^Sig(Blk|Ign)", "/proc/self/status"]))
        let masks = outcome.output.split(separator: "\n").compactMap { UInt64($0.suffix(16), radix: 16) }
        // 32 and 33 are glibc's own.
        #expect(masks.count == 2 && masks.allSatisfy { $0 & 0x7fff_ffff == 0 }, "\(outcome.output)")
    }

    @Test func `a child with a session of its own leads it`() async throws {
        let child = try ChildProcess(
            starting: .init("sh", ["-c", "cut -d' ' -f6 /proc/$$/stat"], output: .lines, startsSession: true))
        let pid = child.processID
        var lines = child.outputLines.makeAsyncIterator()
        #expect(await lines.next() == "\(pid)")
        #expect(await child.waitForExit().isSuccess)
    }

    @Test func `waiting twice, and after the end, gives the same answer`() async throws {
        let child = try ChildProcess(starting: .init("false"))
        async let first = child.waitForExit()
        async let second = child.waitForExit()
        #expect(await first == .exited(code: 1))
        #expect(await second == .exited(code: 1))
        #expect(await child.waitForExit() == .exited(code: 1))
        child.send(signal: SIGTERM)
    }
}
