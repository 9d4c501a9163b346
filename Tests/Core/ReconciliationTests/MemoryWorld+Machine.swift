import Planning
import VolumeModel

@testable import Reconciliation

/// This machine: the kernel's devices and the export server.
extension MemoryWorld {
    func plug(_ volume: VolumeID, into machine: MachineID) {
        volumes[volume]?.attachedTo = machine
        volumes[volume]?.state = .ready
        guard machine == Self.here else { return }
        schedule(after: deviceDelay, inProcess: false) { self.showDevice(volume) }
    }

    func showDevice(_ volume: VolumeID) {
        guard volumes[volume]?.attachedTo == Self.here else { return }
        let letter = (0...).lazy.map { "vd\($0)" }.first { self.devices[$0] == nil } ?? "vd"
        nextSequence += 1
        let serial = DiskSerial(of: volume)
        let device = DeviceRecord(
            kernelName: letter,
            number: DeviceNumber(major: 254, minor: UInt64(letter.utf8.reduce(0) { $0 * 31 + Int($1) })),
            path: "/dev/\(letter)", byIDLinks: ["/dev/disk/by-id/virtio-\(serial)"], serial: serial,
            diskSequence: nextSequence, sizeInBytes: volumes[volume]?.sizeInBytes ?? 0, isReadOnly: false)
        devices[letter] = device
        deliver(.device(.present(device)))
    }

    func unplug(_ volume: VolumeID) {
        volumes[volume]?.attachedTo = nil
        let serial = DiskSerial(of: volume)
        for device in devices.values where device.serial == serial {
            devices[device.kernelName] = nil
            held.remove(serial)
            deliver(.device(.gone(kernelName: device.kernelName)))
            schedule(after: .milliseconds(1)) { self.notice() }
        }
    }

    /// What somebody did to the exports is noticed.
    func notice() {
        let asked = now
        deliver(.exports(observation(), asked: asked))
    }

    /// The kernel shows a new size a little later, when it does.
    func growDevice(_ volume: VolumeID) {
        guard devicesGrow else { return }
        schedule(after: deviceDelay, inProcess: false) {
            let serial = DiskSerial(of: volume)
            guard let size = self.volumes[volume]?.sizeInBytes,
                var device = self.devices.values.first(where: { $0.serial == serial })
            else { return }
            device.sizeInBytes = size
            self.devices[device.kernelName] = device
            self.deliver(.device(.present(device)))
        }
    }

    func shown(_ entry: ExportEntry) -> ExportEntry {
        var entry = entry
        entry.liveness = serverIsRunning ? .live : .unknown
        entry.clients = .known(clients[entry.name, default: 0])
        if case .device(let number, let sequence) = entry.target,
            !devices.values.contains(where: { $0.number == number && $0.diskSequence == sequence })
        {
            entry.target = .nothing
            entry.liveness = .notListed
        }
        return entry
    }

    func observation() -> ExportObservation {
        ExportObservation(
            server: serverIsRunning ? .running : .down("refused"),
            entries: links.values.map(shown).sorted { $0.name < $1.name },
            isComplete: !exportsAreUnreadable, writableURI: "nbd://127.0.0.1:1", readOnlyURI: "nbd://127.0.0.1:2")
    }
}
