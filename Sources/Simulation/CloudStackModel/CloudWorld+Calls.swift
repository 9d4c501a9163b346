import VolumeModel

/// Answering calls.
extension CloudWorld {
    /// The commands that change something: refused over GET where POST is enforced, and written to the action log.
    public static let mutations: Set<String> = [
        "createVolume", "attachVolume", "detachVolume", "resizeVolume", "deleteVolume", "destroyVolume", "updateVolume",
        "createTags", "deleteTags", "deployVirtualMachine", "startVirtualMachine", "stopVirtualMachine",
        "destroyVirtualMachine",
    ]

    public static let queries: Set<String> = [
        "listVolumes", "listVirtualMachines", "listZones", "listDiskOfferings", "listServiceOfferings", "listHosts",
        "listCapabilities", "queryAsyncJobResult", "listAsyncJobs", "listEvents", "listTags", "listApis",
        "listPublicIpAddresses", "listPortForwardingRules", "listIpForwardingRules", "listSnapshots", "listProjects",
        "listDomains", "listAccounts",
    ]

    /// What outside clients ask for on their way, and of which there is nothing here.
    private static let empty: Set<String> = [
        "listServiceOfferings", "listHosts", "listPublicIpAddresses", "listPortForwardingRules",
        "listIpForwardingRules", "listSnapshots", "listProjects",
    ]

    public static func isCommand(_ name: String) -> Bool { mutations.contains(name) || queries.contains(name) }

    /// Answers one call of a caller whose signature has been checked. Parameter names are in lower case.
    public mutating func call(_ command: String, _ values: [String: String], by caller: Account, now: Int64) -> Answer {
        advance(to: now)
        let envelope = command.lowercased() + "response"
        let parameters = Parameters(command: command, values: values)
        do throws(APIError) {
            try parameters.checkNames()
            try checkCharacters(parameters)
            let value = try dispatch(parameters, caller, now: now)
            advance(to: now)
            return .success(envelope: envelope, value)
        } catch {
            var failure = error
            failure.envelope = error.code == 432 ? "errorresponse" : envelope
            if !caller.isRoot, [530, 533, 534].contains(error.code) {
                failure.text = "Internal error executing command, please contact your system administrator"
            }
            return .failure(failure)
        }
    }

    /// Parameters with the length that CloudStack gives a text unless it says otherwise; lists and tags may be longer.
    private static let plainTexts: Set<String> = ["name", "keyword", "state", "type", "account"]

    private func checkCharacters(_ parameters: Parameters) throws(APIError) {
        for (name, value) in parameters.values {
            let isIllegal = value.utf8.contains { ($0 < 0x20 && $0 != 0x0A && $0 != 0x0D) || $0 == 0x7F }
            guard !isIllegal else {
                throw .server("Received value containing illegal ASCII non-printable characters for parameter \(name)")
            }
            let limit = Self.plainTexts.contains(name) ? 255 : 4_096
            guard value.utf16.count <= limit else {
                throw .server("Value greater than max allowed length \(limit) for param: \(name)")
            }
        }
    }

    private mutating func dispatch(
        _ parameters: Parameters, _ caller: Account, now: Int64
    ) throws(APIError) -> AnswerValue {
        switch parameters.command {
        case "listVolumes": try listVolumes(parameters, caller)
        case "listVirtualMachines": try listMachines(parameters, caller)
        case "listZones": try listZones(parameters)
        case "listDiskOfferings": try listDiskOfferings(parameters)
        case let command where Self.empty.contains(command): .object([])
        case "listDomains": try listDomains(parameters)
        case "listAccounts": try listAccounts(parameters, caller)
        case "listCapabilities": capabilities()
        case "queryAsyncJobResult": try queryJob(parameters, caller)
        case "listAsyncJobs": try listJobs(parameters, caller)
        case "listEvents": try listEvents(parameters, caller)
        case "listTags": try listTags(parameters, caller)
        case "listApis": listAPIs()
        case "createVolume": try createVolume(parameters, caller, now: now)
        case "deleteVolume": try deleteVolume(parameters, caller, now: now)
        case "updateVolume": try submitVolumeJob(parameters, caller, now: now)
        case "attachVolume", "detachVolume", "resizeVolume", "destroyVolume":
            try submitVolumeJob(parameters, caller, now: now)
        case "createTags", "deleteTags": try submit(parameters, caller, instance: nil, now: now)
        case "deployVirtualMachine": try deployMachine(parameters, caller, now: now)
        case "startVirtualMachine", "stopVirtualMachine", "destroyVirtualMachine":
            try submitMachineJob(parameters, caller, now: now)
        default: throw APIError(code: 401, cloudStackCode: nil, text: "unknown command")
        }
    }

    // MARK: Jobs are submitted

    /// Writes the job and answers with its id. `customjobid` becomes the id.
    mutating func submit(
        _ parameters: Parameters, _ caller: Account, instance: String?, now: Int64
    ) throws(APIError) -> AnswerValue {
        let id = try jobID(parameters)
        let isCreation = parameters.command == "createVolume" || parameters.command == "deployVirtualMachine"
        let first =
            isCreation ? note(.created, parameters.command, of: instance, by: caller.name, now: now) : nil
        let scheduled = note(
            .scheduled, parameters.command, of: instance, by: caller.name, parent: first, now: now)
        lastJob += 1
        jobs[id] = Job(
            id: id, number: lastJob, command: parameters.command, instance: instance, account: caller.name,
            parameters: parameters.values, created: now, completed: nil, stage: .submitted, dueAt: now, machine: nil,
            status: 0, resultCode: 0, errorText: nil, hasResult: true, resultVolume: nil,
            startEvent: first ?? scheduled)
        record("call", command: parameters.command, job: id, volume: instance, detail: "", now: now)
        return .object([("jobid", .text(id))])
    }

    mutating func jobID(_ parameters: Parameters) throws(APIError) -> String {
        guard let custom = parameters.text("customjobid") else { return newID() }
        guard UUIDValue(custom) != nil, custom == custom.lowercased() else {
            throw .parameter("UUID: \(custom) doesn't follow the UUID format")
        }
        guard let known = jobs[custom] else { return custom }
        if known.status == 0 {
            throw .parameter("UUID: \(custom) already exists so can't create/update with custom id")
        }
        throw .runtime("DB Exception on: Duplicate entry '\(custom)' for key 'async_job.uc_async__uuid'")
    }

    private mutating func submitVolumeJob(
        _ parameters: Parameters, _ caller: Account, now: Int64
    ) throws(APIError) -> AnswerValue {
        var instance: String?
        if parameters.command != "detachVolume" || parameters.text("id") != nil {
            let id = try parameters.required("id")
            guard let volume = volumes[id] else { throw parameters.unknown("id", id) }
            guard isVisible(volume.account, to: caller) || parameters.command == "detachVolume" else {
                throw .notPermitted
            }
            instance = id
        }
        if parameters.command == "attachVolume" || parameters.text("virtualmachineid") != nil {
            let id = try parameters.required("virtualmachineid")
            guard let machine = machine(id) else { throw parameters.unknown("virtualmachineid", id) }
            guard isVisible(machine.account, to: caller) else { throw .notPermitted }
        }
        if parameters.command == "resizeVolume" { _ = try parameters.number("size") }
        return try submit(parameters, caller, instance: instance, now: now)
    }

    private mutating func submitMachineJob(
        _ parameters: Parameters, _ caller: Account, now: Int64
    ) throws(APIError) -> AnswerValue {
        let id = try parameters.required("id")
        guard let machine = machine(id) else { throw parameters.unknown("id", id) }
        guard isVisible(machine.account, to: caller) else { throw .notPermitted }
        return try submit(parameters, caller, instance: id, now: now)
    }

    // MARK: Volumes

    /// The rules run before there is a job. The row is made before the job id is checked, so that a refused duplicate
    /// leaves an extra volume behind.
    private mutating func createVolume(
        _ parameters: Parameters, _ caller: Account, now: Int64
    ) throws(APIError) -> AnswerValue {
        guard let offeringID = parameters.text("diskofferingid") else {
            throw .parameter("At least one of disk Offering ID or snapshot ID must be passed whilst creating volume")
        }
        guard let offering = offering(offeringID) else { throw parameters.unknown("diskofferingid", offeringID) }
        let size = try parameters.number("size")
        var sizeInGiB = offering.sizeInGiB
        if offering.isCustomized {
            guard let size else { throw .parameter("This disk offering requires a custom size specified") }
            guard size > 0 else { throw .parameter("Disk size must be larger than 0") }
            guard size <= 1_024 else {
                throw .parameter("Volume size: \(size) GB is out of allowed range. Min: 1. Max: 1024")
            }
            sizeInGiB = size
        } else if size != nil {
            throw .parameter("This disk offering does not allow custom size")
        }
        guard let zoneID = parameters.text("zoneid") else { throw .parameter("Unable to find zone by id") }
        guard zone(zoneID) != nil else { throw parameters.unknown("zoneid", zoneID) }
        let owner = try owner(parameters, caller)
        try checkLimits(of: owner.name, newVolumes: 1, newBytes: sizeInGiB << 30)
        let name = parameters.text("name") ?? "DATA-\(lastNumber)"
        let id = addVolume(
            id: try customID(parameters, caller), name: name, zone: zoneID, account: owner.name,
            sizeInBytes: sizeInGiB << 30, offering: offeringID,
            state: "Allocated", now: now)
        let job = try submit(parameters, caller, instance: id, now: now)
        return .object([("id", .text(id)), ("jobid", job["jobid"] ?? .text(""))])
    }

    /// `customid`, with which a root administrator chooses the id of what is created.
    private func customID(_ parameters: Parameters, _ caller: Account) throws(APIError) -> String? {
        guard let custom = parameters.text("customid") else { return nil }
        guard caller.isRoot else {
            throw APIError(
                code: 531, cloudStackCode: 4365,
                text: "Please check your permissions, you are not allowed to create/update custom id")
        }
        guard UUIDValue(custom) != nil, custom == custom.lowercased() else {
            throw .parameter("UUID: \(custom) doesn't follow the UUID format")
        }
        guard volumes[custom] == nil else {
            throw .parameter("UUID: \(custom) already exists so can't create/update with custom id")
        }
        return custom
    }

    private mutating func deleteVolume(
        _ parameters: Parameters, _ caller: Account, now: Int64
    ) throws(APIError) -> AnswerValue {
        let id = try parameters.required("id")
        guard let volume = volumes[id] else { throw parameters.unknown("id", id) }
        guard isVisible(volume.account, to: caller) else { throw .notPermitted }
        guard !volume.isRemoved else { throw .parameter("Unable to find volume with ID: \(volume.number)") }
        guard !volume.hasSnapshotUnderWay else {
            throw .parameter("There are snapshot operations in progress on the volume, unable to delete it")
        }
        guard volume.machine == nil else { throw .parameter("Please specify a volume that is not attached to any VM.") }
        try checkProtection(volume)
        // `DestroyRequested` is no transition of a volume that is on its way (DeleteVolumeCmd's own text).
        guard !["Attaching", "Creating", "Resizing", "Migrating", "Snapshotting"].contains(volume.state) else {
            throw APIError(code: 530, cloudStackCode: 9999, text: "Failed to delete volume")
        }
        record("call", command: "deleteVolume", job: nil, volume: id, detail: "", now: now)
        remove(id, now: now)
        note(.completed, "deleteVolume", of: id, by: caller.name, now: now)
        return .object([("success", .flag(true))])
    }

    func checkProtection(_ volume: Volume) throws(APIError) {
        guard !volume.isProtected else {
            throw .parameter(
                "Volume [id = \(volume.id), name = \(volume.name)] has delete protection enabled and cannot be deleted."
            )
        }
    }

    mutating func remove(_ id: String, now: Int64) {
        guard let volume = volumes[id] else { return }
        if let holder = volume.holders.first {
            record(
                "hazard", command: "deleteVolume", job: nil, volume: id,
                detail: "deleted while \(holder.machine) has it", now: now)
        }
        volumes[id]?.isRemoved = true
        volumes[id]?.state = "Expunged"
        orders.append(HypervisorOrder(action: .discard, disk: .init(volume: volume), job: nil))
        record("effect", command: "deleteVolume", job: nil, volume: id, detail: "deleted", now: now)
    }

    // MARK: Machines

    private mutating func deployMachine(
        _ parameters: Parameters, _ caller: Account, now: Int64
    ) throws(APIError) -> AnswerValue {
        let zoneID = try parameters.required("zoneid")
        guard zone(zoneID) != nil else { throw parameters.unknown("zoneid", zoneID) }
        let id = newID()
        let name = parameters.text("name") ?? "VM-\(id)"
        let isStarted = parameters.flag("startvm") ?? true
        machines.append(
            Machine(
                number: nextNumber(), id: id, name: name, zone: zoneID, account: caller.name,
                state: isStarted ? "Starting" : "Stopped", created: now, isAppliance: false))
        addVolume(
            name: "ROOT-\(lastNumber)", zone: zoneID, account: caller.name, type: "ROOT", sizeInBytes: 8 << 30,
            offering: nil, machine: id, deviceID: 0, now: now)
        let job = try submit(parameters, caller, instance: id, now: now)
        return .object([("id", .text(id)), ("jobid", job["jobid"] ?? .text(""))])
    }
}
