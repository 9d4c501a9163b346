import VolumeModel

/// Working jobs off.
extension CloudWorld {
    /// When something happens next without a call; `nil` when nothing does.
    public var nextDue: Int64? {
        let jobTimes = jobs.values.compactMap { job -> Int64? in
            switch job.stage {
            case .submitted: job.dueAt
            case .queued: isAtHead(job) ? job.dueAt : nil
            case .working, .done: nil
            }
        }
        return (jobTimes + stragglers.map(\.dueAt)).min()
    }

    /// Lets time pass: jobs run their checks, wait their turn, have their effects; old jobs are forgotten.
    public mutating func advance(to now: Int64) {
        var isMoving = true
        while isMoving {
            isMoving = false
            for id in jobs.keys.sorted() {
                guard let job = jobs[id], job.stage != .done, job.stage != .working, job.dueAt <= now else { continue }
                switch job.stage {
                case .submitted:
                    begin(job, now: now)
                    isMoving = true
                case .queued where isAtHead(job):
                    work(job, now: now)
                    isMoving = true
                case .queued, .working, .done: continue
                }
            }
        }
        runStragglers(now: now)
        jobs = jobs.filter { _, job in
            guard let completed = job.completed else { return true }
            return now - completed < jobRetentionInMilliseconds
        }
    }

    private func isAtHead(_ job: Job) -> Bool {
        guard let machine = job.machine else { return true }
        return queues[machine]?.first == job.id
    }

    // MARK: The API job: checks, then the machine's queue

    private mutating func begin(_ job: Job, now: Int64) {
        let parameters = Parameters(command: job.command, values: job.parameters)
        do throws(APIError) {
            let machine = try check(job, parameters)
            var queued = job
            queued.stage = .queued
            queued.machine = machine
            queued.dueAt = now + jobDelayInMilliseconds
            if let machine {
                queues[machine, default: []].append(job.id)
                // Each job takes its time from when its turn comes.
                if queues[machine]?.count ?? 0 > 1 { queued.dueAt = Int64.max }
            }
            if job.command == "attachVolume", let id = job.instance, volumes[id]?.state == "Ready" {
                volumes[id]?.state = "Attaching"
            }
            jobs[job.id] = queued
        } catch {
            finish(job, error: error, now: now)
        }
    }

    /// The checks that run inside the job before it waits, in CloudStack's order.
    ///
    /// - Returns: the machine in whose queue the work is done; `nil` for none.
    private func check(_ job: Job, _ parameters: Parameters) throws(APIError) -> String? {
        switch job.command {
        case "attachVolume": try checkAttach(parameters)
        case "detachVolume": try checkDetach(parameters)
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
            guard !volumes.values.contains(where: { $0.machine == machineID && $0.deviceID == 0 && !$0.isRemoved })
            else {
                throw .parameter("Vm already has root volume attached to it")
            }
        }
        let dataDisks = volumes.values.filter {
            $0.machine == machineID && $0.type == "DATADISK" && !$0.isRemoved
        }.count
        guard deviceID == 0 || dataDisks < dataDiskLimit else {
            throw .parameter(
                "The specified VM already has the maximum number of data disks (\(dataDiskLimit)) attached. "
                    + "Please specify another VM.")
        }
        return machineID
    }

    private func checkDetach(_ parameters: Parameters) throws(APIError) -> String? {
        let byID = parameters.text("id")
        let machineID = parameters.text("virtualmachineid")
        let deviceID = try parameters.number("deviceid")
        let volume: Volume
        if byID != nil, machineID == nil, deviceID == nil {
            volume = try self.volume(parameters)
        } else if byID == nil, let machineID, let deviceID {
            guard let found = volumes.values.first(where: { $0.machine == machineID && $0.deviceID == deviceID }) else {
                throw .runtime("Index 0 out of bounds for length 0")
            }
            volume = found
        } else {
            throw .parameter("Please provide either a volume id, or a tuple(device id, instance id)")
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
        let size = (try parameters.number("size") ?? volume.sizeInBytes >> 30) << 30
        guard size >= volume.sizeInBytes || parameters.flag("shrinkok") == true else {
            throw .unsupported(
                "Going from existing size of \(volume.sizeInBytes) to size of \(size) would shrink the volume."
                    + "Need to sign off by supplying the shrinkok parameter with value of true.")
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

    /// An attach that failed leaves the volume Ready again.
    private mutating func settleState(of job: Job) {
        if job.command == "attachVolume", let id = job.instance, volumes[id]?.state == "Attaching" {
            volumes[id]?.state = "Ready"
        }
    }

    private mutating func perform(_ job: Job, now: Int64) throws(APIError) {
        let parameters = Parameters(command: job.command, values: job.parameters)
        switch job.command {
        case "attachVolume": try performAttach(job, parameters, now: now)
        case "detachVolume": try performDetach(job, parameters, now: now)
        case "resizeVolume": try performResize(job, parameters, now: now)
        case "destroyVolume":
            if let id = job.instance { remove(id, now: now) }
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
        case "startVirtualMachine", "deployVirtualMachine": set(job.instance, state: "Running", job, now: now)
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
        guard let id = job.instance, let volume = volumes[id], let machineID = parameters.text("virtualmachineid"),
            let machine = machine(machineID)
        else { throw .runtime("Failed to attach volume") }
        guard volume.machine == nil else { throw .runtime("This volume is already attached to a VM.") }
        var device = try parameters.number("deviceid")
        if let wanted = device {
            guard wanted >= 0, wanted != 3, wanted <= Int64(dataDiskLimit + 1) else {
                throw .runtime("deviceId should be 0,1,2,4-\(dataDiskLimit + 1)")
            }
            guard !volumes.values.contains(where: { $0.machine == machineID && $0.deviceID == wanted && !$0.isRemoved })
            else { throw .runtime("deviceId \(wanted) is used by vm \(machine.number)") }
        }
        device = device ?? freeDevice(on: machineID)
        guard let device else { throw .runtime("All device Ids are used by vm \(machine.number)") }
        if let held = volume.heldByHypervisorOf, held != machineID || machine.isAppliance {
            let letters = Array("abcdefghijklmnopqrstuvwxyz")
            throw .runtime(
                "Failed to attach volume \(volume.name) to VM \(machine.name); org.libvirt.LibvirtException: "
                    + "XML error: target 'vd\(letters[Int(device) % 26])' duplicated for disk sources")
        }
        volumes[id]?.machine = machineID
        volumes[id]?.deviceID = device
        volumes[id]?.attached = now
        volumes[id]?.state = "Ready"
        volumes[id]?.heldByHypervisorOf = machineID
        if device == 0 { volumes[id]?.type = "ROOT" }
        record("effect", command: job.command, job: job.id, volume: id, detail: "attached to \(machineID)", now: now)
        let isHidden = strike(.deviceNeverAppears, command: job.command, volume: id) != nil
        order(.plug, id, job, isReal: machine.isAppliance && !isHidden, now: now)
    }

    /// What a late job does, too: it does not ask which machine the volume is on by now (apache/cloudstack #14214).
    private mutating func performDetach(_ job: Job, _ parameters: Parameters, now: Int64) throws(APIError) {
        let machineID = job.machine
        let id =
            job.instance
            ?? volumes.values.first {
                $0.machine == machineID && $0.deviceID == Int64(parameters.text("deviceid") ?? "")
            }?.id
        guard let id, volumes[id] != nil else { throw .runtime("Failed to detach volume") }
        if let fault = strike(.lateDetach, command: job.command, volume: id) {
            stragglers.append(Straggler(volume: id, dueAt: now + (fault.milliseconds ?? 5_000)))
        }
        let isReal =
            machines.contains { $0.id == machineID && $0.isAppliance } && volumes[id]?.heldByHypervisorOf == machineID
        unlink(id)
        if volumes[id]?.heldByHypervisorOf == machineID { volumes[id]?.heldByHypervisorOf = nil }
        record("effect", command: job.command, job: job.id, volume: id, detail: "detached", now: now)
        order(.unplug, id, job, isReal: isReal, now: now)
    }

    private mutating func unlink(_ id: String) {
        volumes[id]?.machine = nil
        volumes[id]?.deviceID = nil
        volumes[id]?.attached = nil
        if volumes[id]?.type == "ROOT" { volumes[id]?.type = "DATADISK" }
    }

    private mutating func runStragglers(now: Int64) {
        for straggler in stragglers where straggler.dueAt <= now {
            unlink(straggler.volume)
            record(
                "effect", command: "detachVolume", job: nil, volume: straggler.volume,
                detail: "record wiped by a late detach", now: now)
        }
        stragglers.removeAll { $0.dueAt <= now }
    }

    private mutating func performResize(_ job: Job, _ parameters: Parameters, now: Int64) throws(APIError) {
        guard let id = job.instance, let volume = volumes[id] else { throw .runtime("Failed to resize volume") }
        if let size = try parameters.number("size") { volumes[id]?.sizeInBytes = size << 30 }
        if let offering = parameters.text("diskofferingid").flatMap({ offering($0) }) {
            volumes[id]?.offering = offering.id
            if !offering.isCustomized { volumes[id]?.sizeInBytes = offering.sizeInGiB << 30 }
        }
        record(
            "effect", command: job.command, job: job.id, volume: id,
            detail: "resized to \(volumes[id]?.sizeInBytes ?? 0)", now: now)
        let isReal = machines.contains { $0.id == volume.heldByHypervisorOf && $0.isAppliance }
        order(.resize, id, job, isReal: isReal, now: now)
    }

    private mutating func order(_ action: HypervisorOrder.Action, _ id: String, _ job: Job, isReal: Bool, now: Int64) {
        guard isReal, let volume = volumes[id] else {
            finish(job, error: nil, now: now)
            return
        }
        var working = job
        working.stage = .working
        working.dueAt = Int64.max
        jobs[job.id] = working
        orders.append(HypervisorOrder(action: action, disk: .init(volume: volume), job: job.id))
    }

    /// The hypervisor has done, or failed to do, what a job waits for.
    public mutating func hypervisorEnded(_ job: String, failure: String?, now: Int64) {
        guard let waiting = jobs[job], waiting.stage == .working else { return }
        if let failure, waiting.command == "attachVolume", let id = waiting.instance {
            unlink(id)
            volumes[id]?.heldByHypervisorOf = nil
            finish(
                waiting, error: .runtime("Failed to attach volume \(volumes[id]?.name ?? id) to VM; \(failure)"),
                now: now)
            return
        }
        finish(waiting, error: failure.map { .runtime($0) }, now: now)
    }

    // MARK: The end of a job

    private mutating func finish(_ job: Job, error: APIError?, now: Int64) {
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
        if error == nil, strike(.jobWithoutResult, command: job.command, volume: job.instance) != nil {
            done.status = 2
            done.resultCode = 530
            done.hasResult = false
        }
        jobs[job.id] = done
        if strike(.jobLost, command: job.command, volume: job.instance) != nil { jobs[job.id] = nil }
        if let machine = job.machine {
            queues[machine]?.removeAll { $0 == job.id }
            if let next = queues[machine]?.first { jobs[next]?.dueAt = now + jobDelayInMilliseconds }
        }
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
        for (id, job) in jobs where job.stage != .done {
            settleState(of: job)
            var ended = job
            ended.stage = .done
            ended.completed = now
            ended.status = 2
            ended.resultCode = 530
            ended.hasResult = false
            jobs[id] = ended
        }
        queues = [:]
    }

    /// What a person does in the user interface, at once and without a job: detaches a volume.
    public mutating func detachByHand(_ id: String, now: Int64) {
        guard let volume = volumes[id], let machineID = volume.machine else { return }
        let isReal = machines.contains { $0.id == machineID && $0.isAppliance }
        unlink(id)
        volumes[id]?.heldByHypervisorOf = nil
        record("effect", command: "detachVolume", job: nil, volume: id, detail: "detached by hand", now: now)
        if isReal { orders.append(HypervisorOrder(action: .unplug, disk: .init(volume: volume), job: nil)) }
    }

    /// What a person does in the user interface: attaches a free volume.
    public mutating func attachByHand(_ id: String, to machineID: String, now: Int64) {
        guard let volume = volumes[id], volume.machine == nil, let machine = machine(machineID) else { return }
        let device = freeDevice(on: machineID)
        volumes[id]?.machine = machineID
        volumes[id]?.deviceID = device
        volumes[id]?.attached = now
        volumes[id]?.state = "Ready"
        volumes[id]?.heldByHypervisorOf = machineID
        record(
            "effect", command: "attachVolume", job: nil, volume: id, detail: "attached by hand to \(machineID)",
            now: now)
        if machine.isAppliance { orders.append(HypervisorOrder(action: .plug, disk: .init(volume: volume), job: nil)) }
    }

    /// Keeps the present volumes for listings while the fault `staleList` lasts.
    public mutating func freezeListing() { staleVolumes = volumes }
    public mutating func thawListing() { staleVolumes = nil }
}
