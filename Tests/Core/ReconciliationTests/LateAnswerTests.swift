import Planning
import Testing
import VolumeModel

@testable import Reconciliation

/// What was asked before something changed is answered after it.
struct LateAnswerTests {
    private let begin = Instant(nanoseconds: 1_800_000_000_000_000_000)
    private let here = MachineID(UUIDValue(high: 1, low: 1))
    private let volume = VolumeID(UUIDValue(high: 2, low: 2))
    private let zone = ZoneID(UUIDValue(high: 4, low: 4))

    private func wanted(as name: String, generation: Int64) throws -> DesiredEntry {
        .valid(
            DesiredAttachment(
                id: AttachmentID(UUIDValue(high: 3, low: 3)), name: try #require(ObjectName("v")),
                generation: generation, volume: .id(volume), machine: .thisMachine,
                export: DesiredExport(name: try #require(ExportName(name))), source: .row))
    }

    /// The server runs, and cannot list its names: each is asked for by itself.
    private func answer(_ call: SystemCall) -> SystemAnswer {
        let record = VolumeRecord(
            id: volume, name: "v", zone: zone, state: .ready, kind: .data, sizeInBytes: 1 << 30, attachedTo: here)
        let machine = MachineRecord(id: here, name: "m", zone: zone, state: .running)
        switch call {
        case .listVolumes: return .volumes(CloudListing(records: [record], isComplete: true))
        case .listMachines: return .machines(CloudListing(records: [machine], isComplete: true))
        case .readVolume: return .volume(.found(record))
        case .readMachine: return .machine(.found(machine))
        case .mismatch: return .mismatch(nil)
        case .observeExports:
            return .exports(
                ExportObservation(server: .running, entries: [], isComplete: false, writableURI: "", readOnlyURI: ""))
        default: return .done
        }
    }

    private func isQuestion(_ call: SystemCall, about name: String) -> Bool {
        if case .readExport(let asked) = call { asked.text == name } else { false }
    }

    @Test func `LIVE-PROOF: an answer about the old name says nothing of the one that is wanted by then`() throws {
        var core = ControllerCore(here: here, policy: Policy(), seed: 1, now: begin)
        var open = calls(core.handle(.opened, at: begin))
        let first = DesiredState(entries: [try wanted(as: "old", generation: 1)], revision: 1)
        open += calls(
            core.handle(.started(first, bindings: [:], openLedger: [], openDrifts: []), at: begin))
        let device = DeviceRecord(
            kernelName: "vdb", number: DeviceNumber(major: 254, minor: 16), path: "/dev/vdb", byIDLinks: [],
            serial: DiskSerial(of: volume), diskSequence: 7, sizeInBytes: 1 << 30, isReadOnly: false)
        open += calls(core.handle(.device(.enumerated([device])), at: begin))
        while let (number, call, _) = open.popLast() {
            open += calls(core.handle(.answered(number, answer(call)), at: begin))
        }
        // What could not be listed is asked for by its name a while later.
        let later = begin + Policy().revisitInterval
        open = calls(core.handle(.woken(for: later), at: later))
        let question = try #require(open.first { isQuestion($0.call, about: "old") }?.number)
        let read = try #require(calls(core.handle(.desiredMayHaveChanged, at: later)).first)
        let delta = DesiredDelta(changed: [try wanted(as: "new", generation: 2)], removed: [], revision: 2)
        open = calls(core.handle(.answered(read.number, .desired(delta)), at: later))
        open += calls(core.handle(.answered(question, .export(.absent)), at: later))
        var asked = false
        while let (number, call, _) = open.popLast() {
            if isQuestion(call, about: "new") {
                asked = true
            } else {
                open += calls(core.handle(.answered(number, answer(call)), at: later))
            }
            if case .intend(let line, _) = call { Issue.record("\(line.action) before the new name was asked for") }
        }
        #expect(asked)
    }
}
