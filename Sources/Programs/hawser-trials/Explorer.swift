import SimulatedWorld

/// Searches the bounded world on all processors: one interference anywhere, then two ever farther apart.
struct Explorer: Sendable {
    let workers: Int
    let duration: Duration?

    /// - Returns: whether no invariant was broken.
    func run() async -> Bool {
        let exploration = Exploration()
        let start = ContinuousClock.now
        let kinds = Exploration.interferences.count
        print(
            "bounded world: 3 volumes, 2 machines, 2 hawserd, somebody else; \(exploration.points) points,"
                + " \(kinds) interferences")
        var found = await sweep(exploration, distance: nil, until: nil)
        say("one interference, at every point", found, since: start)
        var isWhole = found.broken.isEmpty
        let end = duration.map { start + $0 }
        for distance in 1...exploration.points where isWhole {
            if let end, ContinuousClock.now >= end { break }
            found = await sweep(exploration, distance: distance, until: end)
            let isCut = end.map { ContinuousClock.now >= $0 } ?? false
            say(
                "two interferences, \(distance) points apart" + (isCut ? ", until the time was over" : ""), found,
                since: start)
            isWhole = found.broken.isEmpty
        }
        return isWhole
    }

    private struct Found: Sendable {
        var runs = 0
        var broken: [(places: [Exploration.Place], violation: Violation)] = []
    }

    /// All runs with one interference, or with two so many points apart.
    private func sweep(
        _ exploration: Exploration, distance: Int?, until end: ContinuousClock.Instant?
    ) async -> Found {
        var sum = Found()
        await withTaskGroup(of: Found.self) { group in
            var next = 0
            func add() {
                let point = next
                next += 1
                group.addTask { Self.from(point, exploration, distance: distance, until: end) }
            }
            for _ in 0..<min(workers, exploration.points) { add() }
            for await found in group {
                sum.runs += found.runs
                sum.broken += found.broken
                if next < exploration.points, sum.broken.count < 5 { add() }
            }
        }
        return sum
    }

    private static func from(
        _ point: Int, _ exploration: Exploration, distance: Int?, until end: ContinuousClock.Instant?
    ) -> Found {
        var found = Found()
        func look(_ places: [Exploration.Place]) {
            guard let result = exploration.run(places) else { return }
            found.runs += 1
            if let violation = result.violation { found.broken.append((places, violation)) }
        }
        for first in Exploration.interferences.indices {
            if let end, ContinuousClock.now >= end { break }
            let place = Exploration.Place(point: point, interference: first)
            guard let distance else {
                look([place])
                continue
            }
            for second in Exploration.interferences.indices {
                look([place, Exploration.Place(point: point + distance, interference: second)])
            }
        }
        return found
    }

    private func say(_ what: String, _ found: Found, since start: ContinuousClock.Instant) {
        print(
            "\(what): \(found.runs) runs, \(found.broken.count) broken; \((ContinuousClock.now - start).components.seconds) s"
        )
        for (places, violation) in found.broken.prefix(5) {
            let words = places.map { "\($0.point):\(Exploration.interferences[$0.interference])" }
            print("BROKEN \(violation)\n  all of it: hawser-trials --explore --at \(words.joined(separator: ","))")
        }
    }

    /// One run, with everything that happens.
    static func show(_ places: [Exploration.Place]) -> Bool {
        guard let result = Exploration().run(places, isTraced: true) else {
            print("the history is over before these points")
            return false
        }
        for line in result.trace { print(line) }
        print(result.violation.map { "BROKEN \($0)" } ?? "no invariant broken")
        return result.violation == nil
    }

    /// Reads what `--at` takes, such as `34:kill,36:detach-0`; `nil` when it is not that.
    static func places(_ text: String) -> [Exploration.Place]? {
        var places: [Exploration.Place] = []
        for part in text.split(separator: ",") {
            let words = part.split(separator: ":")
            guard words.count == 2, let point = Int(words[0]),
                let kind = Exploration.interferences.firstIndex(of: String(words[1]))
            else { return nil }
            places.append(Exploration.Place(point: point, interference: kind))
        }
        return places.isEmpty ? nil : places
    }
}
