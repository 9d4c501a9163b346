public import Planning
public import VolumeModel

/// What was begun since the process began and what became of it: numbers that only grow.
public struct WorkCounts: Sendable, Equatable {
    /// How a step ended.
    public enum Ending: String, Sendable, Equatable, Hashable, CaseIterable {
        case succeeded
        /// Refused, or tried in vain.
        case failed
        /// It came to nothing before it could have an effect.
        case notDone = "not-done"
        /// Nobody said how it ended; the world was read instead.
        case readInstead = "read-instead"
    }

    public struct StepCount: Sendable, Equatable {
        public var begun = 0
        public var ended: [Ending: Int] = [:]
    }

    /// One that an earlier process began can end here.
    public private(set) var steps: [Step.Kind: StepCount] = [:]
    public private(set) var looks: [Look.Kind: Int] = [:]
    /// The differences that showed in what had been Ready.
    public private(set) var drifts: [Drift.Kind: Int] = [:]

    public init() {}

    mutating func begin(_ step: Step.Kind) { steps[step, default: StepCount()].begun += 1 }

    mutating func begin(_ look: Look.Kind) { looks[look, default: 0] += 1 }

    mutating func noteDrifts(_ records: [DriftRecord]) {
        for record in records where record.endedAt == nil { drifts[record.drift.kind, default: 0] += 1 }
    }

    /// The call returned; a job that it left in CloudStack ends by itself.
    mutating func end(_ ticket: StepTicket, _ outcome: StepOutcome) {
        switch outcome {
        case .done: count(.succeeded, of: ticket.step.kind)
        case .failed: count(.failed, of: ticket.step.kind)
        case .notStarted: count(.notDone, of: ticket.step.kind)
        case .accepted, .answerLost: break
        }
    }

    /// CloudStack's job is known to have ended.
    mutating func end(_ action: LedgerAction, _ outcome: LedgerOutcome) {
        let ending: Ending =
            switch outcome {
            case .succeeded: .succeeded
            case .failed: .failed
            case .neverArrived: .notDone
            case .resolvedByReading: .readInstead
            }
        count(ending, of: Step.Kind(action))
    }

    private mutating func count(_ ending: Ending, of step: Step.Kind) {
        steps[step, default: StepCount()].ended[ending, default: 0] += 1
    }
}

extension Step.Kind {
    /// The step that has this effect.
    fileprivate init(_ action: LedgerAction) {
        switch action {
        case .createVolume: self = .create
        case .attachVolume: self = .attach
        case .detachVolume: self = .detach
        case .resizeVolume: self = .resize
        case .deleteVolume: self = .delete
        case .publishExport: self = .export
        case .withdrawExport: self = .unexport
        }
    }
}
