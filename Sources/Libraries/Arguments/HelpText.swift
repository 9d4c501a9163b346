extension CommandDescription {
    /// The help of one command, from its table.
    public func help(program: String) -> String {
        var lines = [
            "usage: "
                + ([program, name, options.isEmpty ? "" : "[OPTIONS]", operands].filter { !$0.isEmpty }).joined(
                    separator: " ")
        ]
        lines += ["", summary]
        if !discussion.isEmpty { lines += ["", discussion] }
        if !options.isEmpty {
            lines += ["", "options:"]
            let heads = options.map(head)
            let width = (heads.map(\.count).max() ?? 0) + 2
            for (head, option) in zip(heads, options) {
                lines.append("  " + head + String(repeating: " ", count: width - head.count) + option.help)
            }
        }
        if !examples.isEmpty {
            lines += ["", "examples:"]
            for (place, example) in examples.enumerated() {
                lines += (place == 0 ? [] : [""]) + ["  # \(example.meaning)", "  \(example.line)"]
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func head(_ option: CommandOption) -> String {
        let letter = option.letter.map { "-\($0), " } ?? "    "
        return switch option.value {
        case .none: "\(letter)--\(option.name)"
        case .required(let placeholder): "\(letter)--\(option.name) \(placeholder)"
        case .optional(let placeholder): "\(letter)--\(option.name)[=\(placeholder)]"
        }
    }
}
