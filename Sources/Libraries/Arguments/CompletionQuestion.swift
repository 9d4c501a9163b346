/// What a shell asks when somebody presses the completion key: which words may stand where the cursor is.
///
/// The answer follows from the table that also parses: the shells' scripts hold no list of commands or options.
public struct CompletionQuestion: Sendable, Equatable {
    /// What may stand here. Commands and options are words like others.
    public private(set) var completion = Completion.anything
    /// What is typed of it so far.
    public private(set) var typed = ""
    /// What stands before it in the same word, such as `--output=`: a shell replaces the whole word.
    public private(set) var lead = ""
    /// The command, once it is typed.
    public private(set) var command: String?
    /// The operands that stand before the cursor.
    public private(set) var operands: [String] = []
    /// The values of options that stand before the cursor.
    public private(set) var values: [String: String] = [:]

    /// - Parameters:
    ///   - words: what stands after the program's name, up to the cursor; the last may be empty.
    ///   - commands: all that the program has.
    public init(_ words: [String], commands: [CommandDescription]) {
        guard let last = words.last else { return }
        typed = last
        guard words.count > 1, let name = words.first else {
            completion = .words(commands.map(\.name))
            return
        }
        guard let command = commands.first(where: { $0.name == name }) else { return }
        self.command = name
        var pending: CommandOption?
        var isOperandsOnly = false
        for word in words.dropFirst().dropLast() {
            if let option = pending {
                values[option.name] = word
                pending = nil
            } else if isOperandsOnly || !word.hasPrefix("-") || word == "-" {
                operands.append(word)
            } else if word == "--" {
                isOperandsOnly = true
            } else {
                pending = note(word, of: command)
            }
        }
        if let option = pending {
            completion = option.completion
        } else if !isOperandsOnly, last.hasPrefix("-") {
            askForOption(last, of: command)
        } else {
            askForOperand(of: command)
        }
    }

    /// Words as they were typed. bash takes them apart at `=` and `:` (COMP_WORDBREAKS in bash(1)): `--output`, `=`, `js`.
    ///
    /// - Returns: the words, and how many characters of the last one bash keeps: it replaces only what comes after them.
    public static func rejoined(_ pieces: [String]) -> (words: [String], kept: Int) {
        var words: [String] = []
        var kept = 0
        var isOpen = false
        for piece in pieces {
            let isBreak = !piece.isEmpty && piece.allSatisfy { $0 == "=" || $0 == ":" }
            guard let last = words.last, isBreak || isOpen else {
                words.append(piece)
                kept = 0
                continue
            }
            kept = last.count + (isBreak ? piece.count : 0)
            words[words.count - 1] = last + piece
            isOpen = isBreak
        }
        return (words, kept)
    }

    /// Notes an option that stands before the cursor; one whose value is the next word is returned.
    private mutating func note(_ word: String, of command: CommandDescription) -> CommandOption? {
        guard let (option, value, _) = Self.option(in: word, of: command) else { return nil }
        guard let value else {
            if case .required = option.value { return option }
            return nil
        }
        values[option.name] = value
        return nil
    }

    private mutating func askForOption(_ word: String, of command: CommandDescription) {
        if case (let option, let value?, let lead)? = Self.option(in: word, of: command) {
            completion = option.completion
            typed = value
            self.lead = lead
        } else {
            let given = Set(values.keys)
            completion = .words(
                command.options.filter { $0.isRepeatable || !given.contains($0.name) }.map { "--\($0.name)" })
        }
    }

    private mutating func askForOperand(of command: CommandDescription) {
        guard operands.count < command.operandCount.upperBound else {
            completion = .words([])
            return
        }
        let known = command.operandCompletions
        completion = operands.count < known.count ? known[operands.count] : known.last ?? .anything
    }

    /// The option that a word names, with the value that stands in the same word, and what stands before that value.
    private static func option(
        in word: String, of command: CommandDescription
    ) -> (option: CommandOption, value: String?, lead: String)? {
        if word.hasPrefix("--") {
            let name = word.dropFirst(2).prefix { $0 != "=" }
            guard let option = command.options.first(where: { $0.name == name }) else { return nil }
            let lead = "--\(name)="
            return (option, word.hasPrefix(lead) ? String(word.dropFirst(lead.count)) : nil, lead)
        }
        // Of bundled letters the last one decides: none before it takes a value.
        guard let letter = word.dropFirst().first,
            let option = command.options.first(where: { $0.letter == letter })
        else { return nil }
        guard case .required = option.value, word.count > 2 else { return (option, nil, word) }
        let lead = word.dropFirst(2).first == "=" ? "-\(letter)=" : "-\(letter)"
        return (option, String(word.dropFirst(lead.count)), lead)
    }
}

/// One word that is proposed, and what it means.
public struct CompletionProposal: Sendable, Equatable {
    public var word: String
    /// Empty when there is nothing to say.
    public var meaning: String

    public init(_ word: String, meaning: String = "") {
        self.word = word
        self.meaning = meaning
    }
}

extension CompletionQuestion {
    /// Those of the proposals that begin as it was typed, as whole words, in the given order.
    public func answer(_ proposals: [CompletionProposal]) -> [CompletionProposal] {
        proposals.filter { $0.word.hasPrefix(typed) }.map { CompletionProposal(lead + $0.word, meaning: $0.meaning) }
    }

    /// The words of the table with what its help says of them; `nil` when the table alone cannot tell.
    public func proposals(_ commands: [CommandDescription]) -> [CompletionProposal]? {
        guard case .words(let words) = completion else { return nil }
        let options = commands.first { $0.name == command }?.options ?? []
        return words.map { word in
            if command == nil, let known = commands.first(where: { $0.name == word }) {
                return CompletionProposal(word, meaning: known.summary)
            }
            let option = options.first { "--\($0.name)" == word }
            return CompletionProposal(word, meaning: option?.help ?? "")
        }
    }
}
