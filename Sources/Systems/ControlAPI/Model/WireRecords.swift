public import VolumeModel

public struct WireVolume: Sendable, Equatable, Codable {
    public var id: String
    public var name: String
    public var state: String
    public var type: String
    public var sizeInBytes: Int64
    public var attachedTo: String?

    public init(_ record: VolumeRecord) {
        id = record.id.description
        name = record.name
        state = record.state.word
        type = record.kind.rawValue
        sizeInBytes = record.sizeInBytes
        attachedTo = record.attachedTo?.description
    }
}

public struct WireDevice: Sendable, Equatable, Codable {
    public var kernelName: String
    /// `major:minor`.
    public var number: String
    public var path: String
    public var serial: String?
    public var diskSequence: UInt64?
    public var sizeInBytes: Int64
    public var readOnly: Bool
    public var links: [String]

    public init(_ record: DeviceRecord) {
        kernelName = record.kernelName
        number = record.number.description
        path = record.path
        serial = record.serial?.description
        diskSequence = record.diskSequence
        sizeInBytes = record.sizeInBytes
        readOnly = record.isReadOnly
        links = record.byIDLinks
    }
}

public struct WireExport: Sendable, Equatable, Codable {
    public var name: String
    public var readOnly: Bool
    /// The volume, when Hawser made the export.
    public var volume: String?
    public var target: String
    /// The number of the device that it leads to; absent when it leads to none.
    public var targetDevice: String?
    public var liveness: String
    public var clients: Int?

    public init(_ entry: ExportEntry) {
        name = entry.name.text
        readOnly = entry.isReadOnly
        if case .hawser(let id) = entry.owner { volume = id.description }
        switch entry.target {
        case .device(let number, let sequence):
            targetDevice = number.description
            target = "device \(number)" + (sequence.map { ", disk sequence \($0)" } ?? "")
        case .nothing: target = "nothing"
        case .other(let found): target = found
        }
        switch entry.liveness {
        case .live: liveness = "live"
        case .notListed: liveness = "not listed"
        case .unknown: liveness = "unknown"
        }
        if case .known(let count) = entry.clients { clients = count }
    }
}

/// The observed worlds as last seen.
public struct WireWorld: Sendable, Equatable, Codable {
    public var volumes: [WireVolume]
    public var volumesListedAt: Timestamp?
    public var devices: [WireDevice]
    public var exports: [WireExport]
    /// `running`, or what was seen instead.
    public var exportServer: String
    public var writableURI: String
    public var readOnlyURI: String

    public init(
        volumes: [WireVolume], volumesListedAt: Timestamp?, devices: [WireDevice], exports: [WireExport],
        exportServer: String, writableURI: String, readOnlyURI: String
    ) {
        self.volumes = volumes
        self.volumesListedAt = volumesListedAt
        self.devices = devices
        self.exports = exports
        self.exportServer = exportServer
        self.writableURI = writableURI
        self.readOnlyURI = readOnlyURI
    }
}

public struct WireEvent: Sendable, Equatable, Codable {
    public var at: Timestamp
    public var name: String
    public var severity: String
    public var reason: String
    public var message: String

    public init(_ record: EventRecord) {
        at = Timestamp(record.at)
        name = record.name
        severity = record.severity.rawValue
        reason = record.reason
        message = record.message
    }
}

public struct WireOperation: Sendable, Equatable, Codable {
    public var id: String
    public var attachment: String
    public var verb: String
    public var job: String?
    public var startedAt: Timestamp
    public var changedAt: Timestamp
    /// `intended`, `accepted`, `succeeded`, `failed`, `never arrived`, `resolved by reading`.
    public var phase: String
    /// What was said last.
    public var evidence: String
    /// Why it was begun, and on what evidence.
    public var because: String

    public init(_ record: OperationRecord) {
        id = record.intent.description
        attachment = record.attachment.description
        verb = record.action.verb
        job = record.job?.description
        startedAt = Timestamp(record.startedAt)
        changedAt = Timestamp(record.changedAt)
        switch record.phase {
        case .intended: phase = "intended"
        case .accepted: phase = "accepted"
        case .ended(.succeeded): phase = "succeeded"
        case .ended(.failed): phase = "failed"
        case .ended(.neverArrived): phase = "never arrived"
        case .ended(.resolvedByReading): phase = "resolved by reading"
        }
        evidence = record.evidence
        because = record.because
    }
}

public struct WireDriftRecord: Sendable, Equatable, Codable {
    public var name: String
    public var drift: WireDrift
    public var seenAt: Timestamp
    /// Absent while it lasts.
    public var endedAt: Timestamp?
    public var repairedBy: String

    public init(_ record: DriftRecord) {
        name = record.name
        drift = WireDrift(record.drift)
        seenAt = Timestamp(record.seenAt)
        endedAt = record.endedAt.map(Timestamp.init)
        repairedBy = record.repairedBy
    }
}
