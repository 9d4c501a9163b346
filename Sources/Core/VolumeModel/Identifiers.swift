/// The identity of one thing of a kind. Identities of different kinds do not mix: the compiler keeps a volume's id out
/// of the place of a virtual machine's.
public struct Identifier<Kind>: Hashable, Sendable {
    public let value: UUIDValue

    public init(_ value: UUIDValue) {
        self.value = value
    }

    /// Reads the 36-character form of a UUID.
    public init?(_ text: some StringProtocol) {
        guard let value = UUIDValue(text) else { return nil }
        self.value = value
    }
}

extension Identifier: Comparable {
    public static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

extension Identifier: CustomStringConvertible {
    public var description: String { value.description }
}

/// The kinds of things that have an ``Identifier``.
public enum Kinds {
    public enum Volume {}
    public enum Machine {}
    public enum Zone {}
    public enum DiskOffering {}
    public enum Job {}
    public enum Attachment {}
    public enum Intent {}
}

/// A CloudStack volume. Its first 20 digits are the disk's serial: see ``DiskSerial``.
public typealias VolumeID = Identifier<Kinds.Volume>
/// A CloudStack virtual machine.
public typealias MachineID = Identifier<Kinds.Machine>
/// A CloudStack zone.
public typealias ZoneID = Identifier<Kinds.Zone>
/// A CloudStack disk offering.
public typealias DiskOfferingID = Identifier<Kinds.DiskOffering>
/// An asynchronous CloudStack job. Hawser chooses it (`customjobid`) before it calls, so that a lost answer can be asked for.
public typealias JobID = Identifier<Kinds.Job>
/// One desired attachment, from the moment it was accepted until it is gone; a new object of the same name has another.
public typealias AttachmentID = Identifier<Kinds.Attachment>
/// One entry of the ledger: an effect that Hawser meant to have.
public typealias IntentID = Identifier<Kinds.Intent>
