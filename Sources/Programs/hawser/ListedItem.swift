import Manifests

/// One line of a list, and the document behind it.
struct ListedItem: Sendable {
    /// Tells it from all others of its kind, before and after a change.
    var key: String
    /// What people may call it; the first is what `-o name` prints.
    var names: [String]
    /// Those of the attachment that it belongs to, if any.
    var labels: [String: String]
    /// One for each column of the kind.
    var cells: [String]
    /// Colours of cells by their column: SGR numbers such as 32.
    var colours: [Int: Int] = [:]
    /// What `-o json` prints of it.
    var document: any Encodable & Sendable
}

/// A column of a list.
struct Column: Sendable {
    var title: String
    /// Where its value stands in the document; `nil` when it is made of several.
    var path: String?
    /// Shown by `-o wide` only.
    var isWide = false
    /// Changes by itself as time goes by, which is nothing new.
    var isPassing = false

    init(_ title: String, _ path: String? = nil, isWide: Bool = false, isPassing: Bool = false) {
        self.title = title
        self.path = path
        self.isWide = isWide
        self.isPassing = isPassing
    }
}

/// What something looks like as a document: the fields that every kind has, and beside them its own.
struct ListedDocument<Content: Encodable & Sendable>: Encodable, Sendable {
    private struct Metadata: Encodable {
        var name: String
        var labels: [String: String]?
    }

    private enum CodingKeys: CodingKey {
        case apiVersion, kind, metadata
    }

    var kind: String
    var name: String
    var labels: [String: String]
    var content: Content

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(ManifestFields.apiVersion, forKey: .apiVersion)
        try container.encode(kind, forKey: .kind)
        try container.encode(Metadata(name: name, labels: labels.isEmpty ? nil : labels), forKey: .metadata)
        try content.encode(to: encoder)
    }
}
