import Arguments
import YAML

extension JSONPath {
    /// Reads a template. One that has no braces at all is taken for a single path, since as a text it would say nothing.
    init(_ template: String) throws(UsageError) {
        guard template.contains("{") else {
            self = try JSONPath(path: template)
            return
        }
        var reader = TemplateReader(template)
        self = JSONPath(parts: try reader.parts(untilEnd: false))
    }

    /// Reads one path, with or without braces and leading dot: `{.metadata.name}`, `.metadata.name`, `metadata.name`.
    init(path text: String) throws(UsageError) {
        var path = text[...]
        if path.hasPrefix("{"), path.hasSuffix("}") { path = path.dropFirst().dropLast() }
        let first = path.first.map(String.init) ?? ""
        var reader = PathReader((".[@$".contains(first) && !first.isEmpty ? "" : ".") + path, of: text)
        let steps = try reader.steps()
        guard !steps.isEmpty else { throw UsageError("the path '\(text)' is empty: write it like .metadata.name") }
        self = JSONPath(parts: [.path(steps)])
    }
}

/// Takes a template apart into text and what stands in braces.
private struct TemplateReader {
    private let template: String
    private var rest: Substring

    init(_ template: String) {
        self.template = template
        rest = template[...]
    }

    mutating func parts(untilEnd isInside: Bool) throws(UsageError) -> [JSONPath.Part] {
        var parts: [JSONPath.Part] = []
        while !rest.isEmpty {
            let text = rest.prefix { $0 != "{" }
            if !text.isEmpty { parts.append(.text(String(text))) }
            rest = rest.dropFirst(text.count)
            guard !rest.isEmpty else { break }
            let action = try self.action()
            switch action.split(separator: " ").first {
            case "end":
                guard isInside else { throw problem("there is an {end} without a {range}") }
                return parts
            case "range":
                var reader = PathReader(action.drop { $0 == " " }.dropFirst("range".count), of: template)
                let steps = try reader.steps()
                parts.append(.range(steps, try self.parts(untilEnd: true)))
            default:
                var reader = PathReader(action, of: template)
                parts.append(.path(try reader.steps()))
            }
        }
        if isInside { throw problem("a {range} has no {end}") }
        return parts
    }

    /// What stands between the next two braces; braces in quotes are text.
    private mutating func action() throws(UsageError) -> Substring {
        rest = rest.dropFirst()
        var quote: Character?
        var isEscaped = false
        for index in rest.indices {
            let character = rest[index]
            if isEscaped {
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if let open = quote {
                if character == open { quote = nil }
            } else if character == "\"" || character == "'" {
                quote = character
            } else if character == "}" {
                let action = rest[..<index]
                rest = rest[rest.index(after: index)...]
                return action
            }
        }
        throw problem(quote == nil ? "a '{' has no '}'" : "a quotation mark has no partner")
    }

    private func problem(_ text: String) -> UsageError {
        UsageError("the template '\(template)' makes no sense: \(text)")
    }
}

/// Reads the steps of one path.
private struct PathReader {
    private let whole: String
    private var rest: Substring

    init(_ path: some StringProtocol, of whole: String) {
        self.whole = whole
        rest = Substring(path)
    }

    mutating func steps() throws(UsageError) -> [JSONPath.Step] {
        var steps: [JSONPath.Step] = []
        while let character = rest.first {
            switch character {
            case " ", "$", "@": rest.removeFirst()
            case "\"", "'": steps.append(.literal(YAMLWriter.node(.text(try quoted()))))
            case ".": steps += try fieldSteps(after: steps.last)
            case "[": steps.append(try bracketStep())
            case "0"..."9", "-", "+": steps.append(.literal(try number()))
            default:
                let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
                guard word == "true" || word == "false" else {
                    throw problem("'\(word.isEmpty ? rest.prefix(1) : word)' is not expected; fields begin with a dot")
                }
                rest = rest.dropFirst(word.count)
                steps.append(.literal(YAMLWriter.node(.flag(word == "true"))))
            }
        }
        return steps
    }

    /// `.name`, `.*`, `..name`.
    private mutating func fieldSteps(after last: JSONPath.Step?) throws(UsageError) -> [JSONPath.Step] {
        rest.removeFirst()
        if rest.first == "." {
            if last == .descendants { throw problem("'..' stands twice") }
            rest.removeFirst()
            guard let next = rest.first, next.isLetter || next.isNumber || next == "_" || next == "*" else {
                return [.descendants]
            }
            return [.descendants, try field()]
        }
        guard let next = rest.first, !"[ ".contains(next) else { return [] }
        return [try field()]
    }

    /// A name up to the next `.`, `[` or space; a backslash takes the next character as it is: `.labels.example\.org/a`.
    private mutating func field() throws(UsageError) -> JSONPath.Step {
        var name = ""
        while let character = rest.first, !".,[]$@{} ".contains(character) {
            rest.removeFirst()
            if character == "\\", let next = rest.popFirst() { name.append(next) } else { name.append(character) }
        }
        guard !name.isEmpty else { throw problem("a dot has no field behind it") }
        return name == "*" ? .all : .field(name)
    }

    private mutating func bracketStep() throws(UsageError) -> JSONPath.Step {
        let inside = try bracketed()
        if inside.hasPrefix("?(") {
            guard inside.hasSuffix(")") else { throw problem("a filter is written [?(…)]") }
            return .filter(try filter(inside.dropFirst(2).dropLast()))
        }
        let choices = Self.split(inside, at: ",")
        if choices.count == 1 { return try choice(choices[0]) }
        return .union(try choices.map { (text) throws(UsageError) in [try choice(text)] })
    }

    /// What stands between `[` and its `]`.
    private mutating func bracketed() throws(UsageError) -> Substring {
        var depth = 0
        var quote: Character?
        for index in rest.indices {
            let character = rest[index]
            if let open = quote {
                if character == open { quote = nil }
            } else if character == "\"" || character == "'" {
                quote = character
            } else if character == "[" {
                depth += 1
            } else if character == "]" {
                depth -= 1
                if depth == 0 {
                    let inside = rest[rest.index(after: rest.startIndex)..<index]
                    rest = rest[rest.index(after: index)...]
                    return inside
                }
            }
        }
        throw problem("a '[' has no ']'")
    }

    private func choice(_ text: Substring) throws(UsageError) -> JSONPath.Step {
        let text = text.drop { $0 == " " }
        let trimmed = String(text.reversed().drop { $0 == " " }.reversed())
        if trimmed == "*" { return .all }
        if trimmed.count >= 2, let mark = trimmed.first, mark == "'" || mark == "\"", trimmed.last == mark {
            // kubectl reads what stands in quotes as a path again: ['status.capacity'] is two fields.
            var reader = PathReader("." + trimmed.dropFirst().dropLast(), of: whole)
            let steps = try reader.steps()
            return steps.count == 1 ? steps[0] : .union([steps])
        }
        if let index = Int(trimmed) { return .element(index) }
        let bounds = trimmed.split(separator: ":", omittingEmptySubsequences: false)
        let numbers = bounds.map { Int($0) }
        guard (2...3).contains(bounds.count), zip(bounds, numbers).allSatisfy({ $0.isEmpty || $1 != nil }) else {
            throw problem("'[\(trimmed)]' is no index, no slice and no name in quotes")
        }
        let step = numbers.count == 3 ? numbers[2] ?? 1 : 1
        guard step > 0 else { throw problem("the step of '[\(trimmed)]' is not above zero") }
        return .slice(from: numbers[0], to: numbers[1], by: step)
    }

    private func filter(_ text: Substring) throws(UsageError) -> JSONPath.Filter {
        if let (index, comparison) = Self.firstComparison(in: text) {
            var left = PathReader(text[..<index], of: whole)
            var right = PathReader(text[text.index(index, offsetBy: comparison.rawValue.count)...], of: whole)
            let sides = (try left.steps(), try right.steps())
            guard !sides.1.isEmpty else { throw problem("the filter '\(text)' compares with nothing") }
            return .compares(sides.0, comparison, sides.1)
        }
        if text.contains("&&") || text.contains("||") || text.contains("=~") {
            throw problem("filters have no '&&', '||' and '=~'; use jq on -o json")
        }
        var reader = PathReader(text, of: whole)
        return .exists(try reader.steps())
    }

    /// The first comparison that stands in no quotes; of several that begin at one place, the longest.
    private static func firstComparison(in text: Substring) -> (Substring.Index, JSONPath.Comparison)? {
        var quote: Character?
        for index in text.indices {
            if let open = quote {
                if text[index] == open { quote = nil }
            } else if text[index] == "\"" || text[index] == "'" {
                quote = text[index]
            } else if let found = JSONPath.Comparison.allCases.first(where: { text[index...].hasPrefix($0.rawValue) }) {
                return (index, found)
            }
        }
        return nil
    }

    private static func split(_ text: Substring, at mark: Character) -> [Substring] {
        var parts: [Substring] = []
        var start = text.startIndex
        var quote: Character?
        for index in text.indices {
            if let open = quote {
                if text[index] == open { quote = nil }
            } else if text[index] == "\"" || text[index] == "'" {
                quote = text[index]
            } else if text[index] == mark {
                parts.append(text[start..<index])
                start = text.index(after: index)
            }
        }
        return parts + [text[start...]]
    }

    private mutating func quoted() throws(UsageError) -> String {
        let mark = rest.removeFirst()
        var text = ""
        while let character = rest.popFirst() {
            if character == mark { return text }
            guard character == "\\", let next = rest.popFirst() else {
                text.append(character)
                continue
            }
            switch next {
            case "n": text.append("\n")
            case "t": text.append("\t")
            case "r": text.append("\r")
            case "\\", "\"", "'": text.append(next)
            default: throw problem("'\\\(next)' stands for nothing; there are \\n, \\t, \\r, \\\\, \\\" and \\'")
            }
        }
        throw problem("a quotation mark has no partner")
    }

    private mutating func number() throws(UsageError) -> Node {
        let text = rest.prefix { $0.isNumber || $0 == "." || $0 == "-" || $0 == "+" }
        rest = rest.dropFirst(text.count)
        if let number = Int64(text) { return YAMLWriter.node(.integer(number)) }
        guard let number = Double(text) else { throw problem("'\(text)' is no number") }
        return YAMLWriter.node(.real(number))
    }

    private func problem(_ text: String) -> UsageError { UsageError("the path '\(whole)' makes no sense: \(text)") }
}
