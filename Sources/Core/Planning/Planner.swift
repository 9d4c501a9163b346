public import VolumeModel

/// Decides what is to be done about one attachment. Everything that decides is reached from here, and nothing here has
/// an effect: the loop, `hawser plan` and every simulation ask this one function (PLAN-IS-DEED).
///
/// The rules are asked in the order of what they protect: the right disk, then effects that are still under way, then
/// what is wanted.
public struct Planner: Sendable {
    public var policy: Policy
    /// Whether this daemon may act at all.
    public var lease = LeaseStanding.held(until: Instant(nanoseconds: .max))

    public init(policy: Policy = Policy()) {
        self.policy = policy
    }

    public func decide(_ view: VolumeView, at now: Instant) -> Decision {
        LeaseRules.check(decideHolding(view, at: now), view, lease, at: now, policy: policy)
    }

    private func decideHolding(_ view: VolumeView, at now: Instant) -> Decision {
        guard let restraint = RestraintRules.restraint(view, at: now, policy: policy) else {
            return decideFreely(view, at: now)
        }
        if view.desired.isDeparting, restraint.letsGo, view.outstanding == nil { return depart(view) }
        // A guard that may not act does not keep what is under way from being followed to its end, nor from having the device held
        // that it will take.
        if let decision = LedgerRules.decide(view, now: now, policy: policy) { return decision }
        return RestraintRules.restrain(decideFreely(view, at: now), restraint)
    }

    private func decideFreely(_ view: VolumeView, at now: Instant) -> Decision {
        if let decision = RightDiskRules.guardExports(view), !isUnderWay(view) { return decision }
        if let decision = LedgerRules.decide(view, now: now, policy: policy) { return decision }
        return patient(
            ContestRules.damp(pursue(view, at: now), view, at: now, policy: policy), view, now: now)
    }

    /// For an object that cannot be read, nothing of what it may want is done, not even a removal. What holds whatever is
    /// wanted still holds: a name that leads to a wrong disk is withdrawn, and a job under way is followed to its end.
    public func decideUnreadable(_ view: VolumeView, because cause: Cause, at now: Instant) -> Decision {
        if let decision = RightDiskRules.guardExports(view), !isUnderWay(view) { return decision }
        switch LedgerRules.decide(view, now: now, policy: policy) {
        case .look(let look, _): return .look(look, cause: cause)
        case .hold(_, let until): return .hold(cause, until: until)
        case .settled, .departed, .act, nil:
            let neverMeantAny = view.volume == nil && view.creation == nil && view.outstanding == nil
            return view.desired.isDeparting && neverMeantAny ? depart(view) : .hold(cause, until: nil)
        }
    }

    /// An effect that is no CloudStack job, such as an export change, ends with its call; until then the name's state is
    /// about to change and is not judged.
    private func isUnderWay(_ view: VolumeView) -> Bool {
        guard let effect = view.outstanding else { return false }
        return effect.isBeingSent && !effect.action.isCloudJob
    }

    /// Holds back what would repeat a failure too soon. What is urgent is never held back.
    private func patient(_ decision: Decision, _ view: VolumeView, now: Instant) -> Decision {
        guard let backoff = view.backoff, let cause = backoff.cause(now: now) else { return decision }
        switch decision {
        case .settled, .departed, .hold: return decision
        case .look(let look, _):
            // What was refused for good has come about all the same: that is read, once for each disk that comes.
            if backoff.remedy == .wrongRequest, RightDiskRules.lacksMatch(view) { return decision }
            return look.isCloud ? .hold(cause, until: backoff.until) : decision
        case .act(let step, _):
            let isHeldBack = !step.isUrgent && step.world == backoff.world
            return isHeldBack ? .hold(cause, until: backoff.until) : decision
        }
    }

    private func pursue(_ view: VolumeView, at now: Instant) -> Decision {
        if let other = view.claimedBy { return claimed(view, by: other) }
        if let decision = bindOrDepart(view, at: now) { return decision }
        guard let id = view.volume else { return .hold(.cloudNotReadYet, until: nil) }
        if view.desired.isDeparting, hasNothingToTakeDown(view) { return leave(view, at: now) }
        if let objection = VolumeRules.objection(view, id: id, now: now, policy: policy) {
            return objection
        }
        guard let volume = view.cloud.fact.value else { return .hold(.cloudNotReadYet, until: nil) }
        return view.desired.isDeparting
            ? depart(view, volume: volume, at: now) : pursueTarget(view, volume: volume, at: now)
    }

    /// Two objects that claim one volume are acted on by neither. The one that is deleted goes, and leaves the volume as it
    /// is to the other.
    private func claimed(_ view: VolumeView, by other: ObjectName) -> Decision {
        view.yieldsClaim ? depart(view) : .hold(.claimedTwice(by: other), until: nil)
    }

    /// Lets go of what is held, and then of the object.
    private func depart(_ view: VolumeView) -> Decision {
        if let held = view.held { return .act(.release(held), because: "the object departs") }
        return .departed
    }

    /// Lets go of an object whose volume is taken down, when no name of it is left either. The volume may be elsewhere while a
    /// name still leads to where it was.
    private func leave(_ view: VolumeView, at now: Instant) -> Decision {
        // A list can tell of the past; an object that is let go has nobody left who would look again.
        if let volume = view.volume, let lacking = view.recordShortcoming(at: now, policy: policy) {
            return .look(.volume(volume), lacking: lacking)
        }
        switch RightDiskRules.verdict(view) {
        case .right(let device, let identity):
            return RemovalRules.withdrawNames(view, device: device, identity: identity, now: now, policy: policy)
                ?? depart(view)
        case .missing, .refused:
            // Names that lead nowhere are withdrawn before anything else is decided; here they are gone, or not known.
            return RemovalRules.lookForNames(view, now: now, policy: policy) ?? depart(view)
        case .unknown:
            let isNamed = view.desired.export != nil && !view.export.fact.isAbsent || !view.knowsAllExports
            return isNamed || !view.staleExports.isEmpty ? .hold(.devicesNotReadYet, until: nil) : depart(view)
        }
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
        if let decision = MachineRules.missingHolder(view, holder: holder, now: now, policy: policy) { return decision }
        if holder == target {
            if view.desired.role == .root { return pursueRoot(view, volume: volume, target: target, at: now) }
            let decision =
                target == view.here
                ? ExportRules.decide(view, volume: volume, now: now, policy: policy)
                : reserved(view, volume: volume, at: now)
            return thenGrow(decision, view, volume: volume, at: now)
        }
        // A move. What the target would refuse is found out before the first step of it.
        if let objection = MachineRules.objection(view, target: target, volume: volume, now: now, policy: policy) {
            return objection
        }
        return holder == view.here
            ? RemovalRules.takeDown(view, volume: volume, now: now, policy: policy)
            : RemovalRules.takeFromOther(view, volume: volume, holder: holder, now: now, policy: policy)
    }

    /// On the machine that it is to be the root disk of: CloudStack turns what is attached as device 0 into a root disk.
    private func pursueRoot(_ view: VolumeView, volume: VolumeRecord, target: MachineID, at now: Instant) -> Decision {
        if target == view.here { return .hold(.rootHere, until: nil) }
        guard volume.kind == .root else {
            return RemovalRules.takeFromOther(view, volume: volume, holder: target, now: now, policy: policy)
        }
        return thenGrow(reserved(view, volume: volume, at: now), view, volume: volume, at: now)
    }

    /// Its size comes last: a volume that cannot be grown is served all the same.
    private func thenGrow(_ decision: Decision, _ view: VolumeView, volume: VolumeRecord, at now: Instant) -> Decision {
        decision == .settled ? GrowthRules.decide(view, volume: volume, now: now, policy: policy) : decision
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

    /// Whether a departing object has nothing to be taken down, whatever else is the matter with its volume: a root disk that
    /// was never touched, or is not where the object wants it; or a volume that was deleted, or is attached nowhere and good for nothing, and of which no
    /// disk is here.
    private func hasNothingToTakeDown(_ view: VolumeView) -> Bool {
        guard !view.isNominatedAbsent else { return false }
        switch view.cloud.fact {
        case .unknown: return false
        case .absent: return view.cloud.proof == .exact && view.devices == .absent
        case .present(let volume):
            if volume.kind == .root, view.desired.role == .data { return true }
            if volume.kind == .root, view.target != .unknown, !VolumeRules.isOurRoot(view, volume) { return true }
            guard volume.attachedTo == nil, volume.pendingJob == nil, view.devices == .absent else { return false }
            switch volume.state {
            case .destroyed, .unusable: return true
            case .allocated, .ready, .uploaded, .transitional: return false
            }
        }
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
                return DeletionRules.decide(view, volume: volume, now: now, policy: policy) ?? leave(view, at: now)
            }
        }
        if holder == view.here {
            return RemovalRules.takeDown(view, volume: volume, now: now, policy: policy)
        }
        switch view.target {
        // Machines have not been listed yet: whether the holder is the machine that was meant is not known.
        case .unknown: return .hold(.cloudNotReadYet, until: nil)
        case .absent:
            // The machine that was meant may be the very one that has the volume and is not listed any more.
            return MachineRules.unknownHolder(view, holder: holder, now: now, policy: policy) ?? leave(view, at: now)
        case .present(let target): if target != holder { return leave(view, at: now) }
        }
        return RemovalRules.takeFromOther(view, volume: volume, holder: holder, now: now, policy: policy)
    }
}
