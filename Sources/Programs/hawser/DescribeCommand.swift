import Arguments
import ControlAPIClient
import ControlAPIModel
import VolumeModel

/// `hawser describe`: all that is known of one attachment.
enum DescribeCommand {
    static let command = Command(
        description: CommandDescription(
            "describe", operands: "NAME", operandCount: 1...1, summary: "tell everything about one attachment",
            options: [Commands.socket, Commands.help], operandCompletions: [.listed(Proposals.attachments)]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let client = Commands.client(parsed)
        let name = Commands.names(parsed)[0]
        let detail = try await client.detail(of: name)
        let item = detail.attachment
        func line(_ label: String, _ value: String) {
            out("\(label):\(String(repeating: " ", count: max(1, 14 - label.count)))\(value)")
        }
        line("Name", item.name)
        line("Generation", "\(item.generation)")
        if let object = try await client.objects().first(where: { $0.name == name }) {
            line("Desired", wanted(object) + (item.isDeparting ? "; deleted: on its way out" : ""))
        }
        if let suspension = item.suspension {
            line("Suspended", suspension.reason + (suspension.until.map { ", until \($0)" } ?? ""))
        } else if item.restraint != nil {
            line("Mode", "Observe: nothing is touched")
        }
        line("Volume", item.volume ?? "not bound yet")
        line("Machine", (item.machine ?? "not known yet") + (item.isHere ? " (this appliance)" : ""))
        line("Ready", item.isReady ? "yes" : "no, since \(item.since)")
        if let reason = item.reason { line("Reason", "\(reason): \(item.message ?? "")") }
        if let mover = item.mover { line("Whose move", mover) }
        line("Next", (item.next ?? "nothing") + (item.nextAt.map { ", at \($0)" } ?? ""))
        out("Observed:")
        line("  CloudStack", item.cloudStack + (detail.volume.map { ": \(cloud($0))" } ?? ""))
        line("  Device", item.device + (detail.device.map { ": \(device($0))" } ?? ""))
        line("  Export", item.export + (detail.export.map { ": '\($0.name)' leads to \($0.target)" } ?? ""))
        if let clients = detail.clients { line("  Clients", clients) }
        observations(detail.observations ?? [])
        conditions(detail.conditions)
        if !item.drifts.isEmpty {
            out("Drift:")
            for drift in item.drifts { out("  \(drift.world): wanted \(drift.wanted), observed \(drift.observed)") }
        }
        let events = try await client.events(of: name)
        if !events.isEmpty {
            out("Events:")
            for event in events.prefix(20) {
                out("  \(event.at)  \(event.severity)  \(event.reason)  \(event.message)")
            }
        }
        return ExitCode.success
    }

    private static func wanted(_ object: WireObject) -> String {
        var words = ["on \(object.vm == "self" ? "this appliance" : object.vm)"]
        if let export = object.export {
            words.append("exported as '\(export.name)'\(export.readOnly ? ", read-only" : "")")
        }
        return words.joined(separator: ", ")
    }

    private static func cloud(_ volume: WireVolume) -> String {
        "'\(volume.name)', \(volume.state), \(Kind.size(volume.sizeInBytes))"
            + (volume.attachedTo.map { ", on machine \($0)" } ?? ", on no machine")
    }

    private static func device(_ device: WireDevice) -> String {
        let sequence = device.diskSequence.map { ", disk sequence \($0)" } ?? ""
        return "\(device.path), \(Kind.size(device.sizeInBytes))\(sequence)"
            + (device.links.first.map { ", \($0)" } ?? "")
    }

    /// A step reads anew what it hangs on; this is what is known without that.
    private static func observations(_ observations: [WireObservation]) {
        guard !observations.isEmpty else { return }
        out("Freshness:")
        for observation in observations {
            let age = observation.ageSeconds.map { ", \(Ages.text(.seconds($0))) ago" } ?? ""
            let label = "  \(observation.subject):"
            out(label + String(repeating: " ", count: max(1, 15 - label.count)) + observation.source + age)
        }
    }

    private static func conditions(_ conditions: [WireCondition]) {
        out("Conditions:")
        var table = Table(["  TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"])
        table.rows = conditions.map {
            ["  " + $0.type, $0.status, $0.lastTransitionTime.description, $0.reason, $0.message]
        }
        for line in table.lines(.standardOutput) { out(line) }
    }
}
