public import VolumeModel

/// IN-USE and ORDER, downwards: names are withdrawn, clients counted again, the device held, and only then is the volume
/// detached. What cannot be determined counts as in use, and no time-out overrides it.
public enum RemovalRules {
    /// For a volume that is attached to this machine and must go: the object departs, or wants another machine.
    public static func takeDown(
        _ view: VolumeView, volume: VolumeRecord, now: Instant, policy: Policy
    ) -> Decision {
        switch RightDiskRules.verdict(view) {
        case .unknown: return .hold(.devicesNotReadYet, until: nil)
        case .refused(let cause): return .hold(cause, until: now + policy.revisitInterval)
        case .missing:
            return detachAbsent(view, volume: volume, now: now, policy: policy)
        case .right(let device, let identity):
            if let decision = RightDiskRules.oversize(view, device: device, volume: volume, now: now, policy: policy) {
                return decision
            }
            if let decision = withdrawNames(view, device: device, identity: identity, now: now, policy: policy) {
                return decision
            }
            return emptyDevice(view, volume: volume, device: device, identity: identity, now: now, policy: policy)
        }
    }

    /// What udev has not told of may be here all the same, and in use: the kernel is asked before a volume is taken for absent.
    private static func detachAbsent(
        _ view: VolumeView, volume: VolumeRecord, now: Instant, policy: Policy
    ) -> Decision {
        // The disk of a volume that was attached a moment ago is still on its way, and can be used as soon as it is here.
        let until = view.arrivedAt + policy.deviceDeadline
        if now < until { return .hold(.waitingForDevice(since: view.arrivedAt, until: until), until: until) }
        if let lacking = view.search.shortcoming(
            at: now, after: view.devicesChangedAt, policy: policy, isLocal: true)
        {
            return .look(.disks(DiskSerial(of: volume.id)), lacking: lacking)
        }
        switch view.search.fact.value {
        case .none?:
            return detach(
                view, volume: volume, evidence: "the kernel has no disk with the volume's serial", now: now,
                policy: policy)
        case .found(let names)?:
            let cause = Cause.useUndetermined(
                "\(names.joined(separator: ", ")) is here, and udev has not told of it yet")
            return .hold(cause, until: now + policy.revisitInterval)
        case .undetermined(let text)?:
            return .hold(.useUndetermined(text), until: now + policy.revisitInterval)
        case nil: return .hold(.devicesNotReadYet, until: now + policy.revisitInterval)
        }
    }

    /// Withdraws every name of the volume, as soon as nobody uses the device.
    public static func withdrawNames(
        _ view: VolumeView, device: DeviceRecord, identity: DeviceIdentity, now: Instant, policy: Policy
    ) -> Decision? {
        let entries = ([view.export.fact.value].compactMap { $0 } + view.staleExports)
            .filter { isOurs($0) || $0.leads(to: device) }
        if let entry = entries.first { return withdraw(entry, view, identity: identity, now: now, policy: policy) }
        return lookForNames(view, now: now, policy: policy)
    }

    /// What there is to be done before no name of the volume is known to be left; `nil` when none is.
    static func lookForNames(_ view: VolumeView, now: Instant, policy: Policy) -> Decision? {
        if case .unknown = view.export.fact, let export = view.desired.export {
            return readName(export.name, view, cause: .looking("export '\(export.name)'"), now: now, policy: policy)
        }
        if view.knowsAllExports { return nil }
        let cause = Cause.useUndetermined("not all of the NBD server's exports can be listed, and one may lead to it")
        return .hold(view.server == .unknown ? .looking("the NBD server's exports") : cause, until: nil)
    }

    /// For a name of which nothing is known: the server is asked, unless it is known to be down.
    static func readName(
        _ name: ExportName, _ view: VolumeView, cause: Cause, now: Instant, policy: Policy
    ) -> Decision {
        switch view.server {
        case .running:
            // The server was asked and could not tell: that does not change from one moment to the next.
            view.export.proof == .exact && now < view.export.answered + policy.revisitInterval
                ? .hold(cause, until: view.export.answered + policy.revisitInterval)
                : .look(.export(name), cause: cause)
        case .down(let text): .hold(.exportServerDown(text), until: nil)
        case .unknown: .hold(.looking("the NBD server's exports"), until: nil)
        }
    }

    /// Withdraws one name as soon as nobody uses the device.
    public static func withdraw(
        _ entry: ExportEntry, _ view: VolumeView, identity: DeviceIdentity, now: Instant, policy: Policy
    ) -> Decision {
        if let decision = proveIdle(view, identity: identity, after: .distantPast, now: now, policy: policy) {
            return decision
        }
        return .act(
            .withdraw(entry.name, of: entry.owner, leadingTo: entry.target),
            because: idleness(view, identity: identity, now: now))
    }

    /// After the withdrawal: counts again, holds the device, and detaches; or gives the name back.
    private static func emptyDevice(
        _ view: VolumeView, volume: VolumeRecord, device: DeviceRecord, identity: DeviceIdentity, now: Instant,
        policy: Policy
    ) -> Decision {
        // Whoever took the name away: a client can have come until it was seen to be gone.
        let goneAt = max(view.withdrawnAt ?? .distantPast, view.export.asked)
        if let decision = proveIdle(view, identity: identity, after: goneAt, now: now, policy: policy) {
            guard case .hold(let cause, _) = decision, let export = view.desired.export, view.withdrawnAt != nil
            else { return decision }
            // It may be another disk by now that shows the serial.
            if let doubt = RightDiskRules.match(identity, view, volume: volume, now: now, policy: policy) {
                return doubt
            }
            return .act(
                .publish(export.name, of: volume.id, device: device, isReadOnly: export.isReadOnly),
                because: "the name is given back, because after its withdrawal \(cause.message)")
        }
        let isOverridden = use(view, identity: identity) != nil
        guard view.held == identity || isOverridden else {
            return .act(.hold(identity), because: "nothing uses the device; nothing may begin to until it is gone")
        }
        return detach(
            view, volume: volume,
            evidence: isOverridden
                ? idleness(view, identity: identity, now: now)
                : "no session, mount, swap or holder after the withdrawal; device held exclusively", now: now,
            policy: policy)
    }

    /// `nil` when fresh evidence, asked after `changed`, shows that nobody uses the device; else what to read, or who
    /// uses it.
    private static func proveIdle(
        _ view: VolumeView, identity: DeviceIdentity, after changed: Instant, now: Instant, policy: Policy
    ) -> Decision? {
        // What was told of the device that was there before tells nothing of this one.
        let changed = max(changed, view.devicesChangedAt)
        if let lacking = view.sessions.shortcoming(at: now, after: changed, policy: policy, isLocal: true) {
            return .look(.sessions(identity), lacking: lacking)
        }
        let isOverridden = override(view, identity: identity, now: now) != nil
        if !isOverridden, let found = clients(view) { return .hold(found, until: now + policy.revisitInterval) }
        if let lacking = view.use.shortcoming(at: now, after: changed, policy: policy, isLocal: true) {
            return .look(.use(identity), lacking: lacking)
        }
        guard !isOverridden, let found = use(view, identity: identity) else { return nil }
        return .hold(found, until: now + policy.revisitInterval)
    }

    private static func clients(_ view: VolumeView) -> Cause? {
        switch view.sessions.fact.value {
        case .known(0)?: nil
        case .known(let count)?: .inUseByClients(count)
        case .unknown(let text)?: .useUndetermined(text)
        case nil: .useUndetermined("NBD sessions were not counted")
        }
    }

    /// Who uses the device by what was last read, NBD clients first; `nil` for nobody.
    private static func use(_ view: VolumeView, identity: DeviceIdentity) -> Cause? {
        if let found = clients(view) { return found }
        guard let use = view.use.fact.value else { return .useUndetermined("the device was not looked at") }
        // Hawser's own hold is an exclusive opener too; it must not be taken for a stranger's.
        let witnesses = use.witnesses.filter { !($0 == .openExclusively && view.held == identity) }
        if let witness = witnesses.first { return .inUseLocally(text(of: witness)) }
        return use.undetermined.first.map { .useUndetermined($0) }
    }

    /// A person's word for just this disk that still holds.
    private static func override(_ view: VolumeView, identity: DeviceIdentity, now: Instant) -> InUseOverride? {
        guard let volume = view.volume, let override = view.desired.inUseOverride,
            override.permits(volume, on: identity, at: now)
        else { return nil }
        return override
    }

    /// The evidence on which something is taken away, for the ledger (LIVE-PROOF).
    private static func idleness(_ view: VolumeView, identity: DeviceIdentity, now: Instant) -> String {
        guard let found = use(view, identity: identity), let override = override(view, identity: identity, now: now)
        else { return "no client is connected and nothing on this machine uses the device" }
        return "\(found.message); a person has allowed it: \(override.reason)"
    }

    private static func detach(
        _ view: VolumeView, volume: VolumeRecord, evidence: String, now: Instant, policy: Policy
    ) -> Decision {
        guard let holder = volume.attachedTo else { return .hold(.looking("volume \(volume.id)"), until: nil) }
        if let lacking = view.recordShortcoming(at: now, policy: policy) {
            return .look(.volume(volume.id), lacking: lacking)
        }
        return .act(.detach(volume.id, from: holder), because: evidence)
    }

    /// For a volume that another machine holds and must not: nothing here can tell whether it is in use there, unless
    /// that machine is stopped.
    public static func takeFromOther(
        _ view: VolumeView, volume: VolumeRecord, holder: MachineID, now: Instant, policy: Policy
    ) -> Decision {
        // Two reads, one after the other: the machine's is as old as the volume's took, also when CloudStack answers slowly.
        let provenAt =
            view.cloud.isEvidence(at: now, after: view.lastWrite ?? .distantPast, policy: policy)
            ? view.cloud.asked : now
        guard view.holderMachine.isEvidence(at: provenAt, after: view.lastWrite ?? .distantPast, policy: policy) else {
            let dueAt = view.holderMachine.answered + policy.revisitInterval
            if view.holderMachine.answered != .distantPast, isRunning(view.holderMachine.fact), now < dueAt {
                return .hold(MachineRules.objection(toHolder: holder, view), until: dueAt)
            }
            return .look(.machine(holder), cause: MachineRules.objection(toHolder: holder, view))
        }
        guard case .present(let machine) = view.holderMachine.fact, machine.state == .stopped else {
            return .hold(MachineRules.objection(toHolder: holder, view), until: now + policy.revisitInterval)
        }
        return detach(view, volume: volume, evidence: "machine \(holder) is stopped", now: now, policy: policy)
    }

    private static func isRunning(_ fact: Fact<MachineRecord>) -> Bool {
        fact.value.map { $0.state != .stopped } ?? true
    }

    private static func isOurs(_ entry: ExportEntry) -> Bool {
        if case .hawser = entry.owner { true } else { false }
    }

    private static func text(of witness: DeviceUse.Witness) -> String {
        switch witness {
        case .mounted(let path): "mounted at \(path)"
        case .swap: "used as swap"
        case .holder(let name): "held by \(name)"
        case .openExclusively: "opened exclusively"
        }
    }
}
