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
            discussion: """
                --prune also deletes what 'hawser apply' made and these files do not name any more. On a terminal it says how many
                removals it leads to, and asks when there are several. What --approve-removals does not approve counts toward the
                brake, unless this is about one object alone.
                """,
            options: [
                Commands.file, CommandOption("dry-run", help: "say what would change, and change nothing"),
                CommandOption("prune", help: "delete what was applied before and is in these files no more"),
                RemovalQuestion.option,
                CommandOption(
                    "selector", "l", value: .required("SELECTOR"),
                    help: "apply, and prune, only what has these labels, such as app=replication"),
                CommandOption("wait", value: .optional("TIMEOUT"), help: "until all are ready (5m)"), Commands.socket,
                Commands.help,
            ],
            examples: [
                CommandExample("hawser apply -f manifests/ --wait", "apply a directory, and wait until all are ready"),
                CommandExample(
                    "hawser apply -f manifests/ --prune --dry-run", "what would be applied and what deleted"),
            ]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let patience = try parsed.duration("wait") ?? .seconds(300)
        let selector = try parsed.value("selector").map { (text) throws(UsageError) in try LabelSelector(text) }
        let all = try ManifestFiles.read(parsed).map { WireObject($0) }
        let objects = all.filter { selector?.matches($0.labels) ?? true }
        let client = Commands.client(parsed)
        let isDry = parsed.has("dry-run")
        let pruned = parsed.has("prune") ? try await pruned(Set(all.map(\.name)), selector, client) : []
        guard !objects.isEmpty || !pruned.isEmpty else { throw UsageError("no manifest has these labels") }
        let approval = try await approval(objects, pruned, parsed, client)
        let changes =
            objects.isEmpty
            ? [] : try await client.apply(objects, approvedRemovals: approval?.applied, dryRun: isDry)
        for change in changes {
            out("volumeattachment/\(change.name) \(change.change)\(isDry ? " (dry run)" : "")")
        }
        if !pruned.isEmpty {
            _ = try await client.delete(pruned, approvedRemovals: approval?.pruned, isPrune: true, dryRun: isDry)
        }
        for name in pruned { out("volumeattachment/\(name) pruned\(isDry ? " (dry run)" : "")") }
        let removals = changes.filter { $0.isRemoval == true }.map(\.name) + pruned
        if isDry, !removals.isEmpty { out("leads to \(RemovalQuestion.text(removals.sorted()))") }
        if !isDry { RemovalQuestion.warn(removals, isApproved: approval != nil) }
        guard parsed.has("wait"), !isDry, !objects.isEmpty else { return ExitCode.success }
        return try await WaitCommand.wait(
            for: .ready, objects.map(\.name),
            generations: Dictionary(changes.map { ($0.name, $0.generation) }) { _, later in later }, client,
            patience: patience)
    }

    /// How many removals are approved, of what is applied and of what is pruned; nil when nobody has approved any by number.
    private static func approval(
        _ objects: [WireObject], _ pruned: [String], _ parsed: ParsedCommand, _ client: ControlClient
    ) async throws -> (applied: Int, pruned: Int)? {
        let given = try parsed.number("approve-removals")
        let ask = RemovalQuestion.onTerminal
        guard !parsed.has("dry-run"), given != nil || ask != nil else { return nil }
        let foreseen = objects.isEmpty ? [] : try await client.apply(objects, dryRun: true)
        let changed = foreseen.filter { $0.isRemoval == true }.map(\.name)
        guard try RemovalQuestion.isApproved(changed + pruned, given: given, ask: ask) else { return nil }
        return (changed.count, pruned.count)
    }

    private static func pruned(
        _ named: Set<String>, _ selector: LabelSelector?, _ client: ControlClient
    ) async throws(ControlError) -> [String] {
        let departing = try await client.overview().items.filter(\.isDeparting).map(\.name)
        return Prune.candidates(
            try await client.objects(), departing: Set(departing), named: named, selector: selector)
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
            discussion: """
                One by its name is approved by that. Several are approved by --approve-removals, or on a terminal by an answer; else
                they count toward the brake.
                """,
            options: [
                Commands.file, CommandOption("dry-run", help: "change nothing"),
                RemovalQuestion.option,
                CommandOption("retain", help: "keep the volume's data, whatever its deletionPolicy says"),
                Commands.socket, Commands.help,
            ],
            operandCompletions: [.listed(Proposals.attachments)],
            examples: [CommandExample("hawser delete scratch", "take scratch down, and leave its data")]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        var names = Commands.names(parsed)
        if parsed.has("filename") { names += try ManifestFiles.read(parsed).map(\.name.text) }
        guard !names.isEmpty else { throw UsageError("name what to delete, or give its manifest by -f") }
        let isDry = parsed.has("dry-run")
        let isApproved = try RemovalQuestion.isApproved(
            names, given: parsed.number("approve-removals"), ask: isDry ? nil : RemovalQuestion.onTerminal)
        let changes = try await Commands.client(parsed).delete(
            names, approvedRemovals: isApproved ? Set(names).count : nil, dryRun: isDry,
            retainsData: parsed.has("retain"))
        for change in changes { out("volumeattachment/\(change.name) \(change.change)\(isDry ? " (dry run)" : "")") }
        if !isDry { RemovalQuestion.warn(names, isApproved: isApproved) }
        return changes.contains { $0.change == "not found" } ? ExitCode.failure : ExitCode.success
    }
}

/// `hawser reconcile`.
enum ReconcileCommand {
    static let command = Command(
        description: CommandDescription(
            "reconcile", operands: "[NAME...]", operandCount: 0...1_000,
            summary: "look again now, without waiting for a backoff",
            options: [Commands.selector, Commands.socket, Commands.help],
            operandCompletions: [.listed(Proposals.attachments)]),
        run: { parsed in
            let client = Commands.client(parsed)
            try await client.reconcile(try await Commands.chosenNames(parsed, client))
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
