import ActorThreads
import Glibc
import LinuxCalls
public import Reconciliation
public import VolumeModel

/// Plain files that play the part of block devices: `DIRECTORY/by-id/virtio-<serial>` leads to a file with the disk's
/// bytes. For machines without root or udev; never on unless configuration names the directory.
///
/// The file system's number and the inode stand in for the device number. A file has no disk sequence number and no
/// serial of its own: the link is all there is, so RIGHT-DISK is only as good as the directory.
public actor DirectoryDevices: DeviceObserver {
    private let links: String
    private let executor = ThreadExecutor(name: "devices")
    private var known: [String: DeviceRecord] = [:]
    private var holds = DeviceHolds()

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Parameter directory: what plays the part of `/dev/disk`.
    public init(directory: String) {
        links = "\(directory)/by-id"
    }

    public func events() -> AsyncStream<DeviceEvent> {
        let (stream, continuation) = AsyncStream<DeviceEvent>.makeStream()
        let changes: AsyncStream<Void>
        do {
            changes = try DirectoryChanges.stream(of: [links])
            continuation.yield(.enumerated(try scan()))
        } catch {
            continuation.yield(.lost(error.description))
            continuation.finish()
            return stream
        }
        let task = Task {
            for await _ in changes {
                do { for event in try self.difference() { continuation.yield(event) } } catch {
                    continuation.yield(.lost("\(error)"))
                }
            }
            continuation.finish()
        }
        // The task is the stream's: it ends with it.
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }

    /// What is in the directory now.
    private func scan() throws(SystemCallError) -> [DeviceRecord] {
        var records: [DeviceRecord] = []
        for name in try directoryEntries(links) where name.hasPrefix("virtio-") {
            guard let serial = DiskSerial(name.dropFirst("virtio-".count)) else { continue }
            let link = "\(links)/\(name)"
            var status = stat()
            // A link that leads nowhere is no disk.
            guard stat(link, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            records.append(
                DeviceRecord(
                    kernelName: name, number: DeviceNumber(major: UInt64(status.st_dev), minor: UInt64(status.st_ino)),
                    path: link, byIDLinks: [link], serial: serial, diskSequence: nil,
                    sizeInBytes: Int64(status.st_size), isReadOnly: status.st_mode & 0o200 == 0))
        }
        known = Dictionary(records.map { ($0.kernelName, $0) }) { _, last in last }
        holds.keepOnly(records)
        return records
    }

    private func difference() throws(SystemCallError) -> [DeviceEvent] {
        let before = known
        let now = try scan()
        let gone = before.keys.filter { known[$0] == nil }.sorted().map { DeviceEvent.gone(kernelName: $0) }
        return gone + now.filter { before[$0.kernelName] != $0 }.map { .present($0) }
    }

    public func use(of identity: DeviceIdentity) -> DeviceUse {
        guard let record = record(of: identity) else {
            return DeviceUse(witnesses: [], undetermined: ["file \(identity.number): it is not there"])
        }
        if holds.holds(identity) { return DeviceUse(witnesses: [], undetermined: []) }
        do {
            _ = try BlockDevice(opening: record.path, exclusively: true)
            return DeviceUse(witnesses: [], undetermined: [])
        } catch {
            if DeviceInspection.isBusy(error) { return DeviceUse(witnesses: [.openExclusively], undetermined: []) }
            return DeviceUse(witnesses: [], undetermined: ["exclusive use: \(error)"])
        }
    }

    public func mismatch(of identity: DeviceIdentity) -> String? {
        guard let record = record(of: identity) else { return "file \(identity.number) is not there" }
        do {
            return DeviceInspection.mismatch(
                of: try BlockDevice(opening: record.path), record: record, identity: identity)
        } catch {
            return error.description
        }
    }

    public func disks(with serial: DiskSerial) -> DiskSearch {
        exists("\(links)/virtio-\(serial)") ? .found(["virtio-\(serial)"]) : .none
    }

    public func hold(_ identity: DeviceIdentity) throws(DeviceError) {
        if holds.holds(identity) { return }
        guard let record = record(of: identity) else { throw .failed("file \(identity.number) is not there") }
        let device: BlockDevice
        do { device = try BlockDevice(opening: record.path, exclusively: true) } catch {
            throw DeviceInspection.isBusy(error) ? .busy(error.description) : .failed(error.description)
        }
        if let mismatch = DeviceInspection.mismatch(of: device, record: record, identity: identity) {
            throw .mismatch(mismatch)
        }
        holds.add(device, identity)
    }

    public func release(_ identity: DeviceIdentity) {
        holds.release(identity)
    }

    private func record(of identity: DeviceIdentity) -> DeviceRecord? {
        known.values.first { $0.number == identity.number && $0.serial == identity.serial }
    }
}

extension DirectoryDevices: Examinable {
    public func examine() -> [Finding] {
        [Finding("devices", .warning, "plain files play the part of devices: for demonstrations and tests only")]
    }
}
