import VolumeModel

/// What readers were told of the objects, to be compared with what there is: the net under a log of changes that triggers
/// write, which do not see a TRUNCATE, a cascade, or what is loaded behind their back.
///
/// An object that vanished without a word counts as gone when it was missed twice, some time apart: tables that are being loaded
/// anew are empty for a moment.
struct ToldObjects {
    /// What the log said until then is among it.
    var revision: Int64
    private var fingerprints: [AttachmentID: Int]
    private var missedSince: [AttachmentID: ContinuousClock.Instant] = [:]

    private let patience: Duration

    /// - Parameter patience: how far apart two readings are that agree.
    init(_ fingerprints: [AttachmentID: Int], revision: Int64, patience: Duration) {
        self.fingerprints = fingerprints
        self.revision = revision
        self.patience = patience
    }

    /// Whether something is missed, and not for long enough.
    var misses: Bool { !missedSince.isEmpty }

    mutating func note(_ object: AttachmentID, _ fingerprint: Int) {
        fingerprints[object] = fingerprint
        missedSince[object] = nil
    }

    mutating func forget(_ object: AttachmentID) {
        fingerprints[object] = nil
        missedSince[object] = nil
    }

    /// - Returns: what has changed or come, and what has gone for good, without a word in the log.
    mutating func compare(
        with present: [AttachmentID: Int], now: ContinuousClock.Instant
    ) -> (changed: [AttachmentID], gone: [AttachmentID]) {
        var changed: [AttachmentID] = []
        for (object, fingerprint) in present where fingerprints[object] != fingerprint {
            changed.append(object)
            note(object, fingerprint)
        }
        for object in missedSince.keys where present[object] != nil { missedSince[object] = nil }
        var gone: [AttachmentID] = []
        if fingerprints.count > present.count {
            for object in fingerprints.keys where present[object] == nil {
                let since = missedSince[object] ?? now
                missedSince[object] = since
                if since.duration(to: now) >= patience && since < now { gone.append(object) }
            }
        }
        for object in gone { forget(object) }
        return (changed.sorted(), gone.sorted())
    }
}
