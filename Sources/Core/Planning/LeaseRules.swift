public import VolumeModel

/// LEASE: only the holder of the node's lease acts, and only while it is sure to be the holder.
public enum LeaseRules {
    /// What becomes of a decision under a lease. To take away a name that leads to a wrong disk needs none: whoever sees it
    /// does that (RIGHT-DISK).
    public static func check(
        _ decision: Decision, _ view: VolumeView, _ standing: LeaseStanding, at now: Instant, policy: Policy
    ) -> Decision {
        guard case .act(let step, _) = decision, !RightDiskRules.isGuard(step, view) else { return decision }
        switch standing {
        case .held(let end) where now <= end: return decision
        case .held, .unproven: return .hold(.leaseUnproven, until: now + policy.jobPollInterval)
        case .awaited(let holder): return .hold(.leaseHeldElsewhere(holder ?? "nobody yet"), until: nil)
        }
    }
}
