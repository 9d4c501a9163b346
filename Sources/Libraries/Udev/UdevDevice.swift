/// What udev and sysfs say of one block device at one moment.
public struct UdevDevice: Sendable, Equatable {
    /// Such as `vdb`.
    public var kernelName: String
    /// The device's directory in /sys, without a slash at its end.
    public var path: String
    /// The kernel's node, such as `/dev/vdb`.
    public var node: String
    public var major: UInt32
    public var minor: UInt32
    /// `disk` or `partition`.
    public var kind: String
    /// Whether udevd's rules have run for it. Before that there are no links and no properties of theirs.
    public var isInitialized: Bool
    /// Links that udevd made, absolute paths.
    public var links: [String]
    /// What rules and the kernel set, such as `ID_SERIAL`, `DISKSEQ`.
    public var properties: [String: String]
    /// The attribute `serial` of the device's directory, which virtio-blk and nvme have; nil when there is none.
    public var serialAttribute: String?
    public var sizeInBytes: Int64
    public var isReadOnly: Bool
}

/// What udev tells of block devices.
public enum UdevEvent: Sendable, Equatable {
    /// All there are. Told first, and again whenever events were lost.
    case enumerated([UdevDevice])
    /// Something happened to a device: `add`, `change`, `online`, …
    case changed(UdevDevice, action: String)
    /// A device went away, or its links did (a made-up `remove`).
    case removed(kernelName: String)
    /// Devices cannot be observed any longer.
    case failed(UdevError)
}

/// A call of libudev that failed.
public struct UdevError: Error, Sendable, Equatable, CustomStringConvertible {
    public let operation: String
    public let errorNumber: Int32

    public var description: String { "cannot \(operation): error \(errorNumber) (errno(3))" }
}
