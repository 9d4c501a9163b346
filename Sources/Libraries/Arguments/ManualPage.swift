/// What all manual pages of a program share.
///
/// The pages are written in mdoc (mdoc(7)), which man-db and mandoc read, from the same table as help.
public struct Manual: Sendable {
    /// The program's name; its pages are `PROGRAM` and `PROGRAM-COMMAND`.
    public var program: String
    /// What the program is for, in a line without a full stop.
    public var summary: String
    /// When the program was last changed, as mdoc wants it: `November 21, 2026`.
    public var date: String
    /// The variables that it reads.
    public var environment: [(name: String, meaning: String)]
    /// The same for all commands.
    public var exitCodes: [(code: Int32, meaning: String)]
    /// In the order in which the program's own page lists them.
    public var commands: [CommandDescription]

    public init(
        program: String, summary: String, date: String, environment: [(name: String, meaning: String)],
        exitCodes: [(code: Int32, meaning: String)], commands: [CommandDescription]
    ) {
        self.program = program
        self.summary = summary
        self.date = date
        self.environment = environment
        self.exitCodes = exitCodes
        self.commands = commands
    }

    /// The page of the program itself.
    public var overview: String {
        var page = head(program, summary)
        page += [".Sh SYNOPSIS", ".Nm \(program)", ".Ar COMMAND", ".Op Ar OPTIONS"]
        page += [".Sh DESCRIPTION", "The commands are:", ".Bl -tag -width Ds"]
        for command in commands {
            page += [
                ".It Cm \(Mdoc.word(command.name))"
                    + (command.operands.isEmpty ? "" : " \(Mdoc.word(command.operands))")
            ]
            page += [Mdoc.text(command.summary)]
        }
        page += [".El"] + tail()
        page += [".Sh SEE ALSO"] + references(commands.map { "\(program)-\($0.name)" })
        return page.joined(separator: "\n") + "\n"
    }

    /// The page of one command.
    public func page(of command: CommandDescription) -> String {
        var page = head("\(program)-\(command.name)", command.summary)
        page += [".Sh SYNOPSIS", ".Nm \(Mdoc.word("\(program) \(command.name)"))"]
        page += command.options.map { ".Op \(Mdoc.option($0, separator: "|"))" }
        if !command.operands.isEmpty { page.append(".Ar \(Mdoc.word(command.operands))") }
        page += [".Sh DESCRIPTION", Mdoc.text(Self.sentence(command.summary) + ".")]
        for paragraph in command.discussion.split(separator: "\n\n") { page += [".Pp", Mdoc.text(String(paragraph))] }
        if !command.options.isEmpty {
            page += [".Pp", "The options are:", ".Bl -tag -width Ds"]
            for option in command.options {
                page += [".It \(Mdoc.option(option, separator: ","))", Mdoc.text(option.help)]
            }
            page.append(".El")
        }
        // mdoc(7) wants the sections in this order: ENVIRONMENT, EXIT STATUS, EXAMPLES, SEE ALSO.
        page += tail()
        if !command.examples.isEmpty { page += [".Sh EXAMPLES"] + examples(command.examples) }
        page += [".Sh SEE ALSO"] + references([program])
        return page.joined(separator: "\n") + "\n"
    }

    private func examples(_ examples: [CommandExample]) -> [String] {
        examples.enumerated().flatMap { place, example in
            (place == 0 ? [] : [".Pp"]) + [
                Mdoc.text(Self.sentence(example.meaning) + ":"), ".Bd -literal -offset indent",
                Mdoc.line(example.line), ".Ed",
            ]
        }
    }

    private func head(_ name: String, _ summary: String) -> [String] {
        [
            ".Dd \(date)", ".Dt \(name.uppercased()) 1", ".Os", ".Sh NAME", ".Nm \(name)",
            ".Nd \(Mdoc.text(summary))",
        ]
    }

    private func tail() -> [String] {
        var lines: [String] = []
        if !environment.isEmpty {
            lines += [".Sh ENVIRONMENT", ".Bl -tag -width Ds"]
            for (name, meaning) in environment { lines += [".It Ev \(Mdoc.word(name))", Mdoc.text(meaning)] }
            lines.append(".El")
        }
        if !exitCodes.isEmpty {
            lines += [".Sh EXIT STATUS", ".Bl -tag -width Ds"]
            for (code, meaning) in exitCodes { lines += [".It \(code)", Mdoc.text(meaning)] }
            lines.append(".El")
        }
        return lines
    }

    private func references(_ pages: [String]) -> [String] {
        let sorted = pages.sorted()
        return sorted.map { ".Xr \($0) 1" + ($0 == sorted.last ? "" : " ,") }
    }

    /// The same words with a capital at their beginning.
    private static func sentence(_ words: String) -> String { words.prefix(1).uppercased() + words.dropFirst() }
}

/// Text and words as mdoc takes them literally (roff(7), "Escape sequences"; mdoc(7), "MACRO SYNTAX").
enum Mdoc {
    /// One argument of a macro. `\&` in front keeps it from being taken for a macro or for punctuation.
    static func word(_ text: String) -> String {
        let safe = escaped(text).map { $0 == "\"" ? "\"\"" : String($0) }.joined()
        return "\"\\&\(safe)\""
    }

    /// One line as it is; one that begins like a macro does not become one.
    static func line(_ text: some StringProtocol) -> String {
        let line = escaped(String(text))
        return line.hasPrefix(".") || line.hasPrefix("'") ? "\\&" + line : line
    }

    /// Running text: a line for each sentence, as mdoc wants it, and none that is too long for an editor.
    static func text(_ text: String) -> String {
        var lines: [String] = []
        var line = ""
        for word in text.split(whereSeparator: \.isWhitespace) {
            if !line.isEmpty, line.count + word.count > 70 || line.hasSuffix(".") {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return (lines + [line]).map { Self.line($0) }.joined(separator: "\n")
    }

    /// `-f`, `--filename FILE`.
    static func option(_ option: CommandOption, separator: String) -> String {
        var parts = option.letter.map { "Fl \(escaped(String($0))) \(separator) " } ?? ""
        parts += "Fl \(escaped("-" + option.name))"
        switch option.value {
        case .none: return parts
        case .required(let placeholder): return parts + " Ar \(word(placeholder))"
        case .optional(let placeholder): return parts + " Ns Op = Ns Ar \(word(placeholder))"
        }
    }

    /// A hyphen that is typed is `\-`: a plain one may be printed as another character, which cannot be pasted.
    private static func escaped(_ text: String) -> String {
        text.map { character in
            switch character {
            case "\\": "\\e"
            case "-": "\\-"
            case "'": "\\(aq"
            case "`": "\\(ga"
            case "^": "\\(ha"
            case "~": "\\(ti"
            case "…": "..."
            default: String(character)
            }
        }.joined()
    }
}
