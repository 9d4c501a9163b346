import Planning
import Reconciliation
import Testing
import VolumeModel

/// Daemons that share a row, with a clock for all that only these tests move. Nothing but the lease is asked for.
private struct SharedLease {
    static let lifetime = Duration.seconds(10)

    var row: LeaseRecord?
    var now = Instant(nanoseconds: 1_800_000_000_000_000_000)
    var daemons: [ControllerCore] = []
    /// When each wants to be woken.
    private var wakes: [[Instant]] = []
    private(set) var hasBegun: [Bool] = []
    private(set) var hasEnded: [Bool] = []
    /// Answers to takings and renewals are lost on their way back, or the store cannot be reached at all.
    var losesAnswers = false
    var isAway = false

    /// - Returns: the new daemon's number.
    mutating func start() -> Int {
        let number = daemons.count
        daemons.append(
            ControllerCore(
                here: MachineID(UUIDValue(high: 1, low: 1)), policy: Policy(),
                lease: .shared(holder: "process \(number)", lifetime: Self.lifetime), seed: UInt64(number), now: now))
        wakes.append([])
        hasBegun.append(false)
        hasEnded.append(false)
        deliver(.opened, to: number)
        return number
    }

    mutating func deliver(_ input: ControllerCore.Input, to number: Int) {
        var inputs = [input]
        while let input = inputs.popLast() {
            for order in daemons[number].handle(input, at: now) {
                switch order {
                case .wake(let instant): wakes[number].append(instant)
                case .begin:
                    hasBegun[number] = true
                    inputs.append(
                        .started(
                            DesiredState(entries: [], revision: 1), bindings: [:], openLedger: [], openDrifts: []))
                case .end: hasEnded[number] = true
                case .call(let call, let system, _):
                    if let answer = answer(system) { inputs.append(.answered(call, answer)) }
                }
            }
        }
    }

    private mutating func answer(_ call: SystemCall) -> SystemAnswer? {
        let lost = SystemAnswer.storeFailed(.unavailable("the connection was lost"))
        if isAway { return lost }
        switch call {
        case .readLease: return .lease(row)
        case .takeLease(let record, let seen):
            guard row?.token == seen?.token, row?.beat == seen?.beat else { return .leaseStands(false) }
            row = record
            return losesAnswers ? lost : .leaseStands(true)
        case .renewLease(let token):
            guard row?.token == token else { return .leaseStands(false) }
            row?.beat += 1
            return losesAnswers ? lost : .leaseStands(true)
        case .releaseLease(let token):
            if row?.token == token { row?.isReleased = true }
            return .done
        default: return nil
        }
    }

    /// Lets time pass for some of the daemons; the others are stopped, and hear of nothing.
    mutating func pass(_ duration: Duration, for running: [Int]) {
        let end = now + duration
        while now < end {
            now = min(end, now + .milliseconds(50))
            for number in running {
                let due = wakes[number].filter { $0 <= now }
                wakes[number].removeAll { $0 <= now }
                for instant in due { deliver(.woken(for: instant), to: number) }
            }
        }
    }

    func standing(_ number: Int) -> [Cause] { daemons[number].loop.overview(at: now).nodeCauses }
}

@Suite struct LeaseTests {
    @Test func `LEASE: of two daemons one begins; the other waits, and says for whom`() {
        var world = SharedLease()
        let first = world.start()
        let second = world.start()
        world.pass(.seconds(120), for: [first, second])
        #expect(world.hasBegun == [true, false])
        #expect(world.standing(second).contains(.leaseHeldElsewhere("process 0")))
        #expect(world.standing(first).isEmpty)
    }

    @Test func `LEASE: a silent holder is succeeded after its lifetime on the waiter's own clock, and not before`() {
        var world = SharedLease()
        let first = world.start()
        let second = world.start()
        world.pass(.seconds(30), for: [first, second])
        let token = world.row?.token
        world.pass(SharedLease.lifetime, for: [second])
        #expect(!world.hasBegun[second])
        world.pass(.seconds(5), for: [second])
        #expect(world.hasBegun[second])
        #expect(world.row?.token.epoch == (token?.epoch ?? 0) + 1)
        #expect(world.row?.token.nonce != token?.nonce)
    }

    @Test func `LEASE: a holder that was stopped does not act before it has asked, and ends when it was succeeded`() {
        var world = SharedLease()
        let first = world.start()
        let second = world.start()
        world.pass(.seconds(30), for: [first, second])
        world.isAway = true
        world.pass(SharedLease.lifetime, for: [first])
        #expect(world.standing(first).contains(.leaseUnproven))
        world.isAway = false
        world.pass(.seconds(20), for: [second])
        #expect(world.hasBegun[second])
        world.pass(.seconds(2), for: [first, second])
        #expect(world.hasEnded == [true, false])
    }

    @Test func `LEASE: a holder whom nobody succeeded goes on when the store is back`() {
        var world = SharedLease()
        let first = world.start()
        world.pass(.seconds(5), for: [first])
        world.isAway = true
        world.pass(.seconds(300), for: [first])
        #expect(world.standing(first).contains(.leaseUnproven))
        world.isAway = false
        world.pass(.seconds(2), for: [first])
        #expect(!world.standing(first).contains(.leaseUnproven))
        #expect(!world.hasEnded[first])
    }

    @Test func `LEASE: when the answer to the taking was lost, the row tells whose it is`() {
        var world = SharedLease()
        world.losesAnswers = true
        let first = world.start()
        #expect(!world.hasBegun[first])
        let taken = world.row?.token
        world.losesAnswers = false
        world.pass(.seconds(3), for: [first])
        #expect(world.hasBegun[first])
        #expect(world.row?.token == taken)
    }

    @Test func `LEASE: a lease that was given back is taken at once`() {
        var world = SharedLease()
        let first = world.start()
        let second = world.start()
        world.pass(.seconds(5), for: [first, second])
        world.deliver(.stopping, to: first)
        #expect(world.row?.isReleased == true)
        world.pass(.seconds(2), for: [second])
        #expect(world.hasBegun[second])
    }

    @Test func `LEASE: a write that the store refuses ends the process, whatever is under way`() throws {
        var world = SharedLease()
        let first = world.start()
        world.pass(.seconds(5), for: [first])
        var core = world.daemons[first]
        let orders = core.handle(.desiredMayHaveChanged, at: world.now)
        let call = try #require(
            orders.compactMap { order in
                if case .call(let number, .desiredDelta, _) = order { number } else { nil }
            }.first)
        let last = core.handle(.answered(call, .storeFailed(.leaseLost)), at: world.now)
        #expect(last.contains { if case .end(.leaseLost) = $0 { true } else { false } })
        #expect(core.handle(.reconcile(nil), at: world.now).isEmpty)
    }
}
