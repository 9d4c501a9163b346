import Planning
import VolumeModel

/// Taking in what was seen.
extension ReconcileLoop {
    // MARK: CloudStack

    mutating func take(_ listing: CloudListing<VolumeRecord>, asked: Instant, now: Instant) {
        cloudTrouble = nil
        note(problem: Self.problem(of: listing, "volumes"), at: \.volumesProblem)
        for record in listing.records {
            let sighting = Sighting(
                sharing: .present(known(record)), asked: asked, answered: now, proof: .listed)
            for slot in slotsBySerial[DiskSerial(of: record.id)] where rows[slot]?.view.volume == record.id {
                sight(slot: slot, sighting, now: now)
            }
        }
        if listing.isComplete {
            if volumes.count > listing.records.count {
                let listed = Set(listing.records.map(\.id))
                volumes = volumes.filter { listed.contains($0.key) }
            }
            roots = Dictionary(
                listing.records.compactMap { record in
                    record.kind == .root ? record.attachedTo.map { ($0, record.id) } : nil
                }
            ) { _, later in later }
            volumesListedAt = now
            volumesAskedAt = asked
            for slot in rows.indices where rows[slot]?.view.desired.role == .root { resolveTarget(slot: slot) }
            nominateAbsent(asked: asked)
        }
    }

    /// What is known of a volume from now on: as it was known before, when that is the same.
    mutating func known(_ record: VolumeRecord) -> Shared<VolumeRecord> {
        if let known = volumes[record.id], known.value == record { return known }
        let new = Shared(record)
        volumes[record.id] = new
        return new
    }

    private static func problem(of listing: CloudListing<some Sendable>, _ subject: String) -> String? {
        listing.isComplete ? nil : "\(subject): \(listing.problem ?? "CloudStack counted others than it listed")"
    }

    private mutating func note(problem: String?, at place: WritableKeyPath<ReconcileLoop, String?>) {
        if self[keyPath: place] != problem { revision += 1 }
        self[keyPath: place] = problem
    }

    /// A listing without a volume proves nothing; it says where an exact read has to decide (WHOLE-VIEW).
    private mutating func nominateAbsent(asked: Instant) {
        for slot in rows.indices {
            guard let volume = rows[slot]?.view.volume, volumes[volume] == nil,
                let row = rows[slot], !row.view.isNominatedAbsent, row.view.cloud.asked < asked,
                !row.view.cloud.isAbsent, (row.view.lastWrite ?? .distantPast) <= asked
            else { continue }
            update(slot: slot) { $0.view.isNominatedAbsent = true }
        }
    }

    /// Takes a sighting of a volume, unless something newer is known.
    mutating func sight(slot: Int, _ sighting: Sighting<VolumeRecord>, now: Instant) {
        // Not the view: whoever held it would make the change below a copy of it.
        guard let old = rows[slot]?.view.cloud, let isNominatedAbsent = rows[slot]?.view.isNominatedAbsent,
            sighting.asked >= old.asked, sighting.asked >= rows[slot]?.view.lastWrite ?? .distantPast
        else { return }
        // What has become smaller, by a list, was grown after the list was made: an exact read decides.
        if sighting.proof == .listed, let before = old.value?.sizeInBytes, let size = sighting.value?.sizeInBytes,
            size < before
        {
            if !isNominatedAbsent { update(slot: slot) { $0.view.isNominatedAbsent = true } }
            return
        }
        let isNews = !old.tellsTheSame(as: sighting) || isNominatedAbsent
        if !isNews, sighting.proof == .listed {
            // The same fact again: only its age changes, and no decision hangs on that.
            if old.proof == .listed || old.answered < sighting.answered {
                replace(slot: slot) { $0.view.cloud = sighting }
            }
            if self.seen[slot] != wanted[slot] { markDirty(slot: slot) }
            return
        }
        let policy = policy
        update(slot: slot) { row in
            let old = row.view.cloud.value
            let new = sighting.value
            if old?.attachedTo != new?.attachedTo || old?.sizeInBytes != new?.sizeInBytes {
                row.view.waitingSince = now
            }
            if let holder = new?.attachedTo, holder == row.view.here, old?.attachedTo != holder {
                row.view.arrivedAt = now
            }
            row.view.cloud = sighting
            row.view.isNominatedAbsent = false
            row.followContest(sighting, now: now, policy: policy)
        }
        refreshHolder(slot: slot)
    }

    /// A listing without the machine that has the volume proves nothing; it says where an exact read has to decide.
    private mutating func nominateHolder(slot: Int) {
        guard let wasAbsent = rows[slot]?.view.isHolderNominatedAbsent else { return }
        let holder = rows[slot]?.view.cloud.value?.attachedTo
        let isAbsent = holder.map { $0 != here && machinesListedAt != nil && machines[$0]?.value == nil } ?? false
        guard wasAbsent != isAbsent else { return }
        update(slot: slot) { $0.view.isHolderNominatedAbsent = isAbsent }
    }

    private mutating func refreshHolder(slot: Int) {
        nominateHolder(slot: slot)
        guard let old = rows[slot]?.view.holderMachine, let holder = rows[slot]?.view.cloud.value?.attachedTo else {
            return
        }
        let sighting = machines[holder] ?? .never
        guard old.value?.id != holder || sighting.asked > old.asked else { return }
        guard sighting.tellsTheSame(as: old) else { return note(slot: slot) { $0.view.holderMachine = sighting } }
        // The same fact again, as for the volume itself.
        replace(slot: slot) { $0.view.holderMachine = sighting }
        if seen[slot] != wanted[slot] { markDirty(slot: slot) }
    }

    mutating func take(_ listing: CloudListing<MachineRecord>, asked: Instant, now: Instant) {
        isListing = false
        cloudTrouble = nil
        note(problem: Self.problem(of: listing, "machines"), at: \.machinesProblem)
        for record in listing.records {
            if let known = machines[record.id], known.asked > asked { continue }
            let sighting = Sighting(.present(record), asked: asked, answered: now, proof: .listed)
            let known = machines[record.id].flatMap { $0.tellsTheSame(as: sighting) ? $0.confirmed(by: sighting) : nil }
            machines[record.id] = known ?? sighting
        }
        if listing.isComplete {
            machinesListedAt = now
            let present = Set(listing.records.map(\.id))
            machines = machines.filter { present.contains($0.key) || $0.value.asked > asked }
        }
        indexMachineNames()
        for slot in rows.indices where rows[slot] != nil {
            resolveTarget(slot: slot)
            refreshMachines(slot: slot)
        }
    }

    private mutating func indexMachineNames() {
        machinesByName = Dictionary(grouping: machines.values.compactMap(\.fact.value), by: \.name)
            .mapValues { $0.map(\.id) }
    }

    private mutating func refreshMachines(slot: Int) {
        guard let old = rows[slot]?.view.targetMachine else { return }
        let wanted = rows[slot]?.view.target.value
        var target = wanted.flatMap { machines[$0] }
        // A complete list without it: an exact read decides before anything is asked of it.
        if wanted != nil, target == nil, case .present = old.fact, let listedAt = machinesListedAt {
            target = Sighting(.absent, asked: listedAt, answered: listedAt, proof: .listed)
        }
        if let target, target.asked > old.asked {
            if !target.tellsTheSame(as: old) {
                note(slot: slot) { $0.view.targetMachine = target }
            } else {
                replace(slot: slot) { $0.view.targetMachine = target }
            }
        }
        refreshHolder(slot: slot)
    }

    mutating func takeStoreFailure(_ text: String, now: Instant) {
        storeTrouble = text
        storeRetryAt = now + policy.revisitInterval
        revision += 1
    }

    mutating func takeListingFailure(_ error: CloudError, now: Instant) {
        isListing = false
        // The rows that wait for the first listing wait for longer, and have to say what they know so far.
        if cloudTrouble == nil { compareAll() }
        cloudTrouble = error.remedy == .notAllowed ? .notAllowed(error.text) : .cloudUnreachable(error.text)
        let wait = max(error.retryAfter ?? .zero, min(policy.revisitInterval, policy.resyncInterval))
        nextResync = now + wait
        revision += 1
    }

    // MARK: Devices

    mutating func take(_ event: DeviceEvent, now: Instant) {
        switch event {
        case .enumerated(let records):
            let old = devices
            let oldNames = devicesBySerial
            devices = Dictionary(records.map { ($0.kernelName, $0) }) { _, later in later }
            devicesBySerial = Dictionary(grouping: devices.values.filter { $0.serial != nil }, by: { $0.serial })
                .reduce(into: [:]) { names, group in
                    if let serial = group.key { names[serial] = Set(group.value.map(\.kernelName)) }
                }
            let isFirst = !devicesAreKnown
            devicesAreKnown = true
            if isFirst {
                refreshAllDevices(now: now)
            } else {
                for serial in Set(oldNames.keys).union(devicesBySerial.keys).sorted() {
                    let names = (oldNames[serial] ?? []).union(devicesBySerial[serial] ?? [])
                    let changed = names.contains { old[$0] != devices[$0] }
                    refreshDevices(serial: serial, changed: changed, now: now)
                }
            }
        case .present(let record):
            let old = setDevice(record.kernelName, to: record)
            guard old != record else { return }
            if let serial = old?.serial, serial != record.serial {
                refreshDevices(serial: serial, changed: true, now: now)
            }
            if let serial = record.serial { refreshDevices(serial: serial, changed: true, now: now) }
        case .gone(let kernelName):
            guard let old = setDevice(kernelName, to: nil) else { return }
            if let serial = old.serial { refreshDevices(serial: serial, changed: true, now: now) }
        case .lost:
            devicesAreKnown = false
            refreshAllDevices(now: now)
        }
    }

    /// Row by row, which is cheaper than serial by serial when it is about all of them.
    private mutating func refreshAllDevices(now: Instant) {
        for slot in rows.indices {
            guard let volume = rows[slot]?.view.volume else { continue }
            refreshDevices(slot: slot, deviceFact(DiskSerial(of: volume)), changed: true, now: now)
        }
    }

    /// - Returns: what the device was before.
    private mutating func setDevice(_ kernelName: String, to record: DeviceRecord?) -> DeviceRecord? {
        let old = devices[kernelName]
        devices[kernelName] = record
        if let serial = old?.serial { devicesBySerial[serial]?.remove(kernelName) }
        if let serial = record?.serial { devicesBySerial[serial, default: []].insert(kernelName) }
        return old
    }

    mutating func refreshDevices(serial: DiskSerial, changed: Bool, now: Instant? = nil) {
        let fact = deviceFact(serial)
        for slot in slotsBySerial[serial] { refreshDevices(slot: slot, fact, changed: changed, now: now) }
    }

    /// The devices that have a serial.
    private func deviceFact(_ serial: DiskSerial) -> Fact<[DeviceRecord]> {
        guard devicesAreKnown else { return .unknown }
        // Most volumes have no disk here.
        guard let names = devicesBySerial[serial] else { return .absent }
        let matching = names.compactMap { devices[$0] }.filter { $0.sizeInBytes > 0 }
            .sorted { $0.kernelName < $1.kernelName }
        return matching.isEmpty ? .absent : .present(matching)
    }

    private mutating func refreshDevices(slot: Int, _ fact: Fact<[DeviceRecord]>, changed: Bool, now: Instant?) {
        guard let old = rows[slot]?.view.devices else { return }
        let isOther = old != fact
        guard isOther || changed else { return }
        if let now, case .present(let found) = fact, let device = found.first { timeResolution(slot, device, now) }
        take(slot: slot, isNews: fact.value != nil) { row in
            if isOther, let now { row.view.waitingSince = now }
            row.view.devices = fact
            if let now { row.view.devicesChangedAt = now }
            if case .absent = fact {
                row.view.withdrawnAt = nil
            }
        }
    }

    /// Says how long it took from the attach to the device: the first that people ask for when attaching is slow.
    private mutating func timeResolution(_ slot: Int, _ device: DeviceRecord, _ now: Instant) {
        guard let row = rows[slot], let begunAt = row.contents.attachBegunAt else { return }
        rows[slot]?.contents.attachBegunAt = nil
        let milliseconds = (now - begunAt).wholeNanoseconds / 1_000_000
        effects.append(
            .recordEvents([
                EventRecord(
                    at: now, attachment: row.view.desired.id, name: row.view.desired.name.text, severity: .normal,
                    reason: "DeviceSeen",
                    message: "\(device.kernelName) appeared \(milliseconds) ms after the attach was begun")
            ]))
    }

    /// Takes in what this machine has of a row. When that is nothing, and CloudStack has told nothing of the volume yet either,
    /// there is nothing to be decided but to go on waiting: so it is for all rows at a start, and they are many.
    private mutating func take(slot: Int, isNews: Bool, _ change: (inout RowContents) -> Void) {
        if !isNews, rows[slot].map({ waitsForListing($0) }) ?? true {
            replace(slot: slot, change)
        } else {
            update(slot: slot, change)
        }
    }

    private func waitsForListing(_ row: Row) -> Bool {
        guard case .unknown = row.view.cloud.fact else { return false }
        return row.view.volume != nil && row.view.lastWrite == nil && !row.view.isNominatedAbsent
            && row.view.outstanding == nil && row.view.held == nil && row.view.devices.value == nil
            && row.view.export.fact.value == nil && row.view.staleExports.isEmpty
    }

    // MARK: Exports

    /// Asks for an observation, once for however many reasons there are.
    mutating func observeExports() {
        if isObservingExports {
            mustObserveExportsAgain = true
        } else {
            isObservingExports = true
            effects.append(.observeExports)
        }
    }

    mutating func take(_ observation: ExportObservation, asked: Instant, now: Instant) {
        isObservingExports = false
        if mustObserveExportsAgain {
            mustObserveExportsAgain = false
            observeExports()
        }
        if exports != observation { revision += 1 }
        exports = observation
        exportsAskedAt = asked
        exportsByName = Dictionary(observation.entries.map { ($0.name, $0) }) { _, later in later }
        exportsByVolume = [:]
        for entry in observation.entries {
            if case .hawser(let volume) = entry.owner { exportsByVolume[volume, default: []].append(entry) }
        }
        for slot in rows.indices where rows[slot] != nil {
            refreshExport(slot: slot, observation, asked: asked, now: now)
        }
    }

    /// Gives a row that is new, or was tied to another volume or name, what is already known of the exports.
    mutating func refreshExport(slot: Int) {
        guard let exports, rows[slot] != nil else { return }
        rows[slot]?.view.export = .never
        refreshExport(slot: slot, exports, asked: exportsAskedAt, now: exportsAskedAt)
    }

    /// Whether nothing was there for a row and nothing is: so it is for all whose volumes are elsewhere, at each observation.
    /// That it was known before, and since when, is no weaker than that it is known anew.
    private func isAbsentAsBefore(_ row: Row, in observation: ExportObservation) -> Bool {
        guard observation.isComplete, case .absent = row.view.export.fact, row.view.staleExports.isEmpty,
            row.view.server == observation.server, row.view.knowsAllExports
        else { return false }
        if let name = row.view.desired.export?.name, exportsByName[name] != nil { return false }
        if let volume = row.view.volume, exportsByVolume[volume] != nil { return false }
        return true
    }

    private mutating func refreshExport(slot: Int, _ observation: ExportObservation, asked: Instant, now: Instant) {
        if let row = rows[slot], isAbsentAsBefore(row, in: observation) { return }
        guard let old = rows[slot].map({ ExportSight($0) }) else { return }
        // An observation that was asked for before the row's own last change of its exports tells of the past.
        guard asked >= old.changedAt, !old.isChanging else {
            if old.server != observation.server || old.knowsAll != observation.isComplete {
                update(slot: slot) {
                    $0.view.server = observation.server
                    $0.view.knowsAllExports = observation.isComplete
                }
            }
            return
        }
        var fact: Fact<ExportEntry> = .unknown
        if observation.isComplete {
            fact = old.wantedName.flatMap { exportsByName[$0] }.map { .present($0) } ?? .absent
        }
        // Of two objects that claim the volume neither takes the other's name away.
        let stale = (old.volume.flatMap { exportsByVolume[$0] } ?? []).filter { entry in
            guard entry.name != old.wantedName, let other = slotByExportName[entry.name], other != slot else {
                return entry.name != old.wantedName
            }
            return rows[other]?.view.volume != old.volume
        }
        let sighting = Sighting(fact, asked: asked, answered: now, proof: .exact)
        guard
            old.fact != fact || old.stale != stale || old.server != observation.server
                || old.knowsAll != observation.isComplete
        else {
            replace(slot: slot) { $0.view.export = sighting }
            return
        }
        take(slot: slot, isNews: fact.value != nil || !stale.isEmpty) { row in
            if row.view.export.fact != fact { row.view.waitingSince = now }
            row.view.export = sighting
            row.view.staleExports = stale
            row.view.server = observation.server
            row.view.knowsAllExports = observation.isComplete
        }
    }
}

/// What a row knows of its exports, before an observation is taken in.
private struct ExportSight {
    let volume: VolumeID?
    let wantedName: ExportName?
    let fact: Fact<ExportEntry>
    let stale: [ExportEntry]
    let server: ExportServerState
    let knowsAll: Bool
    let changedAt: Instant
    /// A step is under way that changes them.
    let isChanging: Bool

    init(_ row: Row) {
        volume = row.view.volume
        wantedName = row.view.desired.export?.name
        fact = row.view.export.fact
        stale = row.view.staleExports
        server = row.view.server
        knowsAll = row.view.knowsAllExports
        changedAt = row.contents.exportsChangedAt
        isChanging = row.step.map { $0.step.changesExports } ?? false
    }
}

extension RowContents {
    /// Whether what Hawser attached still stands where it was attached: an exact read tells.
    fileprivate mutating func followContest(_ sighting: Sighting<VolumeRecord>, now: Instant, policy: Policy) {
        guard sighting.proof == .exact, cloudEffect == nil, let volume = sighting.value,
            let contest = view.contest?.value
        else { return }
        let next =
            volume.attachedTo == contest.machine
            ? ContestRules.standing(contest, on: contest.machine, at: now)
            : ContestRules.undone(contest, at: now, policy: policy)
        if next != contest { view.contest = Shared(next) }
    }
}
