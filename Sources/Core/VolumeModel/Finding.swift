/// One thing that `hawser doctor` looked at.
public struct Finding: Sendable, Equatable {
    public enum Verdict: String, Sendable, Equatable, CaseIterable {
        case good
        /// It works, and may not do so for long, or not as it should.
        case warning
        case bad
    }

    /// What was looked at, such as `CloudStack API`.
    public var subject: String
    public var verdict: Verdict
    /// What was seen.
    public var message: String
    /// What to do; empty when all is well.
    public var remedy: String

    public init(_ subject: String, _ verdict: Verdict, _ message: String, remedy: String = "") {
        self.subject = subject
        self.verdict = verdict
        self.message = message
        self.remedy = remedy
    }
}
