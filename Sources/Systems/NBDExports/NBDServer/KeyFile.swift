/// A file as nbd-server reads it: groups of keys and values, in the form of GLib's GKeyFile.
///
/// It is read only to tell what is there. Whether nbd-server takes a file is asked of nbd-server itself (``Trial``).
struct KeyFile {
    struct Group {
        let name: String
        /// The lines below the group's own, as they were written, each with its key.
        var lines: [(key: String, text: String)] = []
        /// The later of two equal keys holds, as in GLib.
        var values: [String: String] = [:]

        /// Only these four words are a truth value for GLib; anything else stops nbd-server.
        func flag(_ key: String) -> Bool { values[key] == "true" || values[key] == "1" }
    }

    private(set) var groups: [Group] = []

    /// - Returns: nil when there is a line that GLib would not take.
    init?(_ text: String) {
        // By bytes, as GLib does: what looks like one character to people can begin with a sign that counts.
        for line in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            let content = line.drop(while: Self.isSpace)
            let bare = content.last == UInt8(ascii: "\r") ? content.dropLast() : content
            guard let first = bare.first, first != UInt8(ascii: "#") else { continue }
            if first == UInt8(ascii: "[") {
                guard bare.last == UInt8(ascii: "]"), bare.count > 2 else { return nil }
                groups.append(Group(name: Self.text(bare.dropFirst().dropLast())))
                continue
            }
            guard !groups.isEmpty, let equals = bare.firstIndex(of: UInt8(ascii: "=")), equals > bare.startIndex else {
                return nil
            }
            var key = bare[..<equals]
            while let last = key.last, Self.isSpace(last) { key.removeLast() }
            groups[groups.count - 1].lines.append((Self.text(key), Self.text(bare)))
            groups[groups.count - 1].values[Self.text(key)] =
                Self.text(bare[bare.index(after: equals)...].drop(while: Self.isSpace))
        }
    }

    /// The same text with another value in the one line that sets this key to `old`; all other bytes stay.
    ///
    /// - Returns: nil when it is no key file, or no single line says so.
    static func text(_ text: String, replacing key: String, _ old: String, by new: String) -> String? {
        guard KeyFile(text) != nil else { return nil }
        var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            String($0) ?? ""
        }
        let places = lines.indices.filter { index in
            guard let group = KeyFile("[x]\n" + lines[index])?.groups.first, group.lines.count == 1 else {
                return false
            }
            return group.lines[0].key == key
        }
        guard places.count == 1, let place = places.first, let range = lines[place].range(ofLast: old),
            KeyFile("[x]\n" + lines[place])?.groups.first?.values[key] == old
        else { return nil }
        lines[place].replaceSubrange(range, with: new)
        return lines.joined(separator: "\n")
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    private static func text(_ bytes: Substring.UTF8View) -> String { String(Substring(bytes)) }
}

extension String {
    /// Where this stands for the last time.
    fileprivate func range(ofLast part: String) -> Range<String.Index>? { ranges(of: part).last }
}
