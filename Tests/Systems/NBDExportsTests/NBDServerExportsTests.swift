import Glibc
import LinuxCalls
import NBD
import Reconciliation
import Testing
import VolumeModel

@testable import NBDExports

/// What holds for nbd-server whichever way it is run: the real program, real clients.
@Suite(
    .serialized,
    .enabled(
        if: NBDServerFixture.isAvailable, "needs nbd-server and systemd-socket-activate"))
struct NBDServerExportsTests {
    private let moor: ExportName
    private let other: ExportName

    init() throws {
        moor = try #require(ExportName("moor-1"))
        other = try #require(ExportName("moor-2"))
    }

    @Test(arguments: TestedStyle.allCases)
    func `a published name is served with flush, FUA and trim, and a withdrawn one is refused at once`(
        _ style: TestedStyle
    ) async throws {
        let fixture = try await NBDServerFixture(style)
        let device = try await fixture.publish(moor, 1, byte: 7)
        try await fixture.untilLive(moor)
        let entry = try #require(await fixture.exports.read(moor).value)
        #expect(entry.target == .device(device.number, diskSequence: nil))
        #expect(entry.owner == .hawser(VolumeID(UUIDValue(high: 1, low: 1))))
        let client = try fixture.connect(moor)
        #expect(client.sizeInBytes == 1 << 20)
        #expect(client.canFlush && client.canForceUnitAccess && client.canTrim && !client.isReadOnly)
        #expect(try client.read(count: 4, at: 100) == [7, 7, 7, 7])
        client.disconnect()
        try await fixture.exports.withdrawAsSeen(moor)
        #expect(throws: NBDError.self) { try fixture.connect(moor) }
        #expect(await fixture.exports.read(moor) == .absent)
        #expect(await fixture.exports.observe().entries.isEmpty)
        #expect(try directoryEntries(fixture.includeDirectory).isEmpty)
        #expect(try directoryEntries("\(fixture.root)/disks").isEmpty)
        try await fixture.untilRunning()
        #expect(try fixture.listed().isEmpty)
        try await fixture.finish()
    }

    @Test(arguments: TestedStyle.allCases)
    func `read-only and writable exports live side by side`(_ style: TestedStyle) async throws {
        let fixture = try await NBDServerFixture(style)
        try await fixture.publish(moor, 1, readOnly: true)
        try await fixture.publish(other, 2)
        try await fixture.untilLive(moor)
        try await fixture.untilLive(other)
        #expect(try fixture.connect(moor).isReadOnly)
        #expect(try !fixture.connect(other).isReadOnly)
        #expect(await fixture.exports.read(moor).value?.isReadOnly == true)
        try await fixture.finish()
    }

    @Test(arguments: TestedStyle.allCases)
    func `IN-USE counts clients, also after the name is withdrawn`(_ style: TestedStyle) async throws {
        let fixture = try await NBDServerFixture(style)
        let device = try await fixture.publish(moor, 1)
        try await fixture.untilLive(moor)
        #expect(await fixture.exports.sessions(on: device.number) == .known(0))
        let first = try fixture.connect(moor)
        let second = try fixture.connect(moor)
        #expect(await fixture.exports.read(moor).value?.clients == .known(2))
        try await fixture.exports.withdrawAsSeen(moor)
        #expect(await fixture.exports.sessions(on: device.number) == .known(2))
        try first.write([1, 2, 3], at: 0)
        first.disconnect()
        try await fixture.until { await fixture.exports.sessions(on: device.number) == .known(1) }
        second.disconnect()
        try await fixture.until { await fixture.exports.sessions(on: device.number) == .known(0) }
        try await fixture.finish()
    }

    @Test(arguments: TestedStyle.allCases)
    func `LIVE-PROOF: a name that leads elsewhere than was seen is not taken away`(_ style: TestedStyle) async throws {
        let fixture = try await NBDServerFixture(style)
        let device = try await fixture.publish(moor, 1, byte: 1)
        try await fixture.untilLive(moor)
        await fixture.exports.expectToKeep(moor, of: .hawser(VolumeID(UUIDValue(high: 1, low: 1))))
        #expect(await fixture.exports.read(moor).value?.target == .device(device.number, diskSequence: nil))
        #expect(try fixture.connect(moor).read(count: 1, at: 0) == [1])
        try await fixture.exports.withdrawAsSeen(moor)
        #expect(await fixture.exports.read(moor) == .absent)
        try await fixture.finish()
    }

    @Test(arguments: TestedStyle.allCases)
    func `RIGHT-DISK: a session that came by a bent name is cut, and no other is`(_ style: TestedStyle) async throws {
        let fixture = try await NBDServerFixture(style)
        let device = try await fixture.publish(moor, 1, byte: 1)
        let theirs = try await fixture.publish(other, 2, byte: 2)
        try await fixture.untilLive(moor)
        try await fixture.untilLive(other)
        let right = try fixture.connect(moor)
        let neighbour = try fixture.connect(other)
        // Whatever a name leads to, it does by Hawser's link.
        try replaceLink(
            "\(fixture.root)/rw/\(moor)", target: "../disks/\(VolumeID(UUIDValue(high: 2, low: 2)))")
        let bent = try #require(await fixture.exports.read(moor).value)
        #expect(bent.target == .device(theirs.number, diskSequence: nil))
        let strayed = try fixture.connect(moor)
        #expect(try strayed.read(count: 1, at: 0) == [2])
        try await fixture.exports.withdrawAsSeen(moor)
        #expect(throws: NBDError.self) { try fixture.connect(moor) }
        try await fixture.publish(moor, 1, byte: 1)
        try await fixture.untilLive(moor)
        #expect(await fixture.exports.read(moor).value?.strayedSessions == 1)
        #expect(try await fixture.exports.cutStrayedSessions(of: moor, provenOn: device.number) == 1)
        #expect(throws: NBDError.self) { try strayed.read(count: 1, at: 0) }
        #expect(await fixture.exports.read(moor).value?.strayedSessions == 0)
        #expect(try right.read(count: 1, at: 0) == [1])
        #expect(try neighbour.read(count: 1, at: 0) == [2])
        try await fixture.finish()
    }

    @Test(arguments: TestedStyle.allCases)
    func `a file of Hawser's that was edited shows where it leads, or that it was edited, and is withdrawn`(
        _ style: TestedStyle
    ) async throws {
        let fixture = try await NBDServerFixture(style)
        try await fixture.publish(moor, 1)
        let (_, wrong) = try fixture.disk(2)
        let path = "\(fixture.includeDirectory)/\(moor).conf"
        let text = try readTextFile(path)
        let bent = text.split(separator: "\n", omittingEmptySubsequences: false).map {
            $0.hasPrefix("exportname=") ? "exportname=\(wrong.path)" : String($0)
        }
        try writeFileAtomically(path, bytes: Array(bent.joined(separator: "\n").utf8))
        #expect(await fixture.exports.read(moor).value?.target == .device(wrong.number, diskSequence: nil))
        try writeFileAtomically(path, bytes: Array((text + "copyonwrite=true\n").utf8))
        if case .other? = await fixture.exports.read(moor).value?.target {} else { Issue.record("not seen") }
        try await fixture.untilRunning()
        if style == .daemon {
            // A daemon would keep such a path in its memory, where no withdrawal reaches it; so it is not shown the file.
            #expect(await fixture.exports.read(moor).value?.liveness == .notListed)
        }
        try await fixture.exports.withdrawAsSeen(moor)
        #expect(await fixture.exports.read(moor) == .absent)
        try await fixture.finish()
    }

    @Test(arguments: TestedStyle.allCases)
    func `MINE-ONLY: a file without the marker is reported, and neither replaced nor removed`(
        _ style: TestedStyle
    ) async throws {
        let fixture = try await NBDServerFixture(style)
        let (_, theirs) = try fixture.disk(3)
        let text = "[\(moor)]\nexportname=\(theirs.path)\nreadonly=false\n"
        let path = "\(fixture.includeDirectory)/\(moor).conf"
        try writeFileAtomically(path, bytes: Array(text.utf8))
        let entry = try #require(await fixture.exports.read(moor).value)
        #expect(entry.owner == .foreign)
        #expect(entry.target == .device(theirs.number, diskSequence: nil))
        let error = await #expect(throws: ExportError.self) { try await fixture.publish(moor, 4) }
        if case .nameTaken? = error {} else { Issue.record("\(String(describing: error))") }
        await #expect(throws: ExportError.self) { try await fixture.exports.withdrawAsSeen(moor) }
        #expect(try readTextFile(path) == text)
        try await fixture.finish()
    }

    @Test(arguments: TestedStyle.allCases)
    func `where the server lists for nobody, exports are observed name by name`(_ style: TestedStyle) async throws {
        let fixture = try await NBDServerFixture(style) { directory, port in
            let listening =
                style == .daemon ? "port = \(port)\nlistenaddr = 127.0.0.1" : "port = 0\nlistenaddr = 127.0.0.1"
            let main = """
                [generic]
                \(listening)
                allowlist = false
                includedir = \(directory)/conf.d
                [dummy]
                exportname = /dev/null
                readonly = true

                """
            try writeFile("\(directory)/config", bytes: Array(main.utf8))
        }
        #expect(throws: NBDError.self) { try fixture.listed() }
        try await fixture.publish(moor, 1)
        try await fixture.untilLive(moor)
        #expect(await fixture.exports.observe().server == .running)
        let entries = await fixture.exports.observe().entries
        #expect(entries.first { $0.name == moor }?.liveness == .live)
        // What the person's own main file defines is reported.
        #expect(entries.first { $0.name.text == "dummy" }?.owner == .foreign)
        try await fixture.exports.withdrawAsSeen(moor)
        #expect(await fixture.exports.read(moor) == .absent)
        try await fixture.finish()
    }

    @Test(arguments: TestedStyle.allCases)
    func `a file of Hawser's that nbd-server does not take is quarantined alone`(_ style: TestedStyle) async throws {
        let fixture = try await NBDServerFixture(style)
        try await fixture.publish(moor, 1)
        try await fixture.publish(other, 2)
        let path = "\(fixture.includeDirectory)/\(moor).conf"
        try writeFileAtomically(path, bytes: Array((try readTextFile(path) + "sync=perhaps\n").utf8))
        try await fixture.untilLive(other)
        #expect(try fixture.connect(other).sizeInBytes == 1 << 20)
        #expect(throws: NBDError.self) { try fixture.connect(moor) }
        if style == .perConnection {
            // There it was in everybody's way.
            let aside = try #require(try directoryEntries("\(fixture.root)/set-aside").first)
            #expect(try readTextFile("\(fixture.root)/set-aside/\(aside)").contains("sync=perhaps"))
        }
        try await fixture.publish(moor, 1)
        try await fixture.untilLive(moor)
        try await fixture.finish()
    }

    @Test func `another's file that stops nbd-server is named, and left as it is`() async throws {
        let fixture = try await NBDServerFixture(.perConnection)
        let path = "\(fixture.includeDirectory)/theirs.conf"
        try writeFileAtomically(path, bytes: Array("[theirs]\nexportname=/dev/null\nreadonly=perhaps\n".utf8))
        guard case .down(let reason) = await fixture.exports.observe().server else {
            Issue.record("not noticed")
            return
        }
        #expect(reason.contains(path) && reason.contains("readonly"), "\(reason)")
        let error = await #expect(throws: ExportError.self) { try await fixture.publish(moor, 1) }
        #expect(error?.description.contains(path) == true)
        #expect(!exists("\(fixture.includeDirectory)/\(moor).conf"))
        unlink(path)
        try await fixture.publish(moor, 1)
        try await fixture.untilLive(moor)
        try await fixture.finish()
    }

    @Test(arguments: TestedStyle.allCases)
    func `a server that was killed runs again with the same exports`(_ style: TestedStyle) async throws {
        let fixture = try await NBDServerFixture(style)
        try await fixture.publish(moor, 1)
        try await fixture.untilLive(moor)
        let session = try fixture.connect(moor)
        let endpoint = try fixture.address.endpoint
        let before = try ProcessInspection.listeners(on: endpoint)
        for process in before { kill(process, SIGKILL) }
        try await fixture.until {
            let now = try ProcessInspection.listeners(on: endpoint)
            return !now.isEmpty && Set(now).isDisjoint(with: before)
        }
        try await fixture.untilLive(moor)
        #expect(try session.read(count: 1, at: 0) == [1])
        #expect(try fixture.connect(moor).sizeInBytes == 1 << 20)
        try await fixture.finish()
    }

    @Test(arguments: TestedStyle.allCases)
    func `QUIET: a second controller finds the running server, and replaces nothing`(_ style: TestedStyle) async throws
    {
        let fixture = try await NBDServerFixture(style)
        try await fixture.publish(moor, 1, byte: 5)
        try await fixture.untilLive(moor)
        let client = try fixture.connect(moor)
        let before = try ProcessInspection.listeners(on: fixture.address.endpoint)
        let second = try NBDServerFixture.make(fixture.directory.path, style)
        let events = Task { for await _ in await second.events() {} }
        #expect(await second.observe().server == .running)
        #expect(await second.read(moor).value?.clients == .known(1))
        #expect(await second.read(moor).value?.liveness == .live)
        // What would be replaced is so within a quarter of a second: look longer than that.
        let end = ContinuousClock.now + .milliseconds(700)
        while ContinuousClock.now < end {
            #expect(try ProcessInspection.listeners(on: fixture.address.endpoint) == before)
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(try client.read(count: 1, at: 0) == [5])
        events.cancel()
        try await fixture.finish()
    }

    @Test(
        .enabled(if: geteuid() == 0 && ServerUser(named: "nbd") != nil, "needs root, and the user nbd"),
        arguments: TestedStyle.allCases)
    func `a server that becomes another user serves, and its sessions are still told apart`(
        _ style: TestedStyle
    ) async throws {
        let closed = try TemporaryDirectory(prefix: "hawser-nbd-server-test")
        let settings = { (directory: String, port: UInt16) in
            let listening =
                style == .daemon ? "port = \(port)\nlistenaddr = 127.0.0.1" : "port = 0\nlistenaddr = 127.0.0.1"
            let main =
                "[generic]\nuser = nbd\n\(listening)\nallowlist = true\nincludedir = \(directory)/conf.d\n"
                + "[dummy]\nexportname = /dev/null\nreadonly = true\n"
            try writeFile("\(directory)/config", bytes: Array(main.utf8))
        }
        try settings(closed.path, 10809)
        let error = #expect(throws: ExportError.self) { try NBDServerFixture.make(closed.path, .perConnection) }
        if style == .perConnection { #expect(error?.description.contains("cannot pass \(closed.path)") == true) }

        let fixture = try await NBDServerFixture(style) { directory, port in
            #expect(chmod(directory, 0o755) == 0)
            try settings(directory, port)
        }
        let device = try await fixture.publish(moor, 1)
        let wrong = try await fixture.publish(other, 2)
        for disk in [device, wrong] { #expect(chmod(disk.path, 0o666) == 0) }
        try await fixture.untilLive(moor)
        try replaceLink("\(fixture.root)/rw/\(moor)", target: "../disks/\(VolumeID(UUIDValue(high: 2, low: 2)))")
        let strayed = try fixture.connect(moor)
        #expect(!strayed.isReadOnly)
        try replaceLink("\(fixture.root)/rw/\(moor)", target: "../disks/\(VolumeID(UUIDValue(high: 1, low: 1)))")
        #expect(await fixture.exports.sessions(on: wrong.number) == .known(1))
        #expect(await fixture.exports.read(moor).value?.strayedSessions == 1)
        #expect(try await fixture.exports.cutStrayedSessions(of: moor, provenOn: device.number) == 1)
        #expect(throws: NBDError.self) { try strayed.read(count: 1, at: 0) }
        try await fixture.finish()
    }

    @Test func `a main file that says otherwise than the settings is refused with what it has to say`() throws {
        let directory = try TemporaryDirectory(prefix: "hawser-nbd-server-test")
        let theirs = "[generic]\nport = 10809\nincludedir = \(directory.path)/conf.d\n"
        try writeFile("\(directory.path)/config", bytes: Array(theirs.utf8))
        let error = #expect(throws: ExportError.self) {
            try NBDServerFixture.make(directory.path, .perConnection)
        }
        #expect(error?.description.contains("port = 0") == true)
        #expect(try readTextFile("\(directory.path)/config") == theirs)
    }
}
