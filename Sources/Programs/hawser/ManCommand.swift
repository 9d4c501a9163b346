import Arguments
import LinuxCalls

/// `hawser man`: manual pages, from the table of commands.
enum ManCommand {
    static let command = Command(
        description: CommandDescription(
            "man", operands: "[COMMAND]", operandCount: 0...1,
            summary: "print a manual page, of hawser or of one command, in mdoc",
            options: [
                CommandOption(
                    "directory", value: .required("DIR"), completion: .files,
                    help: "write all pages into this directory, as hawser.1, hawser-apply.1 and so on"),
                Commands.help,
            ], operandCompletions: [.listed(Proposals.commands)],
            examples: [
                CommandExample("hawser man apply | man -l -", "read the page of apply"),
                CommandExample("hawser man --directory /usr/local/share/man/man1", "install all pages"),
            ]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let manual = Manual.hawser
        if let directory = parsed.value("directory") {
            guard parsed.operands.isEmpty else { throw UsageError("--directory takes all pages: leave COMMAND out") }
            try createDirectories(directory)
            try writeFile("\(directory)/hawser.1", bytes: Array(manual.overview.utf8))
            for command in manual.commands {
                try writeFile("\(directory)/hawser-\(command.name).1", bytes: Array(manual.page(of: command).utf8))
            }
            return ExitCode.success
        }
        guard let word = parsed.operands.first else {
            out(manual.overview, terminator: "")
            return ExitCode.success
        }
        out(manual.page(of: try Commands.named(word).description), terminator: "")
        return ExitCode.success
    }
}

extension Manual {
    static var hawser: Manual {
        Manual(
            program: "hawser", summary: HelpPage.purpose, date: Version.date, environment: HelpPage.environment,
            exitCodes: ExitCode.meanings, commands: Commands.all.map(\.description))
    }
}
