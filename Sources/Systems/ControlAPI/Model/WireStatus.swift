public import VolumeModel

/// One attachment as `hawser status` shows it.
public struct WireAttachment: Sendable, Equatable, Codable {
    public var id: String
    public var name: String
    public var generation: Int64
    public var volume: String?
    public var machine: String?
    public var isHere: Bool
    public var isDeparting: Bool
    /// `observed` or `suspended` when nothing may be touched.
    public var restraint: String?
    public var suspension: WireSuspension?
    /// `ready`, `not-ready`, `departed`.
    public var readiness: String
    /// The cause's code, message and who has to act next; absent when ready.
    public var reason: String?
    public var message: String?
    public var mover: String?
    public var since: Timestamp
    public var cloudStack: String
    public var device: String
    public var export: String
    /// Connected clients; absent when there is no export or they cannot be counted.
    public var clients: Int?
    public var drifts: [WireDrift]
    public var next: String?
    public var nextAt: Timestamp?

    public var isReady: Bool { readiness == "ready" }

    public init(_ report: AttachmentReport) {
        id = report.attachment.description
        name = report.name
        generation = report.generation
        volume = report.volume?.description
        machine = report.machine?.description
        isHere = report.isHere
        isDeparting = report.isDeparting
        restraint = report.restraint?.word
        if case .suspended(let found)? = report.restraint { suspension = WireSuspension(found) }
        switch report.readiness {
        case .ready: readiness = "ready"
        case .departed: readiness = "departed"
        case .notReady(let cause):
            readiness = "not-ready"
            reason = cause.code
            message = cause.message
            mover = cause.mover.rawValue
        }
        since = Timestamp(report.since)
        cloudStack = report.cloudWord
        device = report.deviceWord
        export = report.exportWord
        if case .known(let count)? = report.clients { clients = count }
        drifts = report.drifts.map { WireDrift($0) }
        next = report.next
        nextAt = report.nextAt.map(Timestamp.init)
    }
}

/// Why an object was set aside, and until when.
public struct WireSuspension: Sendable, Equatable, Codable {
    public var reason: String
    public var until: Timestamp?

    public init(_ suspension: Suspension) {
        reason = suspension.reason
        until = suspension.until.map(Timestamp.init)
    }
}

public struct WireCondition: Sendable, Equatable, Codable {
    public var type: String
    /// `True`, `False` or `Unknown`.
    public var status: String
    public var reason: String
    public var message: String
    public var lastTransitionTime: Timestamp

    public init(_ condition: Condition) {
        type = condition.kind.rawValue
        status = condition.status.rawValue
        reason = condition.reason
        message = condition.message
        lastTransitionTime = Timestamp(condition.since)
    }
}

/// All that is known of one attachment.
public struct WireDetail: Sendable, Equatable, Codable {
    public var attachment: WireAttachment
    public var conditions: [WireCondition]
    public var volume: WireVolume?
    public var device: WireDevice?
    public var export: WireExport?
    /// How fresh what is known is; absent from an earlier hawserd.
    public var observations: [WireObservation]?
    /// Who uses the NBD export, or why that is not known; absent without an export.
    public var clients: String?

    public init(_ detail: AttachmentDetail) {
        attachment = WireAttachment(detail.report)
        conditions = detail.conditions.map(WireCondition.init)
        volume = detail.volume.map(WireVolume.init)
        device = detail.device.map(WireDevice.init)
        export = detail.export.map(WireExport.init)
        observations = detail.observations.map(WireObservation.init)
        switch detail.export?.clients {
        case .known(let count)?: clients = count == 1 ? "1 client" : "\(count) clients"
        case .unknown(let reason)?: clients = "clients not known: \(reason)"
        case nil: clients = nil
        }
    }
}

public struct WireObservation: Sendable, Equatable, Codable {
    public var subject: String
    public var source: String
    /// Absent when it was not read yet.
    public var ageSeconds: Double?

    public init(_ observation: ObservationAge) {
        subject = observation.subject
        source = observation.source
        ageSeconds = observation.age.map { $0 / .seconds(1) }
    }
}

public struct WireDrift: Sendable, Equatable, Codable {
    public var world: String
    public var kind: String
    public var wanted: String
    public var observed: String

    public init(_ drift: Drift) {
        world = drift.world.rawValue
        kind = drift.kind.rawValue
        wanted = drift.wanted
        observed = drift.observed
    }
}

public struct WireUnmanaged: Sendable, Equatable, Codable {
    public var world: String
    public var name: String
    public var detail: String

    public init(_ unmanaged: Unmanaged) {
        world = unmanaged.world.rawValue
        name = unmanaged.name
        detail = unmanaged.detail
    }
}

public struct WireCause: Sendable, Equatable, Codable {
    public var reason: String
    public var message: String
    public var mover: String

    public init(_ cause: Cause) {
        reason = cause.code
        message = cause.message
        mover = cause.mover.rawValue
    }
}

/// Everything about every attachment at one moment.
public struct WireOverview: Sendable, Equatable, Codable {
    /// Goes up whenever something in it changed: ask for one newer than this to wait for a change.
    public var revision: Int64
    public var at: Timestamp
    public var here: String
    /// `Enforce` or `Observe`, for the node as a whole.
    public var mode: String
    public var items: [WireAttachment]
    public var unmanaged: [WireUnmanaged]
    public var nodeCauses: [WireCause]

    public init(
        revision: Int64, at: Timestamp, here: String, mode: String, items: [WireAttachment],
        unmanaged: [WireUnmanaged], nodeCauses: [WireCause]
    ) {
        self.revision = revision
        self.at = at
        self.here = here
        self.mode = mode
        self.items = items
        self.unmanaged = unmanaged
        self.nodeCauses = nodeCauses
    }
}

/// One line of a plan.
public struct WirePlanLine: Sendable, Equatable, Codable {
    public var name: String
    /// `action`, `look`, `hold`, `settled`.
    public var kind: String
    public var verb: String?
    public var summary: String?
    public var reason: String?
    /// What has to be read before it is decided for good; absent when nothing has.
    public var readsFirst: [String]?

    public init(name: String, kind: String, verb: String? = nil, summary: String? = nil, reason: String? = nil) {
        self.name = name
        self.kind = kind
        self.verb = verb
        self.summary = summary
        self.reason = reason
    }
}
