public import VolumeModel

/// Modes and suspension: what differs is reported, and nothing is touched.
public enum RestraintRules {
    /// Why nothing may be touched; `nil` when everything may.
    public static func restraint(_ view: VolumeView, at now: Instant, policy: Policy) -> Restraint? {
        if let suspension = view.desired.suspension, suspension.holds(at: now) { return .suspended(suspension) }
        if policy.mode == .observe { return .nodeObserves }
        return view.desired.mode == .observe ? .objectObserves : nil
    }

    /// What becomes of a decision under a restraint: reads go on, what gives back or only ties an object to its volume is
    /// still done, and every other step becomes the reason why nothing happens.
    static func restrain(_ decision: Decision, _ restraint: Restraint) -> Decision {
        guard case .act(let step, _) = decision else { return decision }
        switch step {
        case .bind, .release: return decision
        case .createVolume, .attach, .detach, .resize, .deleteVolume, .publish, .withdraw, .cutStrayedSessions, .hold:
            return .hold(cause(restraint, wouldDo: step), until: restraint.until)
        }
    }

    private static func cause(_ restraint: Restraint, wouldDo step: Step) -> Cause {
        switch restraint {
        case .nodeObserves, .objectObserves: .observeOnly(wouldDo: step.summary)
        case .suspended(let suspension): .suspended(suspension, wouldDo: step.summary)
        }
    }
}
