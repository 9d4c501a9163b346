public import VolumeModel

/// Decides what is to be done about one attachment. Everything that decides is reached from here, and nothing here has
/// an effect: the loop, `hawser plan` and every simulation ask this one function (PLAN-IS-DEED).
///
/// The rules are asked in the order of what they protect: the right disk, then effects that are still under way, then
/// what is wanted.
public struct Planner: Sendable {
    public var policy: Policy

    public init(policy: Policy = Policy()) {
        self.policy = policy
    }

    public func decide(_ view: VolumeView, at now: Instant) -> Decision {
        if let decision = RightDiskRules.guardExports(view), !isUnderWay(view) { return decision }
        if let decision = LedgerRules.decide(view, now: now, policy: policy) { return decision }
        return patient(pursue(view, at: now), view, now: now)
    }

    /// An effect that is no CloudStack job, such as an export change, ends with its call; until then the name's state is
    /// about to change and is not judged.
    private func isUnderWay(_ view: VolumeView) -> Bool {
        guard let effect = view.outstanding else { return false }
        return !effect.action.isCloudJob
    }

    /// Holds back what would repeat a failure too soon. What is urgent is never held back.
    private func patient(_ decision: Decision, _ view: VolumeView, now: Instant) -> Decision {
        guard let backoff = view.backoff, let cause = backoff.cause(now: now) else { return decision }
        switch decision {
        case .settled, .departed, .hold: return decision
        case .look(let look, _):
            return look.isCloud ? .hold(cause, until: backoff.until) : decision
        case .act(let step, _):
            return step.isUrgent ? decision : .hold(cause, until: backoff.until)
        }
    }

    private func pursue(_ view: VolumeView, at now: Instant) -> Decision {
        if let other = view.claimedBy { return .hold(.claimedTwice(by: other), until: nil) }
        if let decision = bindOrDepart(view, at: now) { return decision }
        guard let id = view.volume else { return .hold(.cloudNotReadYet, until: nil) }
        if view.desired.isDeparting, isProvenGone(view) { return .departed }
        if let objection = VolumeRules.objection(view, id: id, now: now, policy: policy) {
            return objection
        }
        guard let volume = view.cloud.fact.value else { return .hold(.cloudNotReadYet, until: nil) }
        return view.desired.isDeparting
            ? depart(view, volume: volume, at: now) : pursueTarget(view, volume: volume, at: now)
    }

    /// Before an object has a volume there is nothing to take down.
    private func bindOrDepart(_ view: VolumeView, at now: Instant) -> Decision? {
        guard view.volume == nil else { return nil }
        if view.desired.isDeparting, case .created = view.desired.volume {
            return VolumeRules.bind(view, now: now, policy: policy)
        }
        if view.desired.isDeparting, case .named = view.desired.volume { return .departed }
        return VolumeRules.bind(view, now: now, policy: policy)
    }

    private func pursueTarget(_ view: VolumeView, volume: VolumeRecord, at now: Instant) -> Decision {
        let target: MachineID
        switch MachineRules.target(view, now: now, policy: policy) {
        case .yes(let machine): target = machine
        case .no(let decision): return decision
        }
        guard let holder = volume.attachedTo else {
            return AttachRules.decide(view, volume: volume, target: target, now: now, policy: policy)
        }
        if holder == target {
            return target == view.here
                ? ExportRules.decide(view, volume: volume, now: now, policy: policy)
                : reserved(view, volume: volume, at: now)
        }
        // A move. What the target would refuse is found out before the first step of it.
        if let objection = MachineRules.objection(view, target: target, volume: volume, now: now, policy: policy) {
            return objection
        }
        return holder == view.here
            ? RemovalRules.takeDown(view, volume: volume, now: now, policy: policy)
            : RemovalRules.takeFromOther(view, volume: volume, holder: holder, now: now, policy: policy)
    }

    /// Attached to another machine, as wanted: its export name stays reserved, and the disk must not be here.
    private func reserved(_ view: VolumeView, volume: VolumeRecord, at now: Instant) -> Decision {
        switch view.devices {
        case .unknown: return .hold(.devicesNotReadYet, until: nil)
        case .present:
            return VolumeRules.revisit(
                view, id: volume.id, cause: .deviceLingers(since: view.waitingSince), now: now, policy: policy)
        case .absent: return .settled
        }
    }

    /// The volume was deleted in CloudStack, and no disk of it is here: nothing is left to take down.
    private func isProvenGone(_ view: VolumeView) -> Bool {
        view.cloud.fact == .absent && view.cloud.proof == .exact && !view.isNominatedAbsent
            && view.devices == .absent
    }

    /// Takes down what a deleted object asked for, and no more: a volume that somebody has attached elsewhere since is
    /// left where it is.
    private func depart(_ view: VolumeView, volume: VolumeRecord, at now: Instant) -> Decision {
        guard let holder = volume.attachedTo else {
            switch view.devices {
            case .unknown: return .hold(.devicesNotReadYet, until: nil)
            case .present:
                return VolumeRules.revisit(
                    view, id: volume.id, cause: .deviceLingers(since: view.waitingSince), now: now, policy: policy)
            case .absent:
                if let held = view.held { return .act(.release(held), because: "the device is gone") }
                return .departed
            }
        }
        if holder == view.here {
            return RemovalRules.takeDown(view, volume: volume, now: now, policy: policy)
        }
        guard case .present(let target) = view.target, target == holder else { return .departed }
        return RemovalRules.takeFromOther(view, volume: volume, holder: holder, now: now, policy: policy)
    }
}
