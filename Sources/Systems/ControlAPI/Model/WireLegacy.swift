/// `POST legacy/survey`, `legacy/convert` and `legacy/undo`: where the old daemon's tables and files are.
public struct WireLegacyRequest: Sendable, Equatable, Codable {
    /// The address of its database, or the old unit's environment as text; absent for `legacy.url` of hawserd's settings. It can
    /// hold a password: it travels only in the body, over the control socket.
    public var source: String?
    /// nbd-server's include directory; absent for hawserd's own.
    public var confDirectory: String?
    /// `convert`: the exports, or volumes' ids where only the tables have an old path.
    public var names: [String]?
    public var dryRun: Bool

    public init(source: String? = nil, confDirectory: String? = nil, names: [String]? = nil, dryRun: Bool = false) {
        self.source = source
        self.confDirectory = confDirectory
        self.names = names
        self.dryRun = dryRun
    }
}

/// What an import would do, and what it would leave alone.
public struct WireLegacySurvey: Sendable, Equatable, Codable {
    public struct Disagreement: Sendable, Equatable, Codable {
        public var about: String
        /// What was seen where, one sentence for each place.
        public var seen: [String]
        public var remedy: String
        /// The volume is therefore not imported.
        public var isHeldBack: Bool

        public init(about: String, seen: [String], remedy: String, isHeldBack: Bool) {
            self.about = about
            self.seen = seen
            self.remedy = remedy
            self.isHeldBack = isHeldBack
        }
    }

    public struct Conversion: Sendable, Equatable, Codable {
        /// By which it is asked for: the export, or the volume's id.
        public var name: String
        public var from: String
        public var to: String
        /// A device-mapper layer that nothing needs afterwards.
        public var layer: String?
        /// Why it cannot be done at this moment; absent when it can.
        public var obstacle: String?

        public init(name: String, from: String, to: String, layer: String?, obstacle: String?) {
            self.name = name
            self.from = from
            self.to = to
            self.layer = layer
            self.obstacle = obstacle
        }
    }

    /// The database, without the password.
    public var source: String
    /// What is true now, as desired state: to be applied as it is.
    public var objects: [WireObject]
    public var disagreements: [Disagreement]
    public var conversions: [Conversion]
    /// Ids of volumes that objects name already.
    public var alreadyWanted: [String]
    /// Ids of volumes that are attached nowhere, as the tables say.
    public var detached: [String]

    public init(
        source: String, objects: [WireObject], disagreements: [Disagreement], conversions: [Conversion],
        alreadyWanted: [String], detached: [String]
    ) {
        self.source = source
        self.objects = objects
        self.disagreements = disagreements
        self.conversions = conversions
        self.alreadyWanted = alreadyWanted
        self.detached = detached
    }

    /// The label of every object that came by an import: by it `undo` finds them.
    public static let label = (key: "hawser/imported-from", value: "legacy-daemon")
}

/// What was done, or would be, one sentence each.
public struct WireLegacyDeeds: Sendable, Equatable, Codable {
    public var deeds: [String]
    /// What was left as it is, and why.
    public var left: [String]

    public init(deeds: [String], left: [String] = []) {
        self.deeds = deeds
        self.left = left
    }
}
