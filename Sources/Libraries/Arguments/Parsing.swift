extension CommandDescription {
    /// Takes a command's own arguments apart: long options with `=` or a following value, bundled letters, a letter's value
    /// beside it with or without `=`, `--`.
    public func parse(_ arguments: [String]) throws(UsageError) -> ParsedCommand {
        var values: [String: [String?]] = [:]
        var operands: [String] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                operands += rest
                break
            } else if argument.hasPrefix("--") {
                try take(long: argument.dropFirst(2), &rest, &values)
            } else if argument.hasPrefix("-"), argument.count > 1 {
                try take(letters: argument.dropFirst(), &rest, &values)
            } else {
                operands.append(argument)
            }
        }
        if !operandCount.contains(operands.count), values["help"] == nil {
            throw UsageError(operandProblem(operands))
        }
        return ParsedCommand(command: self, operands: operands, values: values)
    }

    private func operandProblem(_ given: [String]) -> String {
        if given.count < operandCount.lowerBound { return "\(operands) is missing" }
        return operandCount.upperBound == 0
            ? "'\(given[0])' is not expected here" : "'\(given[operandCount.upperBound])' is one argument too many"
    }

    private func take(
        long text: Substring, _ rest: inout ArraySlice<String>, _ values: inout [String: [String?]]
    ) throws(UsageError) {
        let name = String(text.prefix { $0 != "=" })
        let attached = text.firstIndex(of: "=").map { String(text[text.index(after: $0)...]) }
        guard let option = options.first(where: { $0.name == name }) else {
            let near = Spelling.nearest(to: name, among: options.map(\.name)).map { "; did you mean --\($0)?" } ?? ""
            throw UsageError("unknown option --\(name)\(near)")
        }
        switch option.value {
        case .none:
            if attached != nil { throw UsageError("--\(name) takes no value") }
            try add(nil, to: option, &values)
        case .optional: try add(attached, to: option, &values)
        case .required(let placeholder):
            guard let value = attached ?? rest.popFirst() else { throw UsageError("--\(name) needs \(placeholder)") }
            try add(value, to: option, &values)
        }
    }

    private func take(
        letters: Substring, _ rest: inout ArraySlice<String>, _ values: inout [String: [String?]]
    ) throws(UsageError) {
        var letters = letters
        while let letter = letters.popFirst() {
            guard let option = options.first(where: { $0.letter == letter }) else {
                throw UsageError("unknown option -\(letter)")
            }
            guard case .required(let placeholder) = option.value else {
                try add(nil, to: option, &values)
                continue
            }
            if letters.first == "=" { letters.removeFirst() }
            guard let value = letters.isEmpty ? rest.popFirst() : String(letters) else {
                throw UsageError("-\(letter) needs \(placeholder)")
            }
            try add(value, to: option, &values)
            return
        }
    }

    private func add(
        _ value: String?, to option: CommandOption, _ values: inout [String: [String?]]
    ) throws(UsageError) {
        if values[option.name] != nil, !option.isRepeatable {
            throw UsageError("--\(option.name) is given twice")
        }
        values[option.name, default: []].append(value)
    }
}

/// Finding the word that somebody meant.
public enum Spelling {
    /// The candidate that is fewest edits away, if it is near enough to be meant.
    public static func nearest(to word: String, among candidates: [String]) -> String? {
        let scored = candidates.map { (distance(word, $0), $0) }.sorted { $0 < $1 }
        guard let best = scored.first, best.0 <= max(1, word.count / 3) else { return nil }
        return best.1
    }

    /// Insertions, deletions and substitutions between two words (Levenshtein 1966).
    private static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left)
        let right = Array(right)
        var row = Array(0...right.count)
        for (i, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in right.enumerated() {
                let substituted = diagonal + (character == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[right.count]
    }
}
