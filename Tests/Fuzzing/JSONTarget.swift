import JSON

extension FuzzTarget {
    /// Any JSON, looked at in all ways.
    static let json = FuzzTarget(name: "json") { bytes in
        guard let document = try? JSONDocument(bytes) else { return }
        try walk(document.root)
    }

    private static func walk(_ item: JSONItem) throws(Broken) {
        let text = item.text
        try hold("the bytes are the text", item.withTextBytes { $0.count } == text?.utf8.count)
        let kinds = [text != nil, item.elements != nil, item.fields != nil].filter { $0 }.count
        try hold("a value is of one kind", kinds <= 1 && item.isObject == (item.fields != nil))
        if kinds == 0 { try hold("a number is no flag", item.integer == nil || item.flag == nil) }
        _ = item["id"]?.text
        if let text {
            var writer = JSONWriter()
            writer.object { $0.field("id", text) }
            let again = try? JSONDocument(writer.bytes)
            try hold(
                "what is written of \(text) is the same",
                again?.root["id"]?.text.map { Array($0.utf8) } == Array(text.utf8))
        }
        for element in item.elements ?? [] { try walk(element) }
        for field in item.fields ?? [] { try walk(field.item) }
    }
}
