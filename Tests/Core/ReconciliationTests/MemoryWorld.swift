import Planning
import VolumeModel

@testable import Reconciliation

/// A small world in memory that the loop runs against in virtual time: a CloudStack with jobs, a kernel with devices, an
/// export server, a store. It does what the loop's effects ask for and remembers what was done, in order.
///
/// It is a working thing, not a list of expected calls: what the loop sees next follows from what it did.
final class MemoryWorld {
    static let here = MachineID(UUIDValue(high: 0xAAAA, low: 1))
    static let other = MachineID(UUIDValue(high: 0xAAAA, low: 2))
    static let zone = ZoneID(UUIDValue(high: 0xBBBB, low: 1))

    private struct Scheduled {
        var at: Instant
        var order: Int
        var run: () -> Void
    }

    struct Job {
        var id: JobID
        var endsAt: Instant
        var effect: () -> JobReport
        var report: JobReport = .running
    }

    private(set) var now = Instant(nanoseconds: 1_000_000_000_000)
    private var agenda: [Scheduled] = []
    private var order = 0
    private var loop: ReconcileLoop
    let policy: Policy

    // The truth
    var volumes: [VolumeID: VolumeRecord] = [:]
    var machines: [MachineID: MachineRecord] = [:]
    var devices: [String: DeviceRecord] = [:]
    var links: [ExportName: ExportEntry] = [:]
    var serverIsRunning = true
    var clients: [ExportName: Int] = [:]
    /// Sessions whose name is gone.
    var lingering: [DeviceNumber: Int] = [:]
    var localUse: [DiskSerial: DeviceUse] = [:]
    var held: Set<DiskSerial> = []
    var jobs: [JobID: Job] = [:]
    var nextSequence: UInt64 = 1
    var deviceDelay: Duration = .milliseconds(200)
    var jobDelay: Duration = .milliseconds(500)
    /// How long a read of one thing takes, and the store's forgetting of an object.
    var readDelay: Duration = .milliseconds(5)
    var forgettingDelay: Duration = .milliseconds(1)

    // What the store holds
    var desired: [AttachmentID: DesiredAttachment] = [:]
    var revision: Int64 = 0
    var bindings: [AttachmentID: VolumeID] = [:]
    var protections: [VolumeID: String] = [:]
    var ledger: [LedgerEntry] = []
    var events: [EventRecord] = []
    var drifts: [DriftRecord] = []
    var savedReports = 0
    var statuses: [AttachmentID: SavedStatus] = [:]

    // Faults
    var listsAreEmpty = false
    var exactReadsFail = false
    /// What listings of machines show, when it is not the truth.
    var machinesListed: [MachineRecord]?
    /// Asking for volumes by their name finds none.
    var nothingIsFoundByName = false
    /// A device shows a growth of its volume.
    var devicesGrow = true
    /// CloudStack takes calls, does nothing, and knows no such job afterwards.
    var forgetsJobs = false
    /// CloudStack says a new volume's id when it takes createVolume.
    var tellsNewVolumes = false
    /// The role lacks listEvents.
    var eventsAreRefused = false
    /// The export server refuses to take a name away.
    var withdrawalsFail = false
    /// The entries of the export server cannot be read.
    var exportsAreUnreadable = false
    /// The store refuses every write.
    var storeFails = false
    /// The answer of the next mutation is lost: after its effect, or before.
    var loseNextAnswer: (isAfterEffect: Bool, Void)?
    var failNextJob: JobFailure?
    /// The process dies after this many further effects were begun; see ``crashAndRestart()``.
    var effectsUntilCrash: Int?
    private(set) var hasCrashed = false

    /// Every mutation that reached CloudStack or the export server, in words.
    var deeds: [String] = []
    /// How many steps and reads the loop began, with or without effect.
    private(set) var begun = 0
    var overridesUsed = 0
    private var storeWrites = 0
    /// What CloudStack's event list tells, oldest first, and how often it was asked.
    var cloudEvents: [VolumeEvent] = []
    var eventsAsked = 0
    var jobsUnderWay = 0
    /// The most mutations that CloudStack was ever at work on at once.
    var mostJobsUnderWay = 0

    init(policy: Policy = MemoryWorld.quickPolicy, seed: UInt64 = 1) {
        self.policy = policy
        loop = ReconcileLoop(here: Self.here, policy: policy, seed: seed, now: now)
        for machine in [Self.here, Self.other] {
            machines[machine] = MachineRecord(
                id: machine, name: machine == Self.here ? "appliance" : "other", zone: Self.zone, state: .running)
        }
    }

    static var quickPolicy: Policy {
        var policy = Policy()
        policy.requestInFlightBound = .seconds(5)
        return policy
    }

    // MARK: Running

    func start() {
        let entries = desired.values.sorted { $0.name < $1.name }.map { DesiredEntry.valid($0) }
        let openIntents = Dictionary(grouping: ledger, by: \.intent).values
            .filter { lines in
                !lines.contains { line in
                    if line.closesIntent { return true }
                    guard case .createVolume = line.action else { return false }
                    return bindings[line.attachment] != nil
                }
            }
            .flatMap { $0 }.sorted { $0.at < $1.at }
        deliver(
            .started(
                DesiredState(entries: entries, revision: revision), bindings: bindings, openLedger: openIntents,
                openDrifts: [], statuses: statuses.values.sorted { $0.attachment < $1.attachment },
                removals: countedRemovals(since: now - policy.brakeWindow)))
        deliver(.device(.enumerated(devices.values.sorted { $0.kernelName < $1.kernelName })))
    }

    /// Runs until nothing is left to do before `end`, or the process has crashed.
    func run(for duration: Duration) {
        let end = now + duration
        while !hasCrashed {
            guard
                let next = agenda.indices.min(by: {
                    (agenda[$0].at, agenda[$0].order) < (agenda[$1].at, agenda[$1].order)
                }),
                agenda[next].at <= end
            else { break }
            let entry = agenda.remove(at: next)
            now = max(now, entry.at)
            entry.run()
        }
        if !hasCrashed { now = max(now, end) }
    }

    /// The process is stopped for a while. What was to happen in it meanwhile happens when it goes on.
    func stop(for duration: Duration) {
        now = now + duration
    }

    /// The process is gone with everything it knew; a new one starts from the store. Jobs in CloudStack go on.
    func crashAndRestart(seed: UInt64 = 2) {
        hasCrashed = false
        effectsUntilCrash = nil
        held = []
        armedWake = nil
        agenda.removeAll { $0.order < 0 }
        generation += 1
        loop = ReconcileLoop(here: Self.here, policy: policy, seed: seed, now: now)
        start()
    }

    private var generation = 0
    /// The soonest wake that is on the agenda, as the controller keeps it.
    private var armedWake: Instant?

    func schedule(after delay: Duration, inProcess: Bool = true, _ run: @escaping () -> Void) {
        order += 1
        let born = generation
        agenda.append(
            Scheduled(at: now + delay, order: order) { [unowned self] in
                if inProcess, born != generation { return }
                run()
            })
    }

    func deliver(_ event: LoopEvent) {
        guard !hasCrashed else { return }
        for effect in loop.handle(event, at: now) { begin(effect) }
    }

    private func begin(_ effect: LoopEffect) {
        if let left = effectsUntilCrash {
            if left == 0 {
                hasCrashed = true
                return
            }
            effectsUntilCrash = left - 1
        }
        guard !hasCrashed else { return }
        switch effect {
        case .wake(let at):
            if let armedWake, armedWake <= at { return }
            armedWake = at
            schedule(after: max(at - now, .zero)) {
                if self.armedWake == at { self.armedWake = nil }
                self.deliver(.timer)
            }
        case .listCloud: listCloud()
        case .observeExports:
            let asked = now
            schedule(after: .milliseconds(1)) { self.deliver(.exports(self.observation(), asked: asked)) }
        case .look(let ticket):
            begun += 1
            let asked = now
            schedule(after: readDelay) { self.deliver(.looked(ticket, self.answer(ticket.look), asked: asked)) }
        case .perform(let ticket):
            begun += 1
            perform(ticket)
        case .append(let entry): append(entry)
        case .save(let details):
            storeWrites += 1
            savedReports += details.count
            details.forEach(save)
        case .recordEvents(let records):
            storeWrites += 1
            events += records
        case .recordDrifts(let records):
            storeWrites += 1
            for record in records {
                drifts.removeAll { $0.drift == record.drift && $0.seenAt == record.seenAt }
                drifts.append(record)
            }
        case .forget(let attachment):
            storeWrites += 1
            schedule(after: forgettingDelay, inProcess: false) { self.forget(attachment) }
            schedule(after: forgettingDelay) { self.deliver(.forgotten(attachment)) }
        }
    }

    func append(_ entry: LedgerEntry) {
        storeWrites += 1
        ledger.append(entry)
    }

    /// Only what departs is forgotten; it may have been taken back since the order.
    private func forget(_ attachment: AttachmentID) {
        guard desired[attachment]?.isDeparting == true else { return }
        desired[attachment] = nil
        statuses[attachment] = nil
    }

    private func save(_ detail: AttachmentDetail) {
        let report = detail.report
        statuses[report.attachment] = SavedStatus(detail, after: statuses[report.attachment])
        guard report.readiness == .ready, desired[report.attachment]?.isRemovalApproved == true else { return }
        schedule(after: .milliseconds(1), inProcess: false) {
            self.change(report.attachment) { $0.isRemovalApproved = false }
        }
    }

    private func countedRemovals(since: Instant) -> [AttachmentID: Instant] {
        let counted = ledger.filter { $0.countsAsRemoval && $0.at > since }
        return Dictionary(counted.map { ($0.attachment, $0.at) }) { max($0, $1) }
    }

    // MARK: Asking the loop

    var removalsOnHold: HeldRemovals { loop.removals(at: now) }

    var overview: Overview { loop.overview(at: now) }
    var plan: [PlanLine] { loop.plan(at: now) }
    var measurements: Measurements { loop.measurements(at: now) }
    var isEverythingReady: Bool { overview.reports.allSatisfy { $0.readiness == .ready } }
    func report(_ name: String) -> AttachmentReport? { overview.reports.first { $0.name == name } }

    /// How much was done to the world or written, for QUIET.
    var activity: Int { deeds.count + storeWrites }
}
