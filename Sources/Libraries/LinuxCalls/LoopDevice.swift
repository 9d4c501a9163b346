internal import CLinux
import Glibc

/// A loop device: a file that the kernel shows as a block device (loop(4)).
///
/// The value is only the device's number: the kernel's state is the truth, and other programs of the machine make and
/// remove loop devices at the same time. Every call that can lose such a race says so, or tries again.
public struct LoopDevice: Sendable, Hashable {
    /// N of `loopN`.
    public let number: Int32

    public init(number: Int32) {
        self.number = number
    }

    /// `loop7`.
    public var kernelName: String { "loop\(number)" }

    /// Whether this process may make loop devices: they need root and a kernel that has them.
    public static var isAvailable: Bool {
        geteuid() == 0 && access("/dev/loop-control", R_OK | W_OK) == 0
    }

    /// Makes a new device that is bound to a file, with a number that nobody used.
    ///
    /// The device's node is made first, where `/dev` does not get it from the kernel: a udevd which serves that `/dev`
    /// would otherwise meet a device without a node.
    ///
    /// - Parameters:
    ///   - file: the backing file; the device's size is the file's, rounded down to whole sectors of 512 bytes.
    ///   - deviceDirectory: where the nodes are: `/dev`, or another that plays its part.
    /// - Throws: ``SystemCallError`` when the file cannot be opened or the kernel refuses.
    public static func create(
        backedBy file: String, readOnly: Bool = false, deviceDirectory: String = "/dev"
    ) throws(SystemCallError) -> LoopDevice {
        let control = try FileDescriptor(opening: "\(deviceDirectory)/loop-control", flags: O_RDWR)
        for _ in 0..<64 {
            // High numbers keep out of the way of `losetup -f`, and chance out of that of other copies of ourselves.
            let device = LoopDevice(number: Int32.random(in: 1_000..<100_000))
            if exists("/sys/block/\(device.kernelName)") { continue }
            try device.makeNode(in: deviceDirectory)
            guard hawser_ioctl_int(control.number, UInt(LOOP_CTL_ADD), Int(device.number)) >= 0 else {
                let reason = errno
                if reason == EEXIST { continue }
                device.removeNode(in: deviceDirectory)
                throw SystemCallError("add", device.kernelName, errno: reason)
            }
            do {
                try device.bind(to: file, readOnly: readOnly, deviceDirectory: deviceDirectory)
                return device
            } catch {
                if error.errorNumber == EBUSY { continue }
                // It was never bound; a device that cannot be removed now shows in /sys, unbound and harmless.
                try? device.remove(deviceDirectory: deviceDirectory)
                throw error
            }
        }
        throw SystemCallError("find a free loop device for", file, errno: EBUSY)
    }

    private func makeNode(in directory: String) throws(SystemCallError) {
        let path = "\(directory)/\(kernelName)"
        // 7 is the major number of loop devices (Documentation/admin-guide/devices.txt of the kernel).
        guard hawser_mknod_block(path, 0o660, 7, UInt32(number)) == 0 || errno == EEXIST else {
            throw SystemCallError("make node", path, errno: errno)
        }
    }

    private func removeNode(in directory: String) {
        unlink("\(directory)/\(kernelName)")
    }

    /// Binds the device to a file in one step, so that nobody sees it half made (LOOP_CONFIGURE, Linux 5.8).
    private func bind(to file: String, readOnly: Bool, deviceDirectory: String) throws(SystemCallError) {
        let access = readOnly ? O_RDONLY : O_RDWR
        let backing = try FileDescriptor(opening: file, flags: access)
        let device = try FileDescriptor(opening: "\(deviceDirectory)/\(kernelName)", flags: access)
        var configuration = loop_config()
        configuration.fd = UInt32(backing.number)
        configuration.info.lo_flags = readOnly ? UInt32(LO_FLAGS_READ_ONLY) : 0
        withUnsafeMutableBytes(of: &configuration.info.lo_file_name) { name in
            name.copyBytes(from: file.utf8.prefix(name.count - 1))
        }
        guard hawser_ioctl_pointer(device.number, UInt(LOOP_CONFIGURE), &configuration) == 0 else {
            throw SystemCallError("bind \(kernelName) to", file, errno: errno)
        }
    }

    /// Takes the backing file away. A device that somebody holds open stays bound until the last one closes it: the
    /// kernel then only marks it, and ``backingFile`` still names the file.
    public func unbind(deviceDirectory: String = "/dev") throws(SystemCallError) {
        let device = try FileDescriptor(opening: "\(deviceDirectory)/\(kernelName)", flags: O_RDONLY)
        guard hawser_ioctl_int(device.number, UInt(LOOP_CLR_FD), 0) == 0 || errno == ENXIO else {
            throw SystemCallError("unbind", kernelName, errno: errno)
        }
    }

    /// Removes an unbound device that nobody holds open, and its node.
    ///
    /// - Throws: ``SystemCallError`` with `EBUSY` while it is bound or open.
    public func remove(deviceDirectory: String = "/dev") throws(SystemCallError) {
        let control = try FileDescriptor(opening: "\(deviceDirectory)/loop-control", flags: O_RDWR)
        guard hawser_ioctl_int(control.number, UInt(LOOP_CTL_REMOVE), Int(number)) == 0 || errno == ENODEV else {
            throw SystemCallError("remove", kernelName, errno: errno)
        }
        removeNode(in: deviceDirectory)
    }

    /// Lets the device take on its file's present size; the kernel tells listeners by a `change` with RESIZE=1.
    public func takeSizeOfFile(deviceDirectory: String = "/dev") throws(SystemCallError) {
        let device = try FileDescriptor(opening: "\(deviceDirectory)/\(kernelName)", flags: O_RDONLY)
        guard hawser_ioctl_int(device.number, UInt(LOOP_SET_CAPACITY), 0) == 0 else {
            throw SystemCallError("resize", kernelName, errno: errno)
        }
    }

    /// Sends a made-up event for the device, as udevadm-trigger(8) does: `add`, `change` or `remove`.
    public func announce(_ action: String) throws(SystemCallError) {
        try writeFile("/sys/block/\(kernelName)/uevent", bytes: Array(action.utf8))
    }

    /// The file that the device is bound to; nil when it is bound to none or not there. A file that was removed has
    /// ` (deleted)` after its name.
    public var backingFile: String? {
        // Without the attribute there is no backing file: that is the answer, and not a failure to get it.
        guard let text = try? readTextFile("/sys/block/\(kernelName)/loop/backing_file") else { return nil }
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    /// Whether it was unbound while somebody held it open, and ends with the last holder.
    public var isBeingCleared: Bool {
        // A device that is gone has no attribute, and nothing that could be cleared.
        (try? readTextFile("/sys/block/\(kernelName)/loop/autoclear")) == "1\n"
    }

    /// The devices that are bound to files under a directory, by number.
    public static func all(backedByFilesUnder directory: String) throws(SystemCallError) -> [LoopDevice] {
        let prefix = directory.hasSuffix("/") ? directory : directory + "/"
        return try directoryEntries("/sys/block")
            .compactMap { name in name.hasPrefix("loop") ? Int32(name.dropFirst(4)) : nil }
            .map(LoopDevice.init)
            .filter { $0.backingFile?.hasPrefix(prefix) == true }
            .sorted { $0.number < $1.number }
    }
}
