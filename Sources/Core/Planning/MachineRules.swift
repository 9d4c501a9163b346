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
        case .unknown: return .look(.machine(target), cause: .looking("machine \(target)"))
        case .absent:
            guard view.targetMachine.proof == .exact else {
                return .look(.machine(target), cause: .looking("machine \(target)"))
            }
            return revisit(view, target: target, cause: .machineNotFound("\(target)"), now: now, policy: policy)
        case .present(let machine):
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
        guard view.targetMachine.isEvidence(at: now, after: .distantPast, policy: policy) else {
            return .look(.machine(machine.id), cause: .looking("machine \(machine.id)"))
        }
        if let root = view.targetRoot, root != volume.id {
            return .hold(.machineHasRoot(machine.id, root), until: now + policy.revisitInterval)
        }
        return nil
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
