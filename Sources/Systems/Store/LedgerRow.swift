import SQL
import VolumeModel

/// One line of the ledger as a row.
enum LedgerRow {
    static let columnNames = [
        "intent", "attachment", "verb", "volume", "machine", "name", "job", "phase", "remedy", "failure", "at",
        "evidence", "counts_as_removal",
    ]
    static let columns = columnNames.joined(separator: ", ")

    static func values(_ entry: LedgerEntry) -> [SQLValue] {
        var volume: VolumeID?
        var machine: MachineID?
        var name: String?
        switch entry.action {
        case .createVolume(let volumeName): name = volumeName
        case .attachVolume(let id, let target): (volume, machine) = (id, target)
        case .detachVolume(let id, let holder): (volume, machine) = (id, holder)
        case .resizeVolume(let id, let size): (volume, name) = (id, String(size))
        case .deleteVolume(let id): volume = id
        case .publishExport(let export, let id): (volume, name) = (id, export.text)
        case .withdrawExport(let export): name = export.text
        }
        var remedy: String?
        var failure: String?
        let phase: String
        switch entry.phase {
        case .intended: phase = "intended"
        case .accepted: phase = "accepted"
        case .ended(.succeeded): phase = "succeeded"
        case .ended(.neverArrived): phase = "never-arrived"
        case .ended(.resolvedByReading): phase = "resolved-by-reading"
        case .ended(.failed(let how, let text)):
            phase = "failed"
            remedy = how.rawValue
            failure = text
        }
        return [
            .text(entry.intent.description), .text(entry.attachment.description), .text(entry.action.verb),
            text(volume?.description), text(machine?.description), text(name), text(entry.job?.description),
            .text(phase), text(remedy), text(failure), .integer(entry.at.nanoseconds), .text(entry.evidence),
            .integer(entry.countsAsRemoval ? 1 : 0),
        ]
    }

    /// What no two lines have in common: intent, phase and time.
    static func identity(of values: [SQLValue]) -> [SQLValue] { [values[0], values[7], values[10]] }

    /// nil for a row that this program cannot have written.
    static func entry(_ row: [SQLValue]) -> LedgerEntry? {
        guard row.count == 13, let intent = row[0].text.flatMap({ IntentID($0) }),
            let attachment = row[1].text.flatMap({ AttachmentID($0) }), let action = action(row),
            let phase = phase(row),
            let at = row[10].integer
        else { return nil }
        return LedgerEntry(
            intent: intent, attachment: attachment, action: action, job: row[6].text.flatMap { JobID($0) },
            phase: phase,
            at: Instant(nanoseconds: at), evidence: row[11].text ?? "", countsAsRemoval: row[12].integer == 1)
    }

    private static func action(_ row: [SQLValue]) -> LedgerAction? {
        let volume = row[3].text.flatMap { VolumeID($0) }
        let machine = row[4].text.flatMap { MachineID($0) }
        let name = row[5].text
        switch row[2].text {
        case "create": return name.map { .createVolume(name: $0) }
        case "attach":
            guard let volume, let machine else { return nil }
            return .attachVolume(volume, to: machine)
        case "detach":
            guard let volume, let machine else { return nil }
            return .detachVolume(volume, from: machine)
        case "resize":
            guard let volume, let size = name.flatMap({ Int64($0) }) else { return nil }
            return .resizeVolume(volume, sizeInBytes: size)
        case "delete": return volume.map { .deleteVolume($0) }
        case "export":
            guard let volume, let export = name.flatMap({ ExportName($0) }) else { return nil }
            return .publishExport(export, of: volume)
        case "unexport": return name.flatMap { ExportName($0) }.map { .withdrawExport($0) }
        default: return nil
        }
    }

    private static func phase(_ row: [SQLValue]) -> LedgerPhase? {
        switch row[7].text {
        case "intended": .intended
        case "accepted": .accepted
        case "succeeded": .ended(.succeeded)
        case "never-arrived": .ended(.neverArrived)
        case "resolved-by-reading": .ended(.resolvedByReading)
        case "failed":
            row[8].text.flatMap { CloudRemedy(rawValue: $0) }.map { .ended(.failed($0, row[9].text ?? "")) }
        default: nil
        }
    }

    static func text(_ text: String?) -> SQLValue { text.map { .text($0) } ?? .null }
}
