public import VolumeModel

/// One NBD server, or one pair of them, behind which volumes are exported.
public protocol ExportServer: Sendable {
    var capabilities: ExportCapabilities { get }

    /// Something about the exports may have changed: observe again. Bursts may be merged; one consumer.
    func events() async -> AsyncStream<ExportEvent>

    /// Everything that the server offers now, asked of the live server.
    func observe() async -> ExportObservation

    /// One name, read for an act (LIVE-PROOF): where it leads now, whether the server lists it, who is connected.
    func read(_ name: ExportName) async -> Fact<ExportEntry>

    /// How many sessions of the server are on this device now, under whatever name they came, also when the name is gone
    /// since. This is what a removal counts again after the withdrawal (IN-USE).
    func sessions(on device: DeviceNumber) async -> ClientCount

    /// Makes the name lead to the device. The entry of another owner is never replaced.
    ///
    /// The device has been verified by the caller; where the server lets its open descriptor be checked, it is checked
    /// again here.
    func publish(_ publication: ExportPublication) async throws(ExportError)

    /// Takes the name away for new clients; connected ones go on. Withdrawing what is not there succeeds.
    ///
    /// Only the entry of this owner is taken, and only while it leads where it was seen to lead: between the decision and this
    /// call the name can have become another volume's, or been renewed by another process.
    /// An entry that Hawser did not make is taken for a name that desired state binds to a volume and that leads to another
    /// disk (RIGHT-DISK), and for one that an object has adopted.
    ///
    /// - Throws: ``ExportError/nameTaken(_:)`` when the name is somebody else's by now, ``ExportError/leadsElsewhere(_:)`` when
    ///   it leads to something else.
    func withdraw(_ name: ExportName, of owner: ExportOwner, leadingTo target: ExportTarget) async throws(ExportError)

    /// Cuts the sessions of this name that are proven to be on a disk other than the given one (RIGHT-DISK).
    ///
    /// - Returns: how many were cut.
    func cutStrayedSessions(of name: ExportName, provenOn device: DeviceNumber) async throws(ExportError) -> Int
}

/// What a kind of server can do.
public struct ExportCapabilities: Sendable, Equatable {
    /// Such as `nbdkit`.
    public var kind: String
    /// Whether a change takes effect without telling the server (ONE-RELOAD is then nothing to do).
    public var appliesWithoutReload: Bool
    /// Whether read-only and writable exports live side by side.
    public var supportsReadOnlyPerExport: Bool
    /// Whether the clients of one export can be counted.
    public var countsClients: Bool
    /// Whether one session can be cut without touching the others.
    public var cutsSingleSessions: Bool
    /// When the server opens the device: at connect there is a window of as long as udev takes.
    public var opensDeviceAtConnect: Bool

    public init(
        kind: String, appliesWithoutReload: Bool, supportsReadOnlyPerExport: Bool, countsClients: Bool,
        cutsSingleSessions: Bool, opensDeviceAtConnect: Bool
    ) {
        self.kind = kind
        self.appliesWithoutReload = appliesWithoutReload
        self.supportsReadOnlyPerExport = supportsReadOnlyPerExport
        self.countsClients = countsClients
        self.cutsSingleSessions = cutsSingleSessions
        self.opensDeviceAtConnect = opensDeviceAtConnect
    }
}

public enum ExportEvent: Sendable, Equatable {
    /// An entry, a client or the server changed.
    case changed
}

public struct ExportObservation: Sendable, Equatable {
    public var server: ExportServerState
    public var entries: [ExportEntry]
    /// Whether the entries could be read at all; when not, nothing is known of any name.
    public var isComplete: Bool
    /// Where clients connect, as NBD URIs (the NBD project's doc/uri.md) of the writable and of the read-only exports.
    public var writableURI: String
    public var readOnlyURI: String

    public init(
        server: ExportServerState, entries: [ExportEntry], isComplete: Bool, writableURI: String, readOnlyURI: String
    ) {
        self.server = server
        self.entries = entries
        self.isComplete = isComplete
        self.writableURI = writableURI
        self.readOnlyURI = readOnlyURI
    }
}

/// A name and the device that it is to lead to.
public struct ExportPublication: Sendable, Equatable {
    public var name: ExportName
    public var volume: VolumeID
    public var isReadOnly: Bool
    public var device: DeviceRecord

    public init(name: ExportName, volume: VolumeID, isReadOnly: Bool, device: DeviceRecord) {
        self.name = name
        self.volume = volume
        self.isReadOnly = isReadOnly
        self.device = device
    }
}

public enum ExportError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The name belongs to an entry that Hawser did not make.
    case nameTaken(String)
    /// The name leads to something else than it was seen to.
    case leadsElsewhere(String)
    /// The server is not running.
    case serverDown(String)
    case failed(String)

    public var description: String {
        switch self {
        case .nameTaken(let text): "cannot change the export: the name is taken: \(text)"
        case .leadsElsewhere(let text): "cannot change the export: it leads elsewhere by now: \(text)"
        case .serverDown(let text): "cannot change the export: the NBD server is not running: \(text)"
        case .failed(let text): "cannot change the export: \(text)"
        }
    }
}

extension ExportTarget {
    /// Refuses to take a name away that leads here, and was seen to lead elsewhere (LIVE-PROOF).
    ///
    /// - Parameter seen: `nil` to take it away wherever it leads.
    /// - Throws: ``ExportError/leadsElsewhere(_:)``.
    public func requireSeen(_ seen: ExportTarget?, of name: ExportName) throws(ExportError) {
        guard let seen, seen != self else { return }
        throw .leadsElsewhere("\(name) leads to \(inWords), not to \(seen.inWords)")
    }
}
