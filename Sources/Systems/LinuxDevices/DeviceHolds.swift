import LinuxCalls
import VolumeModel

/// The devices that Hawser itself keeps open exclusively between the proof of disuse and the detach (IN-USE).
///
/// As long as one is here no mount, swap or device-mapper can claim the disk; when the process ends the kernel lets go.
struct DeviceHolds {
    /// Owns one descriptor; a class, since collections do not take values that cannot be copied.
    private final class Hold: Sendable {
        let device: BlockDevice
        init(_ device: consuming BlockDevice) { self.device = device }
    }

    private var open: [DeviceIdentity: Hold] = [:]

    func holds(_ identity: DeviceIdentity) -> Bool { open[identity] != nil }

    mutating func add(_ device: consuming BlockDevice, _ identity: DeviceIdentity) {
        open[identity] = Hold(device)
    }

    mutating func release(_ identity: DeviceIdentity) {
        open[identity] = nil
    }

    /// Ends whatever is held of a device that is gone.
    mutating func drop(_ number: DeviceNumber) {
        open = open.filter { $0.key.number != number }
    }

    /// Ends what is held of devices that are no longer there, after events were lost. The same number with another disk
    /// sequence number is another plugging-in.
    mutating func keepOnly(_ records: [DeviceRecord]) {
        open = open.filter { hold in
            records.contains { $0.number == hold.key.number && $0.diskSequence == hold.key.diskSequence }
        }
    }
}
