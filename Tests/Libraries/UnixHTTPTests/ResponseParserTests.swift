import Testing

@testable import UnixHTTP

@Suite struct ResponseParserTests {
    /// Parses a text that arrives in pieces of one size, and then ends.
    private func parse(
        _ text: String, pieces: Int = .max, limits: ResponseParser.Limits = .init()
    ) throws -> UnixHTTPResponse {
        var parser = ResponseParser(limits: limits)
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieces))
            rest = rest.dropFirst(piece.count)
            try piece.withUnsafeBytes { try parser.receive($0) }
        }
        try parser.end()
        return parser.response
    }

    private static let whole: [(text: String, status: Int, body: String)] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"),
        ("HTTP/1.0 404 \r\nContent-Length: 0\r\n\r\n", 404, ""),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, "until the end"),
        ("HTTP/1.1 200 OK\r\ncontent-length:\t5 , 5 \r\nContent-Length: 5\r\n\r\nhello", 200, "hello"),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", 204, ""),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx", 200, "x"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n00a;a=\"b\"\r\n, 10 bytes\r\n0\r\n\r\n",
            200, "hello, 10 bytes"
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nDigest: y\r\nZ: z\r\n\r\n", 200,
            "x"
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello", 200, "he"),
    ]

    @Test(arguments: whole, [1, 3, .max])
    func `a response reads the same in whatever pieces it comes`(
        _ response: (text: String, status: Int, body: String), _ pieces: Int
    ) throws {
        let parsed = try parse(response.text, pieces: pieces)
        #expect(parsed.status == response.status)
        #expect(String(decoding: parsed.body, as: UTF8.self) == response.body)
    }

    @Test func `fields are told by their lower-case names, and a folded one is one`() throws {
        let parsed = try parse("HTTP/1.1 200 OK\r\nX-One:  a b \r\nTwo: c\r\n  d\r\n\te\r\nX-ONE: last\r\n\r\n")
        #expect(parsed.headers == ["x-one": "last", "two": "c d e"])
    }

    @Test(arguments: [
        "HTTP/2 200 OK\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 no\r\n\r\n", "HTTP/1.1 200 OK\n\n", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nName : x\r\n\r\n", "HTTP/1.1 200 OK\r\n: x\r\n\r\n", "HTTP/1.1 200 OK\r\nname\r\n\r\n",
        "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n", "HTTP/1.1 200 OK\r\na: b\u{0}c\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\rc: d\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx", "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nxx", "HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\nx\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n",
    ])
    func `what is no clear response is refused`(_ text: String) {
        #expect {
            try parse(text)
        } throws: { error in
            guard case .malformed? = error as? UnixHTTPError else { return false }
            return true
        }
    }

    @Test(arguments: [
        "", "HTTP/1.1", "HTTP/1.1 200 OK\r\nContent-Len", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nxx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
    ])
    func `an end in the middle is no whole response`(_ text: String) {
        #expect {
            try parse(text)
        } throws: { error in
            guard case .broken? = error as? UnixHTTPError else { return false }
            return true
        }
    }

    private static let tooLong: [(text: String, limit: Int)] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", 100), ("HTTP/1.1 200 OK\r\n\r\n" + text(101), 100),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + text(64) + "\r\n40\r\n", 100),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffff\r\n", 100),
        ("HTTP/1.1 200 OK\r\nX: " + text(200), 200), ("HTTP/1.1 200 OK\r\n" + text(40, "a: b\r\n"), 200),
        (text(201), 200), ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + text(51, "0"), 50),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + text(40, "a: b\r\n"), 200),
    ]

    @Test(arguments: tooLong)
    func `a response that is too long is given up at its limit`(_ text: String, _ limit: Int) {
        let limits = ResponseParser.Limits(headInBytes: 200, chunkLineInBytes: 50, bodyInBytes: 100)
        #expect(throws: UnixHTTPError.tooLong(limitInBytes: limit)) { try parse(text, limits: limits) }
    }

    /// Each piece counted for a byte more than it had: what came slowly was refused at half its limit.
    @Test(arguments: [1, 3, .max]) func `a response of exactly its limits is taken`(pieces: Int) throws {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: " + Self.text(100) + "\r\n\r\n"
        let chunk = "0;" + Self.text(46) + "\r\n"
        let limits = ResponseParser.Limits(headInBytes: head.utf8.count, chunkLineInBytes: chunk.utf8.count)
        #expect(try parse(head + chunk + "\r\n", pieces: pieces, limits: limits).status == 200)
    }

    private static func text(_ count: Int, _ part: String = "x") -> String { String(repeating: part, count: count) }
}
