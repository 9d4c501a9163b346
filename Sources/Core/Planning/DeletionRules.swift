import VolumeModel

/// NO-SURPRISE-DELETE: whether the data of a deleted object's volume goes, too.
enum DeletionRules {
    /// For a volume that is attached nowhere and of which no disk is here. `nil` when its data stays.
    static func decide(_ view: VolumeView, volume: VolumeRecord, now: Instant, policy: Policy) -> Decision? {
        guard view.desired.deletion.data == .delete, case .created(let template) = view.desired.volume,
            !view.yieldsClaim
        else { return nil }
        if let reason = view.protection { return .hold(.protected(volume.id, reason: reason), until: nil) }
        // Hawser made it under this name. Whoever has renamed it since has taken it over.
        guard volume.name == VolumeRules.tokenName(of: template, for: view.desired.id) else {
            return .hold(.notMadeHere(volume.id), until: now + policy.slowRetry)
        }
        let due = (view.desired.departingSince ?? view.waitingSince) + view.desired.deletion.grace
        if now < due { return .hold(.deletionGrace(volume.id, until: due), until: due) }
        if let lacking = view.recordShortcoming(at: now, policy: policy) {
            return .look(.volume(volume.id), lacking: lacking)
        }
        return .act(
            .deleteVolume(volume.id),
            because:
                "deletionPolicy is Delete, the grace period is over, it is attached nowhere, and its disk is not here")
    }
}
