public import VolumeModel

/// The block devices of this machine, as the loop needs them.
public protocol DeviceObserver: Sendable {
    /// What happens to devices, from now on. It begins with a ``DeviceEvent/enumerated(_:)``; one consumer.
    func events() async -> AsyncStream<DeviceEvent>

    /// Looks now at who uses a device. What cannot be determined is said so, never left out.
    func use(of identity: DeviceIdentity) async -> DeviceUse

    /// Opens the device and compares serial, size and disk sequence number on the open descriptor.
    ///
    /// - Returns: `nil` when it is the device it is thought to be, else what is different.
    func mismatch(of identity: DeviceIdentity) async -> String?

    /// Asks the kernel, not udev, for disks with a serial.
    func disks(with serial: DiskSerial) async -> DiskSearch

    /// Opens the device exclusively and keeps it open until it is gone or released, so that no mount can slip in between
    /// the proof of disuse and the detach (IN-USE). Holding what is held already succeeds.
    func hold(_ identity: DeviceIdentity) async throws(DeviceError)

    /// Ends a hold. Releasing what is not held does nothing.
    func release(_ identity: DeviceIdentity) async
}

/// What happened to the devices. Events carry no orders; they say what is there now.
public enum DeviceEvent: Sendable, Equatable {
    /// A full enumeration: what is not in it is not there. Sent at the start and whenever events were lost.
    case enumerated([DeviceRecord])
    /// A device came, or something about it changed.
    case present(DeviceRecord)
    /// The device of this kernel name is gone, or no longer has a medium.
    case gone(kernelName: String)
    /// The devices cannot be observed for now; what is known of them is no longer certain.
    case lost(String)
}

/// A device could not be opened or held.
public enum DeviceError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Somebody has it open exclusively: a mount, swap, a holder.
    case busy(String)
    /// It is not the device it is thought to be.
    case mismatch(String)
    case failed(String)

    public var description: String {
        switch self {
        case .busy(let text): "cannot hold the device: it is in use: \(text)"
        case .mismatch(let text): "cannot hold the device: it is another one: \(text)"
        case .failed(let text): "cannot hold the device: \(text)"
        }
    }
}
