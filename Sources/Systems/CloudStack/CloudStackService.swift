import FoundationEssentials
import JSON
public import Reconciliation
public import VolumeModel

/// CloudStack behind the loop's protocol.
public struct CloudStackService: CloudService, CallCounting {
    let api: APIClient
    private let pageSize: Int

    public init(_ configuration: CloudStackConfiguration) {
        api = APIClient(configuration)
        pageSize = configuration.pageSize
    }

    /// Makes all calls that begin from now on as this account.
    public func use(_ account: CloudStackAccount) { api.use(account) }

    public func callCounts() -> [CallCount] { api.counts.all }

    // MARK: Listings

    public func listVolumes() async throws(CloudError) -> CloudListing<VolumeRecord> {
        try await walk("listVolumes", "volume", ["listall": "true"], key: \.id, decode: Decoding.volume)
    }

    public func listMachines() async throws(CloudError) -> CloudListing<MachineRecord> {
        try await walk(
            "listVirtualMachines", "virtualmachine", ["listall": "true", "details": "min"], key: \.id,
            decode: Decoding.machine)
    }

    /// Walks the pages and then checks that as many distinct rows came as CloudStack counted. When not (rows moved from page
    /// to page meanwhile), the walk is done once more; what is incomplete then is said to be.
    private func walk<Record: Sendable, Key: Hashable>(
        _ command: String, _ name: StaticString, _ filter: [String: String], key: (Record) -> Key,
        decode: (JSONItem) throws(UnreadableAnswer) -> Record
    ) async throws(CloudError) -> CloudListing<Record> {
        var listing = CloudListing<Record>(records: [], isComplete: false)
        for _ in 0..<2 {
            listing = try await walkOnce(command, name, filter, key: key, decode: decode)
            if listing.isComplete { break }
        }
        return listing
    }

    private func walkOnce<Record: Sendable, Key: Hashable>(
        _ command: String, _ name: StaticString, _ filter: [String: String], key: (Record) -> Key,
        decode: (JSONItem) throws(UnreadableAnswer) -> Record
    ) async throws(CloudError) -> CloudListing<Record> {
        var records: [Record] = []
        var keys: Set<Key> = []
        var count = 0
        var problem: String?
        for page in 1... {
            var parameters = filter
            parameters["page"] = String(page)
            parameters["pagesize"] = String(pageSize)
            let document = try await api.call(command, parameters)
            let answer = ListingPage(document, name, decode: decode)
            count = answer.count
            problem = problem ?? answer.problem
            let known = keys.count
            for record in answer.records where keys.insert(key(record)).inserted { records.append(record) }
            // A server that does not know of pages gives the same one for ever.
            if keys.count == known || page * pageSize >= count { break }
        }
        if problem == nil, records.count != count {
            problem = "\(records.count) rows came of \(count) that were counted"
        }
        return CloudListing(records: records, isComplete: problem == nil, problem: problem)
    }

    // MARK: Exact reads

    public func readVolume(_ id: VolumeID) async throws(CloudError) -> ExactRead<VolumeRecord> {
        try await read("listVolumes", "volume", id: id, of: \.id, decode: Decoding.volume)
    }

    public func readMachine(_ id: MachineID) async throws(CloudError) -> ExactRead<MachineRecord> {
        try await read("listVirtualMachines", "virtualmachine", id: id, of: \.id, decode: Decoding.machine)
    }

    /// An empty list says that it is removed; 431 that there never was one. Anything else than just the one row that was
    /// asked for, or none by CloudStack's own count too, is no answer.
    private func read<Kind, Record: Sendable>(
        _ command: String, _ name: StaticString, id: Identifier<Kind>, of key: (Record) -> Identifier<Kind>,
        decode: (JSONItem) throws(UnreadableAnswer) -> Record
    ) async throws(CloudError) -> ExactRead<Record> {
        let document: JSONDocument
        do throws(CloudError) {
            document = try await api.call(command, ["id": id.description, "listall": "true"])
        } catch {
            if error.remedy == .notThere { return .neverExisted }
            throw error
        }
        let body = document.root.fields?.first?.item
        let rows = body?[name]?.elements ?? []
        let count = body?["count"]?.integer ?? 0
        if rows.isEmpty, body?[name] == nil || body?[name]?.elements != nil, count == 0 { return .removed }
        let reason: String
        do throws(UnreadableAnswer) {
            if rows.count == 1, count <= 1, let row = rows.first {
                let record = try decode(row)
                if key(record) == id { return .found(record) }
                reason = "it is about \(key(record))"
            } else {
                reason = "\(rows.count) rows came of \(count) that were counted"
            }
        } catch {
            reason = error.reason
        }
        throw CloudError(
            remedy: .lookAgain, effect: .none, command: command,
            text: "the answer about \(id) makes no sense: \(reason)")
    }

    /// Every row of a short list; one that cannot be read makes the whole answer unreadable, because it may be the very one
    /// that is asked for.
    private func rows<Record>(
        of document: JSONDocument, _ command: String, _ name: StaticString,
        decode: (JSONItem) throws(UnreadableAnswer) -> Record
    ) throws(CloudError) -> [Record] {
        var records: [Record] = []
        do throws(UnreadableAnswer) {
            for row in document.root.fields?.first?.item[name]?.elements ?? [] { records.append(try decode(row)) }
        } catch {
            throw Self.unreadable(error, command)
        }
        return records
    }

    private static func unreadable(
        _ error: UnreadableAnswer, _ command: String, effect: CloudError.Effect = .none
    ) -> CloudError {
        CloudError(remedy: .lookAgain, effect: effect, command: command, text: error.reason)
    }

    public func findVolumes(named name: String, in zone: ZoneID) async throws(CloudError) -> [VolumeRecord] {
        let listing = try await walk(
            "listVolumes", "volume", ["name": name, "zoneid": zone.description, "listall": "true"], key: \.id,
            decode: Decoding.volume)
        guard listing.isComplete else {
            throw CloudError(
                remedy: .lookAgain, effect: .none, command: "listVolumes",
                text: "the list of volumes by name is incomplete: \(listing.problem ?? "")")
        }
        // The database compares names without regard to case; Hawser does not.
        return listing.records.filter { $0.name == name }
    }

    public func zone(_ reference: ZoneReference) async throws(CloudError) -> ExactRead<ZoneID> {
        switch reference {
        case .id(let id): return .found(id)
        case .named(let name):
            let document = try await api.call("listZones", ["name": name])
            let zones = try rows(of: document, "listZones", "zone", decode: Decoding.zone).filter { $0.name == name }
            guard let zone = zones.first else { return .neverExisted }
            return .found(zone.id)
        }
    }

    public func offering(
        _ reference: DiskOfferingReference
    ) async throws(CloudError) -> ExactRead<DiskOfferingRecord> {
        let filter: [String: String]
        switch reference {
        case .id(let id): filter = ["id": id.description]
        case .named(let name): filter = ["name": name]
        }
        let document: JSONDocument
        do throws(CloudError) {
            document = try await api.call("listDiskOfferings", filter)
        } catch {
            if error.remedy == .notThere { return .neverExisted }
            throw error
        }
        let offerings = try rows(of: document, "listDiskOfferings", "diskoffering", decode: Decoding.offering)
            .filter { offering in
                switch reference {
                case .id(let id): offering.id == id
                case .named(let name): offering.name == name
                }
            }
        guard let offering = offerings.first else { return .neverExisted }
        guard offerings.count == 1 else {
            // CloudStack lets many carry one name.
            throw CloudError(
                remedy: .wrongRequest, effect: .none, command: "listDiskOfferings",
                text: "\(offerings.count) disk offerings are named '\(offering.name)': name the one by its id")
        }
        return .found(offering)
    }

    // MARK: Mutations and jobs

    public func submit(_ mutation: CloudMutation, as job: JobID) async throws(CloudError) -> CloudReceipt {
        var parameters = ["customjobid": job.description]
        let command: String
        switch mutation {
        case .createVolume(let name, let size, let offering, let zone):
            command = "createVolume"
            parameters["name"] = name
            parameters["diskofferingid"] = offering.description
            parameters["zoneid"] = zone.description
            if let size { parameters["size"] = String(Self.wholeGiB(size)) }
        case .attachVolume(let volume, let machine, let role):
            if role == .root { parameters["deviceid"] = "0" }
            command = "attachVolume"
            parameters["id"] = volume.description
            parameters["virtualmachineid"] = machine.description
        case .detachVolume(let volume):
            command = "detachVolume"
            parameters["id"] = volume.description
        case .resizeVolume(let volume, let size):
            command = "resizeVolume"
            parameters["id"] = volume.description
            parameters["size"] = String(Self.wholeGiB(size))
        }
        let document = try await api.call(command, parameters, changes: true)
        do throws(UnreadableAnswer) {
            guard let body = document.root.fields?.first?.item else {
                throw UnreadableAnswer(reason: "the answer is empty")
            }
            return try Decoding.receipt(body)
        } catch {
            throw Self.unreadable(error, command, effect: .unknown)
        }
    }

    /// Rounded up, because CloudStack counts in GiB and a volume must not be smaller than it was asked for.
    private static func wholeGiB(_ bytes: Int64) -> Int64 { (bytes + (1 << 30) - 1) >> 30 }

    public func report(of job: JobID) async throws(CloudError) -> JobReport {
        let document: JSONDocument
        do throws(CloudError) {
            document = try await api.call("queryAsyncJobResult", ["jobid": job.description])
        } catch {
            if error.remedy == .notThere { return .notFound }
            throw error
        }
        do throws(UnreadableAnswer) {
            guard let body = document.root.fields?.first?.item else {
                throw UnreadableAnswer(reason: "the answer is empty")
            }
            return try Decoding.job(body, asked: job)
        } catch {
            throw Self.unreadable(error, "queryAsyncJobResult")
        }
    }

    public func recentEvents(of volume: VolumeID) async throws(CloudError) -> [VolumeEvent] {
        let document = try await api.call(
            "listEvents",
            [
                "resourcetype": "Volume", "resourceid": volume.description, "listall": "true", "page": "1",
                "pagesize": String(min(100, pageSize)),
            ])
        return try rows(of: document, "listEvents", "event") { item throws(UnreadableAnswer) in
            try Decoding.event(item, of: volume)
        }.compactMap { $0 }
    }

    /// Jobs that have not ended: CloudStack lists no others (apache/cloudstack #4792).
    ///
    /// - Returns: each job with the volume or machine that it works on.
    public func pendingJobs() async throws(CloudError) -> [(job: JobID, instance: UUIDValue?)] {
        let document = try await api.call("listAsyncJobs", ["listall": "true"])
        return try rows(of: document, "listAsyncJobs", "asyncjobs") { item throws(UnreadableAnswer) in
            let job = try Decoding.identifier(item, "jobid", of: "a job", Kinds.Job.self)
            return (job, item["jobinstanceid"]?.withTextBytes { UUIDValue(utf8: $0) }.flatMap { $0 })
        }
    }

    public func deleteVolume(_ id: VolumeID) async throws(CloudError) {
        let document = try await api.call("deleteVolume", ["id": id.description], changes: true)
        // Old servers say "true" as a text.
        guard document.root.fields?.first?.item["success"]?.flag == true else {
            throw CloudError(remedy: .lookAgain, effect: .unknown, command: "deleteVolume", text: "no success reported")
        }
    }

    /// Whether the keys are good, and which CloudStack this is.
    public func version() async throws(CloudError) -> String {
        let document = try await api.call("listCapabilities", [:])
        return document.root.fields?.first?.item["capability"]?["cloudstackversion"]?.text ?? "unknown"
    }
}
