import Glibc
import LinuxCalls
internal import MountTable
import VolumeModel

/// Looks at one disk for one act: which it is, and who uses it.
enum DeviceInspection {
    /// Whether an open failed because somebody has claimed the device.
    static func isBusy(_ error: SystemCallError) -> Bool { error.errorNumber == EBUSY }

    /// What differs between the open device and what it is thought to be; nil when nothing does (RIGHT-DISK).
    static func mismatch(
        of device: borrowing BlockDevice, record: DeviceRecord, identity: DeviceIdentity
    ) -> String? {
        let number = DeviceNumber(major: device.number.major, minor: device.number.minor)
        guard number == identity.number else { return "\(record.path) is device \(number), not \(identity.number)" }
        do {
            let size = try device.sizeInBytes()
            guard size == identity.sizeInBytes else {
                return "\(record.path) has \(size) bytes, not \(identity.sizeInBytes)"
            }
            let sequence = try device.diskSequence()
            guard sequence == identity.diskSequence else {
                return "\(record.path) has disk sequence number \(text(sequence)), not \(text(identity.diskSequence))"
            }
        } catch {
            return error.description
        }
        // The serial that the kernel gives by itself, where there is one, is read again too.
        if !device.isPlainFile, let serial = kernelSerial(of: number), serial != identity.serial {
            return "\(record.path) has serial \(serial), not \(identity.serial)"
        }
        guard record.serial == identity.serial else {
            return "\(record.path) has serial \(record.serial.map(\.description) ?? "none"), not \(identity.serial)"
        }
        return nil
    }

    private static func text(_ sequence: UInt64?) -> String { sequence.map(String.init) ?? "none" }

    private static func kernelSerial(of number: DeviceNumber) -> DiskSerial? {
        // Without the attribute (SCSI, loop) udev's word, which the record carries, must do.
        guard let text = try? readTextFile("/sys/dev/block/\(number)/serial", limit: 4096) else { return nil }
        return DiskSerial(text.prefix { !$0.isWhitespace })
    }

    /// Who uses the disk: what is above it, what is mounted or swapped on, who has claimed it. A partition's use is the
    /// disk's. What cannot be read is said.
    static func use(of record: DeviceRecord, isHeldByUs: Bool) -> DeviceUse {
        var use = DeviceUse(witnesses: [], undetermined: [])
        var numbers: Set = [record.number]
        let directory = "/sys/dev/block/\(record.number)"
        do {
            var directories = [directory]
            for name in try directoryEntries(directory) where exists("\(directory)/\(name)/partition") {
                directories.append("\(directory)/\(name)")
                if let number = number(inFile: "\(directory)/\(name)/dev") { numbers.insert(number) }
            }
            for directory in directories where exists("\(directory)/holders") {
                for holder in try directoryEntries("\(directory)/holders") { use.witnesses.append(.holder(holder)) }
            }
        } catch {
            use.undetermined.append("holders: \(error)")
        }
        addMounts(of: numbers, to: &use)
        addSwaps(of: numbers, to: &use)
        if !isHeldByUs {
            do {
                _ = try BlockDevice(opening: record.path, exclusively: true)
            } catch {
                if isBusy(error) {
                    use.witnesses.append(.openExclusively)
                } else {
                    use.undetermined.append("exclusive use: \(error)")
                }
            }
        }
        return use
    }

    private static func number(inFile path: String) -> DeviceNumber? {
        // A partition that went away in between has no number, and no use.
        guard let text = try? readTextFile(path, limit: 64) else { return nil }
        let parts = text.split { !$0.isNumber }.compactMap { UInt64($0) }
        return parts.count == 2 ? DeviceNumber(major: parts[0], minor: parts[1]) : nil
    }

    /// Mounts of every mount namespace that can be read: a container's mount is a use like any other.
    private static func addMounts(of numbers: Set<DeviceNumber>, to use: inout DeviceUse) {
        func add(_ table: Mounts) {
            for entry in table.entries where isOn(numbers, entry) {
                let witness = DeviceUse.Witness.mounted(at: entry.place)
                if !use.witnesses.contains(witness) { use.witnesses.append(witness) }
            }
        }
        do { add(try Mounts.mounts()) } catch { use.undetermined.append("mounts: \(error)") }
        // Only the own namespace must be readable. What a process that has ended had mounted is no longer so by it.
        var seen: Set<String> = []
        if let own = try? linkTarget("/proc/self/ns/mnt") { seen.insert(own) }
        for process in (try? directoryEntries("/proc")) ?? [] where process.allSatisfy(\.isNumber) {
            guard let space = try? linkTarget("/proc/\(process)/ns/mnt"), seen.insert(space).inserted,
                let table = try? Mounts.mounts(of: process)
            else { continue }
            add(table)
        }
    }

    private static func isOn(_ numbers: Set<DeviceNumber>, _ entry: Mounts.Entry) -> Bool {
        if numbers.contains(DeviceNumber(major: UInt64(entry.major), minor: UInt64(entry.minor))) { return true }
        // File systems over several devices, such as btrfs, have a number of their own; their source is a device.
        guard entry.source.hasPrefix("/dev/"), let source = diskNumber(of: entry.source) else { return false }
        return numbers.contains(DeviceNumber(major: source.major, minor: source.minor))
    }

    private static func addSwaps(of numbers: Set<DeviceNumber>, to use: inout DeviceUse) {
        do {
            for entry in try Mounts.swaps().entries {
                guard let number = diskNumber(of: entry.source) ?? diskNumber(of: entry.place) else { continue }
                if numbers.contains(DeviceNumber(major: number.major, minor: number.minor)) {
                    use.witnesses.append(.swap)
                }
            }
        } catch {
            use.undetermined.append("swap: \(error)")
        }
    }
}
