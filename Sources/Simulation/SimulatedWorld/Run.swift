import CloudStackModel
import Reconciliation
import VolumeModel

/// One run of one plan, from its trouble to its peace.
public struct Run: Sendable {
    public struct Result: Sendable {
        public var violation: Violation?
        public var counts: World.Counts
        public var trace: [String]
        /// How much time went by in the world.
        public var simulated: Duration
        /// How many calls were made until the world was settled: the points at which a process could have died.
        public var calls: Int
    }

    /// How long the world has for becoming quiet after its trouble, before people act and each time after they did.
    static let patience = Duration.seconds(900)
    /// How often people act on what they read.
    static let rounds = 8

    public static func run(
        _ plan: Plan, crash: World.CrashPoint? = nil, quietFor quiet: Duration = .seconds(3_600), isTraced: Bool = false
    ) -> Result {
        var world = World(plan: plan, crash: crash, isTraced: isTraced)
        world.run(until: world.now + plan.trouble)
        return end(&world, quietFor: quiet)
    }

    /// From the end of trouble to the end of peace.
    static func end(_ world: inout World, quietFor quiet: Duration) -> Result {
        world.calmDown()
        settle(&world)
        let calls = world.counts.calls
        if world.violation == nil { watchPeace(&world, for: quiet) }
        return Result(
            violation: world.violation, counts: world.counts, trace: world.trace,
            simulated: world.now - world.startedAt, calls: calls)
    }

    /// Makes a failing plan smaller while the same invariant is broken: acts are left out, halves first, then bad luck, then
    /// time.
    public static func shrink(_ plan: Plan, breaking invariant: String) -> Plan {
        shrink(plan) { $0.violation?.invariant == invariant }
    }

    /// Makes a plan smaller while its run keeps a property.
    public static func shrink(_ plan: Plan, while holds: (Result) -> Bool) -> Plan {
        func isBroken(_ candidate: Plan) -> Bool { holds(run(candidate)) }
        var smallest = plan
        for candidate in [smallest.withoutCallFaults] where isBroken(candidate) { smallest = candidate }
        var width = max(1, smallest.size / 2)
        while true {
            var start = 0
            var isSmaller = false
            while start < smallest.size {
                let candidate = smallest.leavingOut(start..<start + width)
                if isBroken(candidate) {
                    smallest = candidate
                    isSmaller = true
                } else {
                    start += width
                }
            }
            if width == 1, !isSmaller { break }
            width = max(1, width / 2)
        }
        let shorter = smallest.shorter
        return isBroken(shorter) ? shorter : smallest
    }

    /// Dies at each call of a plan, before and after its effect, and starts again from the store.
    ///
    /// - Parameters:
    ///   - stride: 1 for every call.
    ///   - again: how many calls after the first death a second one comes; each of them in turn.
    /// - Returns: how many runs there were, and those in which an invariant was broken.
    public static func crashEverywhere(
        _ plan: Plan, stride: Int = 1, again: [Int?] = [nil], quietFor quiet: Duration = .seconds(600)
    ) -> (runs: Int, broken: [(point: World.CrashPoint, violation: Violation)]) {
        let calls = run(plan, quietFor: .zero).calls
        var broken: [(point: World.CrashPoint, violation: Violation)] = []
        var runs = 0
        for call in Swift.stride(from: 1, through: calls, by: stride) {
            for isAfterEffect in [false, true] {
                for again in again {
                    let point = World.CrashPoint(call: call, isAfterEffect: isAfterEffect, again: again)
                    runs += 1
                    if let violation = run(plan, crash: point, quietFor: quiet).violation {
                        broken.append((point, violation))
                    }
                }
            }
        }
        return (runs, broken)
    }

    /// CONVERGES: everything becomes as it is wanted, or says what a person must do; and once that is done, it does.
    private static func settle(_ world: inout World) {
        for round in 0..<rounds {
            let end = world.now + patience
            while world.now < end, world.violation == nil {
                world.run(until: min(end, world.now + .seconds(30)))
                if world.isSettled { break }
            }
            guard world.violation == nil else { return }
            if world.isSettled {
                // Settled has to last.
                world.run(until: world.now + .seconds(180))
                if world.isSettled { return world.judgeDisks() }
            }
            let helpless = world.actOnCauses()
            if !helpless.isEmpty, round > 1 {
                world.oracle.report("CONVERGES", "nobody can help: " + helpless.joined(separator: "; "))
                return
            }
        }
        guard !world.isSettled, world.violation == nil else { return }
        var left = world.unsettled.map { "\($0.name): \($0.cause.kind.rawValue): \($0.cause.message)" }
        left +=
            world.core?.loop.overview(at: world.now).nodeCauses.map { "the node: \($0.message)" } ?? ["hawserd is down"]
        if let core = world.core, !core.isIdle { left.append("\(core.loop.stepsUnderWay) steps are under way") }
        world.oracle.report("CONVERGES", "not settled: " + left.joined(separator: "; "))
    }

    /// QUIET: nothing is changed, and nothing is written.
    private static func watchPeace(_ world: inout World, for duration: Duration) {
        // Clients who come and go are worth a line of status.
        for client in world.clients.keys.sorted() { world.disconnect(client) }
        world.clients = [:]
        world.run(until: world.now + .seconds(180))
        let mutations = world.counts.mutations
        let writes = world.store.writes
        let reloads = world.exports.reloads
        let entries = world.exports.entries
        world.run(until: world.now + duration)
        guard world.violation == nil else { return }
        if world.counts.mutations != mutations {
            world.oracle.report("QUIET", "\(world.counts.mutations - mutations) mutations of a world that agrees")
        }
        if world.store.writes != writes {
            world.oracle.report("QUIET", "\(world.store.writes - writes) writes about a world that agrees")
        }
        if world.exports.reloads != reloads { world.oracle.report("ONE-RELOAD", "a reload without a change") }
        if world.exports.entries != entries { world.oracle.report("QUIET", "the exports were changed") }
        world.judgeTheEnd()
        world.judgeLeftovers()
    }
}

extension World {
    /// Everything agrees, by the controller's own word and nothing under way.
    var isSettled: Bool {
        guard let core, core.isIdle else { return false }
        return unsettled.isEmpty && core.loop.overview(at: now).nodeCauses.isEmpty
    }

    /// When the controller says that all is well, it has to be so in truth.
    mutating func judgeTheEnd() {
        for object in store.inOrder {
            guard !object.isDeparting, let volume = store.bindings[object.id] ?? volumeByID(object) else { continue }
            let wanted = machine(of: object)
            let record = cloud.volume(volume)
            if record?.machine.flatMap({ MachineID($0) }) != wanted {
                oracle.report(
                    "CONVERGES", "\(object.name) is Ready and its volume is attached to \(record?.machine ?? "-")")
            }
            guard wanted == Self.here, let name = object.export?.name else { continue }
            guard let entry = exports.entries[name], !entry.isMisled,
                kernel.disk(sequence: entry.sequence)?.volume == volume
            else {
                return oracle.report("CONVERGES", "\(object.name) is Ready and '\(name)' does not lead to its disk")
            }
        }
        for (name, entry) in exports.entries {
            guard case .hawser(let volume) = entry.owner, !oracle.letGo.contains(volume) else { continue }
            if !store.inOrder.contains(where: { $0.export?.name == name }) {
                oracle.report("CONVERGES", "'\(name)' is still exported and nobody wants it")
            }
        }
    }
}
