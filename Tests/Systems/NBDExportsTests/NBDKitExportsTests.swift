import ActorThreads
import Glibc
import LinuxCalls
import NBD
import Reconciliation
import Testing
import VolumeModel

@testable import NBDExports

private let nbdkit: String? = ["/usr/bin/nbdkit", "/usr/local/bin/nbdkit"].first { (path: String) in
    access(path, X_OK) == 0
}

/// A real nbdkit over directories of its own, and disks that are plain files.
private final class Fixture: Sendable {
    let directory: TemporaryDirectory
    let exports: NBDKitExports
    let root: String
    private let events: Task<Void, Never>

    init() async throws {
        directory = try TemporaryDirectory(prefix: "hawser-exports-test")
        root = "\(directory.path)/exports"
        exports = try Self.make(root)
        let exports = exports
        events = Task { for await _ in await exports.events() {} }
        try await untilRunning()
    }

    static func make(_ root: String) throws -> NBDKitExports {
        try NBDKitExports(
            NBDKitConfiguration(
                root: root, supervision: .supervised(program: nbdkit ?? "nbdkit"), writable: .unix("\(root)/rw.sock"),
                readOnly: .unix("\(root)/ro.sock")))
    }

    func finish() async throws {
        try await exports.stop()
        events.cancel()
    }

    func untilRunning() async throws {
        try await until { await exports.observe().server == .running }
    }

    func until(_ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while try await !condition() {
            try #require(ContinuousClock.now < deadline, "waited in vain")
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    func disk(_ number: UInt64, filledWith byte: UInt8) throws -> (VolumeID, DeviceRecord) {
        try plainDisk(number, filledWith: byte, in: directory.path)
    }

    func publish(_ name: ExportName, _ number: UInt64, byte: UInt8 = 1, readOnly: Bool = false) async throws
        -> DeviceRecord
    {
        let (volume, device) = try disk(number, filledWith: byte)
        try await exports.publish(
            ExportPublication(name: name, volume: volume, isReadOnly: readOnly, device: device))
        return device
    }

    func connect(_ name: ExportName, readOnly: Bool = false) throws -> NBDClient {
        try NBDClient(export: name.text, at: .unix("\(root)/\(readOnly ? "ro" : "rw").sock"))
    }
}

@Suite(.enabled(if: nbdkit != nil, "needs nbdkit"))
struct NBDKitExportsTests {
    private let moor: ExportName
    private let other: ExportName

    init() throws {
        moor = try #require(ExportName("moor-1"))
        other = try #require(ExportName("moor-2"))
    }

    @Test func `a published name is live at once, and a withdrawn one is gone at once`() async throws {
        let fixture = try await Fixture()
        let device = try await fixture.publish(moor, 1, byte: 7)
        let entry = try #require(await fixture.exports.read(moor).value)
        #expect(entry.liveness == .live)
        #expect(entry.target == .device(device.number, diskSequence: nil))
        #expect(entry.owner == .hawser(VolumeID(UUIDValue(high: 1, low: 1))))
        let client = try fixture.connect(moor)
        #expect(client.sizeInBytes == 1 << 20)
        #expect(try client.read(count: 4, at: 100) == [7, 7, 7, 7])
        client.disconnect()
        try await fixture.exports.withdrawAsSeen(moor)
        #expect(await fixture.exports.read(moor) == .absent)
        #expect(throws: NBDError.self) { try fixture.connect(moor) }
        #expect(await fixture.exports.observe().entries.isEmpty)
        #expect(try directoryEntries("\(fixture.root)/disks").isEmpty)
        try await fixture.finish()
    }

    @Test func `a read-only export is served by the read-only server, and by no other`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.publish(moor, 1, readOnly: true)
        #expect(try fixture.connect(moor, readOnly: true).isReadOnly)
        #expect(throws: NBDError.self) { try fixture.connect(moor) }
        #expect(await fixture.exports.read(moor).value?.isReadOnly == true)
        try await fixture.finish()
    }

    @Test func `IN-USE counts clients, also after the name is withdrawn`() async throws {
        let fixture = try await Fixture()
        let device = try await fixture.publish(moor, 1)
        #expect(await fixture.exports.sessions(on: device.number) == .known(0))
        let first = try fixture.connect(moor)
        #expect(await fixture.exports.sessions(on: device.number) == .known(1))
        let second = try fixture.connect(moor)
        #expect(await fixture.exports.read(moor).value?.clients == .known(2))
        try await fixture.exports.withdrawAsSeen(moor)
        #expect(await fixture.exports.sessions(on: device.number) == .known(2))
        try first.write([1, 2, 3], at: 0)
        first.disconnect()
        second.disconnect()
        try await fixture.until { await fixture.exports.sessions(on: device.number) == .known(0) }
        try await fixture.finish()
    }

    /// Detaching was allowed on a count of none when the server's process could not be seen.
    @Test(.enabled(if: hasPython, "needs python3, to hide a listening socket"))
    func `IN-USE: a server whose process cannot be seen leaves the count unknown`() async throws {
        try await expectUnknownCount(of: hiddenInFlight)
    }

    @Test(
        .enabled(if: hasPython, "needs python3, to hide a listening socket"),
        .enabled(if: geteuid() == 0, "needs root: a network namespace"))
    func `IN-USE: a server in another network namespace leaves the count unknown`() async throws {
        try await expectUnknownCount(of: hiddenInNamespace)
    }

    private func expectUnknownCount(of hidden: HiddenServer) async throws {
        let directory = try TemporaryDirectory(prefix: "hawser-exports-test")
        let socket = "\(directory.path)/rw.sock"
        let server = try ChildProcess(
            starting: .init(
                "/usr/bin/env", hidden.command + ["/usr/bin/python3", "-c", hidden.script, socket], output: .lines))
        defer { server.send(signal: SIGKILL) }
        var lines = server.outputLines.makeAsyncIterator()
        #expect(await lines.next() == "listening")
        let exports = try NBDKitExports(
            NBDKitConfiguration(
                root: "\(directory.path)/exports", supervision: .external, writable: .unix(socket),
                readOnly: .unix("\(directory.path)/ro.sock")))
        let count = await exports.sessions(on: DeviceNumber(major: 252, minor: 16))
        if case .unknown = count {} else { Issue.record("\(count)") }
        await #expect(throws: ExportError.self) { try await exports.stop() }
    }

    @Test func `IN-USE counts a server that listens elsewhere, or no longer`() async throws {
        let fixture = try await Fixture()
        let device = try await fixture.publish(moor, 1)
        let socket = "\(fixture.directory.path)/old.sock"
        let old = try ChildProcess(
            starting: .init(
                nbdkit ?? "nbdkit", ["--foreground", "--unix", socket, "file", "dir=\(fixture.root)/rw"],
                errors: .discarded))
        defer { old.send(signal: SIGKILL) }
        try await fixture.until { exists(socket) }
        let client = try NBDClient(export: moor.text, at: .unix(socket))
        #expect(await fixture.exports.sessions(on: device.number) == .known(1))
        client.disconnect()
        try await fixture.until { await fixture.exports.sessions(on: device.number) == .known(0) }
        try await fixture.finish()
    }

    @Test func `a server that was stopped stays stopped`() async throws {
        let fixture = try await Fixture()
        try await fixture.exports.stop()
        try await fixture.until { if case .down = await fixture.exports.observe().server { true } else { false } }
        // Supervision starts a server again within a twentieth of a second: look long enough to see it do so.
        let end = ContinuousClock.now + .milliseconds(500)
        while ContinuousClock.now < end {
            #expect(try ProcessInspection.owners(of: .unix("\(fixture.root)/rw.sock")).isNobody)
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    @Test func `RIGHT-DISK: a name that was bent to another disk shows where it leads, and is withdrawn`() async throws
    {
        let fixture = try await Fixture()
        let device = try await fixture.publish(moor, 1)
        let (_, wrong) = try fixture.disk(2, filledWith: 9)
        try replaceLink("\(fixture.root)/rw/\(moor)", target: wrong.path)
        let entry = try #require(await fixture.exports.read(moor).value)
        #expect(entry.owner == .foreign)
        #expect(entry.target == .device(wrong.number, diskSequence: nil))
        #expect(entry.target != .device(device.number, diskSequence: nil))
        await #expect(throws: ExportError.self) {
            try await fixture.exports.withdraw(
                moor, of: .hawser(VolumeID(UUIDValue(high: 1, low: 1))), leadingTo: entry.target)
        }
        try await fixture.exports.withdrawAsSeen(moor)
        #expect(await fixture.exports.read(moor) == .absent)
        #expect(exists(wrong.path))
        try await fixture.finish()
    }

    @Test func `RIGHT-DISK: a volume is not moved to another device under a connected client`() async throws {
        let fixture = try await Fixture()
        let device = try await fixture.publish(moor, 1)
        let client = try fixture.connect(moor)
        var moved = try fixture.disk(2, filledWith: 9).1
        moved.serial = device.serial
        let publication = ExportPublication(
            name: moor, volume: VolumeID(UUIDValue(high: 1, low: 1)), isReadOnly: false, device: moved)
        await #expect(throws: ExportError.self) { try await fixture.exports.publish(publication) }
        #expect(await fixture.exports.read(moor).value?.target == .device(device.number, diskSequence: nil))
        client.disconnect()
        try await fixture.until { await fixture.exports.sessions(on: device.number) == .known(0) }
        try await fixture.exports.publish(publication)
        #expect(await fixture.exports.read(moor).value?.target == .device(moved.number, diskSequence: nil))
        try await fixture.finish()
    }

    @Test func `MINE-ONLY: an entry of somebody else is reported, and never replaced`() async throws {
        let fixture = try await Fixture()
        let (_, theirs) = try fixture.disk(3, filledWith: 3)
        try replaceLink("\(fixture.root)/rw/\(moor)", target: theirs.path)
        let (volume, mine) = try fixture.disk(4, filledWith: 4)
        let publication = ExportPublication(name: moor, volume: volume, isReadOnly: false, device: mine)
        let error = await #expect(throws: ExportError.self) { try await fixture.exports.publish(publication) }
        if case .nameTaken? = error {} else { Issue.record("\(String(describing: error))") }
        #expect(try linkTarget("\(fixture.root)/rw/\(moor)") == theirs.path)
        #expect(await fixture.exports.observe().entries.map(\.owner) == [.foreign])
        try await fixture.finish()
    }

    @Test func `LIVE-PROOF: a name that leads elsewhere than was seen is not taken away`() async throws {
        let fixture = try await Fixture()
        let device = try await fixture.publish(moor, 1, byte: 1)
        await fixture.exports.expectToKeep(moor, of: .hawser(VolumeID(UUIDValue(high: 1, low: 1))))
        #expect(await fixture.exports.read(moor).value?.target == .device(device.number, diskSequence: nil))
        #expect(try fixture.connect(moor).read(count: 1, at: 0) == [1])
        try await fixture.exports.withdrawAsSeen(moor)
        #expect(await fixture.exports.read(moor) == .absent)
        try await fixture.finish()
    }

    @Test func `a foreign file that has to be withdrawn is moved aside, not deleted`() async throws {
        let fixture = try await Fixture()
        try writeFile("\(fixture.root)/rw/\(moor)", bytes: Array("precious".utf8))
        try await fixture.exports.withdrawAsSeen(moor)
        let aside = try #require(try directoryEntries("\(fixture.root)/set-aside").first)
        #expect(try readTextFile("\(fixture.root)/set-aside/\(aside)") == "precious")
        try await fixture.finish()
    }

    @Test func `a link that leads nowhere is not live`() async throws {
        let fixture = try await Fixture()
        let device = try await fixture.publish(moor, 1)
        unlink(device.path)
        let entry = try #require(await fixture.exports.read(moor).value)
        #expect(entry.target == .nothing)
        #expect(entry.liveness == .notListed)
        try await fixture.finish()
    }

    @Test func `an end that was over before anybody asked is told all the same, once`() async throws {
        let fixture = try await Fixture()
        let endpoint = ProcessInspection.Endpoint.unix("\(fixture.root)/rw.sock")
        let before = try #require(try ProcessInspection.listeners(on: endpoint).first)
        kill(before, SIGKILL)
        try await fixture.until { try ProcessInspection.listeners(on: endpoint).contains { $0 != before } }
        try await fixture.until { await fixture.exports.observe().server != .running }
        try await fixture.untilRunning()
        #expect(await fixture.exports.observe().server == .running)
        try await fixture.finish()
    }

    @Test func `a killed server is said to be down, started again, and serves what the directory says`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.publish(moor, 1)
        let before = try ProcessInspection.listeners(on: .unix("\(fixture.root)/rw.sock"))
        for process in before { kill(process, SIGKILL) }
        try await fixture.until {
            let now = try ProcessInspection.listeners(on: .unix("\(fixture.root)/rw.sock"))
            return !now.isEmpty && now != before
        }
        try await fixture.untilRunning()
        #expect(await fixture.exports.read(moor).value?.liveness == .live)
        #expect(try fixture.connect(moor).sizeInBytes == 1 << 20)
        try await fixture.finish()
    }

    @Test func `a second controller finds the running servers, and ends no session`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.publish(moor, 1, byte: 5)
        let client = try fixture.connect(moor)
        let before = try ProcessInspection.listeners(on: .unix("\(fixture.root)/rw.sock"))
        let second = try Fixture.make(fixture.root)
        let events = Task { for await _ in await second.events() {} }
        #expect(await second.observe().server == .running)
        #expect(await second.read(moor).value?.clients == .known(1))
        #expect(try client.read(count: 1, at: 0) == [5])
        #expect(try ProcessInspection.listeners(on: .unix("\(fixture.root)/rw.sock")) == before)
        try await second.stop()
        events.cancel()
        try await fixture.finish()
    }

    @Test func `a server that does not run is a fact, and the entries are known all the same`() async throws {
        let directory = try TemporaryDirectory(prefix: "hawser-exports-test")
        let exports = try NBDKitExports(
            NBDKitConfiguration(
                root: directory.path, supervision: .external, writable: .unix("\(directory.path)/rw.sock"),
                readOnly: .unix("\(directory.path)/ro.sock")))
        try replaceLink("\(directory.path)/rw/\(moor)", target: "/dev/null")
        let observation = await exports.observe()
        if case .down = observation.server {} else { Issue.record("\(observation.server)") }
        #expect(observation.isComplete)
        #expect(observation.entries.map(\.liveness) == [.unknown])
        #expect(observation.entries.map(\.target) == [.other("something that is no disk")])
    }

    @Test func `port 0 becomes a free port that stays the same`() async throws {
        let directory = try TemporaryDirectory(prefix: "hawser-exports-test")
        let first = try StablePort.resolve(.tcp(host: "127.0.0.1", port: 0), rememberedIn: "\(directory.path)/port")
        #expect(first != .tcp(host: "127.0.0.1", port: 0))
        #expect(
            try StablePort.resolve(.tcp(host: "127.0.0.1", port: 0), rememberedIn: "\(directory.path)/port") == first)
    }
}

private let hasPython = access("/usr/bin/python3", X_OK) == 0

/// A server that listens, and whose process cannot be found.
private struct HiddenServer: Sendable {
    let command: [String]
    let script: String
}

/// The only descriptor of the listening socket is under way between two sockets: no process has it.
private let hiddenInFlight = HiddenServer(
    command: [],
    script: """
        import array, socket, sys, time
        s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()
        a, b = socket.socketpair()
        a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [s.fileno()]))])
        s.close(); print('listening', flush=True); time.sleep(60)
        """)

/// The socket is in another network namespace, where /proc/net/unix does not show it, and is reached by its path.
private let hiddenInNamespace = HiddenServer(
    command: ["unshare", "--net"],
    script: """
        import socket, sys, time
        s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()
        print('listening', flush=True); time.sleep(60)
        """)
