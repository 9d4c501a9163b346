import JSON
import Reconciliation
import VolumeModel

/// Why an object of CloudStack's is refused: the sentence names the object, the field and what stands there.
struct UnreadableAnswer: Error, Equatable {
    var reason: String
}

/// Reads CloudStack's objects. Extra fields are ignored, numbers and flags may be texts; what Hawser needs must be there
/// and make sense, else the object is refused with the reason, and not guessed.
enum Decoding {
    static func volume(_ item: JSONItem) throws(UnreadableAnswer) -> VolumeRecord {
        let id = try identifier(item, "id", of: "a volume", Kinds.Volume.self)
        // Made only for a complaint: there can be thousands of volumes, and nothing wrong with any.
        func object() -> String { "volume \(id)" }
        guard let state = item["state"]?.text else { throw missing("state", of: object()) }
        guard let size = item["size"]?.integer else { throw missing("size", of: object()) }
        // A holder that cannot be read must not pass for no holder, nor a job for no job.
        let holder =
            item["virtualmachineid"] == nil
            ? nil : try identifier(item, "virtualmachineid", of: object(), Kinds.Machine.self)
        let job =
            item["jobid"] == nil || item["jobstatus"]?.integer != 0
            ? nil : try identifier(item, "jobid", of: object(), Kinds.Job.self)
        return VolumeRecord(
            id: id, name: item["name"]?.text ?? "", zone: try identifier(item, "zoneid", of: object(), Kinds.Zone.self),
            state: VolumeState(word: state), kind: item["type"]?.text == "ROOT" ? .root : .data, sizeInBytes: size,
            attachedTo: holder, deviceIndex: item["deviceid"]?.integer, pendingJob: job)
    }

    static func machine(_ item: JSONItem) throws(UnreadableAnswer) -> MachineRecord {
        let id = try identifier(item, "id", of: "a machine", Kinds.Machine.self)
        func object() -> String { "machine \(id)" }
        guard let state = item["state"]?.text else { throw missing("state", of: object()) }
        return MachineRecord(
            id: id, name: item["name"]?.text ?? "", zone: try identifier(item, "zoneid", of: object(), Kinds.Zone.self),
            state: MachineState(word: state))
    }

    static func zone(_ item: JSONItem) throws(UnreadableAnswer) -> (id: ZoneID, name: String) {
        (try identifier(item, "id", of: "a zone", Kinds.Zone.self), item["name"]?.text ?? "")
    }

    static func offering(_ item: JSONItem) throws(UnreadableAnswer) -> DiskOfferingRecord {
        let id = try identifier(item, "id", of: "a disk offering", Kinds.DiskOffering.self)
        // Without it nobody knows whether createVolume may say a size, or must.
        guard let isCustomized = item["iscustomized"]?.flag else {
            throw missing("iscustomized", of: "disk offering \(id)")
        }
        let size = item["disksize"]?.integer ?? 0
        guard (0...Int64.max >> 30).contains(size) else {
            throw UnreadableAnswer(reason: "disk offering \(id) has the size \(size) GiB")
        }
        return DiskOfferingRecord(
            id: id, name: item["name"]?.text ?? "", isCustomized: isCustomized, sizeInBytes: size << 30)
    }

    /// A job's answer. A failed job can lack its result: then it ended with the management server or blocked for too long,
    /// and its effect may have happened. An answer about another job than the one that was asked for proves nothing; very
    /// old servers name jobs by numbers.
    static func job(_ item: JSONItem, asked: JobID) throws(UnreadableAnswer) -> JobReport {
        if let named = item["jobid"]?.withTextBytes({ UUIDValue(utf8: $0) }).flatMap({ $0 }), named != asked.value {
            throw UnreadableAnswer(reason: "the answer is about job \(named) and not \(asked)")
        }
        guard let status = item["jobstatus"]?.integer else { throw missing("jobstatus", of: "a job") }
        switch status {
        case 0: return .running
        case 1: return .succeeded
        default:
            let code = item["jobresultcode"]?.integer ?? 0
            guard let result = item["jobresult"] else {
                let text =
                    "the job ended without a result (code \(code)): the management server restarted, or it waited too long"
                return .failed(JobFailure(remedy: .lookAgain, text: text))
            }
            let text = result["errortext"]?.text ?? "no reason given"
            let number = Int(result["errorcode"]?.integer ?? code)
            return .failed(JobFailure(remedy: ErrorSorting.remedy(code: number, text: text), text: text))
        }
    }

    /// An event of a volume; `nil` when it is another's. Servers before 4.17 know of no resources: they list everything, and a
    /// description is all that tells what it is about.
    static func event(_ item: JSONItem, of volume: VolumeID) throws(UnreadableAnswer) -> VolumeEvent? {
        if let resource = item["resourceid"]?.withTextBytes({ UUIDValue(utf8: $0) }).flatMap({ $0 }) {
            guard resource == volume.value else { return nil }
        } else {
            guard item["description"]?.text?.contains(volume.description) == true else { return nil }
        }
        let id = try identifier(item, "id", of: "an event", Kinds.Volume.self).value
        guard let type = item["type"]?.text else { throw missing("type", of: "event \(id)") }
        return VolumeEvent(
            id: id, parent: item["parentid"]?.withTextBytes { UUIDValue(utf8: $0) }.flatMap { $0 },
            kind: VolumeEvent.Kind(word: type), user: item["username"]?.text, account: item["account"]?.text,
            created: item["created"]?.text ?? "an unknown time", isFailure: item["level"]?.text == "ERROR")
    }

    /// What an asynchronous call is answered with. Servers that ignore `customjobid` name a job of their own.
    static func receipt(_ item: JSONItem) throws(UnreadableAnswer) -> CloudReceipt {
        let job = try identifier(item, "jobid", of: "the answer", Kinds.Job.self)
        let volume = item["id"] == nil ? nil : try identifier(item, "id", of: "the answer", Kinds.Volume.self)
        return CloudReceipt(job: job, volume: volume)
    }

    static func identifier<Kind>(
        _ item: JSONItem, _ field: StaticString, of object: @autoclosure () -> String, _ kind: Kind.Type
    ) throws(UnreadableAnswer) -> Identifier<Kind> {
        guard let value = item[field] else { throw missing(field, of: object()) }
        guard let uuid = value.withTextBytes({ UUIDValue(utf8: $0) }).flatMap({ $0 }) else {
            // Before 3.0 servers gave numbers of their database; they are no identities.
            let shown = value.text ?? value.integer.map { String($0) } ?? "of another kind"
            throw UnreadableAnswer(reason: "\(object()) has the \(field) '\(shown.prefix(60))', which is no UUID")
        }
        return Identifier(uuid)
    }

    private static func missing(_ field: StaticString, of object: String) -> UnreadableAnswer {
        UnreadableAnswer(reason: "\(object) has no \(field)")
    }
}
