import Arguments
import ControlAPIClient
import ControlAPIModel
import VolumeModel

/// `hawser suspend`: sets objects aside.
enum SuspendCommand {
    static let command = Command(
        description: CommandDescription(
            "suspend", operands: "NAME...", operandCount: 1...1_000,
            summary: "report what differs, and touch nothing, until it is resumed",
            options: [
                PermissionOptions.reason,
                CommandOption("until", value: .required("TIME"), help: "end by itself: 2h, or 2026-01-31T08:00:00Z"),
                Commands.socket, Commands.help,
            ], operandCompletions: [.listed(Proposals.attachments)]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let reason = try PermissionOptions.reason(parsed)
        let client = Commands.client(parsed)
        let until = try await PermissionOptions.moment(parsed, "until", client)
        for done in try await client.suspend(Commands.names(parsed), reason: reason, until: until) { out(done.message) }
        return ExitCode.success
    }
}

/// `hawser resume`.
enum ResumeCommand {
    static let command = Command(
        description: CommandDescription(
            "resume", operands: "NAME...", operandCount: 1...1_000, summary: "take suspended attachments up again",
            options: [Commands.socket, Commands.help], operandCompletions: [.listed(Proposals.attachments)]),
        run: { parsed in
            for done in try await Commands.client(parsed).resume(Commands.names(parsed)) { out(done.message) }
            return ExitCode.success
        })
}

/// `hawser protect`: outlives the object.
enum ProtectCommand {
    static let command = Command(
        description: CommandDescription(
            "protect", operands: "VOLUME|NAME", operandCount: 1...1,
            summary: "keep a volume's data from being deleted, whatever objects say",
            discussion:
                "The protection is stored apart from the object and outlives it; 'hawser get protections' lists them.",
            options: [PermissionOptions.reason, Commands.socket, Commands.help],
            operandCompletions: [.listed(Proposals.attachments)]),
        run: { parsed in
            let reason = try PermissionOptions.reason(parsed)
            out(try await Commands.client(parsed).protect(Commands.names(parsed)[0], reason: reason).message)
            return ExitCode.success
        })
}

/// `hawser unprotect`.
enum UnprotectCommand {
    static let command = Command(
        description: CommandDescription(
            "unprotect", operands: "VOLUME|NAME", operandCount: 1...1, summary: "end the protection of a volume's data",
            options: [Commands.socket, Commands.help], operandCompletions: [.listed(Proposals.attachments)]),
        run: { parsed in
            out(try await Commands.client(parsed).protect(Commands.names(parsed)[0], reason: nil).message)
            return ExitCode.success
        })
}

/// `hawser override`: once, for one volume, by name, with a reason and an end.
enum OverrideCommand {
    static let command = Command(
        description: CommandDescription(
            "override", operands: "NAME", operandCount: 1...1,
            summary: "let one removal go on although the volume is in use",
            discussion: """
                It holds for the disk as it is plugged in now, for one removal, and until it expires. Clients that are
                connected lose their disk: what they have not flushed is lost.
                """,
            options: [
                CommandOption("allow-in-use", help: "what is allowed; required, so that it is read"),
                PermissionOptions.reason,
                CommandOption("expires", value: .required("TIME"), help: "10m, or 2026-01-31T08:00:00Z"),
                Commands.socket, Commands.help,
            ], operandCompletions: [.listed(Proposals.attachments)]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        guard parsed.has("allow-in-use") else { throw UsageError("say what is allowed: --allow-in-use") }
        let reason = try PermissionOptions.reason(parsed)
        let client = Commands.client(parsed)
        guard let expires = try await PermissionOptions.moment(parsed, "expires", client) else {
            throw UsageError("say when the override ends: --expires 10m")
        }
        let request = WireOverride(name: Commands.names(parsed)[0], reason: reason, expiresAt: expires)
        out(try await client.permitInUse(request).message)
        return ExitCode.success
    }
}

/// What the commands above share.
enum PermissionOptions {
    static let reason = CommandOption("reason", value: .required("TEXT"), help: "why, for those who read it later")

    static func reason(_ parsed: ParsedCommand) throws(UsageError) -> String {
        guard let reason = parsed.value("reason"), !reason.isEmpty else {
            throw UsageError("say why: --reason TEXT")
        }
        return reason
    }

    /// A moment, or a time from now by the daemon's clock.
    static func moment(_ parsed: ParsedCommand, _ option: String, _ client: ControlClient) async throws -> Timestamp? {
        guard let text = parsed.value(option) else { return nil }
        if let moment = Timestamp(text) { return moment }
        guard let duration = Durations.parse(text) else {
            throw UsageError("--\(option) takes a time such as 30m or 2h, or 2026-01-31T08:00:00Z, not '\(text)'")
        }
        return Timestamp(try await client.overview().at.instant + duration)
    }
}
