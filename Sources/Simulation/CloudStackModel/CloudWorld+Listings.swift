import VolumeModel

/// Answering questions.
extension CloudWorld {
    /// A page of a list, of which only the rows that are shown are described. Without any match there is neither count nor
    /// array; past the end there is the count alone.
    func page<Rows: RandomAccessCollection>(
        _ all: Rows, named name: String, _ parameters: Parameters, describe: (Rows.Element) -> AnswerValue
    ) throws(APIError) -> AnswerValue {
        let (start, count) = try parameters.page(limit: pageSize)
        guard !all.isEmpty else { return .object([]) }
        let rows = all.dropFirst(start).prefix(count)
        if rows.isEmpty { return .object([("count", .number(Int64(all.count)))]) }
        return .object([("count", .number(Int64(all.count))), (name, .list(rows.map(describe)))])
    }

    // MARK: Volumes

    mutating func listVolumes(_ parameters: Parameters, _ caller: Account) throws(APIError) -> AnswerValue {
        let filter = try volumeFilter(parameters, caller)
        let isStale = strike(.staleList, command: "listVolumes", volume: filter.id) != nil
        if strike(.emptyList, command: "listVolumes", volume: filter.id) != nil { return .object([]) }
        let source = isStale ? staleVolumes ?? volumes : volumes
        // By creation, newest first, to the second and without a tie-break of its own.
        var found = filter.positions(in: source)
        if try parameters.page(limit: pageSize).start > 0,
            strike(.unstableOrder, command: "listVolumes", volume: filter.id) != nil
        {
            found.sort { one, other in
                let (one, other) = (source.rows[one], source.rows[other])
                return (one.created / 1_000, other.number) > (other.created / 1_000, one.number)
            }
        }
        let machines = Dictionary(machines.map { ($0.id, $0) }) { first, _ in first }
        var answer = try page(found, named: "volume", parameters) { position in
            let volume = source.rows[position]
            return describe(volume, on: volume.machine.flatMap { machines[$0] }, to: caller)
        }
        if strike(.shortPage, command: "listVolumes", volume: filter.id) != nil,
            case .list(let rows)? = answer["volume"], let count = answer["count"]
        {
            answer = .object([("count", count), ("volume", .list(Array(rows.prefix(rows.count / 2))))])
        }
        return answer
    }

    private func volumeFilter(_ parameters: Parameters, _ caller: Account) throws(APIError) -> VolumeFilter {
        if parameters.text("id") != nil, parameters.text("ids") != nil {
            throw .parameter("Specify either id or ids but not both parameters")
        }
        let ids = parameters.text("id").map { [$0] } ?? parameters.list("ids")
        for id in ids ?? [] where volumes[id] == nil { throw parameters.unknown("id", id) }
        if let machine = parameters.text("virtualmachineid"), self.machine(machine) == nil {
            throw parameters.unknown("virtualmachineid", machine)
        }
        return VolumeFilter(
            parameters, ids: ids, owners: try owners(parameters, caller, isByID: ids != nil))
    }

    func describe(_ volume: Volume, to caller: Account) -> AnswerValue {
        describe(volume, on: volume.machine.flatMap { machine($0) }, to: caller)
    }

    private func describe(_ volume: Volume, on machine: Machine?, to caller: Account) -> AnswerValue {
        var fields = Fields()
        let offering = volume.offering.flatMap { self.offering($0) }
        fields.add("id", volume.id)
        fields.add("name", volume.name)
        fields.add("zoneid", volume.zone)
        fields.add("zonename", zone(volume.zone)?.name)
        fields.add("type", volume.type)
        if let machine, volume.state != "Destroy" {
            fields.add("deviceid", volume.deviceID)
            fields.add("virtualmachineid", machine.id)
            fields.add("vmname", machine.name)
            fields.add("vmdisplayname", machine.name)
            fields.add("vmstate", machine.state)
            fields.add("vmtype", "User")
        }
        fields.add("provisioningtype", "thin")
        fields.add("size", volume.sizeInBytes)
        fields.add("created", APIDate.text(milliseconds: volume.created))
        fields.add("attached", volume.attached.map { APIDate.text(milliseconds: $0) })
        fields.add("state", volume.state)
        fields.add("account", volume.account)
        fields.add("domainid", Self.domainID)
        fields.add("domain", "ROOT")
        fields.add("domainpath", "ROOT")
        fields.add("deleteprotection", volume.isProtected)
        if let offering {
            fields.add("diskofferingid", offering.id)
            fields.add("diskofferingname", offering.name)
            fields.add("diskofferingdisplaytext", offering.name)
        }
        if caller.isRoot {
            fields.add("storage", volume.state == "Allocated" ? "none" : "primary")
            fields.add("storagetype", "shared")
            fields.add("hypervisor", volume.state == "Allocated" ? "None" : "KVM")
            fields.add("displayvolume", true)
        }
        fields.add("destroyed", volume.state == "Destroy")
        fields.add("isextractable", true)
        fields.add("quiescevm", false)
        fields.add("supportsstoragesnapshot", false)
        fields.add("hasannotations", false)
        fields.add("tags", .list(volume.tags.map { describe($0, on: volume) }))
        if let job = jobs.pendingJob(about: volume.id) {
            fields.add("jobid", job)
            fields.add("jobstatus", Int64(0))
        }
        return fields.object
    }

    private func describe(_ tag: Tag, on volume: Volume) -> AnswerValue {
        var fields = Fields()
        fields.add("key", tag.key)
        fields.add("value", tag.value)
        fields.add("resourcetype", "Volume")
        fields.add("resourceid", volume.id)
        fields.add("account", volume.account)
        fields.add("domainid", Self.domainID)
        fields.add("domain", "ROOT")
        return fields.object
    }

    // MARK: The rest

    func listMachines(_ parameters: Parameters, _ caller: Account) throws(APIError) -> AnswerValue {
        let wantedIDs = parameters.text("id").map { [$0] } ?? parameters.list("ids")
        for id in wantedIDs ?? [] where machine(id) == nil { throw parameters.unknown("id", id) }
        let owners = try owners(parameters, caller, isByID: wantedIDs != nil)
        let found = machines.filter { machine in
            guard owners?.contains(machine.account) ?? true, machine.state != "Expunging" else { return false }
            if machine.state == "Destroyed", !caller.isRoot { return false }
            if let ids = wantedIDs, !ids.contains(machine.id) { return false }
            if let name = parameters.text("name"), machine.name.lowercased() != name.lowercased() { return false }
            if let state = parameters.text("state"), machine.state != state { return false }
            if let zone = parameters.text("zoneid"), machine.zone != zone { return false }
            return true
        }.sorted { $0.number < $1.number }
        return try page(found, named: "virtualmachine", parameters) { describe($0, to: caller) }
    }

    private func describe(_ machine: Machine, to caller: Account) -> AnswerValue {
        var fields = Fields()
        fields.add("id", machine.id)
        fields.add("name", machine.name)
        fields.add("displayname", machine.name)
        fields.add("account", machine.account)
        fields.add("domainid", Self.domainID)
        fields.add("domain", "ROOT")
        fields.add("created", APIDate.text(milliseconds: machine.created))
        fields.add("state", machine.state)
        fields.add("haenable", false)
        fields.add("zoneid", machine.zone)
        fields.add("zonename", zone(machine.zone)?.name)
        if caller.isRoot { fields.add("instancename", "i-2-\(machine.number)-VM") }
        fields.add("hypervisor", "KVM")
        fields.add("rootdeviceid", Int64(0))
        fields.add("rootdevicetype", "ROOT")
        fields.add("cpunumber", Int64(2))
        fields.add("memory", Int64(2_048))
        fields.add("securitygroup", .list([]))
        fields.add("nic", .list([]))
        fields.add("affinitygroup", .list([]))
        fields.add("tags", .list([]))
        if let job = jobs.pendingJob(about: machine.id) {
            fields.add("jobid", job)
            fields.add("jobstatus", Int64(0))
        }
        return fields.object
    }

    func listZones(_ parameters: Parameters) throws(APIError) -> AnswerValue {
        if let id = parameters.text("id"), zone(id) == nil { throw parameters.unknown("id", id) }
        let found = zones.filter { zone in
            (parameters.text("id").map { $0 == zone.id } ?? true)
                && (parameters.text("name").map { $0.lowercased() == zone.name.lowercased() } ?? true)
        }
        return try page(found, named: "zone", parameters) { zone in
            var fields = Fields()
            fields.add("id", zone.id)
            fields.add("name", zone.name)
            fields.add("networktype", "Advanced")
            fields.add("securitygroupsenabled", false)
            fields.add("allocationstate", "Enabled")
            fields.add("localstorageenabled", false)
            fields.add("tags", .list([]))
            return fields.object
        }
    }

    func listDiskOfferings(_ parameters: Parameters) throws(APIError) -> AnswerValue {
        if let id = parameters.text("id"), offering(id) == nil { throw parameters.unknown("id", id) }
        let found = diskOfferings.filter { offering in
            (parameters.text("id").map { $0 == offering.id } ?? true)
                && (parameters.text("name").map { $0.lowercased() == offering.name.lowercased() } ?? true)
        }
        return try page(found, named: "diskoffering", parameters) { offering in
            var fields = Fields()
            fields.add("id", offering.id)
            fields.add("name", offering.name)
            fields.add("displaytext", offering.name)
            fields.add("disksize", offering.sizeInGiB)
            fields.add("iscustomized", offering.isCustomized)
            fields.add("storagetype", "shared")
            fields.add("provisioningtype", "thin")
            fields.add("displayoffering", true)
            fields.add("state", "Active")
            fields.add("disksizestrictness", false)
            fields.add("encrypt", false)
            return fields.object
        }
    }

    func capabilities() -> AnswerValue {
        var fields = Fields()
        fields.add("securitygroupsenabled", false)
        fields.add("cloudstackversion", version)
        fields.add("userpublictemplateenabled", true)
        fields.add("supportELB", "false")
        fields.add("projectinviterequired", false)
        fields.add("allowusercreateprojects", true)
        fields.add("customdiskofferingminsize", Int64(1))
        fields.add("customdiskofferingmaxsize", Int64(1_024))
        fields.add("allowuserexpungerecovervolume", true)
        fields.add("kvmsnapshotenabled", false)
        return .object([("capability", fields.object)])
    }

    func listTags(_ parameters: Parameters, _ caller: Account) throws(APIError) -> AnswerValue {
        let (key, value) = (parameters.text("key"), parameters.text("value"))
        let volumes = parameters.text("resourceid").map { self.volumes[$0].map { [$0] } ?? [] } ?? self.volumes.values
        var found: [(tag: Tag, volume: Volume)] = []
        for volume in volumes where !volume.isRemoved && isVisible(volume.account, to: caller) {
            for tag in volume.tags where key ?? tag.key == tag.key && value ?? tag.value == tag.value {
                found.append((tag, volume))
            }
        }
        return try page(found, named: "tag", parameters) { describe($0.tag, on: $0.volume) }
    }

    func listAPIs() -> AnswerValue {
        let names = Self.mutations.union(Self.queries).sorted()
        return .object([
            ("count", .number(Int64(names.count))),
            (
                "api",
                .list(
                    names.map {
                        .object([
                            ("name", .text($0)),
                            ("isasync", .flag(Self.mutations.contains($0) && $0 != "deleteVolume")),
                        ])
                    })
            ),
        ])
    }

    // MARK: Jobs

    func queryJob(_ parameters: Parameters, _ caller: Account) throws(APIError) -> AnswerValue {
        let id = try parameters.required("jobid")
        guard let job = jobs[id], isVisible(job.account, to: caller) else { throw parameters.unknown("jobid", id) }
        return describe(job, to: caller)
    }

    /// Only jobs that have not ended (apache/cloudstack #4792).
    func listJobs(_ parameters: Parameters, _ caller: Account) throws(APIError) -> AnswerValue {
        let found = jobs.unfinished.filter { isVisible($0.account, to: caller) }
        return try page(found, named: "asyncjobs", parameters) { describe($0, to: caller) }
    }

    private func describe(_ job: Job, to caller: Account) -> AnswerValue {
        var fields = Fields()
        let isVolumeJob = job.command.hasSuffix("Volume")
        let folder = isVolumeJob ? "volume" : job.command.hasSuffix("Tags") ? "tag" : "vm"
        let command = job.command.prefix(1).uppercased() + job.command.dropFirst()
        fields.add("accountid", accounts.first { $0.name == job.account }?.id)
        fields.add("account", job.account)
        fields.add("domainid", Self.domainID)
        fields.add("domainpath", "ROOT")
        fields.add("userid", accounts.first { $0.name == job.account }?.userID)
        fields.add(
            "cmd",
            caller.isRoot && isVolumeJob
                ? "org.apache.cloudstack.api.command.admin.\(folder).\(command)CmdByAdmin"
                : "org.apache.cloudstack.api.command.user.\(folder).\(command)Cmd")
        fields.add("jobstatus", Int64(job.status))
        fields.add("jobprocstatus", Int64(0))
        fields.add("jobresultcode", Int64(job.resultCode))
        if job.status != 0, job.hasResult {
            fields.add("jobresulttype", "object")
            fields.add("jobresult", result(of: job, to: caller))
        }
        if let instance = job.instance {
            fields.add("jobinstancetype", isVolumeJob ? "Volume" : "VirtualMachine")
            fields.add("jobinstanceid", instance)
        }
        fields.add("created", APIDate.text(milliseconds: job.created))
        fields.add("completed", job.completed.map { APIDate.text(milliseconds: $0) })
        fields.add("jobid", job.id)
        return fields.object
    }

    private func result(of job: Job, to caller: Account) -> AnswerValue {
        if job.status == 2 {
            return .object([("errorcode", .number(Int64(job.resultCode))), ("errortext", .text(job.errorText ?? ""))])
        }
        if let volume = job.resultVolume, case .object(var fields) = describe(volume, to: caller) {
            // It was rendered while the job ran, and shows that very job as running.
            fields.removeAll { $0.name == "jobid" || $0.name == "jobstatus" }
            fields.append(("jobid", .text(job.id)))
            fields.append(("jobstatus", .number(0)))
            return .object([("volume", .object(fields))])
        }
        if let id = job.instance, let machine = machine(id) {
            return .object([("virtualmachine", describe(machine, to: caller))])
        }
        return .object([("success", .flag(true))])
    }
}
