public import VolumeModel

/// How many attachments are ready, and of how many it is not known yet. Kept along with each report, so that it costs nothing
/// to ask.
public struct ReadinessTally: Sendable, Equatable {
    /// All that have a report.
    public private(set) var total = 0
    public private(set) var ready = 0
    /// They are only being looked at: see ``Cause/isPassing``.
    public private(set) var passing = 0

    /// All that they asked for is gone, and they are about to be forgotten.
    public private(set) var departed = 0

    public init() {}

    public mutating func count(_ readiness: AttachmentReport.Readiness?, by change: Int) {
        guard let readiness else { return }
        total += change
        switch readiness {
        case .ready: ready += change
        case .notReady(let cause): if cause.isPassing { passing += change }
        case .departed: departed += change
        }
    }
}

/// How the node stands as a whole, at a revision: in a few words, however many attachments there are.
public struct NodeStanding: Sendable, Equatable {
    public var revision: Int64
    public var tally: ReadinessTally
    /// What is wrong with the node as a whole.
    public var causes: [Cause]

    public init(revision: Int64, tally: ReadinessTally, causes: [Cause]) {
        self.revision = revision
        self.tally = tally
        self.causes = causes
    }
}

/// What became known between two revisions.
public struct ReportChanges: Sendable, Equatable {
    public var standing: NodeStanding
    public var at: Instant
    /// In no order.
    public var reports: [AttachmentReport]
}
