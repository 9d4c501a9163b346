import CloudStackModel
import Reconciliation
import VolumeModel

/// What the oracle counts of one volume: how often it was attached, since something last allowed to begin anew.
struct RepairCount: Sendable, Equatable {
    /// What is wanted, and by which processes it is pursued, under whose lease: all begin anew when they change.
    struct Occasion: Sendable, Equatable {
        var generations: [AttachmentID: Int64]
        var processes: [ProcessID]
        var lease: LeaseToken?
    }

    var occasion: Occasion
    var attachedAt: [Instant] = []
}

/// Another automation that wants a volume elsewhere, and a judge of how hard Hawser fights it.
extension World {
    static let rival = "rival"

    /// Takes the volume away, and comes again as long as there is trouble.
    mutating func contend(_ index: Int, every seconds: Int, times: Int) {
        guard isTroubled, times > 0 else { return }
        if let volume = volume(ofObject: index) {
            let milliseconds = CloudFace.milliseconds(now)
            cloud.change { $0.detachByHand(volume.description, by: Self.rival, now: milliseconds) }
            followCloud()
        }
        calendar.add(.act(.contend(index, every: seconds, times: times - 1)), at: now + .seconds(seconds))
    }

    /// For what is not of one volume, all that is wanted.
    func occasion(of volume: VolumeID?) -> RepairCount.Occasion {
        let objects = volume.map { self.objects(of: $0) } ?? store.inOrder
        return RepairCount.Occasion(
            generations: Dictionary(objects.map { ($0.id, $0.generation) }) { first, _ in first },
            processes: daemons.map(\.process), lease: store.lease?.token)
    }

    /// No hot loop: of one volume, as long as nobody wants something else of it and hawserd runs, at most so many attaches in
    /// the time that Hawser takes for having lasted. The pauses are 0, 0, 10, 20, 40, 80, 160 and 320 seconds; the number stands
    /// here once more, so that a mistake in the rules is seen.
    private static let mostAttaches = 9

    mutating func judgeRepair(_ action: ActionRecord) {
        guard action.kind == "effect", action.command == "attachVolume", let job = action.job,
            oracle.jobs.contains(job),
            let volume = action.volume.flatMap({ VolumeID($0) })
        else { return }
        let occasion = occasion(of: volume)
        var count = oracle.repairs[volume] ?? RepairCount(occasion: occasion)
        if count.occasion != occasion { count = RepairCount(occasion: occasion) }
        count.attachedAt = count.attachedAt.filter { now - $0 < .seconds(600) } + [now]
        oracle.repairs[volume] = count
        if count.attachedAt.count > Self.mostAttaches {
            oracle.report("CONVERGES", "volume \(volume) is attached for the \(count.attachedAt.count)th time in 600 s")
        }
    }
}
