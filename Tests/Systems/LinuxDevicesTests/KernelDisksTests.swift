import LinuxCalls
import Testing
import VolumeModel

@testable import LinuxDevices

/// What sysfs says of disks, as a tree of files of the same shape.
@Suite struct KernelDisksTests {
    private func withDisks(
        _ files: [String: [UInt8]], _ body: (String) throws -> Void
    ) throws {
        let directory = try TemporaryDirectory(prefix: "hawser-sysfs-")
        for (path, bytes) in files {
            try createDirectories(parentDirectory(of: "\(directory.path)/\(path)"))
            try writeFile("\(directory.path)/\(path)", bytes: bytes)
        }
        try body(directory.path)
    }

    @Test func `a disk is found by the serial that virtio, or page 0x80 of SCSI, gives`() throws {
        let text = "a7f226a795a043b6942e"
        let serial = try #require(DiskSerial(text))
        let files: [String: [UInt8]] = [
            "vda/serial": Array("0123456789abcdef0123\n".utf8),
            "vdb/serial": Array(text.utf8),
            "sda/device/vpd_pg80": [0, 0x80, 0, 20] + Array(text.utf8),
            "loop0/size": Array("0".utf8),
        ]
        try withDisks(files) { directory in
            let all: Set<DiskBus> = [.virtio, .scsi]
            #expect(KernelDisks.search(serial, on: all, in: directory) == .found(["sda", "vdb"]))
            #expect(KernelDisks.search(serial, on: [.scsi], in: directory) == .found(["sda"]))
            let other = try #require(DiskSerial("ffffffffffffffffffff"))
            #expect(KernelDisks.search(other, on: all, in: directory) == .none)
        }
    }

    @Test func `what cannot be read is said, and is not 'no disk'`() throws {
        let serial = try #require(DiskSerial("a7f226a795a043b6942e"))
        guard case .undetermined = KernelDisks.search(serial, on: [.virtio], in: "/nowhere/at/all") else {
            Issue.record("a directory that is not there was read")
            return
        }
    }
}
