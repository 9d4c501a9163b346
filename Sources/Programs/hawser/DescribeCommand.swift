import Arguments
import ControlAPIClient
import ControlAPIModel
import VolumeModel

/// `hawser describe`: all that is known of one attachment.
enum DescribeCommand {
    static let command = Command(
        description: CommandDescription(
            "describe", operands: "NAME", operandCount: 1...1, summary: "tell everything about one attachment",
            options: [Commands.socket, Commands.help]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let client = Commands.client(parsed)
        let overview = try await client.overview()
        let name = parsed.operands[0]
        guard let item = overview.items.first(where: { $0.name == name }) else {
            throw NoSuchAttachment(name: name)
        }
        func line(_ label: String, _ value: String) {
            out("\(label):\(String(repeating: " ", count: max(1, 14 - label.count)))\(value)")
        }
        line("Name", item.name)
        line("Generation", "\(item.generation)")
        line("Volume", item.volume ?? "not bound yet")
        line("Machine", (item.machine ?? "not known yet") + (item.isHere ? " (this appliance)" : ""))
        line("Ready", item.isReady ? "yes" : "no, since \(item.since)")
        if let reason = item.reason { line("Reason", "\(reason): \(item.message ?? "")") }
        if let mover = item.mover { line("Whose move", mover) }
        line("Next", item.next ?? "nothing" + (item.nextAt.map { ", at \($0)" } ?? ""))
        out("Observed:")
        line("  CloudStack", item.cloudStack)
        line("  Device", item.device)
        line("  Export", item.export + (item.clients.map { ", \($0) clients" } ?? ""))
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
}

struct NoSuchAttachment: Error, CustomStringConvertible {
    var name: String
    var description: String { "there is no attachment '\(name)': 'hawser get attachments' lists them" }
}
