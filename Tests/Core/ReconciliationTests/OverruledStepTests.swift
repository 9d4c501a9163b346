import Planning
import Testing
import VolumeModel

@testable import Reconciliation

/// What is intended is written down first, and meanwhile somebody can want something else.
struct OverruledStepTests {
    private let begin = Instant(nanoseconds: 1_800_000_000_000_000_000)
    private let here = MachineID(UUIDValue(high: 1, low: 1))
    private let volume = VolumeID(UUIDValue(high: 2, low: 2))
    private let id = AttachmentID(UUIDValue(high: 3, low: 3))

    private func wanted(generation: Int64, isDeparting: Bool) -> DesiredEntry? {
        ObjectName("v").map { name in
            .valid(
                DesiredAttachment(
                    id: id, name: name, generation: generation, volume: .id(volume), machine: .thisMachine, export: nil,
                    source: .row, isDeparting: isDeparting))
        }
    }

    private func answer(_ call: SystemCall) -> SystemAnswer {
        let zone = ZoneID(UUIDValue(high: 4, low: 4))
        let record = VolumeRecord(
            id: volume, name: "v", zone: zone, state: .ready, kind: .data, sizeInBytes: 1 << 30, attachedTo: nil)
        let machine = MachineRecord(id: here, name: "m", zone: zone, state: .running)
        switch call {
        case .listVolumes: return .volumes(CloudListing(records: [record], isComplete: true))
        case .listMachines: return .machines(CloudListing(records: [machine], isComplete: true))
        case .readVolume: return .volume(.found(record))
        case .readMachine: return .machine(.found(machine))
        case .disks: return .disks(.none)
        case .observeExports:
            return .exports(
                ExportObservation(server: .running, entries: [], isComplete: true, writableURI: "", readOnlyURI: ""))
        default: return .done
        }
    }

    /// Runs until an attach is intended.
    ///
    /// - Returns: the number of the call that writes the intention.
    private func intending(_ core: inout ControllerCore) throws -> Int {
        let entry = try #require(wanted(generation: 1, isDeparting: false))
        var open = calls(core.handle(.opened, at: begin))
        open += calls(
            core.handle(
                .started(DesiredState(entries: [entry], revision: 1), bindings: [:], openLedger: [], openDrifts: []),
                at: begin))
        open += calls(core.handle(.device(.enumerated([])), at: begin))
        while let (number, call, _) = open.popLast() {
            if case .intend = call { return number }
            open += calls(core.handle(.answered(number, answer(call)), at: begin))
        }
        Issue.record("nothing was intended")
        return 0
    }

    private func core() -> ControllerCore { ControllerCore(here: here, policy: Policy(), seed: 1, now: begin) }

    private func submits(_ calls: [Call]) -> Bool {
        calls.contains { if case .submit = $0.call { true } else { false } }
    }

    @Test func `LIVE-PROOF: a step is had when its intention is written and nothing else is wanted by then`() throws {
        var core = core()
        let intention = try intending(&core)
        #expect(submits(calls(core.handle(.answered(intention, .done), at: begin))))
    }

    @Test func `LIVE-PROOF: a step whose object was changed while its intention was written is not had`() throws {
        var core = core()
        let intention = try intending(&core)
        let entry = try #require(wanted(generation: 2, isDeparting: true))
        let reads = calls(core.handle(.desiredMayHaveChanged, at: begin))
        let number = try #require(reads.first { $0.call == .desiredDelta(since: 1) }?.number)
        let delta = DesiredDelta(changed: [entry], removed: [], revision: 2)
        _ = core.handle(.answered(number, .desired(delta)), at: begin)
        let next = calls(core.handle(.answered(intention, .done), at: begin))
        #expect(!submits(next))
        #expect(
            next.contains {
                guard case .append(let line) = $0.call, case .ended(.failed) = line.phase else { return false }
                return line.evidence.contains("has changed")
            }, "the ledger says that it was not done: \(next)")
    }

    @Test func `LIVE-PROOF: a step whose object the store knows to be changed is not had, and what changed is read`()
        throws
    {
        var core = core()
        let next = calls(core.handle(.answered(try intending(&core), .overruled), at: begin))
        #expect(!submits(next))
        #expect(next.contains { $0.call == .desiredDelta(since: 1) }, "\(next)")
        #expect(!next.contains { if case .append = $0.call { true } else { false } }, "there is no line to be closed")
    }
}
