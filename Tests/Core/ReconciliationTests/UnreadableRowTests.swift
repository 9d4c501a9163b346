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

    private let here = MachineID(UUIDValue(high: 1, low: 1))
    private let volume = VolumeID(UUIDValue(high: 0xC0FF_EE00_0000_4000, low: 0x8000_0000_0000_0000))
    private let problem = SpecProblem(field: "size", message: "'big' is no size")

    private func unreadable(_ number: UInt64) -> DesiredEntry {
        .invalid(
            id: AttachmentID(UUIDValue(high: 2, low: number)), name: "v\(number)", generation: 2, problems: [problem])
    }

    private func object(_ number: UInt64, _ volume: VolumeID, export: String) throws -> DesiredAttachment {
        DesiredAttachment(
            id: AttachmentID(UUIDValue(high: 2, low: number)), name: try #require(ObjectName("v\(number)")),
            volume: .id(volume), machine: .thisMachine, export: DesiredExport(name: try #require(ExportName(export))),
            source: .row)
    }

    @Test
    func `RIGHT-DISK: it is taken to mean the volume that it meant before the start, and what was proven of it stands`()
        throws
    {
        var loop = ReconcileLoop(here: here, policy: Policy(), seed: 1, now: now)
        let proven = DeviceIdentity(
            serial: DiskSerial(of: volume), number: DeviceNumber(major: 254, minor: 16), diskSequence: 7,
            sizeInBytes: 1 << 30)
        let status = SavedStatus(
            attachment: AttachmentID(UUIDValue(high: 2, low: 1)), generation: 1, code: "InvalidSpec", since: now,
            fingerprint: 1,
            volume: volume, device: proven)
        _ = loop.handle(
            .started(
                DesiredState(entries: [unreadable(1)], protections: [:], revision: 1), bindings: [:], openLedger: [],
                openDrifts: [], statuses: [status], removals: [:]),
            at: now)
        let row = try #require(loop.rows.compactMap { $0 }.first)
        #expect(row.view.volume == volume)
        #expect(row.view.proven == proven)
    }

    /// Its name had been given to another meanwhile, and was withdrawn there as wrong.
    @Test func `RIGHT-DISK: the name that it wanted before is its no more when another has it`() throws {
        let other = VolumeID(UUIDValue(high: 0xC0FF_EE01_0000_4000, low: 0x8000_0000_0000_0001))
        let name = try #require(ExportName("data"))
        var loop = ReconcileLoop(here: here, policy: Policy(), seed: 1, now: now)
        _ = loop.handle(
            .started(
                DesiredState(entries: [.valid(try object(1, volume, export: "data"))], protections: [:], revision: 1),
                bindings: [:], openLedger: [], openDrifts: [], statuses: [], removals: [:]),
            at: now)
        let second = try object(2, other, export: "data")
        _ = loop.handle(
            .desired(DesiredDelta(changed: [unreadable(1), .valid(second)], removed: [], revision: 2)), at: now)
        let owners = loop.rows.compactMap { $0 }.filter { $0.view.desired.export?.name == name }
        #expect(owners.map(\.view.desired.id) == [second.id])
    }

    /// A disk that had shrunk was taken for proven, because its row could not be read and no list had its volume.
    @Test func `RIGHT-DISK: nothing is said to be proven of a disk whose volume was not read`() throws {
        var loop = ReconcileLoop(here: here, policy: Policy(), seed: 1, now: now)
        let status = SavedStatus(
            attachment: AttachmentID(UUIDValue(high: 2, low: 1)), generation: 1, code: "Ready", since: now,
            fingerprint: 1, volume: volume)
        _ = loop.handle(
            .started(
                DesiredState(entries: [unreadable(1)], protections: [:], revision: 1), bindings: [:], openLedger: [],
                openDrifts: [], statuses: [status], removals: [:]),
            at: now)
        let disk = DeviceRecord(
            kernelName: "vdb", number: DeviceNumber(major: 254, minor: 16), path: "/dev/vdb", byIDLinks: [],
            serial: DiskSerial(of: volume), diskSequence: 7, sizeInBytes: 1 << 20, isReadOnly: false)
        let effects = loop.handle(.device(.enumerated([disk])), at: now)
        let saved = effects.compactMap { if case .save(let details) = $0 { details } else { nil } }.joined()
        #expect(saved.allSatisfy { !$0.isDeviceKnown })
        #expect(try #require(loop.rows.compactMap { $0 }.first).view.proven == nil)
    }

    @Test(arguments: [true, false])
    func `a row that never meant a volume goes when it is deleted`(isDeparting: Bool) throws {
        let world = MemoryWorld()
        world.start()
        world.run(for: .seconds(1))
        let id = AttachmentID(UUIDValue(high: 7, low: 7))
        let problem = SpecProblem(field: "volume_zone", message: "a volume that is named needs its zone")
        func tell(_ generation: Int64, _ isDeparting: Bool) {
            let entry = DesiredEntry.invalid(
                id: id, name: "typo", generation: generation, problems: [problem], isDeparting: isDeparting)
            world.deliver(.desired(DesiredDelta(changed: [entry], removed: [], revision: generation)))
        }
        tell(1, false)
        if isDeparting { tell(2, true) }
        #expect(world.report("typo")?.readiness.code == (isDeparting ? "Departed" : "InvalidSpec"))
    }
}
