public import VolumeModel

/// LEASE: only the holder of the node's lease acts, and only while it is sure to be the holder.
public enum LeaseRules {
    /// What becomes of a decision under a lease. To take away a name that does not lead to the disk that it was made for needs
    /// none: whoever sees it does that (RIGHT-DISK). That a name is wanted for another volume, or that another volume with the
    /// same serial is wanted, is only known to one who knows what is wanted now.
    public static func check(
        _ decision: Decision, _ view: VolumeView, _ standing: LeaseStanding, at now: Instant, policy: Policy
    ) -> Decision {
        guard case .act(let step, _) = decision, !isFreeOfLease(step, view) else { return decision }
        switch standing {
        case .held(let end) where now <= end: return decision
        case .held, .unproven: return .hold(.leaseUnproven, until: now + policy.jobPollInterval)
        case .awaited(let holder): return .hold(.leaseHeldElsewhere(holder ?? "nobody yet"), until: nil)
        }
    }

    /// Whether a step needs no lease.
    public static func isFreeOfLease(_ step: Step, _ view: VolumeView) -> Bool {
        // That two volumes with one serial are wanted is known from desired state, too.
        guard RightDiskRules.isGuard(step, view), view.serialSharedWith == nil else { return false }
        if case .withdraw(_, .hawser(let volume), _) = step { return volume == view.volume }
        return true
    }
}
