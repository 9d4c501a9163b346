import Reconciliation
import VolumeModel

extension Benchmark {
    static let fullComparison = Benchmark(
        name: "comparison", summary: "comparing all of desired and observed state, 1,000,000 volumes in sync"
    ) {
        let count = 1_000_000
        var world = try LoopWorld(volumes: count)
        let loop = try FullComparison.time(&world, times: 30)
        return [
            Figure(
                "full comparison of 1,000,000 in sync", loop.minimum, .seconds, target: .atMost(3e-3),
                peers: [
                    .init(name: "bare compare of two columns", value: BareCompare.time(count), unit: .seconds),
                    .init(name: "Dictionary join", value: DictionaryJoin.time(count), unit: .seconds),
                ],
                note: "the loop's own pass at a resync; minimum of 30, median \(Figure.Unit.seconds.text(loop.median))")
        ]
    }
}

/// The loop's pass over all rows, as it is made at each resync.
enum FullComparison {
    static func time(_ world: inout LoopWorld, times: Int) throws -> Samples {
        var samples: [Double] = []
        for _ in 0..<times {
            // A listing that failed is begun again later: the pass is made, and no listing has to be taken in.
            world.deliver(
                .listingFailed(CloudError(remedy: .retryLater, effect: .none, command: "listVolumes", text: "")))
            world.pass(.seconds(60))
            let (effects, took) = seconds { world.deliver(.timer) }
            guard effects.contains(.listCloud), !effects.contains(where: \.isLook) else {
                throw Broken("a pass over a world in sync does \(effects)")
            }
            samples.append(took)
        }
        return Samples(samples)
    }
}

extension LoopEffect {
    var isLook: Bool { if case .look = self { true } else { false } }
}

/// The floor beneath it: two columns of numbers that are equal throughout.
private enum BareCompare {
    static func time(_ count: Int) -> Double {
        let wanted = (0..<count).map { UInt64($0) &* 0x9E37_79B9_7F4A_7C15 }
        var seen = wanted
        var samples: [Double] = []
        for round in 0..<30 {
            // A difference elsewhere each time, so that no two rounds are the same work.
            seen[round] = ~wanted[round]
            let (different, took) = seconds { differences(wanted, seen) }
            precondition(different == 1, "one row was made to differ")
            seen[round] = wanted[round]
            samples.append(took)
        }
        return Samples(samples).minimum
    }

    @inline(never)
    private static func differences(_ wanted: [UInt64], _ seen: [UInt64]) -> Int {
        var count = 0
        for index in wanted.indices where wanted[index] != seen[index] { count += 1 }
        return count
    }
}

/// What one would write without thinking of size: a look-up of each wanted volume among those that were seen.
private enum DictionaryJoin {
    private struct Place: Equatable {
        var machine: MachineID
        var size: Int64
    }

    static func time(_ count: Int) -> Double {
        let machine = MachineID(UUIDValue(high: 1, low: 1))
        var wanted: [VolumeID: Place] = [:]
        for number in 0..<count {
            wanted[VolumeID(UUIDValue(high: UInt64(number) &* 0x9E37_79B9_7F4A_7C15, low: 1))] = Place(
                machine: machine, size: 1 << 30)
        }
        var seen: [VolumeID: Place] = [:]
        for (volume, place) in wanted { seen[volume] = place }
        let samples = (0..<5).map { _ in
            let (different, took) = seconds { wanted.count { seen[$0.key] != $0.value } }
            consume(different)
            return took
        }
        return Samples(samples).minimum
    }
}
