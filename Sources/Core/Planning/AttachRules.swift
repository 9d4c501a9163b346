public import VolumeModel

/// ONE-HOLDER: a volume that nothing holds is attached to the machine that it is wanted on.
public enum AttachRules {
    /// For a volume whose record says that it is attached nowhere.
    public static func decide(
        _ view: VolumeView, volume: VolumeRecord, target: MachineID, now: Instant, policy: Policy
    ) -> Decision {
        switch view.devices {
        case .unknown: return .hold(.devicesNotReadYet, until: nil)
        case .present:
            // CloudStack says detached and the disk is still here: a late unplug, or the record lost an attachment
            // (apache/cloudstack #14214). Attaching it elsewhere now would give one disk to two machines.
            return VolumeRules.revisit(
                view, id: volume.id, cause: .deviceLingers(since: view.waitingSince), now: now, policy: policy)
        case .absent: break
        }
        if let held = view.held { return .act(.release(held), because: "the device is gone") }
        // Here the two disks could be mistaken for one another; elsewhere they do not meet Hawser.
        if let other = view.serialSharedWith, target == view.here {
            return .hold(.serialShared(with: other), until: nil)
        }
        if let objection = MachineRules.objection(view, target: target, volume: volume, now: now, policy: policy) {
            return objection
        }
        if let lacking = view.recordShortcoming(at: now, policy: policy) {
            return .look(.volume(volume.id), lacking: lacking)
        }
        return .act(
            .attach(volume.id, to: target, as: view.desired.role),
            because: "CloudStack shows the volume \(volume.state.word), attached nowhere, with no job running")
    }
}
