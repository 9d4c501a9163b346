public import VolumeModel

/// Which volume an object means, and whether CloudStack's record of it allows anything to be done.
public enum VolumeRules {
    /// Ties the object to its volume: by id, by a name that is the only one, or by creating it once.
    public static func bind(_ view: VolumeView, now: Instant, policy: Policy) -> Decision? {
        guard view.volume == nil else { return nil }
        switch view.desired.volume {
        case .id(let id):
            return .act(.bind(id), because: "the object names the volume by its id")
        case .named(let name, let zone):
            return bindNamed(name, zone: zone, view: view, now: now, policy: policy)
        case .created(let template):
            return create(template, view: view, now: now, policy: policy)
        }
    }

    /// The name that a created volume carries: the wanted one and an intent token, which is the same for every try on
    /// behalf of this object. By it a volume that a lost createVolume made is found again, also after a crash.
    public static func tokenName(of template: VolumeTemplate, for attachment: AttachmentID) -> String {
        let token = attachment.description.filter { $0 != "-" }.suffix(12)
        return "\(template.name)-\(token)"
    }

    private static func bindNamed(
        _ name: String, zone: ZoneReference, view: VolumeView, now: Instant, policy: Policy
    ) -> Decision {
        let look = Decision.look(.volumesNamed(name, zone: zone), cause: .looking("volumes named '\(name)'"))
        switch view.resolution {
        case .none: return look
        case .missing(let text):
            return .hold(.volumeNotFound("named '\(name)': \(text)"), until: now + policy.slowRetry)
        case .volumes(let volumes, let asked, let answered):
            // A process that was stopped takes an old answer for a new one; the name may be another's, too, by now.
            guard now - asked <= policy.requestInFlightBound + policy.decisionLifetime else { return look }
            if let only = volumes.first, volumes.count == 1 {
                return .act(.bind(only.id), because: "it is the only volume named '\(name)' in its zone")
            }
            let revisit = answered + policy.revisitInterval
            if revisit <= now { return look }
            return volumes.isEmpty
                ? .hold(.volumeNotFound("named '\(name)' in its zone"), until: revisit)
                : .hold(.volumeNameAmbiguous(name, count: volumes.count), until: revisit)
        }
    }

    private static func create(
        _ template: VolumeTemplate, view: VolumeView, now: Instant, policy: Policy
    ) -> Decision {
        let name = tokenName(of: template, for: view.desired.id)
        let look = Decision.look(.volumesNamed(name, zone: template.zone), cause: .looking("volumes named '\(name)'"))
        if let volume = view.creation?.volume {
            return .act(.bind(volume), because: "CloudStack gave it this id when it took the createVolume")
        }
        switch view.resolution {
        case .none: return look
        case .missing(let text):
            if view.desired.isDeparting { return .departed }
            return .hold(.requestRefused(text), until: now + policy.slowRetry)
        case .volumes(let volumes, let asked, let answered):
            // A refused duplicate leaves an extra, empty volume behind; the one with something in it is ours.
            let usable = volumes.filter { volume in
                if case .destroyed = volume.state { false } else { true }
            }
            let ours = usable.min { left, right in
                (left.attachedTo == nil ? 1 : 0, left.id) < (right.attachedTo == nil ? 1 : 0, right.id)
            }
            if let ours { return .act(.bind(ours.id), because: "it carries this object's intent token") }
            if view.creation != nil {
                // It was made; a list that does not show it is behind, or wrong. Another would be one too many.
                let revisit = answered + policy.revisitInterval
                if revisit <= now { return look }
                return .hold(.volumeNotFound("named '\(name)' is listed, although CloudStack made it"), until: revisit)
            }
            guard asked >= (view.lastWrite ?? .distantPast), now - answered <= policy.evidenceLifetime else {
                return look
            }
            if view.desired.isDeparting { return .departed }
            return .act(
                .createVolume(name: name, template), because: "no volume carries this object's intent token")
        }
    }

    /// Why the volume cannot be worked with, whatever is wanted; `nil` when it can.
    ///
    /// The record must have been seen; absence needs an exact read newer than Hawser's own last write (WHOLE-VIEW).
    public static func objection(_ view: VolumeView, id: VolumeID, now: Instant, policy: Policy) -> Decision? {
        switch view.cloud.fact {
        case .unknown:
            // Before the first listing there is nothing to ask for one by one; after a write of Hawser's own there is.
            guard view.isNominatedAbsent || view.lastWrite != nil else { return .hold(.cloudNotReadYet, until: nil) }
            return .look(.volume(id), lacking: .neverRead)
        case .absent:
            guard view.cloud.proof == .exact, !view.isNominatedAbsent else { return .lookForNominated(id) }
            return revisit(view, id: id, cause: absence(view, id: id), now: now, policy: policy)
        case .present(let volume):
            if view.isNominatedAbsent { return .lookForNominated(id) }
            if case .destroyed = volume.state {
                return revisit(view, id: id, cause: .volumeGone(id), now: now, policy: policy)
            }
            guard volume.kind == .data || isOurRoot(view, volume) else {
                let isForHere = view.desired.role == .root && view.target.value == view.here
                return .hold(isForHere ? .rootHere : .rootVolume, until: now + policy.slowRetry)
            }
            if let job = volume.pendingJob {
                return revisit(view, id: id, cause: .foreignJob(job), now: now, policy: policy)
            }
            switch volume.state {
            case .allocated, .ready, .uploaded: return nil
            case .transitional(let word):
                return revisit(view, id: id, cause: .volumeTransitional(word), now: now, policy: policy)
            case .destroyed(let word), .unusable(let word):
                return revisit(view, id: id, cause: .volumeUnusable(word), now: now, policy: policy)
            }
        }
    }

    /// Wanted as the root disk of the machine whose root disk it is; never the appliance's.
    static func isOurRoot(_ view: VolumeView, _ volume: VolumeRecord) -> Bool {
        view.desired.role == .root && volume.attachedTo != nil && volume.attachedTo != view.here
            && volume.attachedTo == view.target.value
    }

    /// A volume that CloudStack denies while its disk is here is a disagreement, not a deletion.
    private static func absence(_ view: VolumeView, id: VolumeID) -> Cause {
        guard let device = view.devices.value?.first else { return .volumeGone(id) }
        return .recordsDisagree(id, device: device.kernelName)
    }

    /// Reads the volume again when it was read long enough ago, else waits until then.
    static func revisit(
        _ view: VolumeView, id: VolumeID, cause: Cause, now: Instant, policy: Policy
    ) -> Decision {
        let dueAt = view.cloud.answered + policy.revisitInterval
        return dueAt <= now ? .look(.volume(id), cause: cause) : .hold(cause, until: dueAt)
    }
}

extension Decision {
    fileprivate static func lookForNominated(_ id: VolumeID) -> Decision {
        .look(
            .volume(id),
            cause: .looking(
                "volume \(id): the last listing lacks it, which proves nothing; needed is a read of it alone"))
    }
}
