import ActorThreads
import Glibc
import LinuxCalls

/// Disks as loop devices of the kernel, which a udev rule of the rig gives the name and serial of a virtio disk.
///
/// The kernel is the only record of what is plugged: a device that is bound to a file of ours, and is not being cleared,
/// is. So a restarted simulator finds what its predecessor left.
public actor LoopHypervisor: Hypervisor {
    private let files: BackingFiles
    private let deviceDirectory: String
    private let executor = ThreadExecutor(name: "loop-devices")

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - directory: where the data lies; the rule must match this directory and no other.
    ///   - deviceDirectory: where the devices' nodes are.
    public init(directory: String, deviceDirectory: String = "/dev") throws(HypervisorError) {
        files = try BackingFiles(directory: directory)
        self.deviceDirectory = deviceDirectory
    }

    public func plug(_ disk: PluggedDisk) throws(HypervisorError) {
        let path = try files.prepare(disk)
        do {
            guard try devices(of: disk.volume).isEmpty else { return }
            _ = try LoopDevice.create(backedBy: path, readOnly: disk.isReadOnly, deviceDirectory: deviceDirectory)
        } catch { throw HypervisorError(error.description) }
    }

    /// Takes the disk away as a hypervisor does: whoever holds it open is told by a `remove` event, and not asked.
    ///
    /// The kernel only marks a loop device that somebody holds open, and clears it when the last one lets go. So the event
    /// is sent by hand, udevd drops the links, and the device ends when its holders have heard of it. It returns when the
    /// device is gone, or after a time when a holder does not care; the device then ends with its holder.
    public func unplug(_ disk: PluggedDisk) async throws(HypervisorError) {
        do throws(SystemCallError) {
            for device in try devices(of: disk.volume) {
                try device.unbind(deviceDirectory: deviceDirectory)
                if device.backingFile != nil { try device.announce("remove") }
                await removeWhenReleased(device)
            }
        } catch { throw HypervisorError(error.description) }
    }

    private func removeWhenReleased(_ device: LoopDevice) async {
        for _ in 0..<200 {
            // A device that is still open refuses: that is what is waited for. udevd itself opens it now and then.
            if (try? device.remove(deviceDirectory: deviceDirectory)) != nil { return }
            // A cancelled sleep means that the simulator ends; the device ends with its holder.
            guard (try? await Task.sleep(for: .milliseconds(20))) != nil else { return }
        }
    }

    public func resize(_ disk: PluggedDisk) throws(HypervisorError) {
        _ = try files.prepare(disk)
        do {
            for device in try devices(of: disk.volume) { try device.takeSizeOfFile(deviceDirectory: deviceDirectory) }
        } catch { throw HypervisorError(error.description) }
    }

    public func discard(volume: String) throws(HypervisorError) {
        try files.discard(volume: volume)
    }

    public func pluggedDisks() -> [String] {
        // Without /sys there is no device that anybody could see.
        let devices = (try? LoopDevice.all(backedByFilesUnder: files.directory)) ?? []
        return devices.filter { !$0.isBeingCleared }.compactMap { device in
            device.backingFile.flatMap { parentDirectory(of: $0).split(separator: "/").last }.map(String.init)
        }
    }

    private func devices(of volume: String) throws(SystemCallError) -> [LoopDevice] {
        try LoopDevice.all(backedByFilesUnder: "\(files.directory)/\(volume)").filter { !$0.isBeingCleared }
    }
}
