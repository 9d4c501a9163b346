/// What makes an attachment on the appliance real: the disk that the model says is plugged appears, and goes.
public protocol Hypervisor: Sendable {
    /// Makes the disk appear in the appliance. A disk that is there already is left as it is.
    func plug(_ disk: PluggedDisk) async throws(HypervisorError)
    /// Takes the disk out of the appliance; its data stays. A disk that is not there is no error.
    func unplug(_ disk: PluggedDisk) async throws(HypervisorError)
    /// Gives the disk the size that it carries now, plugged or not.
    func resize(_ disk: PluggedDisk) async throws(HypervisorError)
    /// Throws the data of a volume away.
    func discard(volume: String) async throws(HypervisorError)
    /// The volumes whose disks are in the appliance now.
    func pluggedDisks() async -> [String]
}

/// A disk as the hypervisor is to show it.
public struct PluggedDisk: Sendable, Hashable {
    /// The volume's id, a UUID in lower case.
    public var volume: String
    /// The first 20 hex digits of the volume's id.
    public var serial: String
    public var sizeInBytes: Int64
    public var isReadOnly: Bool

    public init(volume: String, serial: String, sizeInBytes: Int64, isReadOnly: Bool) {
        self.volume = volume
        self.serial = serial
        self.sizeInBytes = sizeInBytes
        self.isReadOnly = isReadOnly
    }
}

/// Why the hypervisor could not do what it was told.
public struct HypervisorError: Error, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
