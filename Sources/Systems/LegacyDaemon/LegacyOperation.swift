import JSON
import SQL
public import VolumeModel

/// One row of `volume_operations`: an effect of Hawser's, as the old daemon would have told of it.
public struct LegacyOperation: Sendable, Equatable {
    public let id: String
    var type: String
    public let status: String
    var volume: String
    var machine: String?
    var request: String
    var response: String?
    var error: String?
    var startedAt: Instant
    var changedAt: Instant
    var isOver: Bool

    /// - Parameter devicePath: where the volume is found now; of an attachment that is over its clients read it.
    /// - Returns: nil for what the old daemon had no word for: growth, and exports, which were no operations.
    public init?(_ record: OperationRecord, devicePath: String?) {
        var wish: [(StaticString, String)] = []
        var result: [(StaticString, String)] = []
        switch record.action {
        case .createVolume(let name):
            type = "create"
            volume = ""
            wish = [("name", name)]
        case .attachVolume(let id, to: let target):
            type = "attach"
            volume = id.description
            machine = target.description
            wish = [("volume_id", id.description), ("vm_id", target.description)]
            result = wish + [("device_path", devicePath ?? "")]
        case .detachVolume(let id, from: let holder):
            type = "detach"
            volume = id.description
            machine = holder.description
            wish = [("volume_id", id.description)]
            result = wish
        case .deleteVolume(let id):
            type = "delete"
            volume = id.description
            wish = [("volume_id", id.description)]
            result = wish
        case .resizeVolume, .publishExport, .withdrawExport: return nil
        }
        id = record.intent.description
        startedAt = record.startedAt
        changedAt = record.changedAt
        request = Self.json(wish)
        switch record.phase {
        case .intended: (status, isOver) = ("pending", false)
        case .accepted: (status, isOver) = ("executing", false)
        case .ended(.succeeded), .ended(.resolvedByReading):
            (status, isOver) = ("completed", true)
            response = Self.json(result + [("message", record.evidence)])
        case .ended(.failed), .ended(.neverArrived):
            (status, isOver) = ("failed", true)
            error = record.evidence
        }
    }

    private static func json(_ fields: [(StaticString, String)]) -> String {
        var writer = JSONWriter()
        writer.object { object in
            for (name, value) in fields { object.field(name, value) }
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    var values: [String: LegacyChange.Value] {
        [
            "type": .text(type), "status": .text(status), "volume_id": .text(volume),
            "vm_id": machine.map { .text($0) } ?? .null, "request": .text(request),
            "response": response.map { .text($0) } ?? .null, "error": error.map { .text($0) } ?? .null,
            "created_at": .moment(startedAt), "completed_at": isOver ? .moment(changedAt) : .null,
        ]
    }

    /// The change of its status, as a row of `volume_operation_history`.
    func transition(from previous: String?) -> [String: LegacyChange.Value] {
        [
            "previous_status": previous.map { .text($0) } ?? .null, "new_status": .text(status),
            "changed_at": .moment(changedAt), "details": .text(request),
        ]
    }
}
