import Planning
import Reconciliation
import Testing
import VolumeModel

/// A detach that a process has sent which died, and whose hold on the device died with it.
struct InheritedDetachTests {
    private let begin = Instant(nanoseconds: 1_800_000_000_000_000_000)
    private let here = MachineID(UUIDValue(high: 1, low: 1))
    private let volume = VolumeID(UUIDValue(high: 2, low: 2))
    private let id = AttachmentID(UUIDValue(high: 3, low: 3))

    private var device: DeviceRecord {
        DeviceRecord(
            kernelName: "vdb", number: DeviceNumber(major: 254, minor: 16), path: "/dev/vdb", byIDLinks: [],
            serial: DiskSerial(of: volume), diskSequence: 7, sizeInBytes: 1 << 30, isReadOnly: false)
    }

    /// A loop that finds the detach in the ledger, and the object to depart.
    private func loop() throws -> ReconcileLoop {
        var loop = ReconcileLoop(here: here, policy: Policy(), seed: 1, now: begin)
        let entry = DesiredEntry.valid(
            DesiredAttachment(
                id: id, name: try #require(ObjectName("v")), generation: 2, volume: .id(volume), machine: .thisMachine,
                export: nil, source: .row, isDeparting: true))
        let sent = LedgerEntry(
            intent: IntentID(UUIDValue(high: 4, low: 4)), attachment: id, action: .detachVolume(volume, from: here),
            job: JobID(UUIDValue(high: 5, low: 5)), phase: .intended, at: begin, evidence: "")
        _ = loop.handle(
            .started(
                DesiredState(entries: [entry], revision: 1), bindings: [:], openLedger: [sent], openDrifts: []),
            at: begin)
        return loop
    }

    private func isHeld(by effects: [LoopEffect]) -> Bool {
        effects.contains { effect in
            if case .perform(let ticket) = effect, case .hold = ticket.step { true } else { false }
        }
    }

    @Test func `IN-USE: the device is held again as soon as it is known`() throws {
        var loop = try loop()
        #expect(isHeld(by: loop.handle(.device(.enumerated([device])), at: begin)))
    }

    @Test func `IN-USE: it is held also while nothing can be written`() throws {
        var loop = try loop()
        _ = loop.handle(.storeFailed("the connection was lost"), at: begin)
        #expect(isHeld(by: loop.handle(.device(.enumerated([device])), at: begin)))
    }
}
