import Planning
import Reconciliation
import Testing
import VolumeModel

/// A process that heard nothing for a while may have been stopped meanwhile, and what is wanted may have changed.
struct SilenceTests {
    private let begin = Instant(nanoseconds: 1_800_000_000_000_000_000)

    private func started() -> ControllerCore {
        var core = ControllerCore(
            here: MachineID(UUIDValue(high: 1, low: 1)), policy: Policy(), lease: .exclusive, seed: 1, now: begin)
        var open = calls(core.handle(.opened, at: begin))
        open += calls(
            core.handle(
                .started(DesiredState(entries: [], revision: 1), bindings: [:], openLedger: [], openDrifts: []),
                at: begin))
        while let (number, call) = open.popLast() {
            let answer: SystemAnswer
            switch call {
            case .listVolumes: answer = .volumes(CloudListing(records: [], isComplete: true))
            case .listMachines: answer = .machines(CloudListing(records: [], isComplete: true))
            case .observeExports:
                answer = .exports(
                    ExportObservation(server: .running, entries: [], isComplete: true, writableURI: "", readOnlyURI: "")
                )
            default: answer = .done
            }
            open += calls(core.handle(.answered(number, answer), at: begin))
        }
        return core
    }

    private func calls(_ orders: [ControllerCore.Order]) -> [(number: Int, call: SystemCall)] {
        orders.compactMap { if case .call(let number, let call, _) = $0 { (number, call) } else { nil } }
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
}
