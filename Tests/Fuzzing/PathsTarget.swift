import Arguments
import YAML

@testable import hawser

extension FuzzTarget {
    /// A template of paths in the first line, taken of the document below.
    static let paths = FuzzTarget(name: "paths") { bytes in
        let input = HeadedInput(bytes)
        guard let path = try? JSONPath(input.head), let documents = try? YAMLReader().documents(input.body) else {
            return
        }
        for document in documents {
            _ = try? path.text(of: document)
            guard let results = try? path.results(in: document) else { continue }
            for (left, right) in zip(results, results.dropFirst()) {
                try hold(
                    "of two values at most one is before the other",
                    !(SortOrder.isBefore(left, right) && SortOrder.isBefore(right, left)))
            }
        }
    }
}
