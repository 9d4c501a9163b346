import CloudStackSimulator
import Glibc
import LinuxCalls
import Testing

private let first = PluggedDisk(
    volume: "a7f226a7-95a0-43b6-942e-acc909ef0c08", serial: "a7f226a795a043b6942e", sizeInBytes: 1 << 20,
    isReadOnly: false)
/// Another volume whose first 20 digits are the same.
private let twin = PluggedDisk(
    volume: "a7f226a7-95a0-43b6-942e-bbbbbbbbbbbb", serial: "a7f226a795a043b6942e", sizeInBytes: 2 << 20,
    isReadOnly: false)

@Suite struct FilesHypervisorTests {
    private let directory: TemporaryDirectory
    private let hypervisor: FilesHypervisor
    private var link: String { "\(directory.path)/devices/by-id/virtio-\(first.serial)" }

    init() throws {
        directory = try TemporaryDirectory(prefix: "hawser-hypervisor-test")
        hypervisor = try FilesHypervisor(
            directory: "\(directory.path)/disks", deviceDirectory: "\(directory.path)/devices")
    }

    @Test func `a plugged disk has its size, and its data outlives the unplugging`() async throws {
        try await hypervisor.plug(first)
        try await hypervisor.plug(first)
        #expect(await hypervisor.pluggedDisks() == [first.volume])
        let file = try #require(try linkTarget(link))
        #expect(try readFile(file).count == 1 << 20)
        let disk = try FileDescriptor(opening: file, flags: O_WRONLY)
        try disk.write(Array("moored".utf8))
        try await hypervisor.unplug(first)
        try await hypervisor.unplug(first)
        #expect(await hypervisor.pluggedDisks().isEmpty)
        #expect(try directoryEntries(parentDirectory(of: link)).isEmpty)
        try await hypervisor.plug(first)
        #expect(try readFile(link).starts(with: "moored".utf8))
        try await hypervisor.unplug(first)
        try await hypervisor.discard(volume: first.volume)
        #expect(!exists(file))
    }

    @Test func `of two disks with one serial the newest has the link, and keeps it when the other goes`() async throws {
        try await hypervisor.plug(first)
        try await hypervisor.plug(twin)
        #expect(try readFile(link).count == 2 << 20)
        try await hypervisor.unplug(first)
        #expect(await hypervisor.pluggedDisks() == [twin.volume])
    }

    @Test func `a resized disk keeps its data`() async throws {
        try await hypervisor.plug(first)
        var larger = first
        larger.sizeInBytes = 3 << 20
        try await hypervisor.resize(larger)
        #expect(try readFile(link).count == 3 << 20)
    }

    @Test(arguments: ["../../etc", "", "A7F2"])
    func `a volume id that is none never reaches a path`(_ volume: String) async throws {
        var disk = first
        disk.volume = volume
        let forged = disk
        await #expect(throws: HypervisorError.self) { try await hypervisor.plug(forged) }
        await #expect(throws: HypervisorError.self) { try await hypervisor.discard(volume: volume) }
    }
}

/// On the machine's own /dev: the kernel's side of it. How udevd sees it is for the acceptance tests.
@Suite(.enabled(if: LoopDevice.isAvailable, "needs root and /dev/loop-control"))
struct LoopHypervisorTests {
    private let directory: TemporaryDirectory
    private let hypervisor: LoopHypervisor
    private var disks: String { "\(directory.path)/disks" }

    init() throws {
        directory = try TemporaryDirectory(prefix: "hawser-hypervisor-test")
        hypervisor = try LoopHypervisor(directory: "\(directory.path)/disks")
    }

    @Test func `a plugged disk is a loop device, found again by the next simulator`() async throws {
        try await hypervisor.plug(first)
        try await hypervisor.plug(first)
        let device = try #require(try LoopDevice.all(backedByFilesUnder: disks).first)
        #expect(try LoopDevice.all(backedByFilesUnder: disks).count == 1)
        #expect(device.backingFile == "\(disks)/\(first.volume)/\(first.serial).img")
        let successor = try LoopHypervisor(directory: disks)
        #expect(await successor.pluggedDisks() == [first.volume])
        try await successor.unplug(first)
        #expect(await hypervisor.pluggedDisks().isEmpty)
        #expect(!exists("/sys/block/\(device.kernelName)"))
    }

    @Test func `a disk that is held open is gone as soon as its holder lets go`() async throws {
        try await hypervisor.plug(first)
        let device = try #require(try LoopDevice.all(backedByFilesUnder: disks).first)
        let holder = try FileDescriptor(opening: "/dev/\(device.kernelName)", flags: O_RDONLY).relinquish()
        async let unplugging: Void = hypervisor.unplug(first)
        while !device.isBeingCleared { await Task.yield() }
        #expect(await hypervisor.pluggedDisks().isEmpty)
        close(holder)
        try await unplugging
        #expect(!exists("/sys/block/\(device.kernelName)"))
    }

    @Test func `a disk that is plugged again while its old device lingers is a new device`() async throws {
        try await hypervisor.plug(first)
        let old = try #require(try LoopDevice.all(backedByFilesUnder: disks).first)
        let holder = try FileDescriptor(opening: "/dev/\(old.kernelName)", flags: O_RDONLY).relinquish()
        async let unplugging: Void = hypervisor.unplug(first)
        while !old.isBeingCleared { await Task.yield() }
        try await hypervisor.plug(first)
        #expect(await hypervisor.pluggedDisks() == [first.volume])
        #expect(try LoopDevice.all(backedByFilesUnder: disks).count == 2)
        close(holder)
        try await unplugging
        #expect(try LoopDevice.all(backedByFilesUnder: disks).count == 1)
        try await hypervisor.unplug(first)
    }

    @Test func `a resized disk is a resized device`() async throws {
        try await hypervisor.plug(first)
        var larger = first
        larger.sizeInBytes = 3 << 20
        try await hypervisor.resize(larger)
        let device = try #require(try LoopDevice.all(backedByFilesUnder: disks).first)
        #expect(try readTextFile("/sys/block/\(device.kernelName)/size") == "6144\n")
        try await hypervisor.unplug(first)
    }
}
