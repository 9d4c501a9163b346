import Arguments

/// By what a list is sorted.
enum SortKey: Sendable {
    case path(JSONPath)
    case column(Int)

    /// - Parameter text: a path such as `.metadata.name`, or the title of a column.
    init(_ text: String, of kind: Kind) throws(UsageError) {
        guard let place = kind.columns.firstIndex(where: { $0.title == text.uppercased() }) else {
            guard text.contains(".") || text.hasPrefix("{") else {
                throw UsageError(
                    "--sort-by takes a path such as .metadata.name, or a column of \(kind.name): "
                        + kind.columns.map(\.title).joined(separator: ", ") + "; not '\(text)'")
            }
            self = .path(try JSONPath(path: text))
            return
        }
        if let path = kind.columns[place].path { self = .path(try JSONPath(path: path)) } else { self = .column(place) }
    }
}
