public import VolumeModel

/// BRAKE: which removals count, and which steps they consist of.
public enum BrakeRules {
    /// The removal that an object leads to and that nobody has approved, in words. Unknown while the world that it would
    /// change is not known.
    ///
    /// Whether it can begin now does not matter: one that waits for clients is planned as well.
    public static func removal(_ view: VolumeView, at now: Instant, policy: Policy) -> Fact<String> {
        guard !view.desired.isRemovalApproved, view.claimedBy == nil, view.volume != nil,
            RestraintRules.restraint(view, at: now, policy: policy) == nil
        else { return .absent }
        let volume: VolumeRecord
        switch view.cloud.fact {
        case .unknown: return .unknown
        case .absent: return .absent
        case .present(let record): volume = record
        }
        if volume.kind == .root, view.desired.role == .data { return .absent }
        guard let holder = volume.attachedTo else { return deletion(view, at: now) }
        // Put together only where it counts: this is asked of every row that something happened to.
        func detaching(_ reason: String) -> Fact<String> {
            .present("\(reason): detach volume \(volume.id) from machine \(holder)")
        }
        if view.desired.isDeparting {
            if holder == view.here { return detaching("the object was deleted") }
            return view.target.flatMap { $0 == holder ? detaching("the object was deleted") : .absent }
        }
        return view.target.flatMap { target in
            if holder != target { return detaching("the volume is wanted on machine \(target)") }
            if view.desired.role == .root {
                return volume.kind == .root ? .absent : detaching("it is wanted as a root disk")
            }
            return target == view.here ? withdrawal(view) : .absent
        }
    }

    private static func deletion(_ view: VolumeView, at now: Instant) -> Fact<String> {
        guard view.desired.isDeparting, view.desired.deletion.data == .delete, case .created = view.desired.volume,
            view.protection == nil, let volume = view.volume,
            (view.desired.departingSince ?? view.waitingSince) + view.desired.deletion.grace <= now
        else { return .absent }
        return .present("the object was deleted, and its deletionPolicy is Delete: delete volume \(volume)")
    }

    private static func withdrawal(_ view: VolumeView) -> Fact<String> {
        if let stale = view.staleExports.first {
            return .present("the name is no longer wanted: unexport '\(stale.name)'")
        }
        return view.export.fact.flatMap { entry in
            guard let wanted = view.desired.export, entry.isReadOnly != wanted.isReadOnly else { return .absent }
            return .present("it is wanted \(wanted.isReadOnly ? "read-only" : "writable"): unexport '\(entry.name)'")
        }
    }

    /// Whether a step is part of a removal. What RIGHT-DISK demands is none: it is never kept waiting.
    public static func isRemoval(_ step: Step, of view: VolumeView) -> Bool {
        switch step {
        case .detach, .deleteVolume, .hold: true
        case .withdraw: RightDiskRules.guardExports(view)?.step != step
        case .bind, .createVolume, .attach, .resize, .publish, .cutStrayedSessions, .release: false
        }
    }
}

extension Decision {
    fileprivate var step: Step? { if case .act(let step, _) = self { step } else { nil } }
}

extension Fact {
    fileprivate func flatMap<Other>(_ body: (Value) -> Fact<Other>) -> Fact<Other> {
        switch self {
        case .unknown: .unknown
        case .absent: .absent
        case .present(let value): body(value)
        }
    }
}
