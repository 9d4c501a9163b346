import ActorThreads
import LinuxCalls
public import Reconciliation
internal import Udev
public import VolumeModel

/// The block devices of this machine, seen through udev.
///
/// Links lie: a device is what its own serial, size and disk sequence number say, read again on the open descriptor
/// whenever something depends on it.
public actor UdevDevices: DeviceObserver {
    private let buses: Set<DiskBus>
    private let executor = ThreadExecutor(name: "devices")
    var known: [String: DeviceRecord] = [:]
    private var holds = DeviceHolds()

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Parameter buses: on which a volume's disk may be.
    public init(buses: Set<DiskBus> = DiskBus.standard) {
        self.buses = buses
    }

    public func events() -> AsyncStream<DeviceEvent> {
        let (stream, continuation) = AsyncStream<DeviceEvent>.makeStream()
        let source: AsyncStream<UdevEvent>
        do {
            source = try BlockDeviceEvents.stream()
        } catch {
            continuation.yield(.lost(error.description))
            continuation.finish()
            return stream
        }
        let task = Task {
            for await event in source { for translated in self.take(event) { continuation.yield(translated) } }
            continuation.finish()
        }
        // The task is the stream's: it ends with it.
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }

    private func take(_ event: UdevEvent) -> [DeviceEvent] {
        switch event {
        case .enumerated(let devices):
            let records = devices.compactMap { DeviceRecord($0, buses: buses) }
            known = Dictionary(records.map { ($0.kernelName, $0) }) { _, last in last }
            holds.keepOnly(records)
            return [.enumerated(records)]
        case .changed(let device, _):
            if let record = DeviceRecord(device, buses: buses) {
                // Another plugging-in under the same name: what was there is gone.
                if let before = known[device.kernelName], before.diskSequence != record.diskSequence {
                    holds.drop(before.number)
                }
                known[device.kernelName] = record
                return [.present(record)]
            }
            return forget(device.kernelName)
        case .removed(let kernelName):
            return forget(kernelName)
        case .failed(let error):
            return [.lost(error.description)]
        }
    }

    /// The device is gone, or is no disk of ours any longer. A hold on it ends, or the kernel would keep it for us.
    private func forget(_ kernelName: String) -> [DeviceEvent] {
        guard let record = known.removeValue(forKey: kernelName) else { return [] }
        holds.drop(record.number)
        return [.gone(kernelName: kernelName)]
    }

    public func use(of identity: DeviceIdentity) -> DeviceUse {
        guard let record = record(of: identity) else {
            return DeviceUse(witnesses: [], undetermined: ["device \(identity.number): it is not there"])
        }
        return DeviceInspection.use(of: record, isHeldByUs: holds.holds(identity))
    }

    public func mismatch(of identity: DeviceIdentity) -> String? {
        guard let record = record(of: identity) else { return "device \(identity.number) is not there" }
        do {
            return DeviceInspection.mismatch(
                of: try BlockDevice(opening: record.path), record: record, identity: identity)
        } catch {
            return error.description
        }
    }

    public func disks(with serial: DiskSerial) -> DiskSearch {
        let search = KernelDisks.search(serial, on: buses)
        // A loop device has no serial but the one that a rule of udev's gives it.
        guard case .none = search, buses.contains(.loopByRule) else { return search }
        let ruled = known.values.filter { $0.serial == serial }.map(\.kernelName).sorted()
        return ruled.isEmpty ? .none : .found(ruled)
    }

    public func hold(_ identity: DeviceIdentity) throws(DeviceError) {
        if holds.holds(identity) { return }
        guard let record = record(of: identity) else { throw .failed("device \(identity.number) is not there") }
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
