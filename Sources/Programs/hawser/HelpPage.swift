import Arguments

/// What `hawser help` shows.
enum HelpPage {
    static let purpose = "keep CloudStack volumes attached and exported as manifests say"

    static let environment: [(name: String, meaning: String)] = [
        ("HAWSER_SOCKET", "hawserd's control socket, when --socket does not name it"),
        ("NO_COLOR", "no colours, whatever its value; CLICOLOR_FORCE=1 asks for them where there is no terminal"),
        ("VISUAL, EDITOR", "the editor that edit starts (vi)"),
    ]

    static var overview: String {
        var lines = ["hawser: \(purpose).", "", "usage: hawser COMMAND [OPTIONS]"]
        let width = (Commands.all.map(\.description.name.count).max() ?? 0) + 2
        for (title, commands) in Commands.groups {
            lines += ["", "\(title):"]
            for command in commands {
                let name = command.description.name
                lines.append(
                    "  \(name)\(String(repeating: " ", count: width - name.count))\(command.description.summary)")
            }
        }
        lines += ["", "'hawser help COMMAND' tells more; 'hawser help exit-codes' what exit codes mean."]
        return lines.joined(separator: "\n")
    }

    static func page(_ word: String?) throws(UsageError) -> String {
        guard let word else { return overview }
        if word == "exit-codes" { return exitCodes }
        return String(try Commands.named(word).description.help(program: "hawser").dropLast())
    }

    private static var exitCodes: String {
        ExitCode.meanings.map { code, meaning in
            "\(code)\(String(repeating: " ", count: 4 - "\(code)".count))\(meaning)"
        }.joined(separator: "\n")
    }
}

/// `hawser help`.
enum HelpCommand {
    static let command = Command(
        description: CommandDescription(
            "help", operands: "[COMMAND|exit-codes]", operandCount: 0...1, summary: "show the help of a command",
            options: [Commands.help], operandCompletions: [.listed(Proposals.commands)]),
        run: { parsed in
            out(try HelpPage.page(parsed.operands.first))
            return ExitCode.success
        })
}
