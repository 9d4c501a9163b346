import Arguments
import ControlAPIClient
import ControlAPIModel
import Glibc
import LinuxCalls

/// `hawser import legacy`: takes over from the old volume daemon. hawserd reads and compares; what it proposes is then applied as
/// any manifest is.
enum ImportCommand {
    private static let variable = "HAWSER_LEGACY_DSN"

    static let command = Command(
        description: CommandDescription(
            "import", operands: "legacy", operandCount: 1...1,
            summary: "take over from the old volume daemon, and give back to it",
            discussion: """
                hawserd compares the old daemon's tables and nbd-server's files with CloudStack, the kernel and the live exports, and
                what all agree on becomes desired state: applied, it changes nothing. What disagrees is listed and left alone.
                The database is named by --dsn-file, by the variable HAWSER_LEGACY_DSN, or by legacy.url of hawserd's settings:
                user:password@tcp(host:3306)/name, mariadb://user:password@host/name, or the old unit's environment with
                DATABASE_DSN or DB_HOST and the like. --dsn takes it, too, but every user can read a command line with ps.
                """,
            options: [
                CommandOption("dry-run", help: "say what would be done, and change nothing"),
                CommandOption(
                    "dsn-file", value: .required("FILE"), completion: .files,
                    help: "a file with the address of the old daemon's database, or - for the standard input"),
                CommandOption(
                    "dsn", value: .required("DSN"), help: "the address itself; a password in it is seen by ps"),
                CommandOption(
                    "conf-dir", value: .required("DIR"), completion: .files,
                    help: "nbd-server's include directory (hawserd's nbd.includeDirectory)"),
                CommandOption(
                    "convert", value: .required("EXPORT"), isRepeatable: true,
                    help: "turn the old path of this export into its by-id path, while nobody is connected"),
                CommandOption(
                    "undo",
                    help: "give back: let go of what was imported, with tables and files as the old daemon expects"),
                Commands.socket, Commands.help,
            ], operandCompletions: [.words(["legacy"])],
            examples: [
                CommandExample(
                    "hawser import legacy --dsn-file /etc/old-daemon.env --dry-run", "what would be imported"),
                CommandExample("hawser import legacy --undo", "the way back, by legacy.url"),
            ]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        guard parsed.operands == ["legacy"] else {
            throw UsageError("there is one thing to import from: 'hawser import legacy'")
        }
        let names = parsed.values("convert")
        guard names.isEmpty || !parsed.has("undo") else { throw UsageError("either --convert or --undo, not both") }
        let request = WireLegacyRequest(
            source: try source(parsed), confDirectory: parsed.value("conf-dir"), names: names.isEmpty ? nil : names,
            dryRun: parsed.has("dry-run"))
        let client = Commands.client(parsed)
        if parsed.has("undo") { return tell(try await client.legacyUndo(request), isDry: request.dryRun) }
        if !names.isEmpty { return tell(try await client.legacyConvert(request), isDry: request.dryRun) }
        return try await takeOver(request, client)
    }

    /// Only the file, the variable or hawserd's own settings keep a password from other users.
    private static func source(_ parsed: ParsedCommand) throws -> String? {
        if let file = parsed.value("dsn-file") {
            guard parsed.value("dsn") == nil else { throw UsageError("either --dsn or --dsn-file, not both") }
            return String(decoding: try readFile(file == "-" ? "/dev/stdin" : file, limit: 65_536), as: UTF8.self)
        }
        if let text = parsed.value("dsn") { return text }
        return getenv(variable).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    private static func takeOver(_ request: WireLegacyRequest, _ client: ControlClient) async throws -> Int32 {
        let survey = try await client.legacySurvey(request)
        for line in lines(survey) { complain(line) }
        guard !survey.objects.isEmpty || !survey.alreadyWanted.isEmpty else {
            out("nothing to import")
            return ExitCode.success
        }
        if !survey.objects.isEmpty {
            let changes = try await client.apply(survey.objects, dryRun: request.dryRun)
            let exports = Dictionary(survey.objects.map { ($0.name, $0) }) { first, _ in first }
            for change in changes {
                out(
                    "volumeattachment/\(change.name) \(change.change): \(exports[change.name].map(words) ?? "")"
                        + (request.dryRun ? " (dry run)" : ""))
            }
        }
        guard !request.dryRun else { return ExitCode.success }
        for reason in try await client.legacyAdopt(request).left { complain(reason) }
        out("\(survey.objects.count) imported; 'hawser plan' has nothing to do when it has looked at all of them")
        return ExitCode.success
    }

    private static func words(_ object: WireObject) -> String {
        let place = object.vm == "self" ? "here" : "on \(object.vm)"
        let export = object.export.map { " as '\($0.name)'\($0.readOnly ? ", read-only" : "")" } ?? ", not exported"
        return "volume \(object.volume.id ?? "") \(place)\(export)"
    }

    /// All that is not imported, for people.
    static func lines(_ survey: WireLegacySurvey) -> [String] {
        var lines = ["read \(survey.source): \(survey.objects.count) volumes agree"]
        if !survey.alreadyWanted.isEmpty { lines.append("\(survey.alreadyWanted.count) volumes are objects already") }
        if !survey.detached.isEmpty {
            lines.append("\(survey.detached.count) volumes are attached nowhere and need no object")
        }
        for found in survey.disagreements {
            lines.append("\(found.about): \(found.isHeldBack ? "left alone, since" : "note that")")
            lines += found.seen.map { "    \($0)" }
            lines.append("    what to do: \(found.remedy)")
        }
        for found in survey.conversions {
            lines.append(
                "\(found.name): it has the old path \(found.from); 'hawser import legacy --convert \(found.name)' makes it "
                    + "\(found.to)" + (found.obstacle.map { ", as soon as it is idle: \($0)" } ?? ""))
        }
        return lines
    }

    private static func tell(_ deeds: WireLegacyDeeds, isDry: Bool) -> Int32 {
        for line in deeds.deeds { out(line + (isDry ? " (dry run)" : "")) }
        for line in deeds.left { complain(line) }
        if deeds.deeds.isEmpty, deeds.left.isEmpty { out("nothing to do") }
        return ExitCode.success
    }
}
