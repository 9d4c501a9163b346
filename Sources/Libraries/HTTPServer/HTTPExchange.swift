/// A request as it came in.
public struct IncomingRequest: Sendable {
    public var method: String
    /// Percent-decoding is left to the reader.
    public var path: String
    /// What stood behind the question mark, as sent; empty without one.
    public var rawQuery: String
    /// By lower-case name; of repeated headers the last.
    public var headers: [String: String]
    public var body: [UInt8]
    /// Who is at the other end of a unix socket (SO_PEERCRED, unix(7)); `nil` over TCP.
    public var peer: PeerCredentials?

    public init(
        method: String, path: String, rawQuery: String, headers: [String: String], body: [UInt8],
        peer: PeerCredentials?
    ) {
        self.method = method
        self.path = path
        self.rawQuery = rawQuery
        self.headers = headers
        self.body = body
        self.peer = peer
    }
}

public struct PeerCredentials: Sendable, Equatable {
    public var processID: Int32
    public var userID: UInt32
    public var groupID: UInt32

    public init(processID: Int32, userID: UInt32, groupID: UInt32) {
        self.processID = processID
        self.userID = userID
        self.groupID = groupID
    }
}

/// What a handler answers.
public enum OutgoingResponse: Sendable {
    case whole(status: Int, headers: [(name: String, value: String)], body: [UInt8])
    /// The connection is closed without an answer.
    case dropped
}

public struct HTTPServerError: Error, Sendable, CustomStringConvertible {
    public var text: String

    public init(text: String) {
        self.text = text
    }

    public var description: String { "cannot serve HTTP: \(text)" }
}

/// Decodes `name=value&…` of a query or a form (application/x-www-form-urlencoded, WHATWG URL, section 5.1).
public enum FormDecoding {
    /// The pairs in the order in which they stand. A malformed escape stands for itself.
    public static func pairs(_ text: some StringProtocol) -> [(name: String, value: String)] {
        text.split(separator: "&").map { pair in
            guard let equals = pair.firstIndex(of: "=") else { return (decode(pair), "") }
            return (decode(pair[..<equals]), decode(pair[pair.index(after: equals)...]))
        }
    }

    public static func decode(_ text: some StringProtocol) -> String {
        var bytes: [UInt8] = []
        let source = Array(text.utf8)
        var position = 0
        while position < source.count {
            let byte = source[position]
            if byte == UInt8(ascii: "+") {
                bytes.append(UInt8(ascii: " "))
            } else if byte == UInt8(ascii: "%"), position + 2 < source.count,
                let value = UInt8(String(decoding: source[(position + 1)...(position + 2)], as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                position += 2
            } else {
                bytes.append(byte)
            }
            position += 1
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
