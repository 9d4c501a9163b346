/// `POST apply`: all of them, or none.
public struct WireApply: Sendable, Equatable, Codable {
    public var items: [WireObject]
    public var dryRun: Bool
    /// How many removals are approved with the call; more are refused. Absent: one is, several count toward the brake.
    public var approvedRemovals: Int?

    public init(items: [WireObject], dryRun: Bool, approvedRemovals: Int? = nil) {
        self.items = items
        self.dryRun = dryRun
        self.approvedRemovals = approvedRemovals
    }
}

/// `POST delete` and `POST reconcile`: objects by name; absent names mean all, which `delete` refuses.
public struct WireNames: Sendable, Equatable, Codable {
    public var names: [String]?
    public var dryRun: Bool
    /// `delete`: the data stays, whatever the objects' deletion policies say.
    public var retainsData: Bool?
    /// `delete`: how many removals are approved with the call; more are refused. Absent: one is, several count toward the
    /// brake.
    public var approvedRemovals: Int?
    /// `delete`: nobody has named them one by one, so that even one counts toward the brake.
    public var isPrune: Bool?

    public init(
        names: [String]?, dryRun: Bool = false, retainsData: Bool? = nil, approvedRemovals: Int? = nil,
        isPrune: Bool? = nil
    ) {
        self.names = names
        self.dryRun = dryRun
        self.retainsData = retainsData
        self.approvedRemovals = approvedRemovals
        self.isPrune = isPrune
    }
}

/// `POST suspend`, and `POST resume` (without a reason).
public struct WireSuspend: Sendable, Equatable, Codable {
    public var names: [String]
    public var reason: String?
    public var until: Timestamp?

    public init(names: [String], reason: String? = nil, until: Timestamp? = nil) {
        self.names = names
        self.reason = reason
        self.until = until
    }
}

/// `POST takeover`: one of the objects that claim a volume stays, and the others depart.
public struct WireTakeOver: Sendable, Equatable, Codable {
    public var name: String
    /// `row` or `manifest`: who it belongs to from now on; absent to leave that.
    public var owner: String?
    public var dryRun: Bool

    public init(name: String, owner: String?, dryRun: Bool) {
        self.name = name
        self.owner = owner
        self.dryRun = dryRun
    }
}

/// `POST protect`: a volume's data is not deleted, whatever objects say; without a reason it is free again.
public struct WireProtect: Sendable, Equatable, Codable {
    /// An id, or the name of an object that is bound to it.
    public var volume: String
    public var reason: String?

    public init(volume: String, reason: String?) {
        self.volume = volume
        self.reason = reason
    }
}

/// `POST override`: one removal of this attachment goes on although the volume is in use.
public struct WireOverride: Sendable, Equatable, Codable {
    public var name: String
    public var reason: String
    public var expiresAt: Timestamp

    public init(name: String, reason: String, expiresAt: Timestamp) {
        self.name = name
        self.reason = reason
        self.expiresAt = expiresAt
    }
}

/// One thing that `GET doctor` looked at.
public struct WireFinding: Sendable, Equatable, Codable {
    public var subject: String
    /// `good`, `warning`, `bad`.
    public var verdict: String
    public var message: String
    public var remedy: String

    public init(subject: String, verdict: String, message: String, remedy: String) {
        self.subject = subject
        self.verdict = verdict
        self.message = message
        self.remedy = remedy
    }
}

/// What was allowed or forbidden.
public struct WireAck: Sendable, Equatable, Codable {
    public var message: String

    public init(message: String) {
        self.message = message
    }
}

/// What became, or would become, of one object.
public struct WireChange: Sendable, Equatable, Codable {
    public var name: String
    /// `created`, `configured`, `unchanged`, `deleted`, `not found`.
    public var change: String
    public var generation: Int64
    public var differences: [String]
    /// Whether something that is there is taken away for it.
    public var isRemoval: Bool?

    public init(
        name: String, change: String, generation: Int64, differences: [String], isRemoval: Bool? = nil
    ) {
        self.name = name
        self.change = change
        self.generation = generation
        self.differences = differences
        self.isRemoval = isRemoval
    }
}

/// A list of anything.
public struct WireList<Item: Sendable & Codable>: Sendable, Codable {
    public var items: [Item]

    public init(items: [Item]) {
        self.items = items
    }
}

/// Why a request was refused (RFC 9457, `application/problem+json`).
public struct WireProblem: Error, Sendable, Equatable, Codable, CustomStringConvertible {
    public var title: String
    public var status: Int
    /// A sentence for people.
    public var detail: String

    public init(title: String, status: Int, detail: String) {
        self.title = title
        self.status = status
        self.detail = detail
    }

    public var description: String { detail }
}

/// The paths of the API.
public enum WirePath {
    public static let root = "/apis/hawser/v1"
    public static let overview = root + "/overview"
    public static let attachment = root + "/attachment"
    public static let objects = root + "/objects"
    public static let plan = root + "/plan"
    public static let world = root + "/world"
    public static let apply = root + "/apply"
    public static let delete = root + "/delete"
    public static let reconcile = root + "/reconcile"
    public static let suspend = root + "/suspend"
    public static let resume = root + "/resume"
    public static let takeOver = root + "/takeover"
    public static let protect = root + "/protect"
    public static let override = root + "/override"
    public static let brake = root + "/brake"
    public static let approve = root + "/brake/approve"
    public static let protections = root + "/protections"
    public static let doctor = root + "/doctor"
    public static let events = root + "/events"
    public static let operations = root + "/operations"
    public static let drifts = root + "/drifts"
    public static let version = root + "/version"
    public static let legacySurvey = root + "/legacy/survey"
    public static let legacyAdopt = root + "/legacy/adopt"
    public static let legacyConvert = root + "/legacy/convert"
    public static let legacyUndo = root + "/legacy/undo"
    /// Where scrapers look by themselves, so that it is the same in all versions of the API.
    public static let metrics = "/metrics"
}

/// `GET version`.
public struct WireVersion: Sendable, Equatable, Codable {
    public var version: String
    /// When this hawserd began to run; absent when it does not say.
    public var startedAt: Timestamp?

    public init(version: String, startedAt: Timestamp? = nil) {
        self.version = version
        self.startedAt = startedAt
    }
}
