/// A file as nbd-server reads it: groups of keys and values, in the form of GLib's GKeyFile.
///
/// It is read only to tell what is there. Whether nbd-server takes a file is asked of nbd-server itself (``Trial``).
struct KeyFile {
    struct Group {
        let name: String
        /// The lines below the group's own, as they were written.
        var lines: [String] = []
        /// The later of two equal keys holds, as in GLib.
        var values: [String: String] = [:]

        /// Only these four words are a truth value for GLib; anything else stops nbd-server.
        func flag(_ key: String) -> Bool { values[key] == "true" || values[key] == "1" }
    }

    private(set) var groups: [Group] = []

    /// - Returns: nil when there is a line that GLib would not take.
    init?(_ text: String) {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let content = line.drop { $0 == " " || $0 == "\t" }
            let bare = content.hasSuffix("\r") ? content.dropLast() : content
            if bare.isEmpty || bare.hasPrefix("#") { continue }
            if bare.hasPrefix("[") {
                guard bare.hasSuffix("]"), bare.count > 2 else { return nil }
                groups.append(Group(name: String(bare.dropFirst().dropLast())))
                continue
            }
            guard !groups.isEmpty, let equals = bare.firstIndex(of: "="), equals > bare.startIndex else { return nil }
            var key = bare[..<equals]
            while key.last == " " || key.last == "\t" { key.removeLast() }
            let value = bare[bare.index(after: equals)...].drop { $0 == " " || $0 == "\t" }
            groups[groups.count - 1].lines.append(String(bare))
            groups[groups.count - 1].values[String(key)] = String(value)
        }
    }
}
