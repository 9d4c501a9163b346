public import VolumeModel

/// ORDER, upwards: the device is seen, then exported, then the export is seen live.
public enum ExportRules {
    /// For a volume that is attached to this machine and wanted here.
    public static func decide(_ view: VolumeView, volume: VolumeRecord, now: Instant, policy: Policy) -> Decision {
        switch RightDiskRules.verdict(view) {
        case .unknown: return .hold(.devicesNotReadYet, until: nil)
        case .refused(let cause): return .hold(cause, until: now + policy.revisitInterval)
        case .missing:
            let until = view.waitingSince + policy.deviceDeadline
            if now < until { return .hold(.waitingForDevice(since: view.waitingSince, until: until), until: until) }
            return VolumeRules.revisit(
                view, id: volume.id, cause: .deviceMissing(since: view.waitingSince), now: now, policy: policy)
        case .right(let device, let identity):
            if let held = view.held { return .act(.release(held), because: "the volume is wanted here") }
            if let decision = RightDiskRules.oversize(view, device: device, volume: volume, now: now, policy: policy) {
                return decision
            }
            if let stale = view.staleExports.first {
                return RemovalRules.withdraw(stale, view, identity: identity, now: now, policy: policy)
            }
            guard let wanted = view.desired.export else { return unexported(view) }
            return export(wanted, view, volume: volume, device: device, identity: identity, now: now, policy: policy)
        }
    }

    /// That no name is left is seen, not taken for granted.
    private static func unexported(_ view: VolumeView) -> Decision {
        guard case .unknown = view.export.fact else { return .settled }
        if case .down(let text) = view.server { return .hold(.exportServerDown(text), until: nil) }
        return .hold(.looking("the exports"), until: nil)
    }

    private static func export(
        _ wanted: DesiredExport, _ view: VolumeView, volume: VolumeRecord, device: DeviceRecord,
        identity: DeviceIdentity, now: Instant, policy: Policy
    ) -> Decision {
        switch view.export.fact {
        case .unknown:
            return RemovalRules.readName(
                wanted.name, view, cause: .looking("export '\(wanted.name)'"), now: now, policy: policy)
        case .absent:
            if case .down(let text) = view.server { return .hold(.exportServerDown(text), until: nil) }
            return publish(
                wanted, view, volume: volume, device: device, identity: identity, now: now, policy: policy)
        case .present(let entry):
            switch entry.owner {
            case .hawser(volume.id): break
            case .hawser: return .hold(.exportNameTaken(wanted.name, by: "another volume"), until: nil)
            // What somebody else made, and what leads to the right disk, is adopted as it is.
            case .foreign:
                guard entry.leads(to: device) else {
                    return .hold(.exportNameTaken(wanted.name, by: "an entry that Hawser did not make"), until: nil)
                }
            }
            guard entry.isReadOnly == wanted.isReadOnly else {
                return RemovalRules.withdraw(entry, view, identity: identity, now: now, policy: policy)
            }
            if case .down(let text) = view.server { return .hold(.exportServerDown(text), until: nil) }
            switch entry.liveness {
            case .live: return .settled
            case .notListed, .unknown:
                let dueAt = view.export.answered + policy.revisitInterval
                let cause = Cause.waitingForExport(since: view.waitingSince)
                return dueAt <= now ? .look(.export(wanted.name), cause: cause) : .hold(cause, until: dueAt)
            }
        }
    }

    private static func publish(
        _ wanted: DesiredExport, _ view: VolumeView, volume: VolumeRecord, device: DeviceRecord,
        identity: DeviceIdentity, now: Instant, policy: Policy
    ) -> Decision {
        if let decision = RightDiskRules.match(identity, view, volume: volume, now: now, policy: policy) {
            return decision
        }
        let checked = view.mismatch
        switch checked.shortcoming(at: now, after: view.devicesChangedAt, policy: policy, isLocal: true) {
        case .notTold(let age)? where checked.asked >= view.devicesChangedAt && age <= policy.evidenceLifetime: break
        case let lacking?: return .look(.mismatch(identity), lacking: lacking)
        case nil: break
        }
        switch checked.fact {
        case .unknown:
            return .hold(.deviceMismatch("the device could not be opened"), until: now + policy.revisitInterval)
        case .present(let text): return .hold(.deviceMismatch(text), until: now + policy.revisitInterval)
        case .absent: break
        }
        if device.isReadOnly, !wanted.isReadOnly {
            return .hold(.deviceMismatch("\(device.kernelName) is read-only"), until: now + policy.revisitInterval)
        }
        return .act(
            .publish(wanted.name, of: volume.id, device: device, isReadOnly: wanted.isReadOnly),
            because: "\(device.kernelName) is proven to be the volume by serial, size and disk sequence number")
    }
}
