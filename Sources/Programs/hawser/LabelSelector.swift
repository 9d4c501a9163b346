import Arguments

/// Which objects are meant, by their labels: `app=replication,tier!=db,env in (a,b),!x,x`.
///
/// The grammar and the meaning are those of Kubernetes ("Labels and Selectors", kubernetes.io/docs/concepts/overview/
/// working-with-objects/labels): all requirements have to hold, and `!=` and `notin` also hold where the label is absent.
struct LabelSelector: Sendable, Equatable {
    struct Requirement: Sendable, Equatable {
        enum Test: Sendable, Equatable {
            case exists
            case isAbsent
            case isOne(of: [String])
            case isNone(of: [String])
        }

        var key: String
        var test: Test
    }

    private(set) var requirements: [Requirement] = []

    /// An empty text means every object.
    init(_ text: String) throws(UsageError) {
        for part in try Self.parts(text) { requirements.append(try Self.requirement(part)) }
    }

    func matches(_ labels: [String: String]) -> Bool {
        requirements.allSatisfy { requirement in
            let value = labels[requirement.key]
            return switch requirement.test {
            case .exists: value != nil
            case .isAbsent: value == nil
            case .isOne(let values): value.map(values.contains) ?? false
            case .isNone(let values): !(value.map(values.contains) ?? false)
            }
        }
    }

    // MARK: Reading

    private static let example = "write it like app=replication,tier!=db,'env in (a,b)',x,!y"

    /// The requirements, taken apart at the commas that stand in no parentheses.
    private static func parts(_ text: String) throws(UsageError) -> [String] {
        var parts: [String] = [""]
        var isInside = false
        for character in text {
            switch character {
            case "(" where !isInside: isInside = true
            case ")" where isInside: isInside = false
            case "(", ")": throw UsageError("the selector '\(text)' has a parenthesis too many: \(example)")
            case "," where !isInside:
                parts.append("")
                continue
            default: break
            }
            parts[parts.count - 1].append(character)
        }
        guard !isInside else { throw UsageError("the selector '\(text)' lacks a ')': \(example)") }
        parts = parts.map(trimmed)
        if parts == [""] { return [] }
        guard !parts.contains("") else {
            throw UsageError("the selector '\(text)' has a comma with nothing beside it: \(example)")
        }
        return parts
    }

    private static func requirement(_ text: String) throws(UsageError) -> Requirement {
        if text.hasPrefix("!") { return Requirement(key: try key(text.dropFirst(), of: text), test: .isAbsent) }
        if let open = text.firstIndex(of: "(") {
            let words = text[..<open].split(separator: " ")
            guard words.count == 2, text.hasSuffix(")"), words[1] == "in" || words[1] == "notin" else {
                throw UsageError("'\(text)' is no requirement: \(example)")
            }
            let values = text[text.index(after: open)...].dropLast().split(
                separator: ",", omittingEmptySubsequences: false
            ).map { trimmed(String($0)) }
            let key = try key(words[0], of: text)
            return Requirement(key: key, test: words[1] == "in" ? .isOne(of: values) : .isNone(of: values))
        }
        guard let equals = text.firstIndex(of: "=") else {
            return Requirement(key: try key(text[...], of: text), test: .exists)
        }
        var name = text[..<equals]
        var value = text[text.index(after: equals)...]
        let isNegated = name.hasSuffix("!")
        if isNegated { name.removeLast() } else if value.hasPrefix("=") { value.removeFirst() }
        guard !value.contains("=") else { throw UsageError("'\(text)' is no requirement: \(example)") }
        let values = [trimmed(String(value))]
        return Requirement(
            key: try key(name, of: text), test: isNegated ? .isNone(of: values) : .isOne(of: values))
    }

    private static func key(_ text: Substring, of requirement: String) throws(UsageError) -> String {
        let key = trimmed(String(text))
        guard !key.isEmpty, !key.contains(where: { " !=()<>".contains($0) }) else {
            throw UsageError("'\(requirement)' is no requirement: \(example)")
        }
        return key
    }

    private static func trimmed(_ text: String) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
