import VolumeModel

/// Working jobs off.
extension CloudWorld {
    /// When something happens next without a call; `nil` when nothing does.
    public var nextDue: Int64? {
        [jobs.nextDue, stragglers.map(\.dueAt).min()].compactMap { $0 }.min()
    }

    /// Lets time pass: jobs run their checks, wait their turn and have their effects, each at the time at which it was due;
    /// old jobs are forgotten.
    public mutating func advance(to now: Int64) {
        while true {
            let straggler = stragglers.min { $0.dueAt < $1.dueAt }
            if let job = jobs.takeDue(by: min(now, straggler?.dueAt ?? now)) {
                if job.stage == .submitted { begin(job, now: job.dueAt) } else { work(job, now: job.dueAt) }
            } else if let straggler, straggler.dueAt <= now {
                run(straggler)
            } else {
                break
            }
        }
        jobs.forget(endedBefore: now - jobRetentionInMilliseconds)
        jobs.dropStale()
    }

    // MARK: The API job: checks, then the machine's queue

    private mutating func begin(_ job: Job, now: Int64) {
        let parameters = Parameters(command: job.command, values: job.parameters)
        do throws(APIError) {
            let machine = try check(job, parameters)
            var queued = job
            queued.stage = .queued
            queued.machine = machine
            queued.dueAt = Int64.max
            jobs[job.id] = queued
            if let machine { takeTurns(at: machine, now: now) } else { start(queued, now: now) }
        } catch {
            finish(job, error: error, now: now)
        }
    }

    /// Starts the first job in a machine's queue, unless it is under way. What may have changed while it waited is checked
    /// again: one that cannot start any more ends, and the next has its turn.
    private mutating func takeTurns(at machine: String, now: Int64) {
        while let head = jobs.head(of: machine), head.stage == .queued, head.dueAt == Int64.max {
            do throws(APIError) {
                switch head.command {
                case "attachVolume": try claim(head)
                case "resizeVolume":
                    if let id = head.instance, volumes[id]?.state == "Ready" { volumes[id]?.state = "Resizing" }
                default: break
                }
                start(head, now: now)
            } catch {
                end(head, error: error, now: now)
            }
        }
    }

    /// From now on it takes its time.
    private mutating func start(_ job: Job, now: Int64) {
        var started = job
        started.dueAt = now + jobDelayInMilliseconds
        jobs[job.id] = started
    }

    /// Checks 16 and 17, after which the volume is this job's until it ends.
    private mutating func claim(_ job: Job) throws(APIError) {
        guard let id = job.instance, let volume = volumes[id] else { throw .runtime("Failed to attach volume") }
        guard !volume.isRemoved else { throw .parameter("Unable to find volume with ID: \(volume.number)") }
        guard volume.machine == nil else { throw .runtime("This volume is already attached to a VM.") }
        switch volume.state {
        case "Ready": volumes[id]?.state = "Attaching"
        case "Allocated": volumes[id]?.state = "Creating"
        default:
            throw .runtime(
                "Volume: \(volume.number) is in \(volume.state). It should be in Ready or Allocated state")
        }
    }

    /// The checks that run inside the job before it waits, in CloudStack's order.
    ///
    /// - Returns: the machine in whose queue the work is done; `nil` for none.
    private func check(_ job: Job, _ parameters: Parameters) throws(APIError) -> String? {
        switch job.command {
        case "attachVolume": try checkAttach(parameters)
        case "detachVolume": try checkDetach(parameters, by: job.account)
        case "destroyVolume": try checkDestroy(parameters)
        case "resizeVolume": try checkResize(parameters)
        case "startVirtualMachine", "stopVirtualMachine", "destroyVirtualMachine", "deployVirtualMachine": job.instance
        case "createTags": try checkTags(parameters)
        default: nil
        }
    }

    private func checkAttach(_ parameters: Parameters) throws(APIError) -> String? {
        let volume = try volume(parameters)
        let machineID = try parameters.required("virtualmachineid")
        guard volume.type == "ROOT" || volume.type == "DATADISK" else {
            throw .parameter("Please specify a volume with the valid type: ROOT or DATADISK")
        }
        guard volume.machine == nil else { throw .parameter("Please specify a volume that is not attached to any VM.") }
        guard volume.state != "Destroy" else { throw .parameter("Please specify a volume that is not destroyed.") }
        guard ["Allocated", "Ready", "Uploaded"].contains(volume.state) else {
            throw .parameter("Volume state must be in Allocated, Ready or in Uploaded state")
        }
        guard let machine = machine(machineID) else { throw .parameter("Please specify a valid User VM.") }
        guard machine.state == "Running" || machine.state == "Stopped" else {
            throw .parameter("Please specify a VM that is either running or stopped.")
        }
        guard machine.zone == volume.zone else {
            throw .parameter("Please specify a VM that is in the same zone as the volume.")
        }
        let deviceID = try parameters.number("deviceid")
        if deviceID == 0 {
            guard machine.state == "Stopped" else {
                throw .parameter("Root volume detach can happen only when vm is in states: Stopped or Destroyed")
            }
            guard !attached(to: machineID).contains(where: { $0.deviceID == 0 }) else {
                throw .parameter("Vm already has root volume attached to it")
            }
        }
        let dataDisks = attached(to: machineID).count { $0.type == "DATADISK" }
        guard deviceID == 0 || dataDisks < dataDiskLimit else {
            throw .parameter(
                "The specified VM already has the maximum number of data disks (\(dataDiskLimit)) attached. "
                    + "Please specify another VM.")
        }
        return machineID
    }

    private func checkDestroy(_ parameters: Parameters) throws(APIError) -> String? {
        guard try volume(parameters).machine == nil else {
            throw .parameter("Please specify a volume that is not attached to any VM.")
        }
        return nil
    }

    /// A detach by the volume's id alone has no check when it is submitted: whose volume it is, is asked here.
    private func checkDetach(_ parameters: Parameters, by account: String) throws(APIError) -> String? {
        let byID = parameters.text("id")
        let machineID = parameters.text("virtualmachineid")
        let deviceID = try parameters.number("deviceid")
        let volume: Volume
        if byID != nil, machineID == nil, deviceID == nil {
            volume = try self.volume(parameters)
        } else if byID == nil, let machineID, let deviceID {
            guard let found = attached(to: machineID).first(where: { $0.deviceID == deviceID }) else {
                throw .runtime("Index 0 out of bounds for length 0")
            }
            volume = found
        } else {
            throw .parameter("Please provide either a volume id, or a tuple(device id, instance id)")
        }
        guard accounts.contains(where: { $0.name == account && isVisible(volume.account, to: $0) }) else {
            throw .runtime(APIError.notPermitted.text)
        }
        guard let holder = volume.machine else { throw .parameter("The specified volume is not attached to a VM.") }
        guard let machine = machine(holder), ["Running", "Stopped", "Destroyed"].contains(machine.state) else {
            throw .parameter("Please specify a VM that is either running or stopped.")
        }
        guard volume.type != "ROOT" || machine.state == "Stopped" else {
            throw .parameter("Root volume detach can happen only when vm is in states: Stopped or Destroyed")
        }
        return holder
    }

    private func checkResize(_ parameters: Parameters) throws(APIError) -> String? {
        let volume = try volume(parameters)
        guard volume.state == "Ready" || volume.state == "Allocated" else {
            throw .unsupported(
                "Volume should be in ready or allocated state before attempting a resize. Volume \(volume.id) is in state "
                    + "\(volume.state).")
        }
        let sizeInGiB = try parameters.number("size") ?? volume.sizeInBytes >> 30
        guard sizeInGiB <= 2_000 else {
            throw .unsupported("Requested volume size is \(sizeInGiB), but the maximum size allowed is 2000 GB.")
        }
        let size = max(0, sizeInGiB) << 30
        guard size >= volume.sizeInBytes || parameters.flag("shrinkok") == true else {
            throw .unsupported(
                "Going from existing size of \(volume.sizeInBytes) to size of \(size) would shrink the volume."
                    + "Need to sign off by supplying the shrinkok parameter with value of true.")
        }
        guard size >= volume.sizeInBytes || volume.state == "Allocated" else {
            throw .unsupported("Unable to shrink volumes of type QCOW2")
        }
        return volume.machine
    }

    private func checkTags(_ parameters: Parameters) throws(APIError) -> String? {
        for id in parameters.list("resourceids") ?? [] {
            guard let volume = volumes[id] else { throw parameters.unknown("resourceids", id) }
            for tag in parameters.map("tags") where volume.tags.contains(where: { $0.key == tag.key }) {
                throw .runtime("tag \(tag.key) already on Volume with id \(volume.id)")
            }
        }
        return nil
    }

    private func volume(_ parameters: Parameters) throws(APIError) -> Volume {
        let id = try parameters.required("id")
        guard let volume = volumes[id], !volume.isRemoved else {
            throw .parameter("Unable to find volume with ID: \(volumes[id]?.number ?? 0)")
        }
        return volume
    }

    // MARK: The machine's turn

    private mutating func work(_ job: Job, now: Int64) {
        if let fault = strike(.jobFails, command: job.command, volume: job.instance) {
            settleState(of: job)
            finish(
                job,
                error: APIError(code: fault.code ?? 530, cloudStackCode: nil, text: fault.text ?? "simulated failure"),
                now: now)
            return
        }
        do throws(APIError) {
            try perform(job, now: now)
        } catch {
            settleState(of: job)
            finish(job, error: error, now: now)
        }
    }

    /// A job that failed leaves the volume as it found it.
    private mutating func settleState(of job: Job) {
        guard let id = job.instance else { return }
        switch (job.command, volumes[id]?.state) {
        case ("attachVolume", "Attaching"), ("resizeVolume", "Resizing"): volumes[id]?.state = "Ready"
        case ("attachVolume", "Creating"): volumes[id]?.state = "Allocated"
        default: break
        }
    }

    private mutating func perform(_ job: Job, now: Int64) throws(APIError) {
        let parameters = Parameters(command: job.command, values: job.parameters)
        switch job.command {
        case "attachVolume": try performAttach(job, parameters, now: now)
        case "detachVolume": try performDetach(job, parameters, now: now)
        case "resizeVolume": try performResize(job, parameters, now: now)
        case "destroyVolume":
            if let id = job.instance {
                if parameters.flag("expunge") == true { remove(id, now: now) } else { volumes[id]?.state = "Destroy" }
            }
            finish(job, error: nil, now: now)
        case "updateVolume":
            if let id = job.instance, let name = parameters.text("name") { volumes[id]?.name = name }
            finish(job, error: nil, now: now)
        case "createVolume":
            record("effect", command: job.command, job: job.id, volume: job.instance, detail: "created", now: now)
            finish(job, error: nil, now: now)
        case "createTags", "deleteTags":
            changeTags(parameters)
            finish(job, error: nil, now: now)
        case "deployVirtualMachine":
            set(job.instance, state: parameters.flag("startvm") ?? true ? "Running" : "Stopped", job, now: now)
        case "startVirtualMachine": set(job.instance, state: "Running", job, now: now)
        case "stopVirtualMachine": set(job.instance, state: "Stopped", job, now: now)
        case "destroyVirtualMachine": set(job.instance, state: "Destroyed", job, now: now)
        default: finish(job, error: nil, now: now)
        }
    }

    private mutating func set(_ machine: String?, state: String, _ job: Job, now: Int64) {
        if let index = machines.firstIndex(where: { $0.id == machine }) { machines[index].state = state }
        finish(job, error: nil, now: now)
    }

    private mutating func changeTags(_ parameters: Parameters) {
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

    private mutating func performAttach(_ job: Job, _ parameters: Parameters, now: Int64) throws(APIError) {
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

    private mutating func performDetach(_ job: Job, _ parameters: Parameters, now: Int64) throws(APIError) {
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

    private mutating func unlink(_ id: String) {
        volumes[id]?.machine = nil
        volumes[id]?.deviceID = nil
        volumes[id]?.attached = nil
        if volumes[id]?.type == "ROOT" { volumes[id]?.type = "DATADISK" }
    }

    private mutating func run(_ straggler: Straggler) {
        stragglers.removeAll { $0 == straggler }
        unlink(straggler.volume)
        record(
            "effect", command: "detachVolume", job: nil, volume: straggler.volume,
            detail: "record wiped by a late detach", now: straggler.dueAt)
    }

    private mutating func performResize(_ job: Job, _ parameters: Parameters, now: Int64) throws(APIError) {
        guard let id = job.instance, var resized = volumes[id] else { throw .runtime("Failed to resize volume") }
        try resize(&resized, as: parameters)
        let isReal = resized.holders.contains { $0.isVisible && isAppliance($0.machine) }
        order(.resize, .init(volume: resized), job, isReal: isReal, now: now)
    }

    private func resize(_ volume: inout Volume, as parameters: Parameters) throws(APIError) {
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

    // MARK: The end of a job

    /// Ends a job, and lets the next in its queue have its turn.
    private mutating func finish(_ job: Job, error: APIError?, now: Int64) {
        end(job, error: error, now: now)
        if let machine = job.machine { takeTurns(at: machine, now: now) }
    }

    private mutating func end(_ job: Job, error: APIError?, now: Int64) {
        var done = job
        done.stage = .done
        done.completed = now
        if let error {
            done.status = 2
            done.resultCode = error.code
            done.errorText = error.text
        } else {
            done.status = 1
            done.resultVolume = job.instance.flatMap { volumes[$0] }
        }
        if error == nil, let fault = strike(.jobWithoutResult, command: job.command, volume: job.instance) {
            done.status = 2
            done.resultCode = fault.code ?? 530
            done.hasResult = false
        }
        jobs[job.id] = done
        if strike(.jobLost, command: job.command, volume: job.instance) != nil { jobs[job.id] = nil }
        record(
            "outcome", command: job.command, job: job.id, volume: job.instance,
            detail: error.map { "failed: \($0.code) \($0.text)" } ?? "succeeded", now: now)
        let type = Self.eventTypes[job.command] ?? "UNKNOWN"
        addEvent(
            type, level: error == nil ? "INFO" : "ERROR", state: "Completed",
            error.map { "Error while running \(job.command): \($0.text)" } ?? "Successfully completed \(job.command)",
            resource: job.instance, now: now)
    }

    private static let eventTypes = [
        "createVolume": "VOLUME.CREATE", "attachVolume": "VOLUME.ATTACH", "detachVolume": "VOLUME.DETACH",
        "resizeVolume": "VOLUME.RESIZE", "destroyVolume": "VOLUME.DESTROY", "updateVolume": "VOLUME.UPDATE",
        "startVirtualMachine": "VM.START", "stopVirtualMachine": "VM.STOP", "destroyVirtualMachine": "VM.DESTROY",
        "deployVirtualMachine": "VM.CREATE", "createTags": "CREATE_TAGS", "deleteTags": "DELETE_TAGS",
    ]

    // MARK: From outside the API

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

    /// What a person does in the user interface, at once and without a job: detaches a volume.
    public mutating func detachByHand(_ id: String, now: Int64) {
        guard let volume = volumes[id], let machineID = volume.machine else { return }
        let isReal = isAppliance(machineID) && volume.holders.contains { $0.machine == machineID && $0.isVisible }
        unlink(id)
        volumes[id]?.holders.removeAll { $0.machine == machineID }
        record("effect", command: "detachVolume", job: nil, volume: id, detail: "detached by hand", now: now)
        if isReal { orders.append(HypervisorOrder(action: .unplug, disk: .init(volume: volume), job: nil)) }
    }

    /// What a person does in the user interface: attaches a free volume.
    public mutating func attachByHand(_ id: String, to machineID: String, now: Int64) {
        guard let volume = volumes[id], volume.machine == nil, let machine = machine(machineID) else { return }
        guard let device = freeDevice(on: machineID) else { return }
        volumes[id]?.machine = machineID
        volumes[id]?.deviceID = device
        volumes[id]?.attached = now
        volumes[id]?.state = "Ready"
        volumes[id]?.holders.append(Holder(machine: machineID, deviceID: device))
        record(
            "effect", command: "attachVolume", job: nil, volume: id, detail: "attached by hand to \(machineID)",
            now: now)
        if machine.isAppliance { orders.append(HypervisorOrder(action: .plug, disk: .init(volume: volume), job: nil)) }
    }

    /// Keeps the present volumes for listings while the fault `staleList` lasts.
    public mutating func freezeListing() {
        staleVolumes = volumes
        kept.isStaleListingKept = false
    }

    public mutating func thawListing() {
        staleVolumes = nil
        kept.isStaleListingKept = false
    }
}
