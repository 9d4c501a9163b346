import Testing
import VolumeModel

@testable import Planning

/// Flap damping, as values.
@Suite("Contested") struct ContestRulesTests {
    private func contest(times: Int, ago: Duration = .seconds(1)) -> Contest {
        var contest = Contest(machine: Fixture.here, stoodSince: Fixture.now - .seconds(60))
        contest.times = times
        contest.undoneAt = Fixture.now - ago
        return contest
    }

    private func view(_ contest: Contest) -> VolumeView { Fixture.detached { $0.contest = Shared(contest) } }

    private func event(_ number: UInt64, _ kind: VolumeEvent.Kind, _ user: String, isFailure: Bool = false)
        -> VolumeEvent
    {
        VolumeEvent(
            id: UUIDValue(high: 1, low: number), kind: kind, user: user, account: "ops", created: "T\(number)",
            isFailure: isFailure)
    }

    @Test func `the pauses are 0, 10, 20, 40 seconds and so on, up to the cap`() {
        let pauses = (1...12).map { times in
            ContestRules.pause(contest(times: times, ago: .zero), policy: Fixture.policy).map { $0 - Fixture.now }
        }
        #expect(pauses.prefix(5) == [nil, .seconds(10), .seconds(20), .seconds(40), .seconds(80)])
        #expect(pauses.last == .seconds(600))
    }

    @Test func `what was undone once is repaired at once`() {
        #expect(Fixture.decide(view(contest(times: 1))).step?.verb == "attach")
    }

    @Test func `what was undone twice waits, and the events are read once for each time`() throws {
        var contest = contest(times: 2)
        #expect(Fixture.decide(view(contest)).look == .events(Fixture.volume))
        contest.events = Fixture.exact(.present([]))
        let decision = Fixture.decide(view(contest))
        #expect(decision.cause?.kind == .contested)
        #expect(decision.cause?.mover == .person)
        guard case .hold(_, let until?) = decision else {
            Issue.record("\(decision)")
            return
        }
        #expect(until == Fixture.now + .seconds(9))
        #expect(Planner(policy: Fixture.policy).decide(view(contest), at: until).step == nil, "fresh evidence first")
        #expect(Planner(policy: Fixture.policy).decide(view(contest), at: until).look == .volume(Fixture.volume))
    }

    @Test func `while it waits nothing is read for it either, and a move back is not begun`() {
        var contest = contest(times: 3)
        contest.events = Fixture.exact(.present([]))
        var stale = view(contest)
        stale.cloud = Fixture.listed(stale.cloud.fact)
        #expect(Fixture.decide(stale).cause?.kind == .contested)
        #expect(Fixture.decide(stale).look == nil)
        var taken = view(contest)
        var record = Fixture.record
        record.attachedTo = Fixture.other
        taken.cloud = Fixture.exact(.present(record))
        taken.holderMachine = Fixture.exact(.present(Fixture.machine(Fixture.other, .stopped)))
        #expect(Fixture.decide(taken).cause?.kind == .contested)
    }

    @Test func `what a person deletes is not kept waiting`() {
        var departing = Fixture.departing {
            $0.export = Fixture.exact(.absent)
            $0.held = Fixture.device.identity
        }
        departing.contest = Shared(contest(times: 5))
        #expect(Fixture.decide(departing).step == .detach(Fixture.volume, from: Fixture.here))
    }

    @Test func `what has lasted is a matter of the past`() {
        var contest = contest(times: 6)
        contest = ContestRules.standing(contest, on: Fixture.here, at: Fixture.now)
        let soon = ContestRules.undone(contest, at: Fixture.now + .seconds(599), policy: Fixture.policy)
        let late = ContestRules.undone(contest, at: Fixture.now + .seconds(600), policy: Fixture.policy)
        #expect(soon.times == 7)
        #expect(late.times == 1)
        #expect(ContestRules.undone(late, at: Fixture.now + .seconds(700), policy: Fixture.policy) == late)
    }

    @Test func `both sides are named, by the events since as many attaches as were undone`() {
        let events = [
            event(9, .detach, "bob"), event(8, .attach, "hawser"), event(7, .detach, "eve", isFailure: true),
            event(6, .detach, "bob"), event(5, .attach, "hawser"), event(4, .detach, "hawser"),
            event(3, .attach, "hawser"),
        ]
        let round = ContestRules.round(events, times: 2)
        #expect(round.parties == [Contention.Party(user: "bob", account: "ops", times: 2, last: "T9")])
        #expect(round.ourUser == "hawser")
        var contest = contest(times: 2)
        contest.events = Fixture.exact(.present(events))
        let message = Fixture.decide(view(contest)).cause?.message ?? ""
        #expect(message.hasPrefix("contested by user 'bob' (account 'ops'), 2 times, last at T9"), "\(message)")
        #expect(message.contains("as user 'hawser', does for object 'one', was undone 2 times in a row"), "\(message)")
    }

    @Test func `an action counts once, however many events it wrote`() {
        var started = event(3, .detach, "bob")
        started.parent = UUIDValue(high: 1, low: 2)
        let round = ContestRules.round([started, event(2, .detach, "bob"), event(1, .attach, "hawser")], times: 1)
        #expect(round.parties.map(\.times) == [1])
    }

    @Test(arguments: [Fact<[VolumeEvent]>.absent, .present([])])
    func `where CloudStack does not tell, it was somebody outside Hawser`(fact: Fact<[VolumeEvent]>) {
        var contest = contest(times: 2)
        contest.events = Fixture.exact(fact)
        let message = Fixture.decide(view(contest)).cause?.message ?? ""
        #expect(message.hasPrefix("contested by somebody outside Hawser: 'attach volume"), "\(message)")
    }
}
