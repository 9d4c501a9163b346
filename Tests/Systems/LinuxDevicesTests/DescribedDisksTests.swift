import Glibc
import LinuxCalls
import LinuxDevices
import Reconciliation
import Rig
import Testing
import VolumeModel

/// Disks that a loop device cannot play: virtio-blk's own serial, virtio-scsi's page 0x80, and what stands above a disk.
///
/// A stand-in: the sysfs and the udev properties are written down, and umockdev(1) shows them to libudev and to this process
/// in the place of the kernel's. They are as a CloudStack guest on KVM has them. Device-mapper and md themselves are not to
/// be had on every kernel.
enum DescribedDisks {
    static let volume = "a7f226a7-95a0-43b6-942e-acc909ef0c08"
    static let serial = "a7f226a795a043b6942e"
    static let scsiSerial = "c3d9e0b21f444c3e8a57"

    /// umockdev's form (umockdev-record(1)): a disk with a holder, one whose partition has one, a SCSI disk whose links
    /// and ID_SERIAL come from the device id, and a disk of somebody else's.
    static let description = """
        P: /devices/pci0000:00/0000:00:05.0/virtio2/block/vdb
        N: vdb
        E: DEVNAME=/dev/vdb
        E: DEVTYPE=disk
        E: DISKSEQ=42
        E: MAJOR=254
        E: MINOR=16
        E: SUBSYSTEM=block
        E: ID_SERIAL=\(serial)
        E: DEVLINKS=/dev/disk/by-id/virtio-\(serial)
        A: serial=\(serial)
        A: size=131072
        A: ro=0
        A: dev=254:16
        A: holders/dm-0/dev=253:0

        P: /devices/pci0000:00/0000:00:06.0/virtio3/host0/target0:0:0/0:0:0:1/block/sdb
        N: sdb
        E: DEVNAME=/dev/sdb
        E: DEVTYPE=disk
        E: DISKSEQ=43
        E: MAJOR=8
        E: MINOR=16
        E: SUBSYSTEM=block
        E: ID_SERIAL=0QEMU_QEMU_HARDDISK_drive-scsi0-0-0-1
        E: ID_SCSI_SERIAL=\(scsiSerial)
        E: DEVLINKS=/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_drive-scsi0-0-0-1
        A: size=2097152
        A: ro=1
        A: dev=8:16
        A: sdb1/partition=1
        A: sdb1/dev=8:17
        A: sdb1/holders/md0/dev=9:0

        P: /devices/pci0000:00/0000:00:07.0/virtio4/block/vda
        N: vda
        E: DEVNAME=/dev/vda
        E: DEVTYPE=disk
        E: DISKSEQ=1
        E: MAJOR=254
        E: MINOR=0
        E: SUBSYSTEM=block
        A: serial=
        A: size=41943040
        A: ro=0
        A: dev=254:0

        """

    /// By this database libudev knows that udevd has seen a device, and its links; umockdev does not show it.
    static func writeDatabase() throws {
        try createDirectories("/run/udev/data")
        for (number, link) in [
            ("254:16", "virtio-\(serial)"), ("8:16", "scsi-0QEMU_QEMU_HARDDISK_drive-scsi0-0-0-1"), ("254:0", nil),
        ] {
            let links = link.map { "S:disk/by-id/\($0)\n" } ?? ""
            try writeFile("/run/udev/data/b\(number)", bytes: Array("\(links)I:1000\nV:1\n".utf8))
        }
    }
}

/// Starts the suite below before umockdev, in a private machine, where /run is its own.
@Suite(.enabled(if: getenv("HAWSER_TEST_MACHINE") != nil, "is run by PrivateMachineRunTests"))
struct DescribedDisksInsideMachineTests {
    @Test(.enabled(if: access("/usr/bin/umockdev-run", X_OK) == 0, "needs umockdev"))
    func `disks that are written down are read as a guest's`() async throws {
        try DescribedDisks.writeDatabase()
        let directory = try TemporaryDirectory(prefix: "hawser-described-")
        let file = "\(directory.path)/disks.umockdev"
        try writeFile(file, bytes: Array(DescribedDisks.description.utf8))
        let own = try #require(try linkTarget("/proc/self/exe"))
        var environment = ["HAWSER_TEST_DESCRIBED": "1"]
        for name in ["PATH", "LD_LIBRARY_PATH"] {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        let outcome = try await ChildProcess.run(
            .init(
                "umockdev-run",
                ["--device", file, "--", own, "--testing-library", "swift-testing", "--filter", "DescribedDisksTests"],
                environment: environment))
        let said = outcome.output + outcome.errors
        #expect(outcome.status.isSuccess, "\(said)")
        #expect(said.contains("Suite DescribedDisksTests passed"), "\(said)")
    }
}

@Suite(.enabled(if: getenv("HAWSER_TEST_DESCRIBED") != nil, "is run by DescribedDisksInsideMachineTests"))
struct DescribedDisksTests {
    private let devices = UdevDevices(buses: DiskBus.standard)

    private func disks() async throws -> [String: DeviceRecord] {
        for await event in await devices.events() {
            guard case .enumerated(let records) = event else { continue }
            return Dictionary(records.map { ($0.kernelName, $0) }) { first, _ in first }
        }
        return [:]
    }

    @Test func `RIGHT-DISK: a virtio disk is the volume by the serial that the kernel itself gives`() async throws {
        let disk = try #require(try await disks()["vdb"])
        let volume = try #require(VolumeID(DescribedDisks.volume))
        #expect(disk.serial == DiskSerial(of: volume))
        #expect(disk.diskSequence == 42)
        #expect(disk.sizeInBytes == 131_072 * 512)
        #expect(disk.number == DeviceNumber(major: 254, minor: 16))
        #expect(disk.byIDLinks == ["/dev/disk/by-id/virtio-\(DescribedDisks.serial)"])
    }

    @Test func `RIGHT-DISK: a SCSI disk is the volume by page 0x80, and not by its links`() async throws {
        let disk = try #require(try await disks()["sdb"])
        #expect(disk.serial == DiskSerial(DescribedDisks.scsiSerial))
        #expect(disk.isReadOnly)
    }

    @Test func `MINE-ONLY: a disk without a serial is no volume's`() async throws {
        let disk = try await disks()["vda"]
        #expect(disk?.serial == nil)
        #expect(disk?.identity == nil)
    }

    @Test(arguments: [("vdb", "dm-0"), ("sdb", "md0")])
    func `IN-USE: what stands above a disk or its partition is a use of it`(kernelName: String, holder: String)
        async throws
    {
        let identity = try #require(try await disks()[kernelName]?.identity)
        let use = await devices.use(of: identity)
        #expect(use.witnesses.contains(.holder(holder)), "\(use)")
        #expect(!use.isProvenIdle)
    }
}
