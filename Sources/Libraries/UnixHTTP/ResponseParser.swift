/// Reads one HTTP/1.1 response from bytes as they arrive, in pieces of any size (RFC 9112).
///
/// It takes what its standard demands and nothing lenient: lines end in CR LF (section 2.2), a name is followed by its colon
/// (section 5.1), and the body's length is unambiguous (section 6.3), or the response is refused.
struct ResponseParser {
    /// How much of a response is taken.
    struct Limits {
        /// Of the status line with all fields, and of the trailer.
        var headInBytes = 64 << 10
        /// Of a line that begins a chunk.
        var chunkLineInBytes = 1 << 10
        var bodyInBytes = 256 << 20
    }

    private enum Stage {
        case statusLine
        case fields
        /// So many bytes are still to come.
        case body(Int)
        case bodyUntilEnd
        case chunkLine
        case chunk(Int)
        /// The CR LF behind a chunk.
        case chunkEnd
        case trailer
        case complete
    }

    private let limits: Limits
    private var stage = Stage.statusLine
    private var line: [UInt8] = []
    /// Bytes of lines so far, of the head or of the trailer.
    private var lineBytes = 0
    private var fields: [(name: String, value: String)] = []
    private(set) var response = UnixHTTPResponse(status: 0)

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    var isComplete: Bool { if case .complete = stage { true } else { false } }

    /// Takes in what has arrived. What stands behind the response is left alone.
    mutating func receive(_ bytes: UnsafeRawBufferPointer) throws(UnixHTTPError) {
        var rest = bytes[...]
        while !rest.isEmpty, !isComplete {
            switch stage {
            case .statusLine, .fields, .chunkLine, .chunkEnd, .trailer:
                guard let text = try takeLine(from: &rest) else { return }
                try take(text)
            case .body(let missing):
                let count = take(from: &rest, upTo: missing)
                stage = count == missing ? .complete : .body(missing - count)
            case .chunk(let missing):
                let count = take(from: &rest, upTo: missing)
                stage = count == missing ? .chunkEnd : .chunk(missing - count)
            case .bodyUntilEnd:
                try demand(rest.count)
                _ = take(from: &rest, upTo: .max)
            case .complete: return
            }
        }
    }

    /// The server closed the connection.
    mutating func end() throws(UnixHTTPError) {
        switch stage {
        case .complete: return
        case .bodyUntilEnd: stage = .complete
        case .statusLine where line.isEmpty && lineBytes == 0:
            throw .broken("the connection was closed without an answer")
        case .statusLine, .fields, .body, .chunkLine, .chunk, .chunkEnd, .trailer:
            throw .broken("the connection was closed in the middle of the answer")
        }
    }

    // MARK: Lines

    /// - Returns: a line without its end; `nil` when its end has not arrived yet.
    private mutating func takeLine(from rest: inout Slice<UnsafeRawBufferPointer>) throws(UnixHTTPError) -> String? {
        let end = rest.firstIndex(of: UInt8(ascii: "\n"))
        let part = rest[..<(end ?? rest.endIndex)]
        let limit = if case .chunkLine = stage { limits.chunkLineInBytes } else { limits.headInBytes }
        lineBytes += part.count + (end == nil ? 0 : 1)
        guard lineBytes <= limit else { throw .tooLong(limitInBytes: limit) }
        line += part
        rest = rest[(end.map { $0 + 1 } ?? rest.endIndex)...]
        guard end != nil else { return nil }
        guard line.popLast() == UInt8(ascii: "\r") else { throw .malformed("a line ends without CR") }
        // Besides tabs no control character may stand in a line (RFC 9110, section 5.5; bare CR: RFC 9112, section 2.2).
        guard line.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
            throw .malformed("a control character stands in a line")
        }
        defer { line.removeAll(keepingCapacity: true) }
        return String(decoding: line, as: UTF8.self)
    }

    private mutating func take(_ text: String) throws(UnixHTTPError) {
        switch stage {
        case .statusLine:
            response = UnixHTTPResponse(status: try Self.status(text))
            stage = .fields
        case .fields where text.isEmpty: try beginBody()
        case .fields: try takeField(text)
        case .chunkLine: try beginChunk(text)
        case .chunkEnd:
            guard text.isEmpty else { throw .malformed("a chunk is longer than it says") }
            lineBytes = 0
            stage = .chunkLine
        case .trailer:
            // Nothing that a trailer could say is wanted (RFC 9112, section 7.1.2).
            if text.isEmpty { stage = .complete }
        case .body, .bodyUntilEnd, .chunk, .complete: preconditionFailure("no line is due in \(stage)")
        }
    }

    /// `HTTP/1.1 200 OK`; the reason may be empty, and means nothing (RFC 9112, section 4).
    private static func status(_ text: String) throws(UnixHTTPError) -> Int {
        let bytes = Array(text.utf8)
        let isVersion = text.hasPrefix("HTTP/1.") && bytes.count >= 13 && isDigit(bytes[7])
        guard isVersion, bytes[8] == 0x20, bytes[9...11].allSatisfy(isDigit), bytes[12] == 0x20,
            let status = Int(String(decoding: bytes[9...11], as: UTF8.self)), status >= 100
        else { throw .malformed("it does not begin with a status line") }
        return status
    }

    private mutating func takeField(_ text: String) throws(UnixHTTPError) {
        // A line that begins with white space goes on with the field before (obs-fold, RFC 9112, section 5.2).
        if text.first == " " || text.first == "\t" {
            guard let last = fields.indices.last else { throw .malformed("white space stands before the first field") }
            fields[last].value += " " + Self.trimmed(text)
            return
        }
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")), colon > text.startIndex,
            text[..<colon].utf8.allSatisfy(Self.isNameCharacter)
        else { throw .malformed("a field has no name") }
        fields.append((text[..<colon].lowercased(), Self.trimmed(text[text.index(after: colon)...])))
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        return String(text.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// What a token is made of (RFC 9110, section 5.6.2).
    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    // MARK: The body's length

    private mutating func beginBody() throws(UnixHTTPError) {
        let lengths = values(of: "content-length")
        let codings = values(of: "transfer-encoding")
        response.headers = Dictionary(fields) { _, last in last }
        fields = []
        lineBytes = 0
        switch response.status {
        // An interim response; the one that counts follows (RFC 9110, section 15.2). To switch protocols nobody asked.
        case 101: throw .malformed("it switches to another protocol")
        case 100..<200: return stage = .statusLine
        case 204, 304: return stage = .complete
        default: break
        }
        if !codings.isEmpty {
            // Both together are an attempt at smuggling, or a mistake (RFC 9112, section 6.3, rule 3).
            guard lengths.isEmpty else { throw .malformed("it has both a length and a transfer coding") }
            guard codings.count == 1, codings[0].lowercased() == "chunked" else {
                throw .malformed("its transfer coding is '\(codings.joined(separator: ", "))'")
            }
            return stage = .chunkLine
        }
        guard let first = lengths.first else { return stage = .bodyUntilEnd }
        guard lengths.allSatisfy({ $0 == first }), !first.isEmpty, first.utf8.allSatisfy(Self.isDigit),
            let length = Int(first)
        else { throw .malformed("its length is '\(lengths.joined(separator: ", "))'") }
        try demand(length)
        response.body.reserveCapacity(length)
        stage = length == 0 ? .complete : .body(length)
    }

    /// The members of a field that is a list (RFC 9110, section 5.6.1).
    private func values(of name: String) -> [String] {
        fields.filter { $0.name == name }.flatMap {
            $0.value.split(separator: ",", omittingEmptySubsequences: false).map { Self.trimmed($0) }
        }
    }

    /// The size in hexadecimal digits, and extensions, which mean nothing (RFC 9112, section 7.1).
    private mutating func beginChunk(_ text: String) throws(UnixHTTPError) {
        lineBytes = 0
        let size = Self.trimmed(text.prefix { $0 != ";" })
        guard (1...15).contains(size.utf8.count), !size.hasPrefix("+"), !size.hasPrefix("-"),
            let count = Int(size, radix: 16)
        else { throw .malformed("a chunk's size is '\(size)'") }
        guard count > 0 else { return stage = .trailer }
        try demand(count)
        stage = .chunk(count)
    }

    private func demand(_ more: Int) throws(UnixHTTPError) {
        guard more <= limits.bodyInBytes - response.body.count else {
            throw .tooLong(limitInBytes: limits.bodyInBytes)
        }
    }

    private mutating func take(from rest: inout Slice<UnsafeRawBufferPointer>, upTo limit: Int) -> Int {
        let part = rest.prefix(limit)
        response.body.append(contentsOf: UnsafeRawBufferPointer(rebasing: part))
        rest = rest[part.endIndex...]
        return part.count
    }
}
