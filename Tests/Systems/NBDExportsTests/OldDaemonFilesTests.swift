import Glibc
import LinuxCalls
import NBD
import Reconciliation
import Testing
import VolumeModel

@testable import NBDExports

/// Files of the old daemon's: adopted as they are, taken down only after an import took them over, converted, given back.
@Suite(
    .serialized,
    .enabled(if: NBDServerFixture.isAvailable, "needs nbd-server (package nbd-server) and systemd-socket-activate"))
struct NBDServerOldFilesTests {
    private var name: ExportName {
        get throws { try #require(ExportName("migration-vol-a7f226a7-95a0-43b6-942e-acc909ef0c08")) }
    }

    private func place(_ fixture: NBDServerFixture, _ name: ExportName, _ path: String) async throws -> String {
        let file = "\(fixture.includeDirectory)/\(name).conf"
        let text = "# kept\n" + OldDaemonFiles.text(name, path: path, isReadOnly: false)
        try writeFileAtomically(file, bytes: Array(text.utf8), forEveryReader: true)
        try await fixture.untilLive(name)
        return file
    }

    @Test(arguments: TestedStyle.allCases)
    func `a file that was taken over is left as it is until its export goes, and is then taken down`(
        _ style: TestedStyle
    ) async throws {
        let fixture = try await NBDServerFixture(style)
        let name = try name
        let (_, disk) = try fixture.disk(3)
        let file = try await place(fixture, name, disk.path)
        let text = try readTextFile(file)
        #expect(try await fixture.exports.takeOver(name) == file)
        #expect(try readTextFile(file) == text)
        let entry = try #require(await fixture.exports.read(name).value)
        #expect(entry.owner == .foreign)
        #expect(entry.target == .device(disk.number, diskSequence: nil))
        // A client that is connected goes on; it is the planner that waits for it.
        let client = try fixture.connect(name)
        try await fixture.exports.withdrawAsSeen(name)
        #expect(access(file, F_OK) != 0)
        #expect(await fixture.exports.read(name) == .absent)
        #expect(throws: NBDError.self) { try fixture.connect(name) }
        try client.write([1, 2, 3, 4], at: 0)
        client.disconnect()
        try await fixture.finish()
    }

    @Test func `a file that was changed after it was taken over is its writer's again`() async throws {
        let fixture = try await NBDServerFixture(.perConnection)
        let name = try name
        let (_, disk) = try fixture.disk(3)
        let file = try await place(fixture, name, disk.path)
        _ = try await fixture.exports.takeOver(name)
        let changed = try readTextFile(file) + "timeout = 30\n"
        try writeFileAtomically(file, bytes: Array(changed.utf8), forEveryReader: true)
        await #expect(throws: ExportError.self) { try await fixture.exports.withdrawAsSeen(name) }
        #expect(try readTextFile(file) == changed)
        try await fixture.finish()
    }

    @Test func `a name is not withdrawn while a client negotiates that may still be let in`() async throws {
        let fixture = try await NBDServerFixture(.perConnection)
        let name = try name
        let (_, disk) = try fixture.disk(3)
        let file = try await place(fixture, name, disk.path)
        let text = try readTextFile(file)
        _ = try await fixture.exports.takeOver(name)
        guard case .tcp(_, let port) = try fixture.address else { preconditionFailure("fixture") }
        let silent = try SilentClient(port: port)
        try await fixture.until { try !ProcessInspection.connected(to: .tcp(port: port)).processes.isEmpty }
        let error = await #expect(throws: ExportError.self) { try await fixture.exports.withdrawAsSeen(name) }
        #expect("\(String(describing: error))".contains("negotiates"))
        #expect(try readTextFile(file) == text)
        silent.close()
        try await fixture.exports.withdrawAsSeen(name)
        #expect(access(file, F_OK) != 0)
        try await fixture.finish()
    }

    @Test(arguments: TestedStyle.allCases)
    func `a path is converted while nobody is connected, and nothing else of the file changes`(
        _ style: TestedStyle
    ) async throws {
        let fixture = try await NBDServerFixture(style)
        let name = try name
        let (_, disk) = try fixture.disk(3)
        let (_, other) = try fixture.disk(4)
        let link = "\(fixture.directory.path)/by-id-3"
        try replaceLink(link, target: disk.path)
        let file = try await place(fixture, name, disk.path)
        let text = try readTextFile(file)
        let client = try fixture.connect(name)
        await #expect(throws: ExportError.self) { try await fixture.exports.convert(name, from: disk.path, to: link) }
        client.disconnect()
        try await fixture.until { await fixture.exports.sessions(on: disk.number) == .known(0) }
        await #expect(throws: ExportError.self) {
            try await fixture.exports.convert(name, from: disk.path, to: other.path)
        }
        await #expect(throws: ExportError.self) { try await fixture.exports.convert(name, from: link, to: disk.path) }
        #expect(try readTextFile(file) == text)
        try await fixture.exports.convert(name, from: disk.path, to: link)
        #expect(try readTextFile(file) == text.replacing(disk.path, with: link))
        try await fixture.untilLive(name)
        try fixture.connect(name).disconnect()
        try await fixture.finish()
    }

    @Test(arguments: TestedStyle.allCases)
    func `what Hawser serves is given back in the old daemon's form, and no client notices`(
        _ style: TestedStyle
    ) async throws {
        let fixture = try await NBDServerFixture(style)
        let name = try name
        let disk = try await fixture.publish(name, 3)
        try await fixture.untilLive(name)
        let (_, other) = try fixture.disk(4)
        let client = try fixture.connect(name)
        let file = "\(fixture.includeDirectory)/\(name).conf"
        let made = try readTextFile(file)
        await #expect(throws: ExportError.self) {
            _ = try await fixture.exports.giveBack(name, path: other.path, dryRun: false)
        }
        #expect(try await fixture.exports.giveBack(name, path: disk.path, dryRun: true) == file)
        #expect(try readTextFile(file) == made)
        #expect(try await fixture.exports.giveBack(name, path: disk.path, dryRun: false) == file)
        #expect(try readTextFile(file) == OldDaemonFiles.text(name, path: disk.path, isReadOnly: false))
        try await fixture.untilLive(name)
        try client.write([9], at: 7)
        #expect(try client.read(count: 1, at: 7) == [9])
        client.disconnect()
        try fixture.connect(name).disconnect()
        #expect(try await fixture.exports.giveBack(name, path: disk.path, dryRun: false) == nil)
        #expect(await fixture.exports.read(name).value?.owner == .foreign)
        try await fixture.finish()
    }

    @Test(arguments: [
        ("[a]\nexportname = /dev/vdb\n", "[a]\nexportname = /x\n"),
        (
            "# /dev/vdb\n[a]\r\nexportname=/dev/vdb\r\nreadonly=false",
            "# /dev/vdb\n[a]\r\nexportname=/x\r\nreadonly=false"
        ),
        ("[a]\nexportname=/dev/vdbc\n", nil), ("[a]\nexportname=/dev/vdb\nexportname=/dev/vdb\n", nil),
        ("[a]\nreadonly=true\n", nil), ("no key file", nil),
    ]) func `one value of a file is replaced, or nothing`(text: String, wanted: String?) {
        #expect(KeyFile.text(text, replacing: "exportname", "/dev/vdb", by: "/x") == wanted)
    }
}

/// Connects, and says nothing.
private final class SilentClient {
    private let number: Int32

    init(port: UInt16) throws(SystemCallError) {
        number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                connect(number, generic, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw SystemCallError("connect to", "port \(port)", errno: errno) }
    }

    func close() { _ = Glibc.close(number) }
}
