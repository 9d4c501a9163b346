import Planning
import Reconciliation
import VolumeModel

extension Benchmark {
    static let oneChange = Benchmark(
        name: "change", summary: "what one change among 1,000,000 volumes costs, until it is decided what follows"
    ) {
        var world = try LoopWorld(volumes: 1_000_000)
        let times = try OneChange.time(&world, rows: 2_000)
        return [
            Figure(
                "one change among 1,000,000: decision", times.decision.median, .seconds, target: .atMost(2e-6),
                note: "99th percentile \(Figure.Unit.seconds.text(times.decision.percentile(0.99)))"),
            Figure(
                "one change among 1,000,000: fact in to step out", times.factToStep.median, .seconds,
                target: .atMost(50e-6),
                note: "99th percentile \(Figure.Unit.seconds.text(times.factToStep.percentile(0.99)))"),
        ]
    }
}

/// Detaches volumes behind the loop's back, one after the other and far apart, and follows each to the step that mends it.
enum OneChange {
    struct Times {
        /// From a volume that a listing shows detached to the decision what follows: that it is to be read by its id.
        var decision: Samples
        /// From the answer to that to the step out: the attach.
        var factToStep: Samples
    }

    static func time(_ world: inout LoopWorld, rows: Int) throws -> Times {
        var decisions: [Double] = []
        var steps: [Double] = []
        // What was listed long ago would be read anew before anything is done.
        world.listMachines()
        // The first volumes are on this appliance, where exports come into it, too.
        for number in stride(from: min(20, world.count - 1), to: world.count, by: max(1, world.count / rows)) {
            world.pass(.milliseconds(10))
            let detached = world.record(number, isAttached: false)
            let listed = CloudListing(records: [detached], isComplete: false)
            let (looks, decided) = seconds { world.deliver(.volumesListed(listed, asked: world.now)) }
            guard case .look(let ticket)? = looks.first(where: \.isLook), ticket.look == .volume(detached.id) else {
                throw Broken("a detached volume leads to \(looks), with \(String(describing: world.report(number)))")
            }
            let (deeds, stepped) = seconds {
                world.deliver(.looked(ticket, .volume(.present(detached)), asked: world.now))
            }
            guard deeds.contains(where: { if case .perform = $0 { true } else { false } }) else {
                throw Broken("a proof leads to \(deeds), with \(String(describing: world.report(number)))")
            }
            decisions.append(decided)
            steps.append(stepped)
        }
        return Times(decision: Samples(decisions), factToStep: Samples(steps))
    }
}
