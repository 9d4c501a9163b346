/// What happens from outside the API.
extension CloudWorld {
    /// The management server restarts: unfinished jobs end with 530 and no result, and transitional states roll back.
    public mutating func restartManagementServer(now: Int64) {
        for job in jobs.unfinished {
            settleState(of: job)
            var ended = job
            ended.stage = .done
            ended.completed = now
            ended.status = 2
            ended.resultCode = 530
            ended.hasResult = false
            jobs[job.id] = ended
        }
    }

    /// Who works in the user interface, unless another is named.
    public static let operatorName = "operator"

    /// What a person does in the user interface, at once and without a job: detaches a volume.
    public mutating func detachByHand(_ id: String, by user: String = Self.operatorName, now: Int64) {
        guard let volume = volumes[id], let machineID = volume.machine else { return }
        let isReal = isAppliance(machineID) && volume.holders.contains { $0.machine == machineID && $0.isVisible }
        unlink(id)
        volumes[id]?.holders.removeAll { $0.machine == machineID }
        record("effect", command: "detachVolume", job: nil, volume: id, detail: "detached by hand", now: now)
        noteWhole("detachVolume", of: id, by: user, now: now)
        if isReal { orders.append(HypervisorOrder(action: .unplug, disk: .init(volume: volume), job: nil)) }
    }

    /// What a person does in the user interface: attaches a free volume.
    public mutating func attachByHand(
        _ id: String, to machineID: String, by user: String = Self.operatorName, now: Int64
    ) {
        guard let volume = volumes[id], volume.machine == nil, let machine = machine(machineID) else { return }
        // The user interface asks the same questions: a volume on its way is refused.
        guard ["Ready", "Allocated", "Uploaded"].contains(volume.state), jobs.pendingJob(about: id) == nil else {
            return
        }
        guard let device = freeDevice(on: machineID) else { return }
        volumes[id]?.machine = machineID
        volumes[id]?.deviceID = device
        volumes[id]?.attached = now
        volumes[id]?.state = "Ready"
        volumes[id]?.holders.append(Holder(machine: machineID, deviceID: device))
        record(
            "effect", command: "attachVolume", job: nil, volume: id, detail: "attached by hand to \(machineID)",
            now: now)
        noteWhole("attachVolume", of: id, by: user, now: now)
        if machine.isAppliance { orders.append(HypervisorOrder(action: .plug, disk: .init(volume: volume), job: nil)) }
    }

    /// The record of a volume grows, and its disk does not: as when a hypervisor was not told.
    public mutating func growRecord(of id: String, byBytes bytes: Int64) {
        if volumes[id]?.isRemoved == false { volumes[id]?.sizeInBytes += bytes }
    }

    /// The storage puts a volume into another state, such as `Migrating` or `Destroy`, and back.
    public mutating func setState(_ state: String, of id: String) {
        if volumes[id]?.isRemoved == false, jobs.pendingJob(about: id) == nil { volumes[id]?.state = state }
    }

    /// A machine is expunged: listings of machines no longer have it, and what the record says of its volumes stays.
    public mutating func expungeMachine(_ id: String) {
        if let index = machines.firstIndex(where: { $0.id == id }) { machines[index].state = "Expunging" }
    }

    /// A snapshot of a volume is begun, or has ended.
    public mutating func setSnapshot(underWay: Bool, of id: String) { volumes[id]?.hasSnapshotUnderWay = underWay }

    /// Keeps the present volumes for listings while the fault `staleList` lasts.
    public mutating func freezeListing() {
        staleVolumes = volumes
        kept.isStaleListingKept = false
    }

    public mutating func thawListing() {
        staleVolumes = nil
        kept.isStaleListingKept = false
    }

    /// An operator makes the hypervisors have what the record says: disks that it does not know of are taken out.
    ///
    /// - Returns: the volumes whose disks were taken out of an appliance.
    public mutating func dropStrayHolders() -> [String] {
        var unplugged: [String] = []
        for volume in volumes.values {
            let stray = volume.holders.filter { $0.machine != volume.machine }
            guard !stray.isEmpty else { continue }
            volumes[volume.id]?.holders.removeAll { $0.machine != volume.machine }
            if stray.contains(where: { isAppliance($0.machine) }) { unplugged.append(volume.id) }
        }
        return unplugged
    }

    // MARK: For those who judge

    /// The jobs about a volume or a machine that have not ended, oldest first.
    public func unfinishedJobs(about instance: String) -> [String] {
        jobs.unfinished.filter { $0.instance == instance }.map(\.id)
    }

    public func isUnfinished(_ job: String) -> Bool { jobs[job]?.status == 0 }
}
