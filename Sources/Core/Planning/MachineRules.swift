public import VolumeModel

/// Whether the machine that a volume is wanted on can take it: checked before the first step of a move (ORDER).
public enum MachineRules {
    /// The target, or why there is none.
    public static func target(_ view: VolumeView, now: Instant, policy: Policy) -> Result {
        switch view.target {
        case .unknown: return .no(.hold(.cloudNotReadYet, until: nil))
        case .absent:
            return .no(.hold(.machineNotFound(name(of: view.desired.machine)), until: now + policy.revisitInterval))
        case .present(let machine): return .yes(machine)
        }
    }

    public enum Result: Sendable, Equatable {
        case yes(MachineID)
        case no(Decision)
    }

    /// Why an attach to the target would be refused; `nil` when nothing is known against it.
    public static func objection(
        _ view: VolumeView, target: MachineID, volume: VolumeRecord, now: Instant, policy: Policy
    ) -> Decision? {
        switch view.targetMachine.fact {
        case .unknown: return .look(.machine(target), lacking: .neverRead)
        case .absent:
            guard view.targetMachine.proof == .exact else {
                let age = now - view.targetMachine.answered
                return .look(.machine(target), lacking: .onlyListed(age: age, limit: policy.evidenceLifetime))
            }
            return revisit(view, target: target, cause: .machineNotFound("\(target)"), now: now, policy: policy)
        case .present(let machine):
            // A process that was stopped remembers a machine that may be gone, or takes an old answer for a new one.
            let (age, limit) = (now - view.targetMachine.asked, policy.resyncInterval + policy.requestInFlightBound)
            guard age <= limit else { return .look(.machine(target), lacking: .askedLongAgo(age: age, limit: limit)) }
            guard machine.zone == volume.zone else { return .hold(.zoneMismatch, until: now + policy.slowRetry) }
            if view.desired.role == .root {
                return rootObjection(view, machine: machine, volume: volume, now: now, policy: policy)
            }
            switch machine.state {
            case .running, .stopped: return nil
            case .transitional(let word):
                return revisit(
                    view, target: target, cause: .machineTransitional(target, word), now: now, policy: policy)
            case .destroyed(let word), .unusable(let word):
                return revisit(view, target: target, cause: .machineUnusable(target, word), now: now, policy: policy)
            }
        }
    }

    /// A root disk is attached only to a stopped machine that has none. What the last listing shows of root disks can be
    /// old; CloudStack checks it once more.
    private static func rootObjection(
        _ view: VolumeView, machine: MachineRecord, volume: VolumeRecord, now: Instant, policy: Policy
    ) -> Decision? {
        if machine.id == view.here { return .hold(.rootHere, until: nil) }
        guard machine.state == .stopped else {
            return revisit(
                view, target: machine.id, cause: .machineNotStopped(machine.id, machine.state.word), now: now,
                policy: policy)
        }
        if let lacking = view.targetMachine.shortcoming(at: now, after: .distantPast, policy: policy) {
            return .look(.machine(machine.id), lacking: lacking)
        }
        switch view.targetRoot {
        case .unknown: return .hold(.cloudNotReadYet, until: nil)
        case .present(let root) where root != volume.id:
            return .hold(.machineHasRoot(machine.id, root), until: now + policy.revisitInterval)
        case .present, .absent: return nil
        }
    }

    /// Why a volume is not taken from the machine that has it.
    static func objection(toHolder holder: MachineID, _ view: VolumeView) -> Cause {
        view.holderMachine.isAbsent && view.holderMachine.proof == .exact
            ? .holderMissing(holder) : .heldElsewhere(holder)
    }

    /// For a volume whose record names a machine that the last listing lacked: an exact read of the machine decides, and a
    /// volume that is attached to none that exists is left alone.
    static func missingHolder(_ view: VolumeView, holder: MachineID, now: Instant, policy: Policy) -> Decision? {
        guard view.isHolderNominatedAbsent else { return nil }
        return unknownHolder(view, holder: holder, now: now, policy: policy)
    }

    /// The same for a holder that nothing is known of, or that is not there; `nil` for one that exists.
    static func unknownHolder(_ view: VolumeView, holder: MachineID, now: Instant, policy: Policy) -> Decision? {
        switch view.holderMachine.fact {
        case .present where !view.isHolderNominatedAbsent: return nil
        case .unknown: return .look(.machine(holder), lacking: .neverRead)
        case .absent where view.holderMachine.proof == .exact: break
        case .present, .absent:
            let age = now - view.holderMachine.answered
            return .look(.machine(holder), lacking: .onlyListed(age: age, limit: policy.evidenceLifetime))
        }
        let dueAt = view.holderMachine.answered + policy.revisitInterval
        let cause = Cause.holderMissing(holder)
        return dueAt <= now ? .look(.machine(holder), cause: cause) : .hold(cause, until: dueAt)
    }

    private static func revisit(
        _ view: VolumeView, target: MachineID, cause: Cause, now: Instant, policy: Policy
    ) -> Decision {
        let dueAt = view.targetMachine.answered + policy.revisitInterval
        return dueAt <= now ? .look(.machine(target), cause: cause) : .hold(cause, until: dueAt)
    }

    private static func name(of reference: MachineReference) -> String {
        switch reference {
        case .thisMachine: "for this appliance"
        case .id(let id): "\(id)"
        case .named(let name): "named '\(name)'"
        }
    }
}
