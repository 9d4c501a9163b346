import Glibc
import LinuxCalls
import LinuxDevices
import Reconciliation
import Rig
import Testing
import VolumeModel

/// What the events say is there.
private actor Sight {
    private(set) var disks: [String: DeviceRecord] = [:]
    private(set) var gone: [String] = []

    func take(_ event: DeviceEvent) {
        switch event {
        case .enumerated(let records):
            disks = Dictionary(records.map { ($0.kernelName, $0) }) { _, last in last }
        case .present(let record): disks[record.kernelName] = record
        case .gone(let kernelName):
            disks[kernelName] = nil
            gone.append(kernelName)
        case .lost: disks = [:]
        }
    }
}

/// Real loop devices and a real udevd, whose rule gives them the name and serial of a virtio disk; device-mapper, md and
/// the serial that virtio-blk itself gives are not to be had here.
@Suite(.serialized, .enabled(if: getenv("HAWSER_TEST_MACHINE") != nil, "is run by PrivateMachineRunTests"))
struct UdevDevicesInsideMachineTests {
    private let devices = UdevDevices(buses: [.loopByRule])
    private let sight = Sight()
    private let directory: String

    init() async throws {
        directory = try PrivateMachine.disksDirectory()
    }

    /// Follows the devices while `body` runs.
    private func watching(_ body: () async throws -> Void) async throws {
        let stream = await devices.events()
        let sight = sight
        let task = Task { for await event in stream { await sight.take(event) } }
        defer { task.cancel() }
        try await body()
    }

    private func until<Value>(_ find: () async throws -> Value?) async throws -> Value {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            if let value = try await find() { return value }
            try #require(ContinuousClock.now < deadline, "waited in vain")
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    private func plug(_ serial: String, of volume: String, sizeInBytes: Int = 1 << 20) throws -> LoopDevice {
        try LoopDevice.create(backedBy: try image(serial, of: volume, sizeInBytes: sizeInBytes))
    }

    private func image(_ serial: String, of volume: String, sizeInBytes: Int) throws -> String {
        try createDirectories("\(directory)/\(volume)")
        let file = "\(directory)/\(volume)/\(serial).img"
        try writeFile(file, bytes: [UInt8](repeating: 0, count: sizeInBytes))
        return file
    }

    private func unplug(_ device: LoopDevice) async throws {
        try device.unbind()
        _ = try await until { device.backingFile == nil ? true : nil }
        _ = try await until { (try? device.remove()) }
    }

    /// What the disk is once all events of its plugging-in have come. Binding a loop device counts its disk sequence
    /// number up twice; the first event tells the first number, which is refused on the open descriptor, as it must be.
    private func identity(of device: LoopDevice) async throws -> DeviceIdentity {
        try await until {
            guard let identity = await sight.disks[device.kernelName]?.identity,
                await devices.mismatch(of: identity) == nil
            else { return nil }
            return identity
        }
    }

    private func run(_ program: String, _ arguments: [String]) async throws {
        let outcome = try await ChildProcess.run(.init(program, arguments))
        try #require(outcome.status.isSuccess, "\(program): \(outcome.errors)")
    }

    @Test func `a disk comes with its serial, link, size and sequence number, and goes`() async throws {
        try await watching {
            let disk = try plug("00000000000000000001", of: "a", sizeInBytes: 2 << 20)
            let identity = try await identity(of: disk)
            let record = try #require(await sight.disks[disk.kernelName])
            #expect(record.byIDLinks == ["/dev/disk/by-id/virtio-00000000000000000001"])
            #expect(record.serial == DiskSerial("00000000000000000001"))
            #expect(record.sizeInBytes == 2 << 20)
            #expect(record.diskSequence != nil)
            #expect(!record.isReadOnly)
            #expect(await devices.mismatch(of: identity) == nil)
            #expect(await devices.use(of: identity) == DeviceUse(witnesses: [], undetermined: []))
            try await unplug(disk)
            _ = try await until { await sight.disks[disk.kernelName] == nil ? true : nil }
            #expect(await sight.gone.contains(disk.kernelName))
            #expect(await devices.mismatch(of: identity) != nil)
        }
    }

    @Test func `a loop device is nobody's disk unless configuration names that bus`() async throws {
        let disk = try plug("00000000000000000002", of: "a")
        try await watching { _ = try await identity(of: disk) }
        var events = await UdevDevices().events().makeAsyncIterator()
        guard case .enumerated(let records)? = await events.next() else {
            Issue.record("no enumeration came first")
            return
        }
        #expect(!records.contains { $0.kernelName == disk.kernelName })
        try await unplug(disk)
    }

    @Test func `RIGHT-DISK: the same name, number and serial in another plugging-in is another disk`() async throws {
        try await watching {
            let disk = try plug("00000000000000000003", of: "a")
            let first = try await identity(of: disk)
            try disk.unbind()
            _ = try await until { await sight.disks[disk.kernelName] == nil ? true : nil }
            let other = try image("00000000000000000003", of: "b", sizeInBytes: 1 << 20)
            // The device is busy as long as udevd still looks at what was unbound.
            _ = try await until { (try? await run("losetup", ["/dev/\(disk.kernelName)", other])).map { _ in true } }
            let second = try await identity(of: disk)
            #expect(second.number == first.number)
            #expect(second.serial == first.serial)
            #expect(second.diskSequence != first.diskSequence)
            #expect(await devices.mismatch(of: second) == nil)
            #expect(await devices.mismatch(of: first)?.contains("disk sequence number") == true)
            let error = await #expect(throws: DeviceError.self) { try await devices.hold(first) }
            if case .mismatch? = error {} else { Issue.record("\(String(describing: error))") }
            try await unplug(disk)
        }
    }

    @Test func `RIGHT-DISK: of two disks with one serial both are told`() async throws {
        try await watching {
            let disks = [
                try plug("00000000000000000004", of: "a"), try plug("00000000000000000004", of: "b"),
            ]
            let identities = [try await identity(of: disks[0]), try await identity(of: disks[1])]
            #expect(identities[0].serial == identities[1].serial)
            #expect(identities[0].number != identities[1].number)
            for disk in disks { try await unplug(disk) }
        }
    }

    @Test func `a disk that grows is told with its new size, and is no longer the one that was checked`() async throws {
        try await watching {
            let disk = try plug("00000000000000000005", of: "a")
            let before = try await identity(of: disk)
            _ = try image("00000000000000000005", of: "a", sizeInBytes: 3 << 20)
            try disk.takeSizeOfFile()
            let after = try await until {
                await sight.disks[disk.kernelName]?.identity.flatMap { $0.sizeInBytes == 3 << 20 ? $0 : nil }
            }
            #expect(await devices.mismatch(of: after) == nil)
            #expect(await devices.mismatch(of: before) != nil)
            try await unplug(disk)
        }
    }

    @Test func `IN-USE: a mount is seen, and the disk cannot be held`() async throws {
        try await watching {
            let disk = try plug("00000000000000000006", of: "a", sizeInBytes: 4 << 20)
            try await run("mkfs.ext4", ["-q", "/dev/\(disk.kernelName)"])
            let identity = try await identity(of: disk)
            let place = "\(directory)/mounted"
            try createDirectories(place)
            try await run("mount", ["/dev/\(disk.kernelName)", place])
            let use = await devices.use(of: identity)
            #expect(use.witnesses.contains(.mounted(at: place)))
            #expect(use.witnesses.contains(.openExclusively))
            let error = await #expect(throws: DeviceError.self) { try await devices.hold(identity) }
            if case .busy? = error {} else { Issue.record("\(String(describing: error))") }
            try await run("umount", [place])
            #expect(await devices.use(of: identity).witnesses.isEmpty)
            try await unplug(disk)
        }
    }

    @Test func `IN-USE: a mount in another mount namespace is seen`() async throws {
        try await watching {
            let disk = try plug("00000000000000000007", of: "a", sizeInBytes: 4 << 20)
            try await run("mkfs.ext4", ["-q", "/dev/\(disk.kernelName)"])
            let identity = try await identity(of: disk)
            let place = "\(directory)/elsewhere"
            try createDirectories(place)
            let container = try ChildProcess(
                starting: .init(
                    "unshare",
                    [
                        "--mount", "--propagation", "private", "sh", "-c",
                        "mount /dev/\(disk.kernelName) \(place) && echo mounted && exec sleep 60",
                    ], output: .lines))
            var lines = container.outputLines.makeAsyncIterator()
            #expect(await lines.next() == "mounted")
            #expect(await devices.use(of: identity).witnesses.contains(.mounted(at: place)))
            container.send(signal: SIGKILL)
            _ = await container.waitForExit()
            _ = try await until { await devices.use(of: identity).witnesses.isEmpty ? true : nil }
            try await unplug(disk)
        }
    }

    @Test func `IN-USE: swap is seen`() async throws {
        try await watching {
            let disk = try plug("00000000000000000008", of: "a", sizeInBytes: 4 << 20)
            try await run("mkswap", ["/dev/\(disk.kernelName)"])
            let identity = try await identity(of: disk)
            // Some kernels have no swap.
            let swapped = try await ChildProcess.run(.init("swapon", ["/dev/\(disk.kernelName)"]))
            if swapped.status.isSuccess {
                #expect(await devices.use(of: identity).witnesses.contains(.swap))
                try await run("swapoff", ["/dev/\(disk.kernelName)"])
            }
            #expect(await devices.use(of: identity).witnesses.isEmpty)
            try await unplug(disk)
        }
    }

    @Test func `IN-USE: while a disk is held nobody can mount it, and the hold ends when the disk goes`() async throws {
        try await watching {
            let disk = try plug("00000000000000000009", of: "a", sizeInBytes: 4 << 20)
            try await run("mkfs.ext4", ["-q", "/dev/\(disk.kernelName)"])
            let identity = try await identity(of: disk)
            try await devices.hold(identity)
            try await devices.hold(identity)
            #expect(await devices.use(of: identity).witnesses.isEmpty)
            try createDirectories("\(directory)/refused")
            let mounted = try await ChildProcess.run(
                .init("mount", ["/dev/\(disk.kernelName)", "\(directory)/refused"]))
            #expect(!mounted.status.isSuccess)
            // As a hypervisor takes a disk away: it is told, and not asked.
            try disk.unbind()
            #expect(disk.isBeingCleared)
            try disk.announce("remove")
            _ = try await until { disk.backingFile == nil ? true : nil }
            _ = try await until { await sight.disks[disk.kernelName] == nil ? true : nil }
            _ = try await until { (try? disk.remove()) }
        }
    }

    @Test func `a hold that was released lets a mount pass`() async throws {
        try await watching {
            let disk = try plug("0000000000000000000a", of: "a")
            let identity = try await identity(of: disk)
            try await devices.hold(identity)
            #expect(throws: SystemCallError.self) {
                _ = try BlockDevice(opening: "/dev/\(disk.kernelName)", exclusively: true)
            }
            await devices.release(identity)
            _ = try await until { try? BlockDevice(opening: "/dev/\(disk.kernelName)", exclusively: true).number.minor }
            try await unplug(disk)
        }
    }
}
