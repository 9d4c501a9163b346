/// A block device of this machine that carries, or claims to carry, a volume.
public struct DeviceRecord: Sendable, Equatable {
    /// Such as `vdb`; not stable, not an identity.
    public var kernelName: String
    public var number: DeviceNumber
    /// The path of the kernel's node, such as `/dev/vdb`.
    public var path: String
    /// The links under `/dev/disk/by-id` that udev says are this device's. Links lie: they are how people and servers
    /// reach the device, never the proof of which device it is.
    public var byIDLinks: [String]
    /// The serial that the device itself gives; `nil` when it gives none or one that is not a volume's.
    public var serial: DiskSerial?
    /// The kernel's number for this very plugging-in (`BLKGETDISKSEQ`, Linux 5.15); never used twice while the machine
    /// runs. `nil` when the kernel has none.
    public var diskSequence: UInt64?
    public var sizeInBytes: Int64
    public var isReadOnly: Bool

    public init(
        kernelName: String, number: DeviceNumber, path: String, byIDLinks: [String], serial: DiskSerial?,
        diskSequence: UInt64?, sizeInBytes: Int64, isReadOnly: Bool
    ) {
        self.kernelName = kernelName
        self.number = number
        self.path = path
        self.byIDLinks = byIDLinks
        self.serial = serial
        self.diskSequence = diskSequence
        self.sizeInBytes = sizeInBytes
        self.isReadOnly = isReadOnly
    }

    /// What is checked again on the open descriptor before anything is done with the device; `nil` without a serial.
    public var identity: DeviceIdentity? {
        serial.map {
            DeviceIdentity(serial: $0, number: number, diskSequence: diskSequence, sizeInBytes: sizeInBytes)
        }
    }
}

/// Major and minor number; for plain files (a directory of devices) the file system's device and the inode.
public struct DeviceNumber: Hashable, Sendable, CustomStringConvertible {
    public var major: UInt64
    public var minor: UInt64

    public init(major: UInt64, minor: UInt64) {
        self.major = major
        self.minor = minor
    }

    public var description: String { "\(major):\(minor)" }

    /// Reads ``description`` back.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { UInt64($0) }
        guard parts.count == 2, let major = parts[0], let minor = parts[1] else { return nil }
        self.init(major: major, minor: minor)
    }
}

/// Which disk, in which plugging-in: what RIGHT-DISK binds an export to.
public struct DeviceIdentity: Hashable, Sendable {
    public var serial: DiskSerial
    public var number: DeviceNumber
    public var diskSequence: UInt64?
    public var sizeInBytes: Int64

    public init(serial: DiskSerial, number: DeviceNumber, diskSequence: UInt64?, sizeInBytes: Int64) {
        self.serial = serial
        self.number = number
        self.diskSequence = diskSequence
        self.sizeInBytes = sizeInBytes
    }
}

/// Who uses a device on this machine, apart from NBD clients.
///
/// What could not be determined counts as use (IN-USE).
public struct DeviceUse: Sendable, Equatable {
    /// Proof of use, each as something a person can look at.
    public enum Witness: Sendable, Equatable, Hashable {
        case mounted(at: String)
        case swap
        /// A device above it: device-mapper, md, LVM.
        case holder(String)
        case openExclusively
    }

    public var witnesses: [Witness]
    /// What could not be determined, and why, such as `mounts: Permission denied`.
    public var undetermined: [String]

    public init(witnesses: [Witness], undetermined: [String]) {
        self.witnesses = witnesses
        self.undetermined = undetermined
    }

    /// Proven to be used by nobody.
    public var isProvenIdle: Bool { witnesses.isEmpty && undetermined.isEmpty }
}

/// What the kernel itself says, asked now, of disks with one serial. udev can be behind it, and its events can be lost.
public enum DiskSearch: Sendable, Equatable, Hashable {
    case none
    /// By their kernel names.
    case found([String])
    /// The kernel could not be asked.
    case undetermined(String)
}
