import Reconciliation
import VolumeModel

/// A bounded world, searched systematically instead of from seeds: three volumes, two machines, two hawserd that share a
/// lease, and somebody else. One interference after another is put before every point of its one history, alone and in pairs.
///
/// A point is a happening that changes something: an effect that arrives, a hypervisor's work, a word of udev's. Between two
/// points an interference has the same meaning wherever it stands, but for what the clocks make of it.
public struct Exploration: Sendable {
    /// Where something interferes.
    public struct Place: Sendable, Equatable {
        /// How many points have gone by.
        public var point: Int
        public var interference: Int

        public init(point: Int, interference: Int) {
            self.point = point
            self.interference = interference
        }
    }

    private static let acts: [(word: String, act: Act)] =
        (0..<3).flatMap { [("detach-\($0)", .detachByHand($0)), ("attach-\($0)-elsewhere", .attachByHand($0, to: 1))] }
        + [
            ("kill", .kill(seconds: 1)), ("kill-the-other", .kill(seconds: 4)), ("stop", .pause(seconds: 41)),
            ("reboot", .reboot(seconds: 20)), ("management-restarts", .restartManagementServer),
            ("events-lost", .loseDeviceEvents), ("server-down", .serverDown(seconds: 20)),
            ("store-away", .storeAway(seconds: 25)), ("export-by-hand", .foreignExport(0)),
        ]

    /// A word for each interference, by its number.
    public static var interferences: [String] { acts.map(\.word) + ["stop-before-effect", "next-is-late"] }

    static var plan: Plan {
        var plan = Plan.everyStep(0, server: 0)
        plan.objects = [
            Plan.Object(reference: .id, deletesData: false), Plan.Object(reference: .name, deletesData: false),
            Plan.Object(reference: .created, deletesData: true),
        ]
        plan.daemons = 2
        plan.leaseLifetime = .seconds(8)
        let acts: [(Int, Act)] = [
            (1, .want(0)), (2, .want(1)), (3, .want(2)), (15, .connect(client: 0)), (25, .move(1, to: 1)),
            (30, .disconnect(client: 0)), (31, .readOnly(0, true)), (45, .delete(2)), (50, .stopMachine(1)),
            (55, .move(1, to: 0)),
        ]
        plan.entries = acts.map { Plan.Entry(at: .seconds($0.0), act: $0.1) }
        plan.trouble = .seconds(100)
        return plan
    }

    /// The world before each of its points.
    private let worlds: [World]

    public init() {
        var world = World(plan: Self.plan)
        var worlds: [World] = []
        while world.now < world.startedAt + world.plan.trouble, world.violation == nil {
            if world.isAtPoint { worlds.append(world) }
            world.step()
        }
        self.worlds = worlds
    }

    /// How many points the history has in which nothing interferes.
    public var points: Int { worlds.count }

    /// Runs the history with what interferes, to its peace.
    ///
    /// - Parameter places: in the order of their points, which are counted along the history that the earlier ones lead to.
    /// - Returns: `nil` when the history is over before the last of them.
    public func run(_ places: [Place], isTraced: Bool = false) -> Run.Result? {
        guard let first = places.first, worlds.indices.contains(first.point) else { return nil }
        var world = worlds[first.point]
        world.isTraced = isTraced
        var point = first.point
        for place in places {
            let end = world.startedAt + world.plan.trouble
            while point < place.point || !world.isAtPoint {
                guard world.now < end else { return nil }
                if world.isAtPoint { point += 1 }
                world.step()
            }
            Self.interfere(place.interference, &world)
        }
        world.run(until: world.startedAt + world.plan.trouble)
        return Run.end(&world, quietFor: .seconds(120))
    }

    private static func interfere(_ number: Int, _ world: inout World) {
        if acts.indices.contains(number) {
            world.carryOut(acts[number].act)
        } else if number == acts.count {
            world.stopsBeforeNextEffect = true
        } else {
            world.delayNext(by: .seconds(25))
        }
    }
}

extension World {
    /// The next happening changes something.
    var isAtPoint: Bool {
        switch calendar.next {
        case .arrives(let call): call.call.hasEffect && !call.call.isForLease
        case .hypervisor, .hypervisorEnded, .udev: true
        default: false
        }
    }

    /// Lets the next thing happen.
    mutating func step() {
        guard let (at, happening) = calendar.removeFirst() else { return }
        now = max(now, at)
        happen(happening)
    }

    /// But for a call within the machine: that is late only when the process is stopped.
    mutating func delayNext(by delay: Duration) {
        if case .arrives(let call) = calendar.next, !call.call.isForCloudStack, !call.call.isForStore { return }
        guard let (at, happening) = calendar.removeFirst() else { return }
        note("* what was to happen next is late")
        calendar.add(happening, at: at + delay)
    }
}
