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
    var localUse: [DiskSerial: DeviceUse] = [:]
    var held: Set<DiskSerial> = []
    var jobs: [JobID: Job] = [:]
    var nextSequence: UInt64 = 1
    var deviceDelay: Duration = .milliseconds(200)
    var jobDelay: Duration = .milliseconds(500)

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
    /// CloudStack says a new volume's id when it takes createVolume.
    var tellsNewVolumes = false
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
    private(set) var deeds: [String] = []
    /// How many steps and reads the loop began, with or without effect.
    private(set) var begun = 0
    private(set) var overridesUsed = 0
    private var storeWrites = 0

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

    private func schedule(after delay: Duration, inProcess: Bool = true, _ run: @escaping () -> Void) {
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
            schedule(after: .milliseconds(5)) { self.deliver(.looked(ticket, self.answer(ticket.look), asked: asked)) }
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
            desired[attachment] = nil
            statuses[attachment] = nil
            schedule(after: .milliseconds(1)) { self.deliver(.forgotten(attachment)) }
        }
    }

    private func append(_ entry: LedgerEntry) {
        storeWrites += 1
        ledger.append(entry)
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

    // MARK: People

    @discardableResult
    func want(
        _ name: String, volume: VolumeReference, machine: MachineReference = .thisMachine, export: String? = nil,
        isReadOnly: Bool = false
    ) -> AttachmentID {
        guard let object = ObjectName(name) else { preconditionFailure("bad name \(name)") }
        let id =
            desired.values.first { $0.name == object }?.id
            ?? AttachmentID(UUIDValue(high: 0xDDDD, low: UInt64(desired.count + 1)))
        revision += 1
        let generation = (desired[id]?.generation ?? 0) + 1
        desired[id] = DesiredAttachment(
            id: id, name: object, generation: generation, volume: volume, machine: machine,
            export: export.flatMap { ExportName($0) }.map { DesiredExport(name: $0, isReadOnly: isReadOnly) },
            source: .manifest(file: "test.yaml"), isRemovalApproved: desired[id] != nil)
        announce(id)
        return id
    }

    func delete(_ name: String) {
        edit(name) { object in
            object.isDeparting = true
            object.departingSince = now
            object.generation += 1
            object.isRemovalApproved = true
        }
    }

    /// Changes objects in one go, by no person's word for any of them.
    func editInBulk(_ names: [String], _ change: (inout DesiredAttachment) -> Void) {
        let objects = desired.values.filter { names.contains($0.name.text) }.sorted { $0.name < $1.name }
        for var object in objects {
            change(&object)
            object.generation += 1
            desired[object.id] = object
        }
        revision += 1
        let changed = objects.compactMap { desired[$0.id] }.map { DesiredEntry.valid($0) }
        deliver(
            .desired(DesiredDelta(changed: changed, removed: [], protections: protections, revision: revision)))
    }

    func deleteInBulk(_ names: [String]) {
        let now = now
        editInBulk(names) { object in
            object.isDeparting = true
            object.departingSince = now
        }
    }

    /// A person approves just what is on hold.
    func approve(_ held: HeldRemovals) {
        for item in held.items where desired[item.attachment]?.generation == item.generation {
            change(item.attachment) { $0.isRemovalApproved = true }
        }
    }

    /// Changes an object, or what is kept beside it.
    func edit(_ name: String, _ change: (inout DesiredAttachment) -> Void) {
        guard let id = desired.values.first(where: { $0.name.text == name })?.id else { return }
        self.change(id, change)
    }

    private func change(_ id: AttachmentID, _ change: (inout DesiredAttachment) -> Void) {
        guard var object = desired[id] else { return }
        change(&object)
        desired[id] = object
        revision += 1
        announce(id)
    }

    private func announce(_ id: AttachmentID) {
        guard let object = desired[id] else { return }
        deliver(
            .desired(
                DesiredDelta(changed: [.valid(object)], removed: [], protections: protections, revision: revision)))
    }

    @discardableResult
    func makeVolume(_ number: UInt64, sizeInGiB: Int64 = 1, attachedTo machine: MachineID? = nil) -> VolumeID {
        let id = VolumeID(UUIDValue(high: 0xC0FF_EE00_0000_0000 + number, low: number << 48))
        volumes[id] = VolumeRecord(
            id: id, name: "volume-\(number)", zone: Self.zone, state: .ready, kind: .data, sizeInBytes: sizeInGiB << 30)
        if let machine { plug(id, into: machine) }
        return id
    }

    // MARK: CloudStack

    private func listCloud() {
        let asked = now
        schedule(after: .milliseconds(20)) {
            let records = self.listsAreEmpty ? [] : self.volumes.values.sorted { $0.id < $1.id }
            self.deliver(.volumesListed(CloudListing(records: records, isComplete: true), asked: asked))
            let machines = (self.machinesListed ?? Array(self.machines.values)).sorted { $0.id < $1.id }
            self.deliver(.machinesListed(CloudListing(records: machines, isComplete: true), asked: asked))
        }
    }

    private func answer(_ look: Look) -> LookAnswer {
        switch look {
        case .volume(let id):
            if exactReadsFail {
                return .failed(CloudError(remedy: .retryLater, effect: .none, command: "listVolumes", text: "time-out"))
            }
            return .volume(volumes[id].map { .present($0) } ?? .absent)
        case .machine(let id): return .machine(machines[id].map { .present($0) } ?? .absent)
        case .job(let id): return .job(jobs[id]?.report ?? .notFound)
        case .volumesNamed(let name, _):
            return .volumesNamed(nothingIsFoundByName ? [] : volumes.values.filter { $0.name == name })
        case .use(let identity): return .use(localUse[identity.serial] ?? DeviceUse(witnesses: [], undetermined: []))
        case .disks(let serial):
            let names = devices.values.filter { $0.serial == serial }.map(\.kernelName)
            return .disks(names.isEmpty ? .none : .found(names))
        case .mismatch(let identity):
            let found = devices.values.first { $0.number == identity.number }?.identity
            return .mismatch(found == identity ? nil : "another disk")
        case .sessions(let identity):
            let names = links.values.filter {
                $0.target == .device(identity.number, diskSequence: identity.diskSequence)
            }
            return .sessions(
                .known(names.reduce(0) { $0 + clients[$1.name, default: 0] } + lingering[identity.number, default: 0]))
        case .export(let name):
            if exportsAreUnreadable { return .export(.unknown) }
            return .export(links[name].map { .present(shown($0)) } ?? .absent)
        case .events:
            eventsAsked += 1
            if eventsAreRefused {
                return .failed(CloudError(remedy: .notAllowed, effect: .none, command: "listEvents", text: "401"))
            }
            return .events(cloudEvents.reversed())
        }
    }

    /// What CloudStack's event list tells, oldest first, and how often it was asked.
    private var cloudEvents: [VolumeEvent] = []
    private(set) var eventsAsked = 0
    /// The role lacks listEvents.
    var eventsAreRefused = false

    private func note(_ kind: VolumeEvent.Kind, by user: String) {
        cloudEvents.append(
            VolumeEvent(
                id: UUIDValue(high: 0xEEEE, low: UInt64(cloudEvents.count)), kind: kind, user: user, account: "owner",
                created: "at \(cloudEvents.count)"))
    }

    /// Somebody else takes a volume away; Hawser hears of it by the next listing.
    func detach(_ volume: VolumeID, by user: String) {
        guard volumes[volume]?.attachedTo != nil else { return }
        note(.detach, by: user)
        unplug(volume)
    }

    /// Sessions whose name is gone.
    var lingering: [DeviceNumber: Int] = [:]

    private func perform(_ ticket: StepTicket) {
        if storeFails {
            schedule(after: .milliseconds(1)) { self.deliver(.stepEnded(ticket, .notStarted("disk full"))) }
            return
        }
        if ticket.consumesOverride {
            overridesUsed += 1
            change(ticket.attachment) { $0.inUseOverride = nil }
        }
        if let action = ticket.step.ledgerAction {
            append(
                LedgerEntry(
                    intent: ticket.intent, attachment: ticket.attachment, action: action, job: ticket.job,
                    phase: .intended, at: now, evidence: ticket.evidence, countsAsRemoval: ticket.countsAsRemoval))
        }
        schedule(after: .milliseconds(10)) { self.act(ticket) }
    }

    private func act(_ ticket: StepTicket) {
        let outcome: StepOutcome
        switch ticket.step {
        case .bind(let volume):
            bindings[ticket.attachment] = volume
            outcome = .done
        case .hold(let identity):
            held.insert(identity.serial)
            outcome = .done
        case .release(let identity):
            held.remove(identity.serial)
            outcome = .done
        case .createVolume(let name, let template):
            let id = VolumeID(UUIDValue(high: 0xCCCC, low: UInt64(self.volumes.count) << 48))
            outcome = submit(ticket, "create \(name)", volume: id) {
                self.volumes[id] = VolumeRecord(
                    id: id, name: name, zone: Self.zone, state: .allocated, kind: .data,
                    sizeInBytes: template.sizeInBytes ?? 1 << 30)
                return .succeeded
            }
        case .resize(let volume, let size):
            outcome = submit(ticket, "resize \(volume) \(size >> 30)") {
                self.volumes[volume]?.sizeInBytes = size
                self.growDevice(volume)
                return .succeeded
            }
        case .deleteVolume(let volume):
            if let lost = loseNextAnswer {
                loseNextAnswer = nil
                if lost.isAfterEffect { remove(volume) }
                outcome = .answerLost("connection reset")
            } else {
                remove(volume)
                outcome = .done
            }
        case .attach(let volume, let machine, let role):
            outcome = submit(ticket, "attach \(volume) \(machine == Self.here ? "here" : "other")") {
                guard self.volumes[volume]?.attachedTo == nil else {
                    return .failed(JobFailure(remedy: .lookAgain, text: "already attached"))
                }
                self.note(.attach, by: "hawser")
                self.plug(volume, into: machine)
                if role == .root { self.volumes[volume]?.kind = .root }
                return .succeeded
            }
        case .detach(let volume, _):
            outcome = submit(ticket, "detach \(volume)") {
                self.note(.detach, by: "hawser")
                self.unplug(volume)
                self.volumes[volume]?.kind = .data
                return .succeeded
            }
        case .publish(let name, let volume, let device, let isReadOnly):
            deeds.append("export \(name)")
            links[name] = ExportEntry(
                name: name, isReadOnly: isReadOnly, owner: .hawser(volume),
                target: .device(device.number, diskSequence: device.diskSequence), liveness: .live, clients: .known(0))
            outcome = .done
        case .withdraw where withdrawalsFail:
            outcome = .failed(remedy: .retryLater, text: "read-only file system", retryAfter: nil)
        case .withdraw(let name, _, _):
            deeds.append("unexport \(name)")
            if case .device(let number, _)? = links[name]?.target { lingering[number] = clients[name] }
            links[name] = nil
            outcome = .done
        case .cutStrayedSessions(let name, _):
            deeds.append("cut \(name)")
            links[name]?.strayedSessions = 0
            outcome = .done
        }
        if let action = ticket.step.ledgerAction, let phase = outcome.phase {
            append(
                LedgerEntry(
                    intent: ticket.intent, attachment: ticket.attachment, action: action, job: ticket.job, phase: phase,
                    at: now, evidence: ""))
        }
        deliver(.stepEnded(ticket, outcome))
    }

    private func remove(_ volume: VolumeID) {
        deeds.append("delete \(volume)")
        volumes[volume] = nil
    }

    /// The kernel shows a new size a little later, when it does.
    private func growDevice(_ volume: VolumeID) {
        guard devicesGrow else { return }
        schedule(after: deviceDelay, inProcess: false) {
            let serial = DiskSerial(of: volume)
            guard let size = self.volumes[volume]?.sizeInBytes,
                var device = self.devices.values.first(where: { $0.serial == serial })
            else { return }
            device.sizeInBytes = size
            self.devices[device.kernelName] = device
            self.deliver(.device(.present(device)))
        }
    }

    private func submit(
        _ ticket: StepTicket, _ deed: String, volume: VolumeID? = nil, effect: @escaping () -> JobReport
    ) -> StepOutcome {
        guard let id = ticket.job else { preconditionFailure("no job id") }
        if let lost = loseNextAnswer, !lost.isAfterEffect {
            loseNextAnswer = nil
            return .answerLost("connection reset")
        }
        deeds.append(deed)
        jobsUnderWay += 1
        mostJobsUnderWay = max(mostJobsUnderWay, jobsUnderWay)
        let failure = failNextJob
        failNextJob = nil
        jobs[id] = Job(id: id, endsAt: now + jobDelay) { failure.map { .failed($0) } ?? effect() }
        schedule(after: jobDelay, inProcess: false) {
            self.jobsUnderWay -= 1
            if let job = self.jobs[id] { self.jobs[id]?.report = job.effect() }
        }
        if loseNextAnswer != nil {
            loseNextAnswer = nil
            return .answerLost("connection reset")
        }
        return .accepted(CloudReceipt(job: id, volume: tellsNewVolumes ? volume : nil))
    }

    private var jobsUnderWay = 0
    /// The most mutations that CloudStack was ever at work on at once.
    private(set) var mostJobsUnderWay = 0

    // MARK: The kernel and the export server

    func plug(_ volume: VolumeID, into machine: MachineID) {
        volumes[volume]?.attachedTo = machine
        volumes[volume]?.state = .ready
        guard machine == Self.here else { return }
        schedule(after: deviceDelay, inProcess: false) { self.showDevice(volume) }
    }

    func showDevice(_ volume: VolumeID) {
        guard volumes[volume]?.attachedTo == Self.here else { return }
        let letter = (0...).lazy.map { "vd\($0)" }.first { self.devices[$0] == nil } ?? "vd"
        nextSequence += 1
        let serial = DiskSerial(of: volume)
        let device = DeviceRecord(
            kernelName: letter,
            number: DeviceNumber(major: 254, minor: UInt64(letter.utf8.reduce(0) { $0 * 31 + Int($1) })),
            path: "/dev/\(letter)", byIDLinks: ["/dev/disk/by-id/virtio-\(serial)"], serial: serial,
            diskSequence: nextSequence, sizeInBytes: volumes[volume]?.sizeInBytes ?? 0, isReadOnly: false)
        devices[letter] = device
        deliver(.device(.present(device)))
    }

    func unplug(_ volume: VolumeID) {
        volumes[volume]?.attachedTo = nil
        let serial = DiskSerial(of: volume)
        for device in devices.values where device.serial == serial {
            devices[device.kernelName] = nil
            held.remove(serial)
            deliver(.device(.gone(kernelName: device.kernelName)))
            schedule(after: .milliseconds(1)) { self.notice() }
        }
    }

    /// What somebody did to the exports is noticed.
    func notice() {
        let asked = now
        deliver(.exports(observation(), asked: asked))
    }

    private func shown(_ entry: ExportEntry) -> ExportEntry {
        var entry = entry
        entry.liveness = serverIsRunning ? .live : .unknown
        entry.clients = .known(clients[entry.name, default: 0])
        if case .device(let number, let sequence) = entry.target,
            !devices.values.contains(where: { $0.number == number && $0.diskSequence == sequence })
        {
            entry.target = .nothing
            entry.liveness = .notListed
        }
        return entry
    }

    private func observation() -> ExportObservation {
        ExportObservation(
            server: serverIsRunning ? .running : .down("refused"),
            entries: links.values.map(shown).sorted { $0.name < $1.name },
            isComplete: !exportsAreUnreadable, writableURI: "nbd://127.0.0.1:1", readOnlyURI: "nbd://127.0.0.1:2")
    }
}

extension StepOutcome {
    fileprivate var phase: LedgerPhase? {
        switch self {
        case .done: .ended(.succeeded)
        case .accepted: .accepted
        case .failed(let remedy, let text, _): .ended(.failed(remedy, text))
        case .answerLost, .notStarted: nil
        }
    }
}
