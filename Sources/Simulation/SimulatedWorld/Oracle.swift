import CloudStackModel
import Planning
import Reconciliation
import VolumeModel

/// An invariant of the design that was seen broken.
public struct Violation: Sendable, Equatable, CustomStringConvertible {
    /// As the design names it, such as `RIGHT-DISK`.
    public var invariant: String
    public var text: String

    public var description: String { "\(invariant): \(text)" }
}

/// What the oracle remembers to judge by. It knows the truth, and nothing of what the controller believes.
struct Oracle: Sendable {
    private(set) var violation: Violation?
    /// The volumes that a name was ever bound to by somebody who wanted it.
    private(set) var volumesOfName: [ExportName: Set<VolumeID>] = [:]
    /// The volumes that desired state has named.
    private(set) var managed: Set<VolumeID> = []
    /// Jobs that hawserd asked for.
    private(set) var jobs: Set<String> = []
    /// Volumes of which CloudStack lost a job while the hypervisor was at work on it: what it then does, nobody knows of.
    private(set) var astray: Set<VolumeID> = []
    /// What people allowed: one disk as it was plugged in, until then.
    private(set) var overrides: [VolumeID: [(sequence: UInt64, until: Instant)]] = [:]
    /// Volumes that somebody has renamed.
    private(set) var renamedAt: [VolumeID: Instant] = [:]
    /// The store has refused or doubted a write: what it then lacks, the next start finds out by looking.
    private(set) var storeFailed = false
    private var madeFor: [VolumeID: AttachmentID] = [:]
    private var submissions: [String: (occasion: RepairCount.Occasion, at: [Instant])] = [:]
    /// Since when each volume is where its record says, and each machine what it is.
    private(set) var heldSince: [VolumeID: (machine: String?, since: Instant)] = [:]
    private(set) var stateSince: [String: (state: String, since: Instant)] = [:]
    /// Volumes that somebody attached by hand at some time.
    private(set) var handled: Set<VolumeID> = []
    /// CloudStack repeats detaches of its own accord, or hides disks.
    private(set) var hasLies = false
    /// The volumes of objects that only observed: what is left of them when they go is nobody's.
    private(set) var letGo: Set<VolumeID> = []
    /// When the second of two disks with one serial last went away.
    private(set) var twinGoneAt: [DiskSerial: Instant] = [:]
    /// When somebody last started a machine.
    private(set) var startedAt: [String: Instant] = [:]
    /// The node's clock was set wrong at some time, so that what it wrote down is no measure.
    private(set) var clockWasWrong = false
    /// Disks that were mounted while no hawserd was at work: a detach that its last one had sent can still arrive.
    private(set) var mountedUnwatched: Set<UInt64> = []
    /// When a list last left something out, or told of the past.
    private(set) var listsLiedAt: Instant?
    /// When each object was first seen.
    private(set) var bornAt: [AttachmentID: Instant] = [:]
    /// When somebody made CloudStack's record of a volume larger than its disk.
    private(set) var grownAt: [VolumeID: Instant] = [:]
    /// When an object was last edited.
    private(set) var editedAt: [AttachmentID: Instant] = [:]
    /// When an object was last bound to a volume.
    private(set) var boundAt: [AttachmentID: Instant] = [:]
    private var lastGenerations: [AttachmentID: DesiredAttachment] = [:]
    /// Which generation of each object the store was asked to forget.
    private var triedToForget: [AttachmentID: Int64] = [:]
    private(set) var created: [String: Int] = [:]
    /// Whether the removal of each object is approved, and when that ended.
    private var approved: [AttachmentID: Bool] = [:]
    private(set) var approvedAt: [AttachmentID: Instant] = [:]
    /// When something was last taken away that nobody has approved, of each object.
    private(set) var unapproved: [AttachmentID: Instant] = [:]
    /// How often each volume was attached lately.
    var repairs: [VolumeID: RepairCount] = [:]

    mutating func report(_ invariant: String, _ text: String) {
        violation = violation ?? Violation(invariant: invariant, text: text)
    }

    /// When a volume's protection was first seen.
    private var protectedSince: [VolumeID: Instant] = [:]

    func protectedLongAgo(_ volume: VolumeID, now: Instant) -> Bool {
        protectedSince[volume].map { now - $0 > .seconds(60) } ?? false
    }

    mutating func noteNames(_ store: StoreModel) {
        for object in store.desired.values {
            var volume = store.bindings[object.id]
            if case .id(let id) = object.volume { volume = id }
            guard let volume else { continue }
            managed.insert(volume)
            if let name = object.export?.name { volumesOfName[name, default: []].insert(volume) }
        }
    }

    mutating func noteEdits(_ store: StoreModel, now: Instant) {
        for id in store.desired.keys where bornAt[id] == nil { bornAt[id] = now }
        protectedSince = protectedSince.filter { store.protections[$0.key] != nil }
        for volume in store.protections.keys where protectedSince[volume] == nil { protectedSince[volume] = now }
        for object in store.desired.values where lastGenerations[object.id] != object {
            lastGenerations[object.id] = object
            editedAt[object.id] = now
        }
        for object in store.desired.values where approved[object.id] != object.isRemovalApproved {
            if approved.updateValue(object.isRemovalApproved, forKey: object.id) == true { approvedAt[object.id] = now }
        }
    }

    mutating func isFirstTry(toForget object: DesiredAttachment) -> Bool {
        triedToForget.updateValue(object.generation, forKey: object.id) != object.generation
    }

    mutating func noteBinding(of object: AttachmentID, at now: Instant) { boundAt[object] = now }
    mutating func noteStoreTrouble() { storeFailed = true }
    mutating func noteJob(_ id: JobID) { jobs.insert(id.description) }
    mutating func noteAstray(_ volume: VolumeID) { astray.insert(volume) }
    mutating func noteOverride(of volume: VolumeID, sequence: UInt64, until: Instant) {
        overrides[volume, default: []].append((sequence, until))
    }

    /// An override holds once: what follows from it is over soon.
    mutating func noteUse(ofOverrideOf volume: VolumeID, at now: Instant) {
        overrides[volume] = overrides[volume]?.map { ($0.sequence, min($0.until, now)) }
    }

    func isAllowed(_ disk: Kernel.Disk, at now: Instant) -> Bool {
        // A clock that was set back lets it hold for longer.
        let late = Duration.seconds(clockWasWrong ? 700 : 60)
        return overrides[disk.volume, default: []].contains { $0.sequence == disk.sequence && now < $0.until + late }
    }

    mutating func noteRecords(_ world: CloudWorld, now: Instant) {
        for volume in world.volumes.values {
            guard let id = VolumeID(volume.id) else { continue }
            if let known = heldSince[id], known.machine == volume.machine { continue }
            heldSince[id] = (volume.machine, now)
        }
        for machine in world.machines where stateSince[machine.id]?.state != machine.state {
            stateSince[machine.id] = (machine.state, now)
        }
    }

    mutating func noteRenaming(of volume: VolumeID, at now: Instant) { renamedAt[volume] = now }

    /// - Returns: the object that the volume was made for, when that is another.
    mutating func noteMade(_ volume: VolumeID, for attachment: AttachmentID) -> AttachmentID? {
        if let first = madeFor[volume], first != attachment { return first }
        madeFor[volume] = attachment
        return nil
    }

    /// - Returns: how often the same was asked for lately, since something last allowed to begin anew.
    mutating func noteSubmission(_ kind: String, _ occasion: RepairCount.Occasion, at now: Instant) -> Int {
        var times = submissions[kind].map { $0.occasion == occasion ? $0.at : [] } ?? []
        times.removeAll { now - $0 > .seconds(90) }
        times.append(now)
        submissions[kind] = (occasion, times)
        return times.count
    }

    /// Somebody asks to look again: what was tried in vain may be tried anew.
    mutating func noteAsked() {
        repairs = [:]
        submissions = [:]
    }

    mutating func noteHandsOn(_ volume: VolumeID) { handled.insert(volume) }
    mutating func noteLetGo(_ volume: VolumeID) { letGo.insert(volume) }
    mutating func noteTwinGone(_ serial: DiskSerial, at now: Instant) { twinGoneAt[serial] = now }
    mutating func noteStart(of machine: MachineID, at now: Instant) { startedAt[machine.description] = now }
    mutating func noteWrongClock() { clockWasWrong = true }
    mutating func noteGrowth(of volume: VolumeID, at now: Instant) { grownAt[volume] = now }
    mutating func noteUnwatchedMount(of sequence: UInt64) { mountedUnwatched.insert(sequence) }
    mutating func noteListing(under fault: Fault, at now: Instant) {
        if [.emptyList, .shortPage, .staleList].contains(fault.kind) { listsLiedAt = now }
    }
    mutating func noteLies() { hasLies = true }
    mutating func noteUnapproved(_ object: AttachmentID, at now: Instant) { unapproved[object] = now }
    mutating func noteCreated(_ name: String) { created[name, default: 0] += 1 }
}

/// Judging what hawserd does at the moment at which it has its effect.
extension World {
    /// How long after an edit something may still be done for what was wanted before: a call can be under way.
    private static let settling = Duration.seconds(120)

    /// What fails is tried again after 1, 2, 4, 8, 16 and 32 seconds, each a quarter shorter at most.
    private static let mostTries = 9

    func objects(of volume: VolumeID) -> [DesiredAttachment] {
        store.inOrder.filter { object in
            if case .id(volume) = object.volume { return true }
            return store.bindings[object.id] == volume
        }
    }

    func wasJustEdited(_ object: DesiredAttachment) -> Bool {
        oracle.editedAt[object.id].map { now - $0 < Self.settling } ?? true
    }

    // MARK: The lease

    /// LEASE: at the moment at which a call leaves the process, the lease is its own. Reading is free, and so are the lease's own
    /// calls; the store itself refuses a stranger's writes; and a name that leads to a wrong disk is anybody's to take away.
    mutating func judgeLease(_ flight: CallInFlight) {
        guard plan.daemons > 1, flight.call.hasEffect, !flight.call.isForStore, !store.mayWrite(flight.from) else {
            return
        }
        switch flight.call {
        case .withdraw(let name, let owner, let target):
            // The server refuses to take away what leads elsewhere by now.
            // What it has not been told of since is no excuse: for that there is the lease.
            guard let disk = rightDisk(of: name), owner == .hawser(disk.volume), isProvable(disk, named: name),
                exports.entry(name, kernel)?.target == target,
                store.inOrder.contains(where: { $0.export?.name == name && objects(of: disk.volume).contains($0) })
            else { return }
        case .cutStrayedSessions, .release: return
        default: break
        }
        oracle.report(
            "LEASE", "hawserd \(flight.from.name) does '\(Self.text(of: flight.call))', and the lease is another's")
    }

    // MARK: Calls to CloudStack

    mutating func judge(_ flight: CallInFlight) {
        counts.mutations += 1
        oracle.noteEdits(store, now: now)
        switch flight.call {
        case .submit(let mutation, let job):
            judgeLedger(of: job, mutation, sentAt: flight.sentAt)
            oracle.noteJob(job)
            if oracle.noteSubmission("\(mutation)", occasion(of: mutation.volume), at: now) > Self.mostTries {
                oracle.report("CONVERGES", "\(mutation) is tried more than \(Self.mostTries) times in 90 s")
            }
            switch mutation {
            case .createVolume(let name, _, _, _):
                judgeCreation(name)
                judgeRestraint(
                    on: store.inOrder.filter { name.hasSuffix(Self.token(of: $0)) }, "create volume '\(name)'")
            case .attachVolume(let volume, let machine, let role):
                judgeBarrier(volume, job: job)
                if role == .root { judgeRootAttach(volume, to: machine) }
                judgeAttach(volume, to: machine)
            case .detachVolume(let volume):
                judgeBarrier(volume, job: job)
                judgeDetach(volume, leftAt: flight.leftAt)
                judgeTarget(of: volume)
                judgeBrake(objects(of: volume))
            case .resizeVolume(let volume, let size):
                judgeBarrier(volume, job: job)
                if let known = cloud.volume(volume), known.sizeInBytes > size {
                    oracle.report("IN-USE", "volume \(volume) is to shrink to \(size)")
                }
            }
        case .deleteVolume(let volume):
            judgeDeletion(volume)
            judgeBrake(objects(of: volume))
        default: break
        }
    }

    /// NO-BLIND-REPEAT, LIVE-PROOF: the intention with its job id and its evidence is on disk before the call.
    private mutating func judgeLedger(of job: JobID, _ mutation: CloudMutation, sentAt: Instant) {
        guard let line = store.openLedger.last(where: { $0.job == job && $0.phase == .intended }) else {
            oracle.report("NO-BLIND-REPEAT", "\(mutation) was sent as job \(job), of which the ledger knows nothing")
            return
        }
        if line.evidence.isEmpty { oracle.report("LIVE-PROOF", "\(mutation) was sent on no evidence") }
        // What says that there is no volume with the token can only be made untrue by Hawser.
        if case .createVolume = mutation { return }
        let age = sentAt - line.at
        if age > policy.decisionLifetime + .seconds(1) {
            oracle.report("LIVE-PROOF", "\(mutation) was sent \(age) after it was decided")
        }
    }

    private mutating func judgeCreation(_ name: String) {
        let twins = cloud.world.volumes.values.filter { $0.name == name && !$0.isRemoved }
        if !twins.isEmpty {
            oracle.report("NO-BLIND-REPEAT", "volume '\(name)' is created although CloudStack has \(twins.count)")
        }
    }

    private mutating func judgeBarrier(_ volume: VolumeID, job: JobID) {
        if !oracle.managed.contains(volume) {
            oracle.report("MINE-ONLY", "volume \(volume) is touched, which no desired state names")
        }
        let others = cloud.world.unfinishedJobs(about: volume.description)
            .filter { $0 != job.description && oracle.jobs.contains($0) }
        if let other = others.first {
            oracle.report("JOB-BARRIER", "job \(job) on volume \(volume) is sent while job \(other) has not ended")
        }
        if cloud.volume(volume)?.type == "ROOT", !objects(of: volume).contains(where: { $0.role == .root }) {
            oracle.report("MINE-ONLY", "volume \(volume) is a root disk, and is touched")
        }
        judgeClaims(on: volume)
        judgeRestraint(on: objects(of: volume), "touch volume \(volume)")
    }

    private mutating func judgeDetach(_ volume: VolumeID, leftAt: Instant) {
        guard let record = cloud.volume(volume), let holder = record.machine.flatMap({ MachineID($0) }) else { return }
        if holder == Self.here {
            let sequences = Set(kernel.disks(of: volume).map(\.sequence))
            let names = exports.entries.filter {
                $0.value.owner == .hawser(volume) && sequences.contains($0.value.sequence)
            }
            if let name = names.keys.min() {
                oracle.report("ORDER", "volume \(volume) is detached while '\(name)' leads to it")
            }
        }
        if holder != Self.here, !isAstray(volume),
            let machine = cloud.world.machines.first(where: { $0.id == record.machine }),
            machine.state == "Running", !wasRestarted(machine.id), hasBeenHeld(volume)
        {
            oracle.report("IN-USE", "volume \(volume) is taken from machine \(holder), which is running")
        }
        let isSeen = kernel.disks(of: volume).contains { kernel.known[$0.name] == $0 && !oracle.isAllowed($0, at: now) }
        // What was on its way for long was decided on what was here then.
        if holder == Self.here, isSeen, now - leftAt < .seconds(5), hasBeenBlind(for: .seconds(20)) {
            oracle.report("IN-USE", "volume \(volume) is detached, and nobody can tell whether it is in use")
        }
        let wishes = objects(of: volume)
        // Somebody who has just forgotten the object leaves a detach under way behind.
        guard !wishes.isEmpty else { return }
        let isWanted = wishes.contains { object in
            !object.isDeparting && object.role == .data && machine(of: object) == holder
        }
        if isWanted, !wishes.contains(where: wasJustEdited), !isAstray(volume) {
            oracle.report("WHOLE-VIEW", "volume \(volume) is detached from the machine that it is wanted on")
        }
    }

    /// Somebody may start a machine while the call is on its way.
    private func wasRestarted(_ machine: String) -> Bool {
        oracle.startedAt[machine].map { now - $0 < .seconds(60) } ?? false
    }

    func machine(of object: DesiredAttachment) -> MachineID? {
        switch object.machine {
        case .thisMachine: Self.here
        case .id(let id): id
        case .named(let name):
            cloud.world.machines.first { $0.name == name }.flatMap { MachineID($0.id) }
        }
    }

    func isAstray(_ volume: VolumeID) -> Bool {
        oracle.hasLies || oracle.astray.contains(volume)
    }

    private mutating func judgeDeletion(_ volume: VolumeID) {
        // A late repetition of what is done already changes nothing.
        guard cloud.volume(volume)?.isRemoved == false else { return }
        if !oracle.managed.contains(volume) {
            oracle.report("MINE-ONLY", "volume \(volume) is deleted, which no desired state names")
        }
        judgeRestraint(on: objects(of: volume), "delete volume \(volume)")
        guard let object = objects(of: volume).first else {
            return oracle.report("NO-SURPRISE-DELETE", "volume \(volume) is deleted, and no object of it is left")
        }
        guard object.isDeparting, object.deletion.data == .delete, case .created = object.volume else {
            return oracle.report("NO-SURPRISE-DELETE", "volume \(volume) is deleted, and nobody asked for it")
        }
        if let record = cloud.volume(volume), !record.name.hasSuffix(Self.token(of: object)),
            oracle.renamedAt[volume].map({ now - $0 > .seconds(60) }) ?? false
        {
            oracle.report("NO-SURPRISE-DELETE", "volume \(volume) is deleted, which somebody has renamed")
        }
        if let since = object.departingSince, !oracle.clockWasWrong, now < since + object.deletion.grace {
            oracle.report("NO-SURPRISE-DELETE", "volume \(volume) is deleted within its grace period")
        }
        if store.protections[volume] != nil, oracle.protectedLongAgo(volume, now: now) {
            oracle.report("NO-SURPRISE-DELETE", "volume \(volume) is deleted although it is protected")
        }
    }

    /// BRAKE: of what no person has approved, never more in ten minutes than the larger of one volume and one percent. The
    /// numbers stand here once more, so that a mistake in the planner's count is seen. How clocks are off does not matter for
    /// what happens between two restarts; a node whose clock jumps forgets what it began.
    private mutating func judgeBrake(_ objects: [DesiredAttachment]) {
        guard objects.count == 1, let object = objects.first, !object.isRemovalApproved, !oracle.clockWasWrong,
            // An approval that was taken back a moment ago, or was used up, may still be acted on.
            oracle.approvedAt[object.id].map({ now - $0 > .seconds(30) }) ?? true
        else { return }
        oracle.noteUnapproved(object.id, at: now)
        // Steps have their effect a while after they were begun, and not all after the same.
        let window = Duration.seconds(600) - policy.decisionLifetime - .seconds(5)
        let count = oracle.unapproved.values.filter { now - $0 < window }.count
        if count > max(1, plan.objects.count / 100) {
            oracle.report("BRAKE", "\(object.name) is taken away as the \(count)th that nobody has approved")
        }
    }

    // MARK: What comes of it

    mutating func judge(_ action: ActionRecord) {
        judgeRepair(action)
        guard action.kind == "hazard", let volume = action.volume.flatMap({ VolumeID($0) }) else { return }
        guard let job = action.job, oracle.jobs.contains(job), !isAstray(volume) else { return }
        oracle.report("ONE-HOLDER", "volume \(volume): \(action.detail)")
    }

    mutating func judgeUnplug(_ disk: Kernel.Disk, by job: String?) {
        guard let job, oracle.jobs.contains(job) else { return }
        if isAstray(disk.volume) || oracle.isAllowed(disk, at: now) { return }
        // After CloudStack has lost the job, nobody knows that the hypervisor is still at work for it.
        guard cloud.world.isUnfinished(job) else {
            oracle.noteAstray(disk.volume)
            return
        }
        let intention = store.openLedger.last { $0.job?.description == job && $0.phase == .intended }
        let session = exports.sessions.first { session in
            guard session.sequence == disk.sequence, let client = clients[session.client] else { return false }
            // Nobody can call back what was sent before somebody came through the window.
            let cameLate = intention.map { client.connectedAt + clockError > $0.at } ?? false
            return !client.isSomebodyElses && !(client.cameThroughWindow && cameLate)
        }
        if let session {
            oracle.report("IN-USE", "the disk of volume \(disk.volume) goes away under client \(session.client)")
        }
        if disk.isMounted, !oracle.mountedUnwatched.contains(disk.sequence) {
            oracle.report("IN-USE", "the disk of volume \(disk.volume) goes away while it is mounted")
        }
    }

    // MARK: Exports

    mutating func judge(_ publication: ExportPublication) {
        oracle.noteEdits(store, now: now)
        guard let disk = kernel.disk(number: publication.device.number),
            disk.sequence == publication.device.diskSequence
        else { return }
        if disk.volume != publication.volume, !isHiddenTwin(disk) {
            oracle.report("RIGHT-DISK", "'\(publication.name)' is published on the disk of volume \(disk.volume)")
        }
        judgeDoubts(publication, disk)
    }

    /// The disk of a volume that no object wants, with the serial of one that an object does: nobody has told of it.
    private func isHiddenTwin(_ disk: Kernel.Disk) -> Bool {
        plan.hasTwins && objects(of: disk.volume).isEmpty && !volumesWanted(withSerialOf: disk.volume).isEmpty
    }

    mutating func judgeWithdrawal(of name: ExportName, by flight: CallInFlight) {
        oracle.noteEdits(store, now: now)
        guard let disk = rightDisk(of: name), !isAstray(disk.volume), isBeyondDoubt(disk, named: name, to: flight)
        else { return }
        let wishes = objects(of: disk.volume)
        judgeBrake(wishes)
        judgeRestraint(on: wishes, "withdraw '\(name)'")
        if oracle.isAllowed(disk, at: now) {
            noteWord(for: disk, wishes)
        } else {
            judgeUse(of: disk, name)
        }
    }

    /// Of a removal that goes on, more follows; a name that is taken away alone uses a person's word up.
    private mutating func noteWord(for disk: Kernel.Disk, _ wishes: [DesiredAttachment]) {
        if !isRemoval(wishes), isInUse(disk) { oracle.noteUse(ofOverrideOf: disk.volume, at: now) }
    }

    private func isRemoval(_ wishes: [DesiredAttachment]) -> Bool {
        wishes.contains(where: \.isDeparting) || wishes.contains { $0.machine != .thisMachine }
    }

    private mutating func judgeUse(of disk: Kernel.Disk, _ name: ExportName) {
        if isInUse(disk) {
            oracle.report("IN-USE", "'\(name)' is withdrawn while volume \(disk.volume) is in use")
        }
        if hasBeenBlind(for: .seconds(20)) {
            oracle.report("IN-USE", "'\(name)' is withdrawn, and nobody can tell who uses volume \(disk.volume)")
        }
    }

    /// The disk that a name of Hawser's leads to, when it is the volume's.
    private func rightDisk(of name: ExportName) -> Kernel.Disk? {
        guard let entry = exports.entries[name], !entry.isMisled,
            let disk = kernel.disk(sequence: entry.sequence)
        else { return nil }
        return entry.owner == .hawser(disk.volume) ? disk : nil
    }

    /// Whether the name leads to the right disk, and the process could know that when it made its call (RIGHT-DISK).
    private func isBeyondDoubt(_ disk: Kernel.Disk, named name: ExportName, to flight: CallInFlight) -> Bool {
        // That nobody wants it for another any more, it may not have been told; what a dead one was told is not known any more.
        guard isProvable(disk, named: name), isAlive(flight.from) else { return false }
        let evidence = daemons[flight.from.daemon].evidence
        return !evidence.isWanted(name, byOthersThan: Set(objects(of: disk.volume).map(\.id)), at: flight.sentAt)
    }

    /// Whether a process that is told of everything could prove that the name leads to the right disk.
    private func isProvable(_ disk: Kernel.Disk, named name: ExportName) -> Bool {
        // A disk that is smaller than it was is proven to be nothing; its name goes at once. So it is where two have a serial.
        // A process that was stopped hears late of a twin that is gone by then.
        guard disk.cutAt == nil, kernel.disks(serial: disk.serial).count == 1,
            oracle.twinGoneAt[disk.serial].map({ now - $0 > .seconds(120) }) ?? true,
            volumesWanted(withSerialOf: disk.volume).count < 2
        else { return false }
        // Since its record says that it is larger than its disk, the object was applied anew: what was proven of it is gone. Or it
        // never came to the store.
        if let grownAt = oracle.grownAt[disk.volume], let size = cloud.volume(disk.volume)?.sizeInBytes,
            size > disk.sizeInBytes,
            objects(of: disk.volume).contains(where: { object in
                oracle.bornAt[object.id] ?? now > grownAt
                    || store.statuses[object.id]?.device?.diskSequence != disk.sequence
            })
        {
            return false
        }
        // What udev has not told is not known.
        guard kernel.known[disk.name]?.sequence == disk.sequence else { return false }
        // A name that somebody now wants for another volume leads to the wrong disk.
        let own = objects(of: disk.volume)
        return !store.inOrder.contains { $0.export?.name == name && !own.contains($0) }
    }

    /// Whether a client was there, or the disk mounted, when it could be known.
    private func isInUse(_ disk: Kernel.Disk) -> Bool {
        let known = now - policy.decisionLifetime - .seconds(5)
        if let mountedAt = disk.mountedAt, mountedAt < known { return true }
        return exports.sessions.contains { session in
            session.sequence == disk.sequence && (clients[session.client]?.connectedAt ?? now) < known
        }
    }

    mutating func judgeSession(_ client: Int, name: ExportName, disk: Kernel.Disk) {
        guard clients[client]?.cameThroughWindow == false else { return }
        if oracle.volumesOfName[name]?.contains(disk.volume) == true { return }
        // What somebody else exported is somebody else's, and so is who came by it, when it is gone.
        if exports.entries[name]?.owner == .foreign || clients[client]?.isSomebodyElses == true { return }
        if isHiddenTwin(disk) { return }
        oracle.report("RIGHT-DISK", "client \(client) of '\(name)' writes to the disk of volume \(disk.volume)")
    }

    /// Every cause of the catalogue.
    public static var causes: [String] { CauseKind.allCases.map(\.rawValue) }

    mutating func checkReports() {
        guard counts.inputs % 64 == 0, let core else { return }
        let overview = core.loop.overview(at: now)
        for cause in overview.nodeCauses { counts.causes[cause.kind.rawValue, default: 0] += 1 }
        for report in overview.reports { count(report) }
    }

    mutating func count(_ report: AttachmentReport) {
        if case .notReady(let cause) = report.readiness { counts.causes[cause.kind.rawValue, default: 0] += 1 }
    }
}
