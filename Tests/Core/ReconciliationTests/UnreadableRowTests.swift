import Planning
import VolumeModel
import Testing

@testable import Reconciliation

/// Rows that cannot be read for a while: nothing that is known of them is lost.
@Suite struct UnreadableRowTests {
    private let now = Instant(nanoseconds: 1_800_000_000_000_000_000)

    /// It was taken for one that had never been tied to a volume, and let go as it was.
    @Test func `an object whose row cannot be read at a start keeps its volume`() throws {
        let here = MachineID(UUIDValue(high: 1, low: 1))
        let volume = VolumeID(UUIDValue(high: 0xC0FF_EE00_0000_4000, low: 0x8000_0000_0000_0000))
        let id = AttachmentID(UUIDValue(high: 2, low: 2))
        let name = try #require(ObjectName("v1"))
        var loop = ReconcileLoop(here: here, policy: Policy(), seed: 1, now: now)
        let problem = SpecProblem(field: "size", message: "'big' is no size")
        let unreadable = DesiredEntry.invalid(id: id, name: "v1", generation: 2, problems: [problem])
        _ = loop.handle(
            .started(
                DesiredState(entries: [unreadable], protections: [:], revision: 1), bindings: [id: volume],
                openLedger: [], openDrifts: [], statuses: [], removals: [:]),
            at: now)
        let object = DesiredAttachment(
            id: id, name: name, generation: 3, volume: .named("volume-1", zone: .named("zone-1")),
            machine: .thisMachine, source: .row, isDeparting: true, departingSince: now)
        let effects = loop.handle(
            .desired(DesiredDelta(changed: [.valid(object)], removed: [], protections: [:], revision: 2)), at: now)
        #expect(!effects.contains(.forget(id)))
        #expect(loop.overview(at: now).reports.first?.volume == volume)
    }
}
