import Reconciliation
import VolumeModel

/// The block devices of one appliance: what the kernel has, and what udev has made of it so far.
///
/// udev lags behind: between a change in the kernel and udev's end of it, links by disk sequence number lead to the kernel
/// name that the disk had, whatever is there by now.
struct Kernel: Sendable {
    struct Disk: Sendable, Equatable {
        var name: String
        var number: DeviceNumber
        var sequence: UInt64
        /// Whose blocks these are.
        var volume: VolumeID
        /// What the disk says of itself.
        var serial: DiskSerial
        var sizeInBytes: Int64
        /// It has the serial of a volume that it is not.
        var isForged = false
        /// As it was plugged in.
        var firstSizeInBytes: Int64
        /// Since when it is smaller than it was.
        var cutAt: Instant?
        /// It is smaller than it ever was. One that had grown and has lost a part of that again looks like one that grows.
        var isTooSmall: Bool { cutAt != nil && sizeInBytes < firstSizeInBytes }
        /// The volume that its links lead people to believe it is.
        var linkedAs: VolumeID?
        /// The kernel refuses to write it.
        var isReadOnly = false
        /// Somebody on the machine has mounted it.
        /// Since when it is mounted.
        var mountedAt: Instant?
        var isMounted: Bool { mountedAt != nil }
        /// hawserd has it open exclusively.
        var heldBy: ProcessID?
    }

    private(set) var disks: [String: Disk] = [:]
    /// What udev knows: the disks whose event it has handled, as they were then.
    private(set) var known: [String: Disk] = [:]
    private var lastSequence: UInt64 = 100

    var inOrder: [Disk] { disks.values.sorted { $0.name < $1.name } }

    func disk(number: DeviceNumber) -> Disk? { disks.values.first { $0.number == number } }
    func disk(sequence: UInt64) -> Disk? { disks.values.first { $0.sequence == sequence } }
    func disks(of volume: VolumeID) -> [Disk] { inOrder.filter { $0.volume == volume } }
    func disks(serial: DiskSerial) -> [Disk] { inOrder.filter { $0.serial == serial } }

    /// - Returns: the kernel name, the lowest that is free, which another disk may have had a moment ago.
    mutating func plug(_ volume: VolumeID, sizeInBytes: Int64) -> String {
        var position = 1
        func name(_ position: Int) -> String { "vd" + String(UnicodeScalar(UInt8(97 + position % 26))) }
        while disks[name(position)] != nil { position += 1 }
        lastSequence += 1
        let name = name(position)
        disks[name] = Disk(
            name: name, number: DeviceNumber(major: 254, minor: UInt64(position * 16)), sequence: lastSequence,
            volume: volume, serial: DiskSerial(of: volume), sizeInBytes: sizeInBytes, firstSizeInBytes: sizeInBytes)
        return name
    }

    /// Plugs in a disk that is none of CloudStack's and has this volume's serial.
    mutating func forge(_ volume: VolumeID, sizeInBytes: Int64) -> String {
        let name = plug(
            VolumeID(UUIDValue(high: ~volume.value.high, low: volume.value.low)), sizeInBytes: sizeInBytes)
        disks[name]?.serial = DiskSerial(of: volume)
        disks[name]?.isForged = true
        return name
    }

    mutating func unplug(_ name: String) { disks[name] = nil }

    mutating func change(_ name: String, _ change: (inout Disk) -> Void) {
        if var disk = disks[name] {
            change(&disk)
            disks[name] = disk
        }
    }

    /// udev has handled what happened to this name.
    ///
    /// - Returns: what it tells; `nil` when nothing is different.
    mutating func settle(_ name: String) -> DeviceEvent? {
        let before = known[name]
        known[name] = disks[name]
        guard let disk = disks[name] else { return before == nil ? nil : .gone(kernelName: name) }
        return .present(record(of: disk))
    }

    /// Everything that udev knows, as an enumeration gives it.
    var enumeration: [DeviceRecord] { known.values.sorted { $0.name < $1.name }.map(record(of:)) }

    func record(of disk: Disk) -> DeviceRecord {
        DeviceRecord(
            kernelName: disk.name, number: disk.number, path: "/dev/\(disk.name)",
            byIDLinks: ["/dev/disk/by-id/virtio-\(disk.linkedAs.map { DiskSerial(of: $0) } ?? disk.serial)"],
            serial: disk.serial, diskSequence: disk.sequence,
            sizeInBytes: disk.sizeInBytes, isReadOnly: disk.isReadOnly)
    }

    /// The disk that udev's link by this disk sequence number leads to now, which may be another disk's.
    func followLink(sequence: UInt64) -> Disk? {
        guard let name = known.values.first(where: { $0.sequence == sequence })?.name else { return nil }
        return disks[name]
    }

    /// The machine starts anew: the same disks under other names, as new disks.
    mutating func reboot(_ chance: inout SplitMix64) {
        var before = inOrder
        before.shuffle(using: &chance)
        disks = [:]
        known = [:]
        for disk in before {
            let name = plug(disk.volume, sizeInBytes: disk.sizeInBytes)
            disks[name]?.serial = disk.serial
            disks[name]?.isForged = disk.isForged
            disks[name]?.cutAt = disk.cutAt
            disks[name]?.firstSizeInBytes = disk.firstSizeInBytes
        }
    }

    mutating func releaseAll(of process: ProcessID) {
        for name in disks.keys where disks[name]?.heldBy == process { disks[name]?.heldBy = nil }
    }

    // MARK: What hawserd asks

    func use(of identity: DeviceIdentity, by process: ProcessID, isBlind: Bool) -> DeviceUse {
        guard !isBlind else { return DeviceUse(witnesses: [], undetermined: ["cannot read /proc: permission denied"]) }
        guard let disk = disk(number: identity.number) else {
            return DeviceUse(witnesses: [], undetermined: ["device \(identity.number): it is not there"])
        }
        var witnesses: [DeviceUse.Witness] = []
        if disk.isMounted { witnesses.append(.mounted(at: "/mnt/\(disk.name)")) }
        if let holder = disk.heldBy, holder != process { witnesses.append(.openExclusively) }
        return DeviceUse(witnesses: witnesses, undetermined: [])
    }

    func search(_ serial: DiskSerial) -> DiskSearch {
        let names = disks(serial: serial).map(\.name)
        return names.isEmpty ? .none : .found(names)
    }

    func mismatch(of identity: DeviceIdentity) -> String? {
        guard let disk = disk(number: identity.number) else { return "device \(identity.number) is not there" }
        let found = record(of: disk).identity
        return found == identity ? nil : "device \(identity.number) is another disk, or has another size"
    }

    mutating func hold(_ identity: DeviceIdentity, by process: ProcessID) -> SystemAnswer {
        guard let disk = disk(number: identity.number), disk.sequence == identity.diskSequence else {
            return .deviceFailed(.mismatch("device \(identity.number) is another disk"))
        }
        guard !disk.isMounted, disk.heldBy == nil || disk.heldBy == process else {
            return .deviceFailed(.busy("it is mounted or held"))
        }
        disks[disk.name]?.heldBy = process
        return .done
    }

    mutating func release(_ identity: DeviceIdentity, by process: ProcessID) {
        guard let disk = disk(number: identity.number), disk.sequence == identity.diskSequence, disk.heldBy == process
        else { return }
        disks[disk.name]?.heldBy = nil
    }
}
