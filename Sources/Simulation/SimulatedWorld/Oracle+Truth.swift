import CloudStackModel
import Planning
import Reconciliation
import VolumeModel

/// What is told from the truth alone: what people allow, what a record has said for long, what is wrong with a disk.
extension World {
    /// How long a call can be on its way, with what was decided before it: what has been so for longer was known.
    private static let journey = Duration.seconds(60)

    // MARK: What people allow

    /// RESTRAINT: for what is set aside, only observed, or cannot be read, nothing is touched.
    mutating func judgeRestraint(on objects: [DesiredAttachment], _ deed: @autoclosure () -> String) {
        if policy.mode == .observe {
            return oracle.report("RESTRAINT", "hawserd observes only, and does this: \(deed())")
        }
        guard !objects.isEmpty, objects.allSatisfy({ isSetAside($0) && wasLeftAlone($0) }) else { return }
        oracle.report("RESTRAINT", "\(objects[0].name) is not to be touched, and hawserd does this: \(deed())")
    }

    private func isSetAside(_ object: DesiredAttachment) -> Bool {
        if object.mode == .observe || store.garbled.contains(object.id) { return true }
        guard let suspension = object.suspension else { return false }
        guard let until = suspension.until else { return true }
        return !oracle.clockWasWrong && now < until
    }

    /// Whether what it wants has been known for long; whom a name means, since the object was bound.
    private func wasLeftAlone(_ object: DesiredAttachment) -> Bool {
        guard let editedAt = oracle.editedAt[object.id], now - editedAt > Self.journey else { return false }
        return oracle.boundAt[object.id].map { now - $0 > Self.journey } ?? true
    }

    /// Whether somebody has written down which volume it means, should its row not be readable by now.
    private func wasEverRead(_ object: DesiredAttachment) -> Bool {
        !store.garbled.contains(object.id) || store.bindings[object.id] != nil
            || store.statuses[object.id]?.volume != nil
    }

    /// What the name of a volume that is created for an object ends with.
    static func token(of object: DesiredAttachment) -> String {
        String(object.id.description.filter { $0 != "-" }.suffix(12))
    }

    // MARK: What a record has said for long

    /// ONE-HOLDER: what is attached is not attached again.
    mutating func judgeAttach(_ volume: VolumeID, to machine: MachineID) {
        guard hasBeenHeld(volume), let holder = oracle.heldSince[volume]?.machine else { return }
        oracle.report("ONE-HOLDER", "volume \(volume) is to be attached to \(machine), and \(holder) has it")
    }

    /// ORDER: a root disk is given only to a machine that has stopped and has none, as far as that was so for long.
    mutating func judgeRootAttach(_ volume: VolumeID, to machine: MachineID) {
        guard let state = oracle.stateSince[machine.description], now - state.since > Self.journey else { return }
        if state.state != "Stopped" {
            oracle.report("ORDER", "root disk \(volume) is to be attached to machine \(machine): \(state.state)")
        }
        // A list that lacks it tells nothing of the machine's own; CloudStack looks once more.
        if oracle.listsLiedAt.map({ now - $0 < .seconds(150) }) ?? false { return }
        let other = cloud.world.volumes.values.first { other in
            other.type == "ROOT" && !other.isRemoved && other.machine == machine.description
        }
        if let id = other.flatMap({ VolumeID($0.id) }), id != volume, hasBeenHeld(id) {
            oracle.report("ORDER", "root disk \(volume) is to be attached to machine \(machine), which has \(id)")
        }
    }

    /// Whether the record has said for long where the volume is.
    func hasBeenHeld(_ volume: VolumeID) -> Bool {
        oracle.heldSince[volume].map { $0.machine != nil && now - $0.since > Self.journey } ?? false
    }

    /// ORDER: what the target of a move would refuse is found out before its first step.
    mutating func judgeTarget(of volume: VolumeID) {
        guard let object = objects(of: volume).first, !object.isDeparting, !wasJustEdited(object),
            let target = machine(of: object)?.description, let record = cloud.volume(volume), record.machine != target,
            let machine = cloud.world.machines.first(where: { $0.id == target }),
            let known = oracle.stateSince[target], now - known.since > .seconds(120)
        else { return }
        if machine.zone != record.zone || !["Running", "Stopped"].contains(machine.state) {
            oracle.report(
                "ORDER", "volume \(volume) is detached for machine \(target), which cannot take it: \(machine.state)")
        }
    }

    /// MINE-ONLY: an object is not tied to what was made for another; WHOLE-VIEW: nor by a name that several have.
    mutating func judgeBinding(of attachment: AttachmentID, to volume: VolumeID) {
        guard let object = store.desired[attachment] else { return }
        switch object.volume {
        case .id: break
        case .created:
            if let other = oracle.noteMade(volume, for: attachment) {
                oracle.report("MINE-ONLY", "\(object.name) takes volume \(volume), which was made for \(other)")
            }
        case .named(let name, _):
            let since = CloudFace.milliseconds(now - Self.journey)
            let all = cloud.world.volumes.values.filter { $0.name == name && !$0.isRemoved && $0.created < since }
            if all.count > 1, all.allSatisfy({ VolumeID($0.id).map { oracle.renamedAt[$0] == nil } ?? false }) {
                oracle.report("WHOLE-VIEW", "\(object.name) takes one of \(all.count) volumes named '\(name)'")
            }
        }
    }

    /// Two objects that claim one volume are acted on by neither.
    mutating func judgeClaims(on volume: VolumeID) {
        let claimants = objects(of: volume).filter { !$0.isDeparting && wasLeftAlone($0) }
        guard claimants.count > 1, claimants.count == objects(of: volume).count else { return }
        oracle.report("MINE-ONLY", "volume \(volume) is touched, and \(claimants.count) objects claim it")
    }

    /// JOB-BARRIER: the ledger does not say of a job that it has ended while CloudStack is at it.
    mutating func judge(_ entry: LedgerEntry) {
        guard case .ended(let outcome) = entry.phase, outcome != .resolvedByReading, let job = entry.job,
            cloud.world.isUnfinished(job.description)
        else { return }
        oracle.report("JOB-BARRIER", "the ledger says that job \(job) has ended (\(outcome)), and it has not")
    }

    /// WHOLE-VIEW: an object that is let go has nothing left of what it asked for.
    ///
    /// What comes between a first try and the next, nobody can help: the first may have been successful.
    mutating func judgeForgetting(_ attachment: AttachmentID) {
        guard let object = store.desired[attachment], oracle.isFirstTry(toForget: object), object.isDeparting,
            object.mode == .enforce,
            policy.mode == .enforce, let volume = store.bindings[attachment] ?? volumeByID(object),
            objects(of: volume).count == 1, !isAstray(volume), let record = cloud.volume(volume), record.type != "ROOT"
        else { return }
        if hasBeenHeld(volume), let holder = record.machine, MachineID(holder) == machine(of: object) {
            oracle.report("WHOLE-VIEW", "\(object.name) is let go, and its volume is still attached to \(holder)")
        }
    }

    func volumeByID(_ object: DesiredAttachment) -> VolumeID? {
        if case .id(let id) = object.volume { id } else { nil }
    }

    // MARK: What is wrong with a disk

    /// The volumes with the same first 20 digits that objects want.
    func volumesWanted(withSerialOf volume: VolumeID) -> Set<VolumeID> {
        Set(
            store.inOrder.compactMap { store.bindings[$0.id] ?? volumeByID($0) }
                .filter { DiskSerial(of: $0) == DiskSerial(of: volume) })
    }

    /// RIGHT-DISK: a disk that cannot be told from another, or is not as large as it was, is never served; QUIET: nothing is
    /// published that is there already.
    mutating func judgeDoubts(_ publication: ExportPublication, _ disk: Kernel.Disk) {
        let entry = ExportModel.Entry(
            isReadOnly: publication.isReadOnly, owner: .hawser(publication.volume), sequence: disk.sequence)
        if exports.entries[publication.name] == entry {
            oracle.report("QUIET", "'\(publication.name)' is published, and was there as it is to be")
        }
        judgeRestraint(on: objects(of: publication.volume), "publish '\(publication.name)'")
        if disk.isTooSmall, let cutAt = disk.cutAt, now - cutAt > .seconds(20), kernel.known[disk.name] == disk {
            oracle.report("RIGHT-DISK", "'\(publication.name)' is published on a disk that is too small")
        }
        let others = kernel.disks(serial: disk.serial).filter { $0 != disk && kernel.known[$0.name] == $0 }
        if !others.isEmpty, others.allSatisfy({ $0.sequence < disk.sequence }) {
            oracle.report("RIGHT-DISK", "'\(publication.name)' is published, and two disks have its serial")
        }
        let wanted = volumesWanted(withSerialOf: publication.volume)
        let isKnown = store.inOrder.allSatisfy { object in
            guard let volume = store.bindings[object.id] ?? volumeByID(object) else { return true }
            return !wanted.contains(volume) || wasLeftAlone(object) && wasEverRead(object)
        }
        if wanted.count > 1, isKnown {
            oracle.report("RIGHT-DISK", "'\(publication.name)' is published, and two volumes have its serial")
        }
    }

    func hasBeenBlind(for duration: Duration) -> Bool {
        blindness.map { now < $0.until && now - $0.since > duration } ?? false
    }

    /// RIGHT-DISK, when the controller says that all is well: nobody is on another disk than its name's, where one session can
    /// be cut; and no name leads to a disk that is too small.
    mutating func judgeDisks() {
        for session in exports.sessions where exports.kind != .nbdkit {
            guard let entry = exports.entries[session.name], case .hawser = entry.owner,
                entry.sequence != session.sequence, kernel.disk(sequence: entry.sequence) != nil
            else { continue }
            oracle.report("RIGHT-DISK", "client \(session.client) of '\(session.name)' was left on another disk")
        }
        for (name, entry) in exports.entries {
            if case .hawser(let volume) = entry.owner, !oracle.letGo.contains(volume),
                let disk = kernel.disk(sequence: entry.sequence), disk.isTooSmall
            {
                oracle.report("RIGHT-DISK", "'\(name)' was left on a disk that is too small")
            }
        }
    }

    /// What nobody sees from outside: when the controller says that all is well, nothing is left open on disk, nothing is
    /// held, and what it says is of what is wanted now.
    mutating func judgeLeftovers() {
        // The end of a createVolume can be written after the binding that closes it: it stays, and means nothing.
        let open = store.openLedger.first { if case .createVolume = $0.action { false } else { true } }
        if let line = open, !oracle.storeFailed {
            oracle.report("DURABLE", "the ledger does not say what became of '\(line.action)'")
        }
        // What somebody else exports under a reserved name is said to be there, and left alone.
        let foreign = exports.entries.filter { $0.value.owner == .foreign }.keys
        let drifts = store.openDrifts.filter { drift in
            drift.drift.kind != .exportUnwanted || !foreign.contains { drift.drift.wanted.contains("'\($0)'") }
        }
        if let drift = drifts.first {
            oracle.report("CONVERGES", "a drift of \(drift.name) has no end: \(drift.drift)")
        }
        for disk in kernel.inOrder where disk.heldBy != nil {
            oracle.report("CONVERGES", "the device of volume \(disk.volume) is still held")
        }
        for report in core?.loop.overview(at: now).reports ?? [] {
            if let object = store.desired[report.attachment], object.generation != report.generation {
                oracle.report(
                    "CONVERGES",
                    "\(report.name) is said to be well as of generation \(report.generation) of "
                        + "\(object.generation)")
            }
        }
    }
}
