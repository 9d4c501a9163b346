import Planning
import VolumeModel

/// Taking in what people want.
extension ReconcileLoop {
    mutating func start(
        _ desired: DesiredState, bindings: [AttachmentID: VolumeID], ledger: [LedgerEntry], drifts: [DriftRecord],
        statuses: [SavedStatus], now: Instant
    ) {
        reserve(desired.entries.count)
        take(protections: desired.protections)
        for entry in desired.entries { take(entry, binding: bindings[entry.id], now: now) }
        savedStatuses = SavedStatuses(statuses) { index[$0.value] }
        for status in statuses {
            recall(status.volume, of: status.attachment)
            recall(status.device, of: status.attachment)
            recallContest(status, now: now)
        }
        // In the order of the ledger, so that the same store gives the same start.
        let linesOfIntent = Dictionary(grouping: ledger, by: \.intent)
        var recovered: Set<IntentID> = []
        for line in ledger where recovered.insert(line.intent).inserted {
            recover(line.intent, linesOfIntent[line.intent] ?? [], now: now)
        }
        for drift in drifts {
            guard let slot = index[drift.attachment.value] else {
                var ended = drift
                ended.endedAt = now
                effects.append(.recordDrifts([ended]))
                continue
            }
            update(slot: slot) {
                $0.openDrifts.append(drift)
                $0.hasBeenReady = true
            }
        }
        observeExports()
    }

    /// Makes room for so many rows at once.
    private mutating func reserve(_ count: Int) {
        index.reserve(count)
        slotsBySerial.reserve(count)
        rows.reserveCapacity(count)
        wanted.reserveCapacity(count)
        seen.reserveCapacity(count)
        reportedAt.reserveCapacity(count)
        isDirty.reserveCapacity(count)
        dirty.reserveCapacity(count)
        slotByName.reserveCapacity(count)
        slotByExportName.reserveCapacity(count)
        volumes.reserveCapacity(count)
    }

    /// A row that cannot be read does not tell which volume it means: it is taken to mean the one that it meant last, so that
    /// what is done with others does not harm it.
    private mutating func recall(_ volume: VolumeID?, of attachment: AttachmentID) {
        guard let volume, let slot = index[attachment.value], let row = rows[slot], row.isInvalid,
            row.view.volume == nil
        else { return }
        update(slot: slot) { $0.view.desired.volume = .id(volume) }
        rebind(slot: slot)
    }

    /// What was proven before still is, of just that device in just that plugging-in: a volume that was grown meanwhile is
    /// larger than its disk for a while, and its clients are not to lose their name for that. Of an unreadable row the volume
    /// may not be known; the serial tells later whether it is that device's.
    private mutating func recall(_ device: DeviceIdentity?, of attachment: AttachmentID) {
        guard let device, let slot = index[attachment.value],
            rows[slot]?.view.volume.map({ DiskSerial(of: $0) == device.serial }) ?? true
        else { return }
        update(slot: slot) { $0.view.proven = device }
    }

    /// A volume that somebody fights for is not repaired faster because hawserd was restarted.
    private mutating func recallContest(_ status: SavedStatus, now: Instant) {
        guard let contest = status.contest, let slot = index[status.attachment.value],
            rows[slot]?.view.desired.generation == status.generation
        else { return }
        update(slot: slot) { $0.view.contest = Shared(contest.recalled(at: now)) }
    }

    /// What a crash left in the ledger: a CloudStack call is asked for by its job id; an export change is resolved by
    /// looking, which the loop does anyway.
    private mutating func recover(_ intent: IntentID, _ lines: [LedgerEntry], now: Instant) {
        guard let first = lines.first, let last = lines.last else { return }
        if case .createVolume = first.action, case .ended = last.phase {
            // It made a volume that the object was not bound to before the crash.
            if let slot = index[first.attachment.value] {
                update(slot: slot) { $0.view.creation = VolumeCreation(volume: nil) }
            }
            return
        }
        let job = last.job ?? first.job
        guard first.action.isInCloudStack, job != nil || !first.action.isCloudJob else {
            var ended = last
            ended.phase = .ended(.resolvedByReading)
            ended.at = now
            ended.evidence = "hawserd was restarted; the world is read anew"
            effects.append(.append(ended))
            return
        }
        let isAccepted = lines.contains { $0.phase == .accepted }
        // When it was sent stands in the ledger by a clock that may have been set since, or by another machine's.
        let effect = OutstandingEffect(
            intent: intent, action: first.action, job: job, isAccepted: isAccepted, isBeingSent: false, sentAt: now)
        guard let slot = index[first.attachment.value] else {
            // The object is gone from the store although its effect was not known to have ended: nothing is decided
            // from it any more, but the ledger must not keep it for ever.
            var ended = last
            ended.phase = .ended(.resolvedByReading)
            ended.at = now
            ended.evidence = "the object no longer exists"
            effects.append(.append(ended))
            return
        }
        if let earlier = rows[slot]?.cloudEffect {
            // One is begun only when the one before is known to have ended: just that was not written in time. And a volume is
            // made only where none was found that the one before had made.
            var isCreation = false
            if case .createVolume = earlier.action { isCreation = true }
            close(
                earlier, of: first.attachment, isCreation ? .neverArrived : .resolvedByReading,
                evidence: "\(first.action.verb) was begun after it, so it had ended", now: now)
        }
        update(slot: slot) { $0.cloudEffect = effect }
        countCloudEffect(first.action, by: 1)
    }

    mutating func take(_ delta: DesiredDelta, now: Instant) {
        take(protections: delta.protections)
        for entry in delta.changed { take(entry, binding: nil, now: now) }
        for attachment in delta.removed { remove(attachment, now: now) }
    }

    private mutating func take(_ entry: DesiredEntry, binding: VolumeID?, now: Instant) {
        switch entry {
        case .valid(var desired):
            if let lastDesired { desired.shareParticulars(with: lastDesired) }
            lastDesired = desired
            let slot = slot(for: desired, now: now)
            let isChanged = rows[slot]?.view.desired != desired || rows[slot]?.isInvalid == true
            guard isChanged || binding != nil else { return }
            claimExportName(of: desired, slot: slot)
            update(slot: slot) { row in
                if row.view.desired.generation != desired.generation || row.isInvalid {
                    row.hasBeenReady = false
                    row.view.backoff = nil
                    row.view.contest = nil
                    row.view.waitingSince = now
                }
                if let binding { row.binding = binding }
                row.problems = []
                row.view.desired = desired
                if !desired.isDeparting { row.isBeingForgotten = false }
            }
            rebind(slot: slot)
            if let volume = rows[slot]?.view.volume { refreshClaims(serial: DiskSerial(of: volume)) }
            resolveTarget(slot: slot)
            refreshExport(slot: slot)
        case .invalid(let id, let name, let generation, let problems, let isDeparting):
            takeInvalid(
                id: id, name: name, generation: generation, problems: problems, isDeparting: isDeparting,
                binding: binding, now: now)
        }
    }

    private mutating func take(protections new: [VolumeID: String]) {
        guard new != protections else { return }
        let changed = Set(protections.keys).union(new.keys).filter { protections[$0] != new[$0] }
        protections = new
        for volume in changed.sorted() {
            for slot in slots(of: volume) { update(slot: slot) { $0.view.protection = new[volume] } }
        }
    }

    private mutating func claimExportName(of desired: DesiredAttachment, slot: Int) {
        if let old = rows[slot]?.view.desired.export?.name, old != desired.export?.name, slotByExportName[old] == slot {
            slotByExportName[old] = nil
        }
        guard let name = desired.export?.name else { return }
        let before = slotByExportName.updateValue(slot, forKey: name)
        // The store gives a name once: a row that has it by what it wanted before became unreadable, and has not now.
        guard let before, before != slot, rows[before]?.view.desired.export?.name == name else { return }
        update(slot: before) { $0.view.desired.export = nil }
        refreshExport(slot: before)
    }

    private mutating func takeInvalid(
        id: AttachmentID, name: String, generation: Int64, problems: [SpecProblem], isDeparting: Bool,
        binding: VolumeID?, now: Instant
    ) {
        if let slot = index[id.value] {
            guard let row = rows[slot], row.problems != problems || row.view.desired.isDeparting != isDeparting else {
                return
            }
            update(slot: slot) {
                $0.problems = problems
                $0.view.desired.generation = generation
                $0.view.desired.isDeparting = isDeparting
            }
            return
        }
        // A row that was never readable still has to be shown; its place is held by a desired state that names nothing.
        guard let shown = ObjectName(name) ?? ObjectName("row-\(id)") else { return }
        let desired = DesiredAttachment(
            id: id, name: shown, generation: generation, volume: .named("", zone: .named("")), machine: .named(""),
            source: .row, isDeparting: isDeparting)
        let slot = slot(for: desired, now: now)
        // What the store has tied it to still holds when somebody puts the row right.
        update(slot: slot) {
            $0.problems = problems
            $0.binding = binding
        }
        rebind(slot: slot)
    }

    private mutating func slot(for desired: DesiredAttachment, now: Instant) -> Int {
        if let slot = index[desired.id.value] { return slot }
        let slot: Int
        var view = VolumeView(desired: desired, here: here, now: now)
        view.server = exports?.server ?? .unknown
        view.knowsAllExports = exports?.isComplete ?? false
        view.target = target(of: desired.machine)
        view.targetMachine = view.target.value.flatMap { machines[$0] } ?? .never
        view.targetRoot = root(of: view.target, for: desired.role)
        let row = Row(view: view)
        if let free = freeSlots.popLast() {
            slot = free
            rows[slot] = row
        } else {
            slot = rows.count
            rows.append(row)
            wanted.append(1)
            seen.append(Fingerprint.unknown)
            reportedAt.append(revision)
            isDirty.append(false)
        }
        index.set(desired.id.value, to: slot)
        slotByName[desired.name] = slot
        claimExportName(of: desired, slot: slot)
        // What is known of the world is not known by the new row yet; the first comparison has to look at it.
        wanted[slot] = 1
        seen[slot] = Fingerprint.unknown
        markDirty(slot: slot)
        rebind(slot: slot)
        refreshExport(slot: slot)
        return slot
    }

    /// Ties the row to its volume: by the id that the object names, or by the store's binding. An object that names
    /// another volume than the one it is tied to is refused: that would leave the first one without an owner.
    mutating func rebind(slot: Int) {
        // Only what is asked for is taken out: whoever held the row itself would make the next change a copy of it.
        guard let reference = rows[slot]?.view.desired.volume else { return }
        let old = rows[slot]?.view.volume
        var volume = rows[slot]?.binding
        if case .id(let named) = reference {
            if let bound = volume, bound != named {
                update(slot: slot) {
                    $0.problems = [
                        SpecProblem(
                            field: "volume.id",
                            message: "the volume of an object cannot be changed from \(bound) to \(named); "
                                + "delete the object and create another")
                    ]
                }
                return
            }
            volume = named
        }
        guard old != volume, let volume else { return }
        if let old {
            slotsBySerial.remove(slot, from: DiskSerial(of: old))
        }
        slotsBySerial.add(slot, to: DiskSerial(of: volume))
        let known = volumes[volume].map {
            Sighting(sharing: .present($0), asked: volumesAskedAt, answered: volumesAskedAt, proof: .listed)
        }
        let isNominatedAbsent = known == nil && volumesListedAt != nil
        let protection = protections[volume]
        update(slot: slot) { row in
            row.view.volume = volume
            row.view.protection = protection
            row.view.resolution = .none
            row.view.cloud = known ?? .never
            row.view.isNominatedAbsent = isNominatedAbsent
        }
        refreshDevices(serial: DiskSerial(of: volume), changed: false)
        refreshExport(slot: slot)
        refreshClaims(serial: DiskSerial(of: volume))
    }

    mutating func resolveTarget(slot: Int) {
        guard let reference = rows[slot]?.view.desired.machine, let role = rows[slot]?.view.desired.role else { return }
        let target = target(of: reference)
        let root = root(of: target, for: role)
        let sighting = target.value.flatMap { machines[$0] } ?? .never
        let isSeen = rows[slot]?.view.targetMachine != .never || sighting == .never
        guard rows[slot]?.view.target == target, rows[slot]?.view.targetRoot == root else {
            update(slot: slot) {
                $0.view.target = target
                $0.view.targetMachine = sighting
                $0.view.targetRoot = root
            }
            return
        }
        if !isSeen { note(slot: slot) { $0.view.targetMachine = sighting } }
    }

    /// Asked for only where a root disk is to be attached; known when CloudStack's volumes have been listed.
    private func root(of target: Fact<MachineID>, for role: DiskRole) -> Fact<VolumeID> {
        guard role == .root, let machine = target.value, volumesListedAt != nil else { return .unknown }
        return roots[machine].map { .present($0) } ?? .absent
    }

    private func target(of machine: MachineReference) -> Fact<MachineID> {
        switch machine {
        case .thisMachine: return .present(here)
        case .id(let id): return .present(id)
        case .named(let name):
            guard machinesListedAt != nil else { return .unknown }
            guard let matches = machinesByName[name], matches.count == 1, let only = matches.first else {
                return .absent
            }
            return .present(only)
        }
    }

    /// Two objects that claim one volume are both told so, and neither is acted on; two volumes with one serial, too.
    ///
    /// A departing object leaves the volume to one that stays; of several that depart, all but one to that one.
    private mutating func refreshClaims(serial: DiskSerial) {
        let slots = slotsBySerial[serial]
        for slot in slots {
            guard let row = rows[slot] else { continue }
            let others = slots.filter { $0 != slot }.compactMap { rows[$0] }
            // Nearly always there are none.
            if others.isEmpty, row.view.claimedBy == nil, row.view.serialSharedWith == nil { continue }
            let claimants = others.filter { $0.view.volume == row.view.volume }.map(\.view.desired)
            let claimant = claimants.first?.name
            let yields =
                row.view.desired.isDeparting
                && claimants.contains { other in
                    // One that only observes leaves all as it is when it goes, and has nothing to wait for.
                    !other.isDeparting || row.view.desired.mode == .observe
                        || other.mode == .enforce && other.id.value < row.view.desired.id.value
                }
            let twin = others.first { $0.view.volume != row.view.volume }?.view.volume
            guard row.view.claimedBy != claimant || row.view.yieldsClaim != yields || row.view.serialSharedWith != twin
            else { continue }
            update(slot: slot) {
                $0.view.claimedBy = claimant
                $0.view.yieldsClaim = yields
                $0.view.serialSharedWith = twin
            }
        }
    }

    /// Drops a row: it departed, or it is no longer in the store.
    mutating func remove(_ attachment: AttachmentID, now: Instant) {
        guard let slot = index[attachment.value], let row = rows[slot] else { return }
        if row.cloudEffect != nil { countCloudEffect(row.cloudEffect?.action, by: -1) }
        if row.step != nil { stepsUnderWay -= 1 }
        index.remove(attachment.value)
        savedStatuses.forget(slot)
        brake.forget(attachment)
        tally.count(row.report?.readiness, by: -1)
        rows[slot] = nil
        wanted[slot] = 0
        seen[slot] = 0
        isDirty[slot] = false
        dirty.removeAll { $0 == slot }
        freeSlots.append(slot)
        if slotByName[row.view.desired.name] == slot { slotByName[row.view.desired.name] = nil }
        if let name = row.view.desired.export?.name, slotByExportName[name] == slot { slotByExportName[name] = nil }
        if let volume = row.view.volume {
            slotsBySerial.remove(slot, from: DiskSerial(of: volume))
            refreshClaims(serial: DiskSerial(of: volume))
            // A name that it has left behind is now the others' to take away.
            for other in slots(of: volume) { refreshExport(slot: other) }
        }
        let ended = row.contents.openDrifts.map { drift in
            var ended = drift
            ended.endedAt = now
            ended.repairedBy = row.contents.repairs.joined(separator: ", ")
            return ended
        }
        if !ended.isEmpty { effects.append(.recordDrifts(ended)) }
        revision += 1
    }

    mutating func takeReconcile(_ attachments: [AttachmentID]?, now: Instant) {
        if attachments == nil {
            nextResync = now
            observeExports()
        }
        for slot in attachments?.compactMap({ index[$0.value] }) ?? Array(rows.indices) {
            update(slot: slot) { row in
                row.view.backoff = nil
                row.view.contest = nil
                row.attempts = [:]
                // Names are looked up anew, too: somebody may have made or removed what they mean.
                if row.view.volume == nil, row.step == nil { row.view.resolution = .none }
            }
        }
    }
}

extension DesiredEntry {
    var id: AttachmentID {
        switch self {
        case .valid(let desired): desired.id
        case .invalid(let id, _, _, _, _): id
        }
    }
}
