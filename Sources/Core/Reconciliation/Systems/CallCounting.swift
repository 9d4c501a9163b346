public import VolumeModel

/// An outside system that knows how often it was asked, and how that ended.
public protocol CallCounting: Sendable {
    /// Since the process began, in no order.
    func callCounts() -> [CallCount]
}

/// One command and how its calls ended. There are as many commands as the program knows.
public struct CallCount: Sendable, Equatable {
    public var command: String
    /// How many were answered with what was asked for.
    public var answered: Int
    /// How many were not, by what to do about it.
    public var failed: [CloudRemedy: Int]
    /// From the sending to the answer or the failure, of all of them.
    public var duration: Duration

    public init(command: String, answered: Int = 0, failed: [CloudRemedy: Int] = [:], duration: Duration = .zero) {
        self.command = command
        self.answered = answered
        self.failed = failed
        self.duration = duration
    }
}
