/// One name that an NBD server has, or would have if it ran.
public struct ExportEntry: Sendable, Equatable {
    public var name: ExportName
    public var isReadOnly: Bool
    /// Who made the entry.
    public var owner: ExportOwner
    /// Where a client that connects now would land.
    public var target: ExportTarget
    public var liveness: Liveness
    /// How many clients are connected. `unknown` counts as in use.
    public var clients: ClientCount
    /// Sessions that are proven to be on a disk other than the one that the name was bound to.
    public var strayedSessions: Int

    public init(
        name: ExportName, isReadOnly: Bool, owner: ExportOwner, target: ExportTarget, liveness: Liveness,
        clients: ClientCount, strayedSessions: Int = 0
    ) {
        self.name = name
        self.isReadOnly = isReadOnly
        self.owner = owner
        self.target = target
        self.liveness = liveness
        self.clients = clients
        self.strayedSessions = strayedSessions
    }
}

extension ExportEntry {
    /// Whether a client that connects now lands on this disk, in this very plugging-in. Where either side has no disk sequence
    /// number, the device number has to suffice.
    public func leads(to device: DeviceRecord) -> Bool {
        guard case .device(device.number, let sequence) = target else { return false }
        guard let sequence, let own = device.diskSequence else { return true }
        return sequence == own
    }
}

/// Whether the live server itself offers a name: asked of the server, never read from its configuration.
public enum Liveness: Sendable, Equatable, Hashable {
    case live
    case notListed
    /// The server could not be asked.
    case unknown
}

/// Connected clients of one export.
public enum ClientCount: Sendable, Equatable, Hashable {
    case known(Int)
    /// Why they could not be counted.
    case unknown(String)
}

public enum ExportOwner: Sendable, Equatable, Hashable {
    /// Hawser made the entry for this volume; it carries Hawser's marker.
    case hawser(VolumeID)
    /// Somebody else made it.
    case foreign

    public var inWords: String {
        switch self {
        case .hawser(let volume): "it is volume \(volume)'s"
        case .foreign: "Hawser did not make it"
        }
    }
}

/// Where a name leads.
public enum ExportTarget: Sendable, Equatable, Hashable {
    /// To this device, in this plugging-in (`nil` where there is no disk sequence number).
    case device(DeviceNumber, diskSequence: UInt64?)
    /// To nothing: clients are refused.
    case nothing
    /// To something that is no disk, or that could not be resolved; with what was found.
    case other(String)

    public var inWords: String {
        switch self {
        case .device(let number, let sequence):
            "device \(number)" + (sequence.map { " with disk sequence number \($0)" } ?? "")
        case .nothing: "nothing"
        case .other(let found): found
        }
    }
}

/// Whether the export server can be used at all.
public enum ExportServerState: Sendable, Equatable {
    case running
    /// Not reachable; with what was seen.
    case down(String)
    /// Not asked yet.
    case unknown
}
