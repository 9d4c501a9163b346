import Glibc
import LinuxCalls

/// Disks as plain files: a plugged disk is a link `by-id/virtio-<serial>` in a device directory to the file with its data.
///
/// It needs neither root nor kernel devices. Links come and go by rename, so that nobody ever sees half of one.
public actor FilesHypervisor: Hypervisor {
    private let files: BackingFiles
    private let deviceDirectory: String
    private var links: String { "\(deviceDirectory)/by-id" }

    /// - Parameters:
    ///   - directory: where the data lies.
    ///   - deviceDirectory: what plays the part of `/dev/disk`.
    public init(directory: String, deviceDirectory: String) throws(HypervisorError) {
        files = try BackingFiles(directory: directory)
        self.deviceDirectory = deviceDirectory
        do { try createDirectories("\(deviceDirectory)/by-id") } catch { throw HypervisorError(error.description) }
    }

    public func plug(_ disk: PluggedDisk) throws(HypervisorError) {
        let path = try files.prepare(disk)
        guard chmod(path, disk.isReadOnly ? 0o400 : 0o600) == 0 else {
            throw HypervisorError("cannot set the mode of \(path): \(errorText(errno))")
        }
        let name = "virtio-\(disk.serial)"
        do throws(SystemCallError) {
            if try linkTarget("\(links)/\(name)") == path { return }
            try makeLink("\(links)/\(name)", to: path, by: "\(deviceDirectory)/\(name).new")
        } catch { throw HypervisorError(error.description) }
    }

    public func unplug(_ disk: PluggedDisk) throws(HypervisorError) {
        let path = try files.path(of: disk)
        let link = "\(links)/virtio-\(disk.serial)"
        do {
            // The link may by now be another volume's with the same serial: that one stays.
            guard try linkTarget(link) == path else { return }
        } catch { throw HypervisorError(error.description) }
        guard unlink(link) == 0 || errno == ENOENT else {
            throw HypervisorError("cannot remove link \(link): \(errorText(errno))")
        }
    }

    /// A plugged disk's link is made anew, because that is how whoever watches the directory hears of a change.
    public func resize(_ disk: PluggedDisk) throws(HypervisorError) {
        let path = try files.prepare(disk)
        let link = "\(links)/virtio-\(disk.serial)"
        do throws(SystemCallError) {
            guard try linkTarget(link) == path else { return }
            try makeLink(link, to: path, by: "\(deviceDirectory)/virtio-\(disk.serial).new")
        } catch { throw HypervisorError(error.description) }
    }

    private func makeLink(_ link: String, to path: String, by new: String) throws(SystemCallError) {
        unlink(new)
        guard symlink(path, new) == 0 else { throw SystemCallError("make link", new, errno: errno) }
        guard rename(new, link) == 0 else { throw SystemCallError("rename \(new) to", link, errno: errno) }
    }

    public func discard(volume: String) throws(HypervisorError) {
        try files.discard(volume: volume)
    }

    public func pluggedDisks() -> [String] {
        // A device directory that cannot be read shows no disk to anybody.
        let names = (try? directoryEntries(links)) ?? []
        return names.compactMap { name in
            guard let target = try? linkTarget("\(links)/\(name)"), target.hasPrefix(files.directory + "/") else {
                return nil
            }
            return parentDirectory(of: target).split(separator: "/").last.map(String.init)
        }
    }
}
