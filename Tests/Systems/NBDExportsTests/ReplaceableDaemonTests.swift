import ActorThreads
import Glibc
import LinuxCalls
import NBD
import Reconciliation
import Testing
import VolumeModel

@testable import NBDExports

/// The one listening nbd-server that is replaced while copies go on.
@Suite(
    .serialized,
    .enabled(
        if: NBDServerFixture.isAvailable, "needs nbd-server and systemd-socket-activate"))
struct ReplaceableDaemonTests {
    private let moor: ExportName
    private let theirs: ExportName

    init() throws {
        moor = try #require(ExportName("moor-1"))
        theirs = try #require(ExportName("theirs"))
    }

    private func parent(_ fixture: NBDServerFixture) throws -> [Int32] {
        try ProcessInspection.listeners(on: fixture.address.endpoint)
    }

    @Test func `ONE-RELOAD: five exports that come together replace the server once`() async throws {
        let fixture = try await NBDServerFixture(.daemon)
        let names = try (0..<5).map { try #require(ExportName("moor-\($0)")) }
        let note = "\(fixture.root)/daemon"
        let before = try readTextFile(note)
        // Each server that is started is noted; a replacement takes longer than a look.
        let watcher = Task {
            var notes: [String] = []
            while !Task.isCancelled {
                let now = try readTextFile(note)
                if notes.last != now { notes.append(now) }
                // A cancelled sleep ends the loop.
                try? await Task.sleep(for: .milliseconds(10))
            }
            return notes
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, name) in names.enumerated() {
                group.addTask { try await fixture.publish(name, UInt64(number + 1)) }
            }
            try await group.waitForAll()
        }
        for name in names { try await fixture.untilLive(name) }
        let after = try readTextFile(note)
        watcher.cancel()
        #expect(after != before)
        #expect(try await watcher.value == [before, after])
        #expect(try directoryEntries("\(fixture.root)/generations").count == 1)
        try await fixture.finish()
    }

    @Test func `a client that connects and says nothing puts off no change, and no session is cut`() async throws {
        let fixture = try await NBDServerFixture(.daemon)
        try await fixture.publish(theirs, 1, byte: 3)
        try await fixture.untilLive(theirs)
        let session = try fixture.connect(theirs)
        let silent = try silentConnection(to: fixture.address)
        try await fixture.until { try parent(fixture).count == 2 }
        try await fixture.publish(moor, 2)
        try await fixture.untilLive(moor)
        #expect(try fixture.connect(moor).sizeInBytes == 1 << 20)
        #expect(try session.read(count: 1, at: 0) == [3])
        try session.write([9], at: 0)
        #expect(try session.read(count: 1, at: 0) == [9])
        #expect(silent.number >= 0)
        try await fixture.finish()
    }

    /// hawserd stops the server for a moment when it replaces it, and can be killed just then.
    @Test func `a server that was left stopped goes on`() async throws {
        let fixture = try await NBDServerFixture(.daemon)
        try await fixture.publish(moor, 1)
        try await fixture.untilLive(moor)
        let before = try parent(fixture)
        let process = try #require(ProcessIdentity(of: before[0]))
        try process.send(signal: SIGSTOP)
        let second = try NBDServerFixture.make(fixture.directory.path, .daemon)
        let events = Task { for await _ in await second.events() {} }
        try await fixture.until { !process.isStopped }
        #expect(try fixture.connect(moor).sizeInBytes == 1 << 20)
        #expect(try parent(fixture) == before)
        events.cancel()
        try await fixture.finish()
    }

    /// What a server has in its memory that Hawser did not start is not known; so it is replaced, once.
    @Test func `a server that somebody else started is taken over without a session being cut`() async throws {
        let name = theirs
        let directory = try TemporaryDirectory(prefix: "hawser-nbd-server-theirs")
        let fixture = try await NBDServerFixture(.daemon) { run, port in
            let (_, disk) = try plainDisk(7, filledWith: 7, in: directory.path)
            try writeFile(
                "\(run)/conf.d/\(name).conf", bytes: Array("[\(name)]\nexportname=\(disk.path)\n".utf8))
            let main =
                "[generic]\nport = \(port)\nlistenaddr = 127.0.0.1\nallowlist = true\nincludedir = \(run)/conf.d\n"
            try writeFile("\(run)/config", bytes: Array(main.utf8))
            let launched = try ChildProcess.runAndWait(
                .init(
                    NBDServerFixture.program, ["-C", "\(run)/config", "-p", "\(run)/pid"], output: .discarded,
                    errors: .discarded, startsSession: true))
            #expect(launched.isSuccess)
            let address = NBDAddress.tcp(host: "127.0.0.1", port: port)
            let deadline = ContinuousClock.now + .seconds(60)
            while (try? ExportListing.names(offeredBy: address)) == nil, ContinuousClock.now < deadline {
                usleep(10_000)
            }
            let session = try NBDClient(export: name.text, at: address)
            Self.kept.withLock { $0[run] = (session, try? ProcessInspection.listeners(on: address.endpoint)) }
        }
        let (session, before) = try #require(Self.kept.withLock { $0.removeValue(forKey: fixture.directory.path) })
        #expect(try parent(fixture) != before)
        #expect(try session.read(count: 1, at: 0) == [7])
        #expect(try fixture.connect(theirs).read(count: 1, at: 0) == [7])
        #expect(await fixture.exports.read(theirs).value?.owner == .foreign)
        #expect(await fixture.exports.read(theirs).value?.clients == .known(1))
        try await fixture.finish()
    }

    private static let kept = Lock<[String: (NBDClient, [Int32]?)]>([:])

    @Test func `another's file that would stop nbd-server is left out, and all others are served`() async throws {
        let fixture = try await NBDServerFixture(.daemon)
        let path = "\(fixture.includeDirectory)/theirs.conf"
        let text = "[theirs]\nexportname=/dev/null\nreadonly=perhaps\n"
        try writeFileAtomically(path, bytes: Array(text.utf8))
        try await fixture.publish(moor, 1)
        try await fixture.untilLive(moor)
        #expect(try fixture.connect(moor).sizeInBytes == 1 << 20)
        #expect(try readTextFile(path) == text)
        #expect(try readTextFile("\(fixture.root)/log/nbd-server.log").contains(path))
        try await fixture.finish()
    }

    @Test func `another program that has the address is not ended, and the server comes when it has left`() async throws
    {
        let directory = try TemporaryDirectory(prefix: "hawser-nbd-server-test")
        try createDirectories("\(directory.path)/exports")
        let address = try StablePort.resolve(
            .tcp(host: "127.0.0.1", port: 0), rememberedIn: "\(directory.path)/exports/port-nbd-server")
        guard case .tcp(_, let port) = address else { preconditionFailure("\(address)") }
        let squatter = try ChildProcess(
            starting: .init(
                NBDServerFixture.activator, ["--listen", "127.0.0.1:\(port)", "/bin/sleep", "60"], output: .discarded,
                errors: .discarded))
        defer { squatter.send(signal: SIGKILL) }
        let deadline = ContinuousClock.now + .seconds(60)
        while try ProcessInspection.listeners(on: address.endpoint).isEmpty, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(10))
        }
        let exports = try NBDServerFixture.make(directory.path, .daemon)
        let events = Task { for await _ in await exports.events() {} }
        let log = "\(directory.path)/exports/log/nbd-server.log"
        while !exists(log), ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(10)) }
        #expect(try readTextFile(log).contains("systemd-socket-activate"))
        #expect(squatter.isRunning)
        squatter.send(signal: SIGKILL)
        while await exports.observe().server != .running, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(await exports.observe().server == .running)
        try await exports.stop()
        events.cancel()
    }
}

/// A TCP connection whose client never says anything.
private func silentConnection(to address: NBDAddress) throws -> FileDescriptor {
    guard case .tcp(_, let port) = address else { throw SystemCallError("connect to", "\(address)", errno: EINVAL) }
    let connection = FileDescriptor(owning: socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
    var target = sockaddr_in()
    target.sin_family = sa_family_t(AF_INET)
    target.sin_port = port.bigEndian
    target.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let number = connection.number
    let result = withUnsafePointer(to: &target) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    guard result == 0 else { throw SystemCallError("connect to", "\(address)", errno: errno) }
    return connection
}
