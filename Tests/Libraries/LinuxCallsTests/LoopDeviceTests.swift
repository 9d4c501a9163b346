import Glibc
import LinuxCalls
import Testing

@Suite(.enabled(if: LoopDevice.isAvailable, "needs root and /dev/loop-control"))
struct LoopDeviceTests {
    private func sparseFile(in directory: TemporaryDirectory, size: Int) throws -> String {
        let path = "\(directory.path)/disk.img"
        try writeFile(path, bytes: [])
        #expect(truncate(path, size) == 0)
        return path
    }

    /// Every udevd of the machine, also one in another namespace, opens a device for a moment when something happens to it.
    private func waitUntilNobodyElseHas(_ device: LoopDevice) throws {
        for _ in 0..<3_000 where device.backingFile != nil { usleep(10_000) }
        #expect(device.backingFile == nil)
    }

    private func remove(_ device: LoopDevice) throws {
        try waitUntilNobodyElseHas(device)
        for _ in 0..<3_000 {
            do throws(SystemCallError) { return try device.remove() } catch {
                guard error.errorNumber == EBUSY else { throw error }
                usleep(10_000)
            }
        }
        try device.remove()
    }

    private func size(of device: LoopDevice) throws -> String {
        try readTextFile("/sys/block/\(device.kernelName)/size")
    }

    @Test func `a device is bound, seen, resized, unbound and gone`() throws {
        let directory = try TemporaryDirectory(prefix: "hawser-loop-test")
        let file = try sparseFile(in: directory, size: 1 << 20)
        let device = try LoopDevice.create(backedBy: file)
        #expect(device.backingFile == file)
        #expect(try LoopDevice.all(backedByFilesUnder: directory.path) == [device])
        #expect(try size(of: device) == "2048\n")
        #expect(truncate(file, 2 << 20) == 0)
        try device.takeSizeOfFile()
        #expect(try size(of: device) == "4096\n")
        try device.unbind()
        try remove(device)
        #expect(!exists("/sys/block/\(device.kernelName)"))
        #expect(!exists("/dev/\(device.kernelName)"))
    }

    @Test func `a device that is held open stays bound until the holder lets go`() throws {
        let directory = try TemporaryDirectory(prefix: "hawser-loop-test")
        let file = try sparseFile(in: directory, size: 1 << 20)
        let device = try LoopDevice.create(backedBy: file)
        do {
            let holder = try FileDescriptor(opening: "/dev/\(device.kernelName)", flags: O_RDONLY)
            try device.unbind()
            #expect(device.backingFile == file)
            #expect(throws: SystemCallError("remove", device.kernelName, errno: EBUSY)) { try device.remove() }
            _ = try holder.read(upTo: 512)
        }
        try remove(device)
    }

    @Test func `a read-only device refuses writers`() throws {
        let directory = try TemporaryDirectory(prefix: "hawser-loop-test")
        let device = try LoopDevice.create(backedBy: try sparseFile(in: directory, size: 1 << 20), readOnly: true)
        #expect(try readTextFile("/sys/block/\(device.kernelName)/ro") == "1\n")
        try device.unbind()
        try remove(device)
    }

    @Test func `many that are made at once do not meet`() async throws {
        let directory = try TemporaryDirectory(prefix: "hawser-loop-test")
        let file = try sparseFile(in: directory, size: 1 << 20)
        let devices = try await withThrowingTaskGroup(of: LoopDevice.self) { group in
            for _ in 0..<8 { group.addTask { try LoopDevice.create(backedBy: file, readOnly: true) } }
            return try await group.reduce(into: Set<LoopDevice>()) { $0.insert($1) }
        }
        #expect(devices.count == 8)
        for device in devices {
            try device.unbind()
            try remove(device)
        }
    }
}
