public import VolumeModel

extension Sighting {
    /// Whether the answer can carry an act at `now` (LIVE-PROOF): read for this one thing, asked after everything that
    /// could have changed it, and answered no longer ago than evidence may be old.
    public func isEvidence(at now: Instant, after changed: Instant, policy: Policy) -> Bool {
        guard proof == .exact, asked >= changed else { return false }
        if case .unknown = fact { return false }
        return now - answered <= policy.evidenceLifetime
    }
}
