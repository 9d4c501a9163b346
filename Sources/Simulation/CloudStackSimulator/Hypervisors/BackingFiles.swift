import Glibc
import LinuxCalls

/// The sparse files that hold the data of volumes: `DIRECTORY/<volume>/<serial>.img`, plugged or not.
///
/// The file is named after the serial, since that is all that a udev rule can learn of a loop device; the directory after
/// the volume, since two volumes may share a serial.
struct BackingFiles: Sendable {
    let directory: String

    init(directory: String) throws(HypervisorError) {
        do { try createDirectories(directory, mode: 0o700) } catch { throw HypervisorError(error.description) }
        // The kernel tells the backing file of a loop device without symbolic links: so must the directory be.
        guard let resolved = realpath(directory, nil) else {
            throw HypervisorError("cannot resolve \(directory): \(errorText(errno))")
        }
        defer { free(resolved) }
        self.directory = String(cString: resolved)
    }

    func directory(of volume: String) throws(HypervisorError) -> String {
        guard !volume.isEmpty, volume.utf8.allSatisfy(Self.isPlain) else {
            throw HypervisorError("cannot keep data of volume '\(volume)': it is no UUID")
        }
        return "\(directory)/\(volume)"
    }

    func path(of disk: PluggedDisk) throws(HypervisorError) -> String {
        guard !disk.serial.isEmpty, disk.serial.utf8.allSatisfy(Self.isPlain) else {
            throw HypervisorError("cannot keep data under serial '\(disk.serial)': it is not made of hex digits")
        }
        return "\(try directory(of: disk.volume))/\(disk.serial).img"
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "-"): true
        default: false
        }
    }

    /// Makes the file if need be and gives it the disk's size. What it holds stays.
    func prepare(_ disk: PluggedDisk) throws(HypervisorError) -> String {
        let path = try path(of: disk)
        do throws(SystemCallError) {
            try createDirectories(parentDirectory(of: path), mode: 0o700)
            let file = try FileDescriptor(opening: path, flags: O_RDWR | O_CREAT)
            guard ftruncate(file.number, off_t(disk.sizeInBytes)) == 0 else {
                throw SystemCallError("resize", path, errno: errno)
            }
        } catch { throw HypervisorError(error.description) }
        return path
    }

    func discard(volume: String) throws(HypervisorError) {
        let path = try directory(of: volume)
        do { try removeTree(path) } catch { throw HypervisorError(error.description) }
    }
}
