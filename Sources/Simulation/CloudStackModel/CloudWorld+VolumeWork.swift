import VolumeModel

/// What jobs do to volumes, and how the hypervisor takes part.
extension CloudWorld {
    mutating func changeTags(_ parameters: Parameters) {
        for id in parameters.list("resourceids") ?? [] {
            for tag in parameters.map("tags") {
                if parameters.command == "createTags" {
                    volumes[id]?.tags.append(Tag(key: tag.key, value: tag.value))
                } else {
                    volumes[id]?.tags.removeAll { $0.key == tag.key && (tag.value.isEmpty || $0.value == tag.value) }
                }
            }
        }
    }

    mutating func performAttach(_ job: Job, _ parameters: Parameters, now: Int64) throws(APIError) {
        guard let id = job.instance, let volume = volumes[id], let machineID = job.machine,
            let machine = machine(machineID)
        else { throw .runtime("Failed to attach volume") }
        if let wanted = try parameters.number("deviceid") {
            guard wanted >= 0, wanted != 3, wanted <= Int64(dataDiskLimit + 1) else {
                throw .runtime("deviceId should be 0,1,2,4-\(dataDiskLimit + 1)")
            }
            guard !attached(to: machineID).contains(where: { $0.deviceID == wanted }) else {
                throw .runtime("deviceId \(wanted) is used by vm \(machine.number)")
            }
        }
        guard let device = try parameters.number("deviceid") ?? freeDevice(on: machineID) else {
            throw .runtime("All device Ids are used by vm \(machine.number)")
        }
        // libvirt looks at what it has, and not at the record; and it knows nothing of other machines.
        let isPoisoned = volumes.on(machineID).contains { other in
            other.holders.contains { $0.machine == machineID && ($0.deviceID == device || other.id == id) }
        }
        guard !isPoisoned else {
            let letters = Array("abcdefghijklmnopqrstuvwxyz")
            throw .runtime(
                "Failed to attach volume \(volume.name) to VM \(machine.name); org.libvirt.LibvirtException: "
                    + "XML error: target 'vd\(letters[Int(device) % 26])' duplicated for disk sources")
        }
        let isHidden = strike(.deviceNeverAppears, command: job.command, volume: id) != nil
        volumes[id]?.holders.append(Holder(machine: machineID, deviceID: device, isVisible: !isHidden))
        if let other = volume.holders.first {
            record(
                "hazard", command: job.command, job: job.id, volume: id,
                detail: "two writers: \(other.machine) and \(machineID)", now: now)
        }
        var asked = job
        asked.deviceID = device
        order(.plug, .init(volume: volume), asked, isReal: machine.isAppliance && !isHidden, now: now)
    }

    mutating func performDetach(_ job: Job, _ parameters: Parameters, now: Int64) throws(APIError) {
        let deviceID = try parameters.number("deviceid")
        let id =
            job.instance
            ?? job.machine.flatMap { attached(to: $0).first { $0.deviceID == deviceID }?.id }
        guard let id, let volume = volumes[id] else { throw .runtime("Failed to detach volume") }
        if let fault = strike(.lateDetach, command: job.command, volume: id) {
            stragglers.append(Straggler(volume: id, dueAt: now + (fault.milliseconds ?? 5_000)))
        }
        // A disk that libvirt does not find in this machine counts as detached.
        let isReal = isAppliance(job.machine) && volume.holders.contains { $0.machine == job.machine && $0.isVisible }
        var asked = job
        asked.instance = id
        order(.unplug, .init(volume: volume), asked, isReal: isReal, now: now)
    }

    mutating func unlink(_ id: String) {
        volumes[id]?.machine = nil
        volumes[id]?.deviceID = nil
        volumes[id]?.attached = nil
        if volumes[id]?.type == "ROOT" { volumes[id]?.type = "DATADISK" }
    }

    mutating func run(_ straggler: Straggler) {
        stragglers.removeAll { $0 == straggler }
        unlink(straggler.volume)
        record(
            "effect", command: "detachVolume", job: nil, volume: straggler.volume,
            detail: "record wiped by a late detach", now: straggler.dueAt)
    }

    mutating func performResize(_ job: Job, _ parameters: Parameters, now: Int64) throws(APIError) {
        guard let id = job.instance, var resized = volumes[id] else { throw .runtime("Failed to resize volume") }
        try resize(&resized, as: parameters)
        let isReal = resized.holders.contains { $0.isVisible && isAppliance($0.machine) }
        order(.resize, .init(volume: resized), job, isReal: isReal, now: now)
    }

    func resize(_ volume: inout Volume, as parameters: Parameters) throws(APIError) {
        if let size = try parameters.number("size") { volume.sizeInBytes = size << 30 }
        if let offering = parameters.text("diskofferingid").flatMap({ offering($0) }) {
            volume.offering = offering.id
            if !offering.isCustomized { volume.sizeInBytes = offering.sizeInGiB << 30 }
        }
    }

    // MARK: The hypervisor

    private mutating func order(
        _ action: HypervisorOrder.Action, _ disk: HypervisorOrder.Disk, _ job: Job, isReal: Bool, now: Int64
    ) {
        guard isReal else {
            complete(job, now: now)
            return
        }
        var working = job
        working.stage = .working
        working.dueAt = Int64.max
        jobs[job.id] = working
        orders.append(HypervisorOrder(action: action, disk: disk, job: job.id))
    }

    /// The hypervisor has done what the job asked for: now it goes into the record.
    private mutating func complete(_ job: Job, now: Int64) {
        guard let id = job.instance else { return finish(job, error: nil, now: now) }
        switch job.command {
        case "attachVolume":
            volumes[id]?.machine = job.machine
            volumes[id]?.deviceID = job.deviceID
            volumes[id]?.attached = now
            volumes[id]?.state = "Ready"
            if job.deviceID == 0 { volumes[id]?.type = "ROOT" }
            record(
                "effect", command: job.command, job: job.id, volume: id, detail: "attached to \(job.machine ?? "")",
                now: now)
        case "detachVolume":
            // It does not ask which machine the volume is on by now (apache/cloudstack #14214).
            unlink(id)
            volumes[id]?.holders.removeAll { $0.machine == job.machine }
            record("effect", command: job.command, job: job.id, volume: id, detail: "detached", now: now)
        case "resizeVolume":
            if var volume = volumes[id] {
                // The parameters were read once before the hypervisor was asked: they are numbers.
                try? resize(&volume, as: Parameters(command: job.command, values: job.parameters))
                if volume.state == "Resizing" { volume.state = "Ready" }
                volumes[id] = volume
                record(
                    "effect", command: job.command, job: job.id, volume: id, detail: "resized to \(volume.sizeInBytes)",
                    now: now)
            }
        default: break
        }
        finish(job, error: nil, now: now)
    }

    /// The hypervisor has done, or failed to do, what a job waits for, or waited for before it was cancelled.
    public mutating func hypervisorEnded(_ job: String, failure: String?, now: Int64) {
        guard let asked = jobs[job], let id = asked.instance else { return }
        let isAttach = asked.command == "attachVolume"
        let isGone = isAttach ? failure != nil : asked.command == "detachVolume" && failure == nil
        if isGone { volumes[id]?.holders.removeAll { $0.machine == asked.machine } }
        guard asked.stage == .working else { return }
        guard let failure else { return complete(asked, now: now) }
        if isAttach { volumes[id]?.state = "Ready" } else { settleState(of: asked) }
        let name = volumes[id]?.name ?? id
        let machine = asked.machine.flatMap { self.machine($0)?.name } ?? ""
        let text =
            switch asked.command {
            case "attachVolume": "Failed to attach volume \(name) to VM \(machine); \(failure)"
            case "detachVolume": "Failed to detach volume \(name) from VM \(machine); \(failure)"
            default: failure
            }
        finish(asked, error: .runtime(text), now: now)
    }

    /// Gives again the orders that a crash may have lost: of jobs that wait for the hypervisor, and to throw data away. A
    /// hypervisor takes an order twice; plugs and unplugs without a job follow from ``disksInAppliances``.
    public mutating func orderAgain() {
        let discards = orders.filter { $0.action == .discard }
        let waiting = jobs.unfinished.filter { $0.stage == .working }
        orders =
            discards
            + waiting.compactMap { job in
                guard let id = job.instance, var volume = volumes[id] else { return nil }
                let action: HypervisorOrder.Action
                switch job.command {
                case "attachVolume": action = .plug
                case "detachVolume": action = .unplug
                default:
                    action = .resize
                    // The parameters were read once before the hypervisor was asked: they are numbers.
                    try? resize(&volume, as: Parameters(command: job.command, values: job.parameters))
                }
                return HypervisorOrder(action: action, disk: .init(volume: volume), job: job.id)
            }
    }
}
