import Planning
import Testing
import VolumeModel

@testable import Reconciliation

/// What a start does about what was written before it.
@Suite struct RestartTests {
    private let here = MachineID(UUIDValue(high: 0xA, low: 1))
    private let elsewhere = MachineID(UUIDValue(high: 0xB, low: 1))
    private let zone = ZoneID(UUIDValue(high: 0xC, low: 1))
    private let attachment = AttachmentID(UUIDValue(high: 0xD, low: 1))
    private let volume = VolumeID(UUIDValue(high: 0xE, low: 1))

    /// What a process writes, from its start until everything was looked at.
    private struct Written {
        var details: [AttachmentDetail] = []
        var events: [EventRecord] = []
        var report: AttachmentReport?
        var tally = ReadinessTally()
    }

    private func start(with statuses: [SavedStatus], at begun: Int64, kind: VolumeKind = .data) throws -> Written {
        let now = Instant(nanoseconds: begun)
        var loop = ReconcileLoop(here: here, policy: Policy(), seed: 1, now: now)
        let desired = DesiredAttachment(
            id: attachment, name: try #require(ObjectName("one")), volume: .id(volume), machine: .id(elsewhere),
            source: .row)
        let record = VolumeRecord(
            id: volume, name: "one", zone: zone, state: .ready, kind: kind, sizeInBytes: 1 << 30, attachedTo: elsewhere,
            deviceIndex: 1, pendingJob: nil)
        let machine = MachineRecord(id: elsewhere, name: "other", zone: zone, state: .running)
        let events: [LoopEvent] = [
            .started(
                DesiredState(entries: [.valid(desired)], revision: 1), bindings: [:], openLedger: [], openDrifts: [],
                statuses: statuses),
            .device(.enumerated([])),
            .exports(
                ExportObservation(
                    server: .running, entries: [], isComplete: true, writableURI: "", readOnlyURI: ""), asked: now),
            .volumesListed(CloudListing(records: [record], isComplete: true), asked: now),
            .machinesListed(CloudListing(records: [machine], isComplete: true), asked: now),
        ]
        var written = Written()
        for event in events {
            for effect in loop.handle(event, at: now) {
                if case .save(let details) = effect { written.details += details }
                if case .recordEvents(let records) = effect { written.events += records }
            }
        }
        written.report = loop.overview(at: now).reports.first
        written.tally = loop.tally
        return written
    }

    private func status(of detail: AttachmentDetail) -> SavedStatus {
        SavedStatus(detail)
    }

    @Test func `QUIET: a start that finds everything as it was writes nothing, and it has been so since before`() throws
    {
        let first = try start(with: [], at: 100)
        let detail = try #require(first.details.last)
        #expect(detail.report.readiness == .ready && first.events.map(\.reason) == ["Ready"])
        let second = try start(with: [status(of: detail)], at: 900)
        #expect(second.details.isEmpty && second.events.isEmpty)
        #expect(second.report?.readiness == .ready && second.report?.since == Instant(nanoseconds: 100))
        #expect(second.tally.ready == 1 && second.tally.total == 1 && second.tally.passing == 0)
    }

    @Test func `what changed while nobody looked is written at the next start`() throws {
        let detail = try #require(try start(with: [], at: 100).details.last)
        let second = try start(with: [status(of: detail)], at: 900, kind: .root)
        #expect(second.details.last?.report.readiness != .ready && !second.events.isEmpty)
        #expect(second.details.last?.report.since == Instant(nanoseconds: 900))
    }

    @Test func `what only reads otherwise is written, and is no event`() throws {
        let detail = try #require(try start(with: [], at: 100).details.last)
        var old = status(of: detail)
        old.fingerprint ^= 1
        let second = try start(with: [old], at: 900)
        #expect(second.details.map(\.report.since) == [Instant(nanoseconds: 100)] && second.events.isEmpty)
    }

    @Test func `however many changes of exports are told, they are observed one at a time and once more`() {
        let now = Instant(nanoseconds: 1)
        var core = ControllerCore(here: here, policy: Policy(), seed: 1, now: now)
        func observations(_ orders: [ControllerCore.Order]) -> [Int] {
            orders.compactMap { order in
                if case .call(let number, .observeExports, _) = order { number } else { nil }
            }
        }
        let begun = core.handle(
            .started(DesiredState(entries: [], revision: 1), bindings: [:], openLedger: [], openDrifts: []), at: now)
        let later = (0..<20).flatMap { _ in observations(core.handle(.exportsMayHaveChanged, at: now)) }
        let first = observations(begun) + later
        #expect(first.count == 1)
        let nothing = ExportObservation(
            server: .running, entries: [], isComplete: true, writableURI: "", readOnlyURI: "")
        let second = observations(core.handle(.answered(first[0], .exports(nothing)), at: now))
        #expect(second.count == 1)
        #expect(observations(core.handle(.answered(second[0], .exports(nothing)), at: now)).isEmpty)
    }

    @Test func `NO-BLIND-REPEAT: of two creations that are open in the ledger the first has made no volume`() throws {
        let now = Instant(nanoseconds: 1_000_000_000_000)
        var loop = ReconcileLoop(here: here, policy: Policy(), seed: 1, now: now)
        let template = VolumeTemplate(name: "made", sizeInBytes: 1 << 30, offering: .named("custom"), zone: .id(zone))
        let desired = DesiredAttachment(
            id: attachment, name: try #require(ObjectName("one")), volume: .created(template), machine: .id(elsewhere),
            source: .row)
        let lines = [UInt64(1), 2].map { number in
            LedgerEntry(
                intent: IntentID(UUIDValue(high: 1, low: number)), attachment: attachment,
                action: .createVolume(name: "made"), job: JobID(UUIDValue(high: 2, low: number)), phase: .intended,
                at: now, evidence: "none was found")
        }
        let effects = loop.handle(
            .started(
                DesiredState(entries: [.valid(desired)], revision: 1), bindings: [:], openLedger: lines, openDrifts: []),
            at: now)
        let ended = effects.compactMap { effect -> LedgerEntry? in
            if case .append(let entry) = effect { entry } else { nil }
        }
        #expect(ended.map(\.intent) == [lines[0].intent])
        #expect(ended.map(\.phase) == [.ended(.neverArrived)], "what has made one is looked for ever after")
    }
}
