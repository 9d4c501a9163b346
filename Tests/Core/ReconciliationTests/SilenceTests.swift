import Planning
import Reconciliation
import Testing
import VolumeModel

/// A process that heard nothing for a while may have been stopped meanwhile, and what is wanted may have changed.
struct SilenceTests {
    private let begin = Instant(nanoseconds: 1_800_000_000_000_000_000)

    private func started() -> ControllerCore {
        var (core, open) = start(wanting: [])
        answerAll(&open, of: &core, at: begin)
        return core
    }

    private func start(wanting entries: [DesiredEntry]) -> (core: ControllerCore, open: [Call]) {
        var core = ControllerCore(
            here: MachineID(UUIDValue(high: 1, low: 1)), policy: Policy(), lease: .exclusive, seed: 1, now: begin)
        let desired = DesiredState(entries: entries, revision: 1)
        let open =
            calls(core.handle(.opened, at: begin))
            + calls(core.handle(.started(desired, bindings: [:], openLedger: [], openDrifts: []), at: begin))
        return (core, open)
    }

    /// Answers calls, and those that follow from the answers, until none is left but such as are kept.
    ///
    /// - Returns: the calls that were answered.
    @discardableResult
    private func answerAll(
        _ open: inout [Call], of core: inout ControllerCore, at now: Instant,
        butFor isKept: (SystemCall) -> Bool = { _ in false }
    ) -> [Call] {
        var answered: [Call] = []
        while let next = open.firstIndex(where: { !isKept($0.call) }) {
            let call = open.remove(at: next)
            open += calls(core.handle(.answered(call.number, answer(call.call)), at: now))
            answered.append(call)
        }
        return answered
    }

    /// Of a world with a zone, an offering and nothing else.
    private func answer(_ call: SystemCall) -> SystemAnswer {
        switch call {
        case .listVolumes: .volumes(CloudListing(records: [], isComplete: true))
        case .listMachines: .machines(CloudListing(records: [], isComplete: true))
        case .observeExports:
            .exports(
                ExportObservation(server: .running, entries: [], isComplete: true, writableURI: "", readOnlyURI: ""))
        case .desiredDelta: .desired(DesiredDelta(changed: [], removed: [], revision: 2))
        case .zone: .zone(.found(MemoryWorld.zone))
        case .offering:
            .offering(
                .found(
                    DiskOfferingRecord(
                        id: DiskOfferingID(UUIDValue(high: 2, low: 1)), name: "custom", isCustomized: true,
                        sizeInBytes: 0)))
        case .findVolumes: .found([])
        case .submit(_, let job): .accepted(CloudReceipt(job: job))
        case .report: .job(.running)
        default: .done
        }
    }

    @Test func `WHOLE-VIEW: after a silence desired state is read before anything is decided`() throws {
        var core = started()
        let later = begin + .seconds(10)
        let first = calls(core.handle(.reconcile(nil), at: later))
        #expect(first.map(\.call) == [.desiredDelta(since: 1)])
        #expect(calls(core.handle(.device(.enumerated([])), at: later)).isEmpty, "what comes next waits, too")
        let number = try #require(first.first?.number)
        let delta = DesiredDelta(changed: [], removed: [], revision: 2)
        let next = calls(core.handle(.answered(number, .desired(delta)), at: later)).map(\.call)
        #expect(next.contains(.listVolumes), "\(next)")
    }

    @Test func `a store that is away keeps nothing waiting`() throws {
        var core = started()
        let later = begin + .seconds(10)
        let number = try #require(calls(core.handle(.reconcile(nil), at: later)).first?.number)
        let next = calls(core.handle(.answered(number, .storeFailed(.unavailable("disk full"))), at: later))
        #expect(next.map(\.call).contains(.listVolumes))
    }

    @Test func `news of desired state after a silence is read once`() {
        var core = started()
        let orders = calls(core.handle(.desiredMayHaveChanged, at: begin + .seconds(10)))
        #expect(orders.map(\.call) == [.desiredDelta(since: 1)])
    }

    /// The order to forget an object waits behind other writes, and meanwhile somebody wants the object again.
    @Test(arguments: [true, false])
    func `an object is forgotten when its turn comes, unless it was taken back by then`(isTakenBack: Bool) throws {
        func wanted(isDeparting: Bool, generation: Int64) throws -> DesiredEntry {
            .valid(
                DesiredAttachment(
                    id: AttachmentID(UUIDValue(high: 3, low: 3)), name: try #require(ObjectName("v")),
                    generation: generation, volume: .named("v", zone: .named("z")), machine: .thisMachine, export: nil,
                    source: .row, isDeparting: isDeparting))
        }
        var (core, open) = start(wanting: [try wanted(isDeparting: false, generation: 1)])
        func isWrite(_ call: SystemCall) -> Bool {
            switch call {
            case .save, .recordEvents, .recordDrifts, .forget: true
            default: false
            }
        }
        func tell(_ entry: DesiredEntry) throws {
            let read = calls(core.handle(.desiredMayHaveChanged, at: begin))
            let call = try #require(read.first)
            let delta = DesiredDelta(changed: [entry], removed: [], revision: 2)
            open += calls(core.handle(.answered(call.number, .desired(delta)), at: begin))
            answerAll(&open, of: &core, at: begin, butFor: isWrite)
        }
        answerAll(&open, of: &core, at: begin, butFor: isWrite)
        #expect(open.count == 1, "something is being written")
        try tell(try wanted(isDeparting: true, generation: 2))
        if isTakenBack { try tell(try wanted(isDeparting: false, generation: 3)) }
        let answered = answerAll(&open, of: &core, at: begin)
        let isForgotten = answered.contains { if case .forget = $0.call { true } else { false } }
        #expect(isForgotten != isTakenBack)
    }

    @Test func `what comes soon after something else waits for nothing`() {
        var core = started()
        let orders = calls(core.handle(.reconcile(nil), at: begin + .milliseconds(10))).map(\.call)
        #expect(!orders.contains(.desiredDelta(since: 1)))
    }

    @Test func `LEASE: one that was kept from running looks at the exports, too, and decides on all of it at once`()
        throws
    {
        var core = started()
        let later = begin + .seconds(3_600)
        let first = calls(core.handle(.device(.enumerated([])), at: later))
        #expect(Set(first.map { "\($0.call)" }).count == 2, "\(first)")
        let exports = try #require(first.first { $0.call == .observeExports }?.number)
        let desired = try #require(first.first { $0.call == .desiredDelta(since: 1) }?.number)
        let delta = DesiredDelta(changed: [], removed: [], revision: 2)
        #expect(calls(core.handle(.answered(desired, .desired(delta)), at: later)).isEmpty)
        let observation = ExportObservation(
            server: .running, entries: [], isComplete: true, writableURI: "", readOnlyURI: "")
        let next = calls(core.handle(.answered(exports, .exports(observation)), at: later)).map(\.call)
        #expect(next.contains(.listVolumes), "what was due meanwhile: \(next)")
    }

    /// World 3488: the volume was made although its object was only to be observed by then.
    @Test(arguments: ["offering", "intention"], [true, false])
    func `LIVE-PROOF: a volume is made while the decision is young, and not by a process that was stopped meanwhile`(
        stoppedIn pause: String, isYoung: Bool
    ) throws {
        let made = DesiredAttachment(
            id: AttachmentID(UUIDValue(high: 3, low: 1)), name: try #require(ObjectName("made")),
            volume: .created(
                VolumeTemplate(
                    name: "made", sizeInBytes: 1 << 30, offering: .named("custom"), zone: .id(MemoryWorld.zone))),
            machine: .thisMachine, source: .row)
        let last = begin + Policy().decisionLifetime + Policy().requestInFlightBound
        var (core, open) = start(wanting: [.valid(made)])
        answerAll(&open, of: &core, at: begin) { call in
            switch call {
            case .offering: pause == "offering"
            case .intend: pause == "intention"
            default: false
            }
        }
        try #require(open.count == 1)
        let answered = answerAll(&open, of: &core, at: isYoung ? last : last + .nanoseconds(1))
        let sent = answered.filter { if case .submit = $0.call { true } else { false } }
        #expect(sent.map(\.notAfter) == (isYoung ? [last] : []), "\(answered.map(\.call))")
    }

    /// World 392: a volume was taken down for a move to a machine that was gone.
    @Test(arguments: [true, false])
    func `ORDER: one that was stopped looks for the target before a move begins`(isThere: Bool) {
        let world = MemoryWorld()
        let volume = world.makeVolume(1)
        world.want("v", volume: .id(volume), export: "e")
        world.start()
        world.run(for: .seconds(30))
        let before = world.deeds.count
        world.stop(for: .seconds(300))
        if !isThere { world.machines[MemoryWorld.other] = nil }
        world.want("v", volume: .id(volume), machine: .id(MemoryWorld.other), export: "e")
        world.run(for: .seconds(30))
        let move = ["unexport e", "detach \(volume)", "attach \(volume) other"]
        #expect(Array(world.deeds.dropFirst(before)) == (isThere ? move : []))
        #expect(world.report("v")?.readiness.code == (isThere ? "Ready" : "MachineNotFound"))
    }
}
