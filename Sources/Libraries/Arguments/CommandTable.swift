/// What may stand in a place of a command line, for shells that complete it.
public enum Completion: Sendable, Equatable {
    /// Whatever the person means; nothing can be proposed.
    case anything
    case words([String])
    case files
    /// What the program itself lists when it is asked under this word, such as the names of its objects.
    case listed(String)
}

/// One option of a command.
public struct CommandOption: Sendable {
    /// What may follow the option.
    public enum Value: Sendable, Equatable {
        case none
        /// `--name VALUE` or `--name=VALUE`; the text is the placeholder in help.
        case required(String)
        /// `--name` or `--name=VALUE`.
        case optional(String)
    }

    /// Without the dashes.
    public var name: String
    public var letter: Character?
    public var value: Value
    public var help: String
    public var isRepeatable: Bool
    /// What its value may be.
    public var completion: Completion

    public init(
        _ name: String, _ letter: Character? = nil, value: Value = .none, isRepeatable: Bool = false,
        completion: Completion = .anything, help: String
    ) {
        self.name = name
        self.letter = letter
        self.value = value
        self.help = help
        self.isRepeatable = isRepeatable
        self.completion = completion
    }
}

/// A command line to learn from, and what it does.
public struct CommandExample: Sendable, Equatable {
    /// With the program's name.
    public var line: String
    public var meaning: String

    public init(_ line: String, _ meaning: String) {
        self.line = line
        self.meaning = meaning
    }
}

/// One command of a program: what it is called, what it takes, what it does. Parsing, help, completion and manual pages
/// come from this one table.
public struct CommandDescription: Sendable {
    /// Empty for a program that has no commands.
    public var name: String
    /// Such as `[NAME...]`.
    public var operands: String
    /// How many operands there may be.
    public var operandCount: ClosedRange<Int>
    public var summary: String
    public var discussion: String
    public var options: [CommandOption]
    /// What the operands may be, by their places; the last holds for all that follow.
    public var operandCompletions: [Completion]
    public var examples: [CommandExample]

    public init(
        _ name: String, operands: String = "", operandCount: ClosedRange<Int> = 0...0, summary: String,
        discussion: String = "", options: [CommandOption] = [], operandCompletions: [Completion] = [],
        examples: [CommandExample] = []
    ) {
        self.name = name
        self.operands = operands
        self.operandCount = operandCount
        self.summary = summary
        self.discussion = discussion
        self.options = options
        self.operandCompletions = operandCompletions
        self.examples = examples
    }
}

/// What stands on a command line that the table does not know.
public struct UsageError: Error, Sendable, Equatable, CustomStringConvertible {
    public var description: String

    public init(_ description: String) {
        self.description = description
    }
}

/// A command line, taken apart.
public struct ParsedCommand: Sendable {
    public var command: CommandDescription
    public var operands: [String]
    var values: [String: [String?]]

    public func has(_ option: String) -> Bool { values[option] != nil }

    /// The value of an option; of a repeated one the last. `nil` when the option is absent or has no value.
    public func value(_ option: String) -> String? { values[option]?.last ?? nil }

    public func values(_ option: String) -> [String] { values[option]?.compactMap { $0 } ?? [] }

    /// The value as a whole number.
    public func number(_ option: String) throws(UsageError) -> Int? {
        guard let text = value(option) else { return nil }
        guard let number = Int(text) else { throw UsageError("--\(option) takes a whole number, not '\(text)'") }
        return number
    }

    /// The value as a duration: `30s`, `5m`, `2h`, `500ms`, or seconds.
    public func duration(_ option: String) throws(UsageError) -> Duration? {
        guard let text = value(option) else { return nil }
        guard let duration = Durations.parse(text) else {
            throw UsageError("--\(option) takes a time such as 30s, 5m or 2h, not '\(text)'")
        }
        return duration
    }
}

/// Durations as people write them.
public enum Durations {
    public static func parse(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isNumber }
        guard let number = Int64(digits), number >= 0 else { return nil }
        let unit: Int64
        switch text.dropFirst(digits.count) {
        case "ms": return .milliseconds(number)
        case "s", "": unit = 1
        case "m": unit = 60
        case "h": unit = 3_600
        case "d": unit = 86_400
        default: return nil
        }
        let (seconds, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow ? nil : .seconds(seconds)
    }
}
