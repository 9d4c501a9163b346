import LinuxCalls
import VolumeModel

/// The kernel's own list of disks and their serials, in sysfs: what is in it is there, whether udev has told of it or not.
enum KernelDisks {
    static func search(
        _ serial: DiskSerial, on buses: Set<DiskBus>, in directory: String = "/sys/block"
    ) -> DiskSearch {
        var found: [String] = []
        do {
            for name in try directoryEntries(directory).sorted() {
                if try self.serial(of: name, on: buses, in: directory) == serial { found.append(name) }
            }
        } catch {
            return .undetermined("the kernel's disks: \(error)")
        }
        return found.isEmpty ? .none : .found(found)
    }

    private static func serial(
        of name: String, on buses: Set<DiskBus>, in directory: String
    ) throws(SystemCallError) -> DiskSerial? {
        if name.hasPrefix("vd"), buses.contains(.virtio) {
            // virtio_blk's attribute, drivers/block/virtio_blk.c.
            return try bytes(of: "\(directory)/\(name)/serial").flatMap {
                DiskSerial(String(decoding: $0, as: UTF8.self).prefix { !$0.isWhitespace })
            }
        }
        if name.hasPrefix("sd"), buses.contains(.scsi) {
            // Page 0x80 as the device gave it: four bytes before the serial (SPC-4, 7.8.15).
            return try bytes(of: "\(directory)/\(name)/device/vpd_pg80").flatMap {
                DiskSerial(String(decoding: $0.dropFirst(4).prefix(20), as: UTF8.self))
            }
        }
        return nil
    }

    /// `nil` for a disk without the attribute, or that went away meanwhile.
    private static func bytes(of path: String) throws(SystemCallError) -> [UInt8]? {
        guard exists(path) else { return nil }
        do throws(SystemCallError) {
            return try readFile(path, limit: 4096)
        } catch {
            guard exists(path) else { return nil }
            throw error
        }
    }
}
