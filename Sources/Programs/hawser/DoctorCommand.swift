import Arguments
import ControlAPIClient
import ControlAPIModel

/// `hawser doctor`: what is wrong with the installation, and what to do.
enum DoctorCommand {
    static let command = Command(
        description: CommandDescription(
            "doctor", summary: "look over CloudStack, udev, the NBD server and the store, and say what to mend",
            discussion: "It changes nothing.", options: [Commands.output, Commands.socket, Commands.help]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let format = try OutputFormat(parsed)
        let client = Commands.client(parsed)
        var findings = try await client.findings()
        let daemon = try await client.version()
        findings.insert(versions(daemon), at: 0)
        switch format {
        case .json: out(try Documents.json(WireList(items: findings)))
        case .yaml: out(try Documents.yaml(WireList(items: findings)), terminator: "")
        case .name: for finding in findings where finding.verdict != "good" { out(finding.subject) }
        case .table, .wide: show(findings)
        }
        return findings.contains { $0.verdict == "bad" } ? ExitCode.failure : ExitCode.success
    }

    private static func versions(_ daemon: String) -> WireFinding {
        let isSame = daemon == Version.text
        return WireFinding(
            subject: "versions", verdict: isSame ? "good" : "warning",
            message: "hawser \(Version.text), hawserd \(daemon)",
            remedy: isSame ? "" : "install the same version of both")
    }

    private static func show(_ findings: [WireFinding]) {
        var table = Table(["", "WHAT", "SEEN"])
        table.rows = findings.map { [word($0.verdict), $0.subject, $0.message] }
        table.colour = { row, column in
            guard column == 0 else { return nil }
            return ["good": 32, "warning": 33][findings[row].verdict] ?? 31
        }
        for line in table.lines(.standardOutput) { out(line) }
        for finding in findings where !finding.remedy.isEmpty {
            out("")
            out("\(finding.subject): \(finding.message)")
            out("  to mend it: \(finding.remedy)")
        }
        let bad = findings.count { $0.verdict == "bad" }
        let warnings = findings.count { $0.verdict == "warning" }
        out("")
        out(bad + warnings == 0 ? "all is well" : "\(bad) bad, \(warnings) to be watched")
    }

    private static func word(_ verdict: String) -> String {
        switch verdict {
        case "good": "ok"
        case "warning": "warn"
        default: "BAD"
        }
    }
}
