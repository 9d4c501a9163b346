import YAML

/// A template with paths in it, such as `{.items[*].metadata.name}`, as `kubectl get -o jsonpath=` takes it.
///
/// The subset and its meaning are kubectl's ("JSONPath Support", kubernetes.io/docs/reference/kubectl/jsonpath, and the tests
/// of k8s.io/client-go/util/jsonpath), which is older than RFC 9535 and differs from it: text stands outside of braces;
/// several results are parted by a space; a field that is not there gives nothing; an index that is not there is an error.
/// Fields, `['a','b']`, `[n]`, `[a:b:c]`, `[*]`, `.*`, `..`, `[?(@.a=="b")]`, `range` and `end`, quoted text with `\n`, `\t`.
struct JSONPath: Sendable, Equatable {
    /// What stands in a template.
    indirect enum Part: Sendable, Equatable {
        case text(String)
        case path([Step])
        /// The parts between `{range …}` and `{end}`, for each result.
        case range([Step], [Part])
    }

    /// One step from values to values.
    indirect enum Step: Sendable, Equatable {
        case field(String)
        /// `[*]` and `.*`.
        case all
        /// `..`: the value itself and all that is in it, at any depth.
        case descendants
        case element(Int)
        case slice(from: Int?, to: Int?, by: Int)
        /// The results of each, one after the other.
        case union([[Step]])
        case filter(Filter)
        case literal(Node)
    }

    enum Filter: Sendable, Equatable {
        case exists([Step])
        case compares([Step], Comparison, [Step])
    }

    enum Comparison: String, Sendable, CaseIterable {
        case isEqual = "=="
        case isNotEqual = "!="
        case isAtMost = "<="
        case isAtLeast = ">="
        case isLess = "<"
        case isGreater = ">"
    }

    var parts: [Part]

    /// What a path cannot do with a value.
    struct Problem: Error, Equatable, CustomStringConvertible {
        var description: String
    }

    /// The template filled in.
    func text(of root: Node) throws(Problem) -> String { try Self.text(parts, of: root) }

    /// The results of all paths; text outside of braces gives none.
    func results(in root: Node) throws(Problem) -> [Node] {
        var results: [Node] = []
        for case .path(let steps) in parts { results += try Self.walk([root], steps) }
        return results
    }

    /// One value as it is printed: text without quotes, lists and maps as JSON.
    static func text(of value: Node) -> String {
        switch value.value {
        case .text(let text): text
        case .integer(let number): String(number)
        case .real(let number):
            number == number.rounded() && abs(number) < 1e15 ? String(Int64(number)) : String(number)
        case .flag(let flag): flag ? "true" : "false"
        case .null: "null"
        case .list, .map: Documents.compactJSON(value)
        }
    }

    private static func text(_ parts: [Part], of root: Node) throws(Problem) -> String {
        var text = ""
        for part in parts {
            switch part {
            case .text(let literal): text += literal
            case .path(let steps):
                text += try walk([root], steps).map(Self.text(of:)).joined(separator: " ")
            case .range(let steps, let body):
                for value in try walk([root], steps) { text += try Self.text(body, of: value) }
            }
        }
        return text
    }

    // MARK: Walking

    private static func walk(_ values: [Node], _ steps: [Step]) throws(Problem) -> [Node] {
        var values = values
        for step in steps { values = try walk(values, step) }
        return values
    }

    private static func walk(_ values: [Node], _ step: Step) throws(Problem) -> [Node] {
        var results: [Node] = []
        switch step {
        case .field(let name): results = values.compactMap { $0[name] }
        case .all: results = values.flatMap(children)
        case .descendants: results = values.flatMap(descendants)
        case .literal(let value): results = [value]
        case .union(let branches): for branch in branches { results += try walk(values, branch) }
        case .element(let index): for value in values { results.append(try element(index, of: try list(value))) }
        case .slice(let from, let to, let by):
            for value in values { results += try slice(try list(value), from, to, by) }
        case .filter(let filter):
            for value in values {
                for item in try list(value) where try passes(item, filter) { results.append(item) }
            }
        }
        return results
    }

    private static func children(_ value: Node) -> [Node] {
        switch value.value {
        case .list(let items): items
        case .map(let entries): entries.map(\.value)
        case .null, .flag, .integer, .real, .text: []
        }
    }

    private static func descendants(_ value: Node) -> [Node] {
        let inner = children(value)
        return inner.isEmpty ? [] : [value] + inner.flatMap(descendants)
    }

    private static func list(_ value: Node) throws(Problem) -> [Node] {
        guard case .list(let items) = value.value else {
            throw Problem(description: "cannot take elements of \(value.kind): only a list has them")
        }
        return items
    }

    private static func element(_ index: Int, of items: [Node]) throws(Problem) -> Node {
        let place = index < 0 ? index + items.count : index
        guard items.indices.contains(place) else {
            throw Problem(description: "cannot take element \(index): the list has \(items.count)")
        }
        return items[place]
    }

    private static func slice(_ items: [Node], _ from: Int?, _ to: Int?, _ by: Int) throws(Problem) -> [Node] {
        func place(_ index: Int) -> Int { index < 0 ? index + items.count : index }
        let from = place(from ?? 0)
        let to = to.map(place) ?? items.count
        if from == to { return [] }
        guard items.indices.contains(from), (from...items.count).contains(to) else {
            throw Problem(description: "cannot take elements \(from) to \(to): the list has \(items.count)")
        }
        return stride(from: from, to: to, by: by).map { items[$0] }
    }

    // MARK: Filters

    private static func passes(_ item: Node, _ filter: Filter) throws(Problem) -> Bool {
        switch filter {
        case .exists(let steps): return try !walk([item], steps).isEmpty
        case .compares(let left, let comparison, let right):
            let left = try walk([item], left)
            let right = try walk([item], right)
            guard left.count <= 1, right.count <= 1 else {
                throw Problem(description: "a filter can only compare one value with one other")
            }
            guard let left = left.first, let right = right.first else { return false }
            return try compare(left, comparison, right)
        }
    }

    private static func compare(_ left: Node, _ comparison: Comparison, _ right: Node) throws(Problem) -> Bool {
        switch (left.value, right.value) {
        case (.text(let left), .text(let right)): return holds(left, comparison, right)
        case (.integer(let left), .integer(let right)): return holds(left, comparison, right)
        case (.flag(let left), .flag(let right)) where comparison == .isEqual || comparison == .isNotEqual:
            return (left == right) == (comparison == .isEqual)
        default:
            if let left = number(left), let right = number(right) { return holds(left, comparison, right) }
            throw Problem(
                description: "a filter cannot compare \(left.kind) with \(right.kind) by \(comparison.rawValue): "
                    + "text stands in quotes, numbers and true or false do not")
        }
    }

    private static func number(_ value: Node) -> Double? {
        switch value.value {
        case .integer(let number): Double(number)
        case .real(let number): number
        case .null, .flag, .text, .list, .map: nil
        }
    }

    private static func holds<Value: Comparable>(_ left: Value, _ comparison: Comparison, _ right: Value) -> Bool {
        switch comparison {
        case .isEqual: left == right
        case .isNotEqual: left != right
        case .isLess: left < right
        case .isGreater: left > right
        case .isAtMost: left <= right
        case .isAtLeast: left >= right
        }
    }
}
