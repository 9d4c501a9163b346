import JSON
import Reconciliation
import VolumeModel

/// Reads CloudStack's objects. Extra fields are ignored, numbers may be texts; what Hawser needs must be there and make
/// sense, else the object is refused and not guessed.
enum Decoding {
    static func volume(_ item: JSONItem) -> VolumeRecord? {
        guard let id = identifier(item["id"], Kinds.Volume.self),
            let zone = identifier(item["zoneid"], Kinds.Zone.self),
            let state = item["state"]?.text, let size = item["size"]?.integer
        else { return nil }
        var holder: MachineID?
        if let text = item["virtualmachineid"] {
            // A holder that cannot be read must not pass for no holder.
            guard let machine = identifier(text, Kinds.Machine.self) else { return nil }
            holder = machine
        }
        var job: JobID?
        if item["jobstatus"]?.integer == 0, let text = item["jobid"] {
            guard let pending = identifier(text, Kinds.Job.self) else { return nil }
            job = pending
        }
        return VolumeRecord(
            id: id, name: item["name"]?.text ?? "", zone: zone, state: VolumeState(word: state),
            kind: item["type"]?.text == "ROOT" ? .root : .data, sizeInBytes: size, attachedTo: holder,
            deviceIndex: item["deviceid"]?.integer, pendingJob: job)
    }

    static func machine(_ item: JSONItem) -> MachineRecord? {
        guard let id = identifier(item["id"], Kinds.Machine.self),
            let zone = identifier(item["zoneid"], Kinds.Zone.self),
            let state = item["state"]?.text
        else { return nil }
        return MachineRecord(id: id, name: item["name"]?.text ?? "", zone: zone, state: MachineState(word: state))
    }

    static func zone(_ item: JSONItem) -> (id: ZoneID, name: String)? {
        guard let id = identifier(item["id"], Kinds.Zone.self) else { return nil }
        return (id, item["name"]?.text ?? "")
    }

    static func offering(_ item: JSONItem) -> DiskOfferingRecord? {
        guard let id = identifier(item["id"], Kinds.DiskOffering.self) else { return nil }
        return DiskOfferingRecord(
            id: id, name: item["name"]?.text ?? "", isCustomized: item["iscustomized"]?.flag ?? false,
            sizeInBytes: (item["disksize"]?.integer ?? 0) << 30)
    }

    /// A job's answer. A failed job can lack its result: then it ended with the management server or blocked for too long,
    /// and its effect may have happened.
    static func job(_ item: JSONItem) -> JobReport? {
        guard let status = item["jobstatus"]?.integer else { return nil }
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

    static func identifier<Kind>(_ item: JSONItem?, _ kind: Kind.Type) -> Identifier<Kind>? {
        item?.withTextBytes { UUIDValue(utf8: $0) }.flatMap { $0 }.map { Identifier($0) }
    }
}
