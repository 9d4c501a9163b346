import CloudStack
import CloudStackModel
import Reconciliation
import VolumeModel

/// CloudStack's side of a call: the same model that answers third-party clients over HTTP, and the same sorting of its errors
/// that ships.
struct CloudFace: Sendable {
    private(set) var world: CloudWorld
    private let account: Account

    static let zone = "5a1e0000-0000-4000-8000-000000000001"
    static let farZone = "5a1e0000-0000-4000-8000-000000000002"
    static let offering = "0ff00000-0000-4000-8000-000000000001"

    init(plan: Plan, now: Instant) {
        world = CloudWorld(seed: plan.seed)
        account = Account(
            name: "admin", id: "acc00000-0000-4000-8000-000000000001", userID: "acc00000-0000-4000-8000-000000000002",
            apiKey: "key", secretKey: "secret", isRoot: true)
        world.accounts = [account]
        world.zones = [
            Zone(number: 1, id: Self.zone, name: "zone-1"), Zone(number: 2, id: Self.farZone, name: "zone-2"),
        ]
        world.diskOfferings = [
            DiskOffering(number: 1, id: Self.offering, name: "Custom", isCustomized: true, sizeInGiB: 0)
        ]
        for machine in 0..<plan.machines {
            let id = Self.machine(machine).description
            let zone = plan.hasFarMachine && machine > 0 && machine == plan.machines - 1 ? Self.farZone : Self.zone
            world.machines.append(
                Machine(
                    number: Int64(machine + 1), id: id, name: "machine-\(machine)", zone: zone, account: "admin",
                    state: "Running", created: 0, isAppliance: machine == 0))
            world.addVolume(
                id: Self.root(of: machine).description, name: "ROOT-\(machine)", zone: zone, account: "admin",
                type: "ROOT", sizeInBytes: 8 << 30, offering: nil, machine: id, deviceID: 0, now: 0)
        }
        for (index, object) in plan.objects.enumerated() where object.reference == .id || object.reference == .name {
            world.addVolume(
                id: plan.volume(index).description, name: "volume-\(index)", zone: Self.zone, account: "admin",
                sizeInBytes: 2 << 30, offering: Self.offering, now: 0)
        }
        _ = world.drain()
    }

    static func machine(_ index: Int) -> MachineID {
        MachineID(UUIDValue(high: 0xAAAA_0000_0000_4000, low: 0x8000_0000_0000_0000 + UInt64(index)))
    }

    static func root(of machine: Int) -> VolumeID {
        VolumeID(UUIDValue(high: 0xB007_0000_0000_4000 + UInt64(machine) << 32, low: 0x8000_0000_0000_0000))
    }

    static func milliseconds(_ now: Instant) -> Int64 { now.nanoseconds / 1_000_000 }

    /// Changes the world from outside the API.
    mutating func change<Result>(_ change: (inout CloudWorld) -> Result) -> Result { change(&world) }

    func volume(_ id: VolumeID) -> Volume? { world.volumes[id.description] }

    // MARK: Calls

    mutating func answer(_ call: SystemCall, now: Instant) -> SystemAnswer {
        do throws(CloudError) {
            return try read(call, now: now)
        } catch {
            return .cloudFailed(error)
        }
    }

    private mutating func read(_ call: SystemCall, now: Instant) throws(CloudError) -> SystemAnswer {
        switch call {
        case .listVolumes: return .volumes(try list("listVolumes", "volume", [:], now: now, decode: Self.record))
        case .listMachines:
            return .machines(try list("listVirtualMachines", "virtualmachine", [:], now: now, decode: Self.machine))
        case .readVolume(let id):
            return .volume(try exact("listVolumes", "volume", id.description, now: now, decode: Self.record))
        case .readMachine(let id):
            return .machine(
                try exact("listVirtualMachines", "virtualmachine", id.description, now: now, decode: Self.machine))
        case .findVolumes(let name, let zone):
            let faults = stopLying()
            defer { world.faults = faults }
            let listing = try list(
                "listVolumes", "volume", ["name": name, "zoneid": zone.description], now: now, decode: Self.record)
            guard listing.isComplete else {
                throw CloudError(
                    remedy: .lookAgain, effect: .none, command: "listVolumes", text: "the list is incomplete")
            }
            return .found(listing.records.filter { $0.name == name })
        case .zone(let reference):
            guard reference != .named("zone-9") else { return .zone(.neverExisted) }
            return .zone(Self.zoneID.map { .found($0) } ?? .neverExisted)
        case .offering(let reference):
            guard reference != .named("Gone"), let id = DiskOfferingID(Self.offering) else {
                return .offering(.neverExisted)
            }
            return .offering(
                .found(DiskOfferingRecord(id: id, name: "Custom", isCustomized: true, sizeInBytes: 0)))
        case .submit(let mutation, let job):
            let body = try ask(Self.command(mutation), Self.parameters(mutation, job), changes: true, now: now)
            guard let id = body["jobid"]?.asText.flatMap({ JobID($0) }) else {
                throw CloudError(
                    remedy: .lookAgain, effect: .unknown, command: Self.command(mutation), text: "no job id")
            }
            return .accepted(CloudReceipt(job: id, volume: body["id"]?.asText.flatMap { VolumeID($0) }))
        case .deleteVolume(let id):
            _ = try ask("deleteVolume", ["id": id.description], changes: true, now: now)
            return .done
        case .report(let job): return .job(try report(job, now: now))
        case .recentEvents(let volume): return .events(try events(of: volume, now: now))
        default: preconditionFailure("\(call) is not for CloudStack")
        }
    }

    private static let zoneID = ZoneID(zone)

    private mutating func ask(
        _ command: String, _ parameters: [String: String], changes: Bool = false, now: Instant
    ) throws(CloudError) -> AnswerValue {
        switch world.call(command, parameters, by: account, now: Self.milliseconds(now)) {
        case .success(_, let value): return value
        case .failure(let error):
            throw CloudError(
                remedy: ErrorSorting.remedy(code: error.code, text: error.text),
                effect: ErrorSorting.effect(code: error.code, changes: changes), command: command, text: error.text)
        }
    }

    private static func command(_ mutation: CloudMutation) -> String {
        switch mutation {
        case .createVolume: "createVolume"
        case .attachVolume: "attachVolume"
        case .detachVolume: "detachVolume"
        case .resizeVolume: "resizeVolume"
        }
    }

    private static func parameters(_ mutation: CloudMutation, _ job: JobID) -> [String: String] {
        var parameters = ["customjobid": job.description]
        switch mutation {
        case .createVolume(let name, let size, let offering, let zone):
            parameters["name"] = name
            parameters["size"] = size.map { String($0 >> 30) }
            parameters["diskofferingid"] = offering.description
            parameters["zoneid"] = zone.description
        case .attachVolume(let volume, let machine, let role):
            parameters["id"] = volume.description
            parameters["virtualmachineid"] = machine.description
            if role == .root { parameters["deviceid"] = "0" }
        case .detachVolume(let volume): parameters["id"] = volume.description
        case .resizeVolume(let volume, let size):
            parameters["id"] = volume.description
            parameters["size"] = String(size >> 30)
        }
        return parameters
    }

    private mutating func list<Record: Sendable>(
        _ command: String, _ name: String, _ filter: [String: String], now: Instant,
        decode: (AnswerValue) -> Record?
    ) throws(CloudError) -> CloudListing<Record> {
        var parameters = filter
        parameters["listall"] = "true"
        parameters["page"] = "1"
        parameters["pagesize"] = "500"
        let body = try ask(command, parameters, now: now)
        let records = rows(body, name).compactMap(decode)
        let count = body["count"]?.asNumber ?? 0
        return CloudListing(
            records: records, isComplete: records.count == Int(count),
            problem: records.count == Int(count) ? nil : "\(records.count) rows came of \(count)")
    }

    private mutating func exact<Record: Sendable>(
        _ command: String, _ name: String, _ id: String, now: Instant, decode: (AnswerValue) -> Record?
    ) throws(CloudError) -> ExactRead<Record> {
        let faults = stopLying()
        defer { world.faults = faults }
        let body: AnswerValue
        do throws(CloudError) {
            body = try ask(command, ["id": id, "listall": "true"], now: now)
        } catch {
            if error.remedy == .notThere { return .neverExisted }
            throw error
        }
        let found = rows(body, name)
        if found.isEmpty, (body["count"]?.asNumber ?? 0) == 0 { return .removed }
        guard found.count == 1, let record = decode(found[0]) else {
            throw CloudError(remedy: .lookAgain, effect: .none, command: command, text: "the answer makes no sense")
        }
        return .found(record)
    }

    /// Listings lie. A question about one id or one name goes to the database's rows: that much has to be believed, for
    /// nothing else could ever tell what a lost call has done.
    ///
    /// - Returns: the faults to be put back.
    private mutating func stopLying() -> [Fault] {
        let faults = world.faults
        world.faults.removeAll { [.emptyList, .shortPage, .staleList, .unstableOrder].contains($0.kind) }
        return faults
    }

    private func rows(_ body: AnswerValue, _ name: String) -> [AnswerValue] {
        guard case .list(let rows)? = body[name] else { return [] }
        return rows
    }

    private mutating func events(of volume: VolumeID, now: Instant) throws(CloudError) -> [VolumeEvent] {
        let parameters = [
            "resourcetype": "Volume", "resourceid": volume.description, "listall": "true", "page": "1",
            "pagesize": "100",
        ]
        return rows(try ask("listEvents", parameters, now: now), "event").compactMap { row in
            guard let id = row["id"]?.asText.flatMap({ UUIDValue($0) }), let type = row["type"]?.asText else {
                return nil
            }
            return VolumeEvent(
                id: id, parent: row["parentid"]?.asText.flatMap { UUIDValue($0) }, kind: VolumeEvent.Kind(word: type),
                user: row["username"]?.asText, account: row["account"]?.asText, created: row["created"]?.asText ?? "",
                isFailure: row["level"]?.asText == "ERROR")
        }
    }

    private mutating func report(_ job: JobID, now: Instant) throws(CloudError) -> JobReport {
        let body: AnswerValue
        do throws(CloudError) {
            body = try ask("queryAsyncJobResult", ["jobid": job.description], now: now)
        } catch {
            if error.remedy == .notThere { return .notFound }
            throw error
        }
        switch body["jobstatus"]?.asNumber {
        case 0: return .running
        case 1: return .succeeded
        default:
            guard let result = body["jobresult"] else {
                return .failed(JobFailure(remedy: .lookAgain, text: "the job ended without a result"))
            }
            let text = result["errortext"]?.asText ?? ""
            let code = Int(result["errorcode"]?.asNumber ?? body["jobresultcode"]?.asNumber ?? 0)
            return .failed(JobFailure(remedy: ErrorSorting.remedy(code: code, text: text), text: text))
        }
    }

    private static func record(_ row: AnswerValue) -> VolumeRecord? {
        guard let id = row["id"]?.asText.flatMap({ VolumeID($0) }),
            let zone = row["zoneid"]?.asText.flatMap({ ZoneID($0) }), let state = row["state"]?.asText,
            let size = row["size"]?.asNumber
        else { return nil }
        return VolumeRecord(
            id: id, name: row["name"]?.asText ?? "", zone: zone, state: VolumeState(word: state),
            kind: row["type"]?.asText == "ROOT" ? .root : .data, sizeInBytes: size,
            attachedTo: row["virtualmachineid"]?.asText.flatMap { MachineID($0) },
            deviceIndex: row["deviceid"]?.asNumber,
            pendingJob: row["jobstatus"]?.asNumber == 0 ? row["jobid"]?.asText.flatMap { JobID($0) } : nil)
    }

    private static func machine(_ row: AnswerValue) -> MachineRecord? {
        guard let id = row["id"]?.asText.flatMap({ MachineID($0) }),
            let zone = row["zoneid"]?.asText.flatMap({ ZoneID($0) }), let state = row["state"]?.asText
        else { return nil }
        return MachineRecord(
            id: id, name: row["name"]?.asText ?? "", zone: zone, state: MachineState(word: state))
    }
}
