import CloudStackModel
import VolumeModel

/// Everything that a run is made of, drawn from one number. The same plan always runs the same way; a plan with something
/// left out is still a plan, which is how a failing one is made smaller.
public struct Plan: Sendable {
    struct Entry: Sendable, Equatable {
        var at: Duration
        var act: Act
    }

    /// How an object names its volume.
    enum Reference: Sendable, Equatable {
        case id
        case name
        case created
        /// By the id of the volume that object 0 means.
        case sameAsFirst
        /// By the id of the root disk of the machine of this place, as if it were a data disk.
        case root(of: Int)
        /// By the id of the root disk of the machine of this place, as that machine's root disk.
        case rootDisk(of: Int)
    }

    struct Object: Sendable, Equatable {
        var reference: Reference
        var deletesData: Bool
        /// As a person wrote them, who can err.
        var zone = "zone-1"
        var offering = "Custom"
        /// It wants the volume, which is no root disk, as the root disk of the machine of this place.
        var rootOf: Int?
    }

    public internal(set) var seed: UInt64
    var server: ExportModel.Kind
    var objects: [Object]
    /// Machine 0 is the appliance.
    var machines: Int
    var clients: Int
    /// For so long there is trouble; then the world calms down.
    var trouble: Duration
    var entries: [Entry]
    /// How likely one HTTP call goes wrong while there is trouble, from 0 to 1.
    var callFaults: Double
    /// How likely one write to the store is done and reported as failed.
    var storeDoubts: Double
    /// How likely an event is lost on its way to hawserd.
    var lostEvents: Double
    /// How many hawserd are started for the appliance, and for how long the lease of one that is silent stands.
    var daemons: Int
    var leaseLifetime: Duration
    /// How likely a process is stopped between an order and its carrying out.
    var stopsBetween: Double
    /// Most of the time CloudStack answers in some milliseconds; with this, in seconds.
    var isCloudSlow: Bool
    /// The volume of object 1 has the same first 20 digits as that of object 0.
    var hasTwins = false
    /// The last machine is in another zone than all else.
    var hasFarMachine = false
    /// How likely somebody acts in the worst of moments: connects just before a name is withdrawn, mounts just before a detach.
    var ambushes = 0.0
    /// hawserd is started to observe only, until the world calms down.
    var onlyObserves = false

    /// `volumes`: so many objects, instead of a few.
    public init(seed: UInt64, volumes: Int? = nil) {
        self.seed = seed
        var chance = SplitMix64(seed: seed &* 0x9E37_79B9 &+ 1)
        // The default server gets the most.
        server = chance.chance(0.6) ? .nbdkit : chance.chance(0.5) ? .perConnection : .daemon
        let few = 1 + Int(chance.next() % 5)
        let count = volumes ?? few
        objects = (0..<count).map { _ in
            Object(
                reference: chance.chance(0.6) ? .id : chance.chance(0.5) ? .name : .created,
                deletesData: chance.chance(0.3))
        }
        machines = 2 + Int(chance.next() % 2)
        clients = Int(chance.next() % 4)
        trouble = .seconds(60 + Int(chance.next() % 1_200))
        // One run in five is without bad luck in calls: then nothing may go wrong at all.
        let isCalm = chance.chance(0.2)
        callFaults = isCalm ? 0 : chance.nextUnit() * chance.nextUnit() * 0.3
        storeDoubts = isCalm ? 0 : chance.nextUnit() * chance.nextUnit() * 0.02
        lostEvents = isCalm ? 0 : chance.nextUnit() * chance.nextUnit() * 0.3
        isCloudSlow = chance.chance(0.2)
        daemons = chance.chance(0.3) ? 2 : 1
        leaseLifetime = .seconds(2 + Int(chance.next() % 20))
        stopsBetween = isCalm || chance.chance(0.5) ? 0 : chance.nextUnit() * chance.nextUnit() * 0.01
        entries = []
        for object in 0..<count { entries.append(Entry(at: chance.within(.zero ... .seconds(20)), act: .want(object))) }
        for client in 0..<clients {
            entries.append(Entry(at: chance.within(.seconds(5) ... .seconds(60)), act: .connect(client: client)))
        }
        for _ in 0..<Int(chance.next() % 30) {
            let act = draw(&chance, isCalm: isCalm)
            entries.append(Entry(at: chance.within(.seconds(1)...trouble), act: act))
        }
        enrich(seed)
        provoke(seed)
        provokeMore(seed)
        provokeInPeace(seed)
        entries.sort { $0.at < $1.at }
    }

    /// What is rare in the field, and what lies: drawn apart from the rest.
    private mutating func enrich(_ seed: UInt64) {
        var chance = SplitMix64(seed: seed &* 0xD6E8_FEB8 &+ 7)
        hasTwins = objects.count > 1 && chance.chance(0.08)
        hasFarMachine = chance.chance(0.1)
        ambushes = chance.chance(0.5) ? 0.5 : 0
        onlyObserves = chance.chance(0.04)
        for index in objects.indices where !hasTwins && chance.chance(0.03) {
            objects[index].reference = .root(of: Int(chance.next() % 2))
        }
        if objects[0].reference != .created, objects.count > 1, !hasTwins, chance.chance(0.05) {
            objects[1].reference = .sameAsFirst
        }
        for index in objects.indices where objects[index].reference == .created { objects[index].deletesData.toggle() }
        for _ in 0..<Int(chance.next() % 12) {
            let begin = chance.within(.seconds(1)...trouble)
            let object = Int(chance.next() % UInt64(objects.count))
            let other = Int(chance.next() % UInt64(objects.count))
            let seconds = 20 + Int(chance.next() % 120)
            let end = begin + .seconds(seconds)
            func add(_ act: Act, at instant: Duration) { entries.append(Entry(at: instant, act: act)) }
            switch chance.next() % 17 {
            case 0, 1: add(.replug(object, other), at: begin)
            case 2:
                add(.forgeDisk(object), at: begin)
                add(.removeForgedDisks, at: end)
            case 3: add(.cutDisk(object), at: begin)
            case 4: add(.blind(seconds: seconds), at: begin)
            case 5:
                add(.garble(object, true), at: begin)
                add(.garble(object, false), at: end)
            case 6: add(.stop(seconds: seconds % 10), at: begin)
            case 7:
                add(.manifestsUnreadable(true), at: begin)
                add(.manifestsUnreadable(false), at: end)
            case 8: add(.lieOfLinks(object, other), at: begin)
            case 9, 10:
                // Away, and back while the other machine still runs.
                add(.move(object, to: 1), at: begin)
                add(.move(object, to: 0), at: end)
            case 11:
                add(.detachByHand(object), at: begin)
                add(.attachByHand(object, to: 1), at: begin + .milliseconds(200))
            case 14:
                add(.growRecord(object), at: begin)
                if chance.chance(0.5) { add(.kill(seconds: 0), at: begin + .seconds(seconds)) }
            case 15:
                add(.allowInUse(object), at: begin)
                add(.readOnly(object, true), at: begin + .seconds(1))
                add(.readOnly(object, false), at: begin + .seconds(120))
            case 12, 13:
                add(.delete(object), at: begin)
                add(.want(object), at: end)
            default:
                add(.fault(Fault(kind: chance.chance(0.5) ? .staleList : .emptyList), seconds: seconds), at: begin)
                add(.detachByHand(object), at: begin + .seconds(1))
                add(.attachByHand(object, to: 1), at: begin + .seconds(2))
            }
        }
    }

    /// The volume that an object names by its id.
    func volume(_ index: Int) -> VolumeID {
        let low = 0x8000_0000_0000_0000 + UInt64(index)
        return VolumeID(
            UUIDValue(high: 0xC0FF_EE00_0000_4000 + UInt64(hasTwins && index == 1 ? 0 : index) << 32, low: low))
    }

    private func draw(_ chance: inout SplitMix64, isCalm: Bool) -> Act {
        let object = Int(chance.next() % UInt64(objects.count))
        let machine = Int(chance.next() % UInt64(machines))
        let other = 1 + Int(chance.next() % UInt64(machines - 1))
        let flag = chance.chance(0.5)
        let seconds = 1 + Int(chance.next() % 90)
        if chance.chance(0.06) {
            return seconds % 3 == 0 ? .approveHeld : seconds % 3 == 1 ? .deleteAll : .moveAll(to: machine)
        }
        switch chance.next() % (isCalm ? 20 : 38) {
        case 0, 1: return .delete(object)
        case 2, 3: return .want(object)
        case 4, 5: return .move(object, to: machine)
        case 6: return .export(object, flag)
        case 7: return .readOnly(object, flag)
        case 8: return .size(object, gibibytes: 1 + Int64(chance.next() % 20))
        case 9: return .suspend(object, seconds: flag ? seconds : nil)
        case 10: return .resume(object)
        case 11: return .observe(object, flag)
        case 12: return .allowInUse(object)
        case 13: return .protect(object, flag)
        case 14: return .swapNames(object, Int(chance.next() % UInt64(objects.count)))
        case 15: return .mount(object)
        case 16: return .unmount(object)
        case 17: return .reconcile
        case 18: return clients > 0 ? .connect(client: Int(chance.next() % UInt64(clients))) : .reconcile
        case 19: return clients > 0 ? .disconnect(client: Int(chance.next() % UInt64(clients))) : .reconcile
        case 20: return .detachByHand(object)
        case 21:
            return flag ? .contend(object, every: seconds, times: 2 + seconds % 30) : .detachByHand(object)
        case 22: return .attachByHand(object, to: machine)
        case 23: return flag ? .deleteByHand(object) : .renameByHand(object)
        case 24: return .copyName(object)
        case 25: return flag ? .stopMachine(other) : .startMachine(other)
        case 26: return flag ? .destroyMachine(other) : .startMachine(other)
        case 27: return .foreignExport(object)
        case 28, 29, 30: return .fault(fault(&chance), seconds: seconds)
        case 31: return .restartManagementServer
        case 32, 33: return .kill(seconds: seconds % 20)
        case 34: return .pause(seconds: seconds)
        case 35: return flag ? .reboot(seconds: seconds) : .loseDeviceEvents
        case 36: return .storeAway(seconds: seconds)
        default: return .serverDown(seconds: seconds)
        }
    }

    private func fault(_ chance: inout SplitMix64) -> Fault {
        let kinds: [Fault.Kind] = [
            .emptyList, .shortPage, .staleList, .jobFails, .jobLost, .jobWithoutResult, .deviceNeverAppears,
            .lateDetach,
        ]
        let kind = chance.pick(kinds) ?? .jobFails
        let milliseconds: Int64? = kind == .lateDetach ? Int64(chance.next() % 60_000) : nil
        return Fault(
            kind: kind, probability: chance.chance(0.5) ? nil : 0.3, milliseconds: milliseconds)
    }

    // MARK: Leaving things out

    /// How many acts there are; an act can be left out.
    public var size: Int { entries.count }

    /// The plan without the acts of these places.
    public func leavingOut(_ range: Range<Int>) -> Plan {
        var smaller = self
        smaller.entries.removeSubrange(range.clamped(to: entries.indices))
        return smaller
    }

    /// The plan without bad luck in single calls.
    public var withoutCallFaults: Plan {
        var smaller = self
        (smaller.callFaults, smaller.storeDoubts, smaller.lostEvents) = (0, 0, 0)
        smaller.isCloudSlow = false
        smaller.stopsBetween = 0
        smaller.ambushes = 0
        return smaller
    }

    /// The plan whose trouble ends with its last act.
    public var shorter: Plan {
        var smaller = self
        if let last = entries.last { smaller.trouble = min(trouble, last.at + .seconds(120)) }
        return smaller
    }

    /// A small and quiet plan in which each kind of step is taken once, for dying at each of its calls: an object comes, is
    /// moved away and back, grows, changes its export, and goes with its data.
    static func everyStep(_ reference: Int, server: Int) -> Plan {
        var plan = Plan(seed: UInt64(reference * 3 + server + 1))
        let kinds = ExportModel.Kind.allCases
        plan.server = kinds[server % kinds.count]
        let references: [Reference] = [.id, .name, .created]
        plan.objects = [Object(reference: references[reference % 3], deletesData: true)]
        plan.machines = 2
        plan.clients = 1
        plan.trouble = .seconds(200)
        plan.callFaults = 0
        plan.storeDoubts = 0
        plan.lostEvents = 0
        plan.isCloudSlow = false
        plan.daemons = 1
        plan.stopsBetween = 0
        plan.hasTwins = false
        plan.hasFarMachine = false
        plan.ambushes = 0
        plan.onlyObserves = false
        let acts: [(Int, Act)] = [
            (1, .want(0)), (15, .connect(client: 0)), (30, .size(0, gibibytes: 4)), (45, .disconnect(client: 0)),
            (50, .readOnly(0, true)), (65, .move(0, to: 1)), (80, .stopMachine(1)), (85, .move(0, to: 0)),
            (100, .detachByHand(0)), (115, .foreignExport(0)), (130, .delete(0)),
        ]
        plan.entries = acts.map { Entry(at: .seconds($0.0), act: $0.1) }
        return plan
    }

    /// The nine of them: each way to name a volume, with each kind of server.
    public static var stories: [Plan] {
        (0..<3).flatMap { reference in (0..<3).map { everyStep(reference, server: $0) } }
    }

    /// The acts in words, one a line.
    public var story: [String] {
        var lines = [
            "seed \(seed): \(objects.count) objects, \(machines) machines, \(server.rawValue), trouble for \(trouble)"
                + (daemons > 1 ? ", \(daemons) hawserd with a lease of \(leaseLifetime)" : "")
                + (hasTwins ? ", two volumes with one serial" : "")
                + (hasFarMachine ? ", a machine in another zone" : "")
                + (ambushes > 0 ? ", ambushes" : "") + (onlyObserves ? ", only observing" : "")
                + ", \(Int(callFaults * 1_000)) ‰ of calls go wrong, \(Int(lostEvents * 1_000)) ‰ of events are lost"
        ]
        lines += entries.map { "  at \($0.at): \($0.act)" }
        return lines
    }
}
