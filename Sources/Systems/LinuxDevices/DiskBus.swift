internal import Udev
internal import VolumeModel

/// On what kind of bus a volume's disk is plugged, and by which rule its serial is found there.
public enum DiskBus: Sendable, Hashable {
    /// virtio-blk: the device itself gives the serial, cut to 20 bytes; udev makes `virtio-<serial>` of it.
    case virtio
    /// virtio-scsi: the links and ID_SERIAL may be made from the device id; only page 0x80, which udev shows as
    /// ID_SCSI_SERIAL, is the serial that CloudStack gave.
    case scsi
    /// Loop devices, which have no serial of their own: whatever a udev rule sets as ID_SERIAL is believed. For
    /// demonstrations and tests; never on unless configuration names it, since any rule could make a disk pass for a
    /// volume.
    case loopByRule

    /// Those that are on when configuration names none.
    public static let standard: Set<DiskBus> = [.virtio, .scsi]

    /// What configuration calls it.
    public init?(configurationName name: String) {
        switch name {
        case "virtio": self = .virtio
        case "scsi": self = .scsi
        case "loop-by-rule": self = .loopByRule
        default: return nil
        }
    }

    /// Whether the device is a disk of this bus.
    func carries(_ device: UdevDevice) -> Bool {
        guard device.kind == "disk" else { return false }
        switch self {
        case .virtio: return device.kernelName.hasPrefix("vd")
        case .scsi: return device.kernelName.hasPrefix("sd")
        // A loop device without a rule's serial is somebody else's.
        case .loopByRule:
            return device.kernelName.hasPrefix("loop") && device.properties["ID_SERIAL"] != nil
                && device.sizeInBytes > 0
        }
    }

    /// The volume's serial that the disk carries.
    func serial(of device: UdevDevice) -> DiskSerial? {
        switch self {
        case .virtio: device.serialAttribute.flatMap { DiskSerial($0) }
        case .scsi: device.properties["ID_SCSI_SERIAL"].flatMap { DiskSerial($0.prefix(20)) }
        case .loopByRule: device.properties["ID_SERIAL"].flatMap { DiskSerial($0) }
        }
    }
}

extension DeviceRecord {
    /// The disk as these buses' rules read it; nil for what is none of theirs.
    init?(_ device: UdevDevice, buses: Set<DiskBus>) {
        guard let bus = buses.first(where: { $0.carries(device) }) else { return nil }
        // The sequence number is the event's, as the serial of a rule is. Read afresh it could be that of a later
        // plugging-in beside the serial of an earlier one; an outdated one is refused when the device is opened.
        self.init(
            kernelName: device.kernelName,
            number: DeviceNumber(major: UInt64(device.major), minor: UInt64(device.minor)),
            path: device.node, byIDLinks: device.links.filter { $0.hasPrefix("/dev/disk/by-id/") },
            serial: bus.serial(of: device), diskSequence: device.properties["DISKSEQ"].flatMap { UInt64($0) },
            sizeInBytes: device.sizeInBytes, isReadOnly: device.isReadOnly)
    }
}
