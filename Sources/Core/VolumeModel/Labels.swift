/// What labels may be: selectors have to be able to name them, and the store keeps them as lines of `key=value`.
public enum Labels {
    /// What is wrong with a label, as a sentence; nil when nothing is.
    public static func problem(key: String, value: String) -> String? {
        let isKey =
            (1...253).contains(key.utf8.count) && key.utf8.allSatisfy { $0 > 0x20 && !"!=()<>,".utf8.contains($0) }
        guard isKey, isOneLine(key) else {
            return "'\(key)' is no key of a label: use at most 253 bytes without spaces and any of ! = ( ) < > ,"
        }
        return isOneLine(value) ? nil : "the value of label '\(key)' has to be one line of text"
    }

    private static func isOneLine(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    }
}
