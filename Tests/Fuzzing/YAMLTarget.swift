import JSON
import YAML

@testable import hawser

extension FuzzTarget {
    /// Any YAML, and the YAML and the JSON that Hawser writes of it.
    static let yaml = FuzzTarget(name: "yaml") { bytes in
        guard let documents = try? YAMLReader().documents(bytes) else { return }
        for document in documents {
            let text = YAMLWriter.text(document)
            let again: [Node]
            do throws(YAMLError) { again = try YAMLReader().documents(Array(text.utf8)) } catch {
                throw Broken(description: "\(text)cannot be read: \(error)")
            }
            let isSame = again.count == 1 ? same(again[0], document) : again.isEmpty && document.value == .null
            try hold("\(text)is \(document)", isSame)
            if isFinite(document) { _ = try JSONDocument(Array(Documents.compactJSON(document).utf8)) }
        }
    }

    /// The same values, wherever they stand.
    private static func same(_ left: Node, _ right: Node) -> Bool {
        switch (left.value, right.value) {
        case (.list(let left), .list(let right)): left.count == right.count && zip(left, right).allSatisfy(same)
        case (.map(let left), .map(let right)):
            left.count == right.count
                && zip(left, right).allSatisfy { Array($0.key.utf8) == Array($1.key.utf8) && same($0.value, $1.value) }
        case (.text(let left), .text(let right)): Array(left.utf8) == Array(right.utf8)
        case (.real(let left), .real(let right)): left == right || left.isNaN && right.isNaN
        default: left.value == right.value
        }
    }

    /// JSON has no word for infinity.
    private static func isFinite(_ node: Node) -> Bool {
        switch node.value {
        case .real(let number): number.isFinite
        case .list(let items): items.allSatisfy(isFinite)
        case .map(let entries): entries.allSatisfy { isFinite($0.value) }
        case .null, .flag, .integer, .text: true
        }
    }
}
