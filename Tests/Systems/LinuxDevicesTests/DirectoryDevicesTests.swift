import Glibc
import LinuxCalls
import LinuxDevices
import Reconciliation
import Testing
import VolumeModel

@Suite struct DirectoryDevicesTests {
    private let directory: TemporaryDirectory
    private let devices: DirectoryDevices
    private let serial = "a7f226a795a043b6942e"
    private var link: String { "\(directory.path)/by-id/virtio-\(serial)" }

    init() throws {
        directory = try TemporaryDirectory(prefix: "hawser-devices-test")
        try createDirectories("\(directory.path)/by-id")
        devices = DirectoryDevices(directory: directory.path)
    }

    private func plug(_ file: String, size: Int = 4096) throws {
        try writeFile("\(directory.path)/\(file)", bytes: [UInt8](repeating: 0, count: size))
        try replaceLink("\(directory.path)/new", target: "\(directory.path)/\(file)")
        #expect(rename("\(directory.path)/new", link) == 0)
    }

    private func identity(in event: DeviceEvent?) throws -> DeviceIdentity {
        guard case .present(let record)? = event else { throw Unexpected(event: event) }
        return try #require(record.identity)
    }

    /// A child that another test starts at this moment holds a copy of every descriptor between its fork and its exec, and
    /// with it a lock: so what has just been let go may be locked for a moment more.
    private func soon(_ succeeds: () async throws -> Void) async throws {
        for _ in 0..<12_000 {
            if (try? await succeeds()) != nil { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        try await succeeds()
    }

    private struct Unexpected: Error { let event: DeviceEvent? }

    @Test func `a link is a device that comes, is another one when it leads elsewhere, and goes`() async throws {
        var events = await devices.events().makeAsyncIterator()
        #expect(await events.next() == .enumerated([]))
        try plug("one")
        let first = try identity(in: await events.next())
        #expect(first.serial == DiskSerial(serial))
        #expect(first.sizeInBytes == 4096)
        #expect(await devices.mismatch(of: first) == nil)
        try plug("two", size: 8192)
        let second = try identity(in: await events.next())
        #expect(second.number != first.number)
        #expect(await devices.mismatch(of: first) != nil)
        unlink(link)
        #expect(await events.next() == .gone(kernelName: "virtio-\(serial)"))
        #expect(await devices.mismatch(of: second) != nil)
    }

    @Test func `IN-USE: what is locked by another is in use, and cannot be held`() async throws {
        var events = await devices.events().makeAsyncIterator()
        _ = await events.next()
        try plug("one")
        let identity = try identity(in: await events.next())
        #expect(await devices.use(of: identity).isProvenIdle)
        do {
            let other = try BlockDevice(opening: link, exclusively: true)
            #expect(await devices.use(of: identity).witnesses == [.openExclusively])
            await #expect(throws: DeviceError.self) { try await devices.hold(identity) }
            _ = try other.sizeInBytes()
        }
        try await soon { try await devices.hold(identity) }
        try await devices.hold(identity)
        #expect(throws: SystemCallError.self) { _ = try BlockDevice(opening: link, exclusively: true) }
        #expect(await devices.use(of: identity).isProvenIdle)
        await devices.release(identity)
        try await soon { _ = try BlockDevice(opening: link, exclusively: true) }
    }

    @Test func `a hold ends when the device is gone`() async throws {
        var events = await devices.events().makeAsyncIterator()
        _ = await events.next()
        try plug("one")
        let identity = try identity(in: await events.next())
        try await soon { try await devices.hold(identity) }
        unlink(link)
        #expect(await events.next() == .gone(kernelName: "virtio-\(serial)"))
        try await soon { _ = try BlockDevice(opening: "\(directory.path)/one", exclusively: true) }
    }

    @Test func `what cannot be looked at is undetermined, never idle`() async throws {
        let nowhere = DeviceIdentity(
            serial: try #require(DiskSerial(serial)), number: DeviceNumber(major: 1, minor: 1), diskSequence: nil,
            sizeInBytes: 1)
        #expect(await !devices.use(of: nowhere).isProvenIdle)
        await #expect(throws: DeviceError.self) { try await devices.hold(nowhere) }
    }

    @Test func `a directory that is not there is a loss of sight, not an absence of devices`() async {
        var events = await DirectoryDevices(directory: "/nonexistent").events().makeAsyncIterator()
        if case .lost? = await events.next() {} else { Issue.record("no loss was told") }
    }
}
