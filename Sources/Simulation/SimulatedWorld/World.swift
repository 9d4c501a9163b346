import CloudStackModel
import Planning
import Reconciliation
public import VolumeModel

/// A whole installation in one value: CloudStack, an appliance with its kernel and its NBD server, a store, people, clients,
/// bad luck, and the controller's core that ships. One seed, one thread, a virtual clock.
public struct World: Sendable {
    /// What never changes while it runs.
    public let plan: Plan
    public internal(set) var now = Instant(nanoseconds: 1_800_000_000_000_000_000)
    let startedAt: Instant
    var chance: SplitMix64
    var calendar = Calendar()

    var cloud: CloudFace
    var kernel = Kernel()
    var exports: ExportModel
    var store = StoreModel()
    /// How often the object of each place in the plan was applied anew.
    var incarnations: [Int: UInt64] = [:]
    var clients: [Int: ClientState] = [:]

    /// Every hawserd that was started for the appliance; more than one share the store, and one of them works.
    var daemons: [Daemon]
    /// By how much the node's clock is off; it only changes while hawserd does not run.
    var clockError = Duration.zero
    var policy: Policy
    /// When disks last changed places: for a while udev says of one that is here that it is not.
    var replugAt = Instant.distantPast
    /// Until when nobody can tell who uses a device, and since when.
    var blindness: (since: Instant, until: Instant)?

    /// There is bad luck, and people are at work.
    public internal(set) var isTroubled = true
    var oracle: Oracle
    public internal(set) var counts = Counts()
    public internal(set) var trace: [String] = []
    var isTraced: Bool
    /// The process that works is stopped at its next effect, with it in hand, for longer than its lease.
    var stopsBeforeNextEffect = false
    /// The process dies with its next mutation under way, and the clock is set by so much.
    var diesInCall: Duration?
    /// Until when the store's answers to one process take about so long.
    var slowness: (process: ProcessID, delay: Duration, until: Instant)?
    /// The process that works is stopped with the next answer about its lease unread, and the object of this place unmounted
    /// just before it goes on.
    var stopsUnread: Int?
    /// Somebody is to write once more, when hawserd has just read.
    var hasLastWord = false
    /// A hook for crashes: the process dies just before, or just after, the call with this place in the order of calls has its
    /// effect.
    var crash: CrashPoint?

    /// Where a process is to die.
    public struct CrashPoint: Sendable, Hashable {
        /// The how many-th call, of all that the processes of the run make, counted at its effect.
        public var call: Int
        public var isAfterEffect: Bool
        /// It dies once more, so many calls later, while it puts right what the first death left.
        public var again: Int?

        public init(call: Int, isAfterEffect: Bool, again: Int? = nil) {
            self.call = call
            self.isAfterEffect = isAfterEffect
            self.again = again
        }

        func strikes(at call: Int) -> Bool { call == self.call || again.map { self.call + $0 == call } ?? false }
    }

    /// A client that wants the export of an object.
    struct ClientState: Sendable {
        var isConnected = false
        var connectedAt = Instant.distantPast
        /// It connected while udev was behind the kernel, in the window that a server leaves that opens a path at connect.
        var cameThroughWindow = false
        /// It came by an export that is not Hawser's.
        var isSomebodyElses = false
    }

    /// What a run made of itself.
    public struct Counts: Sendable, Equatable {
        public var calls = 0
        public var inputs = 0
        public var crashes = 0
        public var faults = 0
        public var writesOfClients = 0
        public var mutations = 0
        /// Sessions that opened a disk in the window.
        public var window = 0
        /// How often each cause of the catalogue was seen in a report, at samples.
        public var causes: [String: Int] = [:]
        /// How often each call was made, and how each kind of step ended.
        public var kinds: [String: Int] = [:]
        /// A number that stands for everything that happened, in order: two runs that agree in it are the same run.
        public var digest: UInt64 = 0xCBF2_9CE4_8422_2325

        public init() {}

        mutating func mix(_ text: String) {
            for byte in text.utf8 { digest = (digest ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        }

        /// Adds those of another run.
        public mutating func add(_ other: Counts) {
            calls += other.calls
            inputs += other.inputs
            crashes += other.crashes
            faults += other.faults
            writesOfClients += other.writesOfClients
            mutations += other.mutations
            window += other.window
            causes.merge(other.causes, uniquingKeysWith: +)
            kinds.merge(other.kinds, uniquingKeysWith: +)
            digest ^= other.digest
        }
    }

    public init(plan: Plan, crash: CrashPoint? = nil, isTraced: Bool = false) {
        self.plan = plan
        self.crash = crash
        self.isTraced = isTraced
        startedAt = now
        chance = SplitMix64(seed: plan.seed)
        cloud = CloudFace(plan: plan, now: now)
        exports = ExportModel(kind: plan.server)
        oracle = Oracle()
        daemons = (0..<plan.daemons).map { Daemon(process: ProcessID(daemon: $0, incarnation: 0)) }
        var policy = Policy()
        policy.requestInFlightBound = .seconds(30)
        if plan.onlyObserves { policy.mode = .observe }
        self.policy = policy
        cloud.change { $0.jobDelayInMilliseconds = Int64(100 + plan.seed % 1_000) }
        for daemon in daemons.indices { calendar.add(.starts(daemon), at: now + .milliseconds(daemon * 40)) }
        for entry in plan.entries { calendar.add(.act(entry.act), at: now + entry.at) }
    }

    static let here = CloudFace.machine(0)

    /// The first invariant that was seen broken.
    public var violation: Violation? { oracle.violation }

    mutating func note(_ text: @autoclosure () -> String) {
        guard isTraced else { return }
        let milliseconds = (now - startedAt).wholeNanoseconds / 1_000_000
        let fraction = String(milliseconds % 1_000 + 1_000).dropFirst()
        trace.append("\(milliseconds / 1_000).\(fraction)  \(text())")
    }

    // MARK: Running

    /// Lets everything happen until then, or until an invariant is broken.
    public mutating func run(until end: Instant) {
        var inThisInstant = 0
        while let soonest = calendar.soonest, soonest <= end, oracle.violation == nil {
            guard let (at, happening) = calendar.removeFirst() else { return }
            inThisInstant = at > now ? 0 : inThisInstant + 1
            now = max(now, at)
            happen(happening)
            if inThisInstant > 20_000 { oracle.report("QUIET", "hawserd never comes to rest within one instant") }
        }
        now = max(now, end)
    }

    mutating func happen(_ happening: Happening) {
        switch happening {
        case .arrives(let call): arrive(call)
        case .answered(let call, let answer):
            if isAlive(call.from) {
                daemons[call.from.daemon].evidence.noteAnswered(call, answer, now: now + clockError)
            }
            deliver(.answered(call.number, answer), to: call.from)
        case .told(let process, let told): tell(process, told)
        case .starts(let daemon): start(daemon)
        case .cloudIsDue: followCloud()
        case .hypervisor(let order): carryOut(order)
        case .hypervisorEnded(let job, _):
            let milliseconds = CloudFace.milliseconds(now)
            cloud.change { $0.hypervisorEnded(job, failure: nil, now: milliseconds) }
            followCloud()
        case .udev(let name): settle(name)
        case .act(let act): carryOut(act)
        case .client(let client): moveClient(client)
        case .pauseEnds(let daemon): wakeUp(daemon)
        case .stops(let process, let deadline, let seconds): stop(process, by: deadline, startsAgainAfter: seconds)
        case .faultIsOver(let fault):
            oracle.noteListing(under: fault, at: now)
            cloud.change { world in
                if let index = world.faults.firstIndex(of: fault) { world.faults.remove(at: index) }
            }
        case .serverBack: startServer()
        case .listingMended: mendListing()
        case .reloaded:
            exports.reload()
            tellAll(.exports, after: .milliseconds(1))
        case .storeBack:
            storeIsBack()
        }
    }

    // MARK: People

    /// The object of this place in the plan, as it was last applied: one that is applied again after it was gone is another.
    func object(_ index: Int) -> AttachmentID { Self.object(index, incarnation: incarnations[index, default: 0]) }

    static func object(_ index: Int, incarnation: UInt64) -> AttachmentID {
        AttachmentID(UUIDValue(high: 0xDDDD_0000_0000_4000, low: incarnation << 32 + UInt64(index)))
    }

    /// The volume of an object, as far as it has one.
    func volume(ofObject index: Int) -> VolumeID? {
        if let bound = store.bindings[object(index)] { return bound }
        guard index < plan.objects.count, plan.objects[index].reference != .created else { return nil }
        switch plan.objects[index].reference {
        case .root(let machine), .rootDisk(let machine): return CloudFace.root(of: machine)
        case .sameAsFirst: return plan.volume(0)
        case .id, .name, .created: return plan.volume(index)
        }
    }

    mutating func announceDesired() {
        oracle.noteEdits(store, now: now)
        oracle.noteNames(store)
        // It can come before the answer to a question that was asked just before the change.
        let delay: Duration =
            isTroubled && chance.chance(plan.lostEvents)
            ? .seconds(1) : chance.within(.microseconds(5) ... .milliseconds(2))
        tellAll(.desired, after: delay)
    }

    /// The orders of a person for the store: they fail while it is away.
    mutating func editStore(_ edit: (inout StoreModel) -> Void) {
        guard !store.isAway else { return note("  but the store is away") }
        edit(&store)
        announceDesired()
    }
}
