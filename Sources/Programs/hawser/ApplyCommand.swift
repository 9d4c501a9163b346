import Arguments
import ControlAPIClient
import ControlAPIModel
import Manifests
import VolumeModel

/// `hawser apply`: all or nothing.
enum ApplyCommand {
    static let command = Command(
        description: CommandDescription(
            "apply", summary: "make manifests the desired state, all or none",
            options: [
                Commands.file, CommandOption("dry-run", help: "say what would change, and change nothing"),
                CommandOption("wait", value: .optional("TIMEOUT"), help: "until all are ready (5m)"), Commands.socket,
                Commands.help,
            ]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let patience = try parsed.duration("wait") ?? .seconds(300)
        let objects = try ManifestFiles.read(parsed).map { WireObject($0) }
        let client = Commands.client(parsed)
        let isDry = parsed.has("dry-run")
        let changes = try await client.apply(objects, dryRun: isDry)
        for change in changes {
            out("volumeattachment/\(change.name) \(change.change)\(isDry ? " (dry run)" : "")")
        }
        guard parsed.has("wait"), !isDry else { return ExitCode.success }
        return try await WaitCommand.wait(
            for: .ready, objects.map(\.name),
            generations: Dictionary(changes.map { ($0.name, $0.generation) }) { _, later in later }, client,
            patience: patience)
    }
}

/// `hawser diff`: what `apply` would change.
enum DiffCommand {
    static let command = Command(
        description: CommandDescription(
            "diff", summary: "show what apply would change",
            options: [Commands.file, Commands.socket, Commands.help]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let objects = try ManifestFiles.read(parsed).map { WireObject($0) }
        let changes = try await Commands.client(parsed).apply(objects, dryRun: true).filter { $0.change != "unchanged" }
        for change in changes {
            out("\(change.change == "created" ? "+" : "~") \(change.name)")
            for difference in change.differences { out("    \(difference)") }
        }
        return changes.isEmpty ? ExitCode.success : ExitCode.different
    }
}

/// `hawser validate`: without a daemon.
enum ValidateCommand {
    static let command = Command(
        description: CommandDescription(
            "validate", summary: "check manifests, without a daemon", options: [Commands.file, Commands.help]),
        run: { parsed in
            let manifests = try ManifestFiles.read(parsed)
            out("\(manifests.count) valid")
            return ExitCode.success
        })
}

/// `hawser delete`.
enum DeleteCommand {
    static let command = Command(
        description: CommandDescription(
            "delete", operands: "[NAME...]", operandCount: 0...1_000,
            summary: "take attachments down: export, then attachment; data stays",
            options: [
                Commands.file, CommandOption("dry-run", help: "change nothing"),
                CommandOption("retain", help: "keep the volumes' data, whatever their deletionPolicy says"),
                Commands.socket, Commands.help,
            ]),
        run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        var names = parsed.operands
        if parsed.has("filename") { names += try ManifestFiles.read(parsed).map(\.name.text) }
        guard !names.isEmpty else { throw UsageError("name what to delete, or give manifests by -f") }
        let changes = try await Commands.client(parsed).delete(
            names, dryRun: parsed.has("dry-run"), retainsData: parsed.has("retain"))
        for change in changes { out("volumeattachment/\(change.name) \(change.change)") }
        return changes.contains { $0.change == "not found" } ? ExitCode.failure : ExitCode.success
    }
}

/// `hawser reconcile`.
enum ReconcileCommand {
    static let command = Command(
        description: CommandDescription(
            "reconcile", operands: "[NAME...]", operandCount: 0...1_000,
            summary: "look again now, without waiting for a backoff", options: [Commands.socket, Commands.help]),
        run: { parsed in
            try await Commands.client(parsed).reconcile(parsed.operands.isEmpty ? nil : parsed.operands)
            return ExitCode.success
        })
}

/// `hawser version`.
enum VersionCommand {
    static let command = Command(
        description: CommandDescription(
            "version", summary: "show the versions of hawser and hawserd", options: [Commands.socket, Commands.help]),
        run: { parsed in
            out("hawser   \(Version.text)")
            do throws(ControlError) {
                out("hawserd  \(try await Commands.client(parsed).version())")
            } catch {
                out("hawserd  not reachable")
            }
            return ExitCode.success
        })
}
