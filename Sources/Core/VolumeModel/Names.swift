/// The name of an object that people write: `metadata.name` of a manifest, `name` of a row.
///
/// Lower-case letters, digits, `-` and `.`, at most 253 characters, beginning and ending with a letter or digit
/// (RFC 1123, as Kubernetes takes it), so that it can stand in a path, a URL and a shell without quoting.
public struct ObjectName: Hashable, Sendable {
    public let text: String

    /// What a valid name looks like, for error messages.
    public static let rule =
        "use lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit, at most 253 characters"

    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard (1...253).contains(bytes.count), let first = bytes.first, let last = bytes.last,
            Characters.isLowerAlphanumeric(first), Characters.isLowerAlphanumeric(last),
            bytes.allSatisfy({
                Characters.isLowerAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
            })
        else { return nil }
        self.text = String(text)
    }
}

/// The name under which a client finds an export.
///
/// Letters, digits, `.`, `_` and `-`, beginning with a letter or digit, at most 128 characters: safe as a file name, in
/// an INI section, in a URI and on a command line, for every server that Hawser drives.
public struct ExportName: Hashable, Sendable {
    public let text: String

    /// What a valid name looks like, for error messages.
    public static let rule =
        "use letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 128 characters"

    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard (1...128).contains(bytes.count), let first = bytes.first, Characters.isAlphanumeric(first),
            bytes.allSatisfy({
                Characters.isAlphanumeric($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_")
                    || $0 == UInt8(ascii: "-")
            })
        else { return nil }
        self.text = String(text)
    }
}

extension ObjectName {
    /// The name for an object that is written for a volume: the volume's name as far as it can be an object's, and part of its
    /// id where that is not enough.
    ///
    /// - Parameter taken: the names that other objects have; the one that is made is added.
    public init(resembling volumeName: String, of volume: VolumeID, notAmong taken: inout Set<String>) {
        let plain = volumeName.lowercased().map { character in
            character.isASCII && (character.isLetter || character.isNumber) ? character : "-"
        }
        let words = String(plain).split(separator: "-").joined(separator: "-").prefix(200)
        let candidates = [String(words), "\(words)-\(volume.description.prefix(8))", "volume-\(volume)"]
        for candidate in candidates {
            if let name = ObjectName(candidate), taken.insert(candidate).inserted {
                self = name
                return
            }
        }
        preconditionFailure("no object can have the name of volume \(volume) already")
    }
}

extension ObjectName: Comparable, CustomStringConvertible {
    public static func < (left: ObjectName, right: ObjectName) -> Bool { left.text < right.text }
    public var description: String { text }
}

extension ExportName: Comparable, CustomStringConvertible {
    public static func < (left: ExportName, right: ExportName) -> Bool { left.text < right.text }
    public var description: String { text }
}

/// Classes of ASCII bytes.
private enum Characters {
    static func isLowerAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isLowerAlphanumeric(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
}
