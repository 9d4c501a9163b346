import CloudStackSimulator
import Curl
import FoundationEssentials

/// A caller of a CloudStack endpoint that signs by the server's rule and says everything as it likes.
struct SignedCall: Sendable {
    var endpoint: String
    var key = "simulator-admin-key"
    var secret = "simulator-admin-secret"
    private let http = HTTPClient()

    init(endpoint: String) { self.endpoint = endpoint }

    /// - Parameters:
    ///   - query: goes into the URL.
    ///   - form: goes into the body of a POST; a GET when empty.
    func send(
        _ query: [(String, String)], form: [(String, String)] = [], isSigned: Bool = true
    ) async throws -> HTTPResponse {
        var query = query
        // What the query says overwrites what the body says: that is what is signed.
        let overwritten = Set(query.map(\.0))
        if isSigned {
            query.append(("apiKey", key))
            let all = query + form.filter { !overwritten.contains($0.0) }
            query.append(("signature", RequestSignature.signature(of: all.map { ($0.0, $0.1) }, secret: secret)))
        }
        let url = endpoint + "?" + Self.encoded(query)
        if form.isEmpty { return try await http.send(HTTPRequest(.get, url)) }
        return try await http.send(
            HTTPRequest(
                .post, url, headers: [("Content-Type", "application/x-www-form-urlencoded")],
                body: Array(Self.encoded(form).utf8)))
    }

    /// A call that is answered with JSON: what is in its envelope.
    func json(_ command: String, _ parameters: [(String, String)] = []) async throws -> Envelope {
        let response = try await send([("command", command), ("response", "json")] + parameters)
        return Envelope(status: response.status, text: String(decoding: response.body, as: UTF8.self))
    }

    private static func encoded(_ pairs: [(String, String)]) -> String {
        pairs.map { "\(escaped($0.0))=\(escaped($0.1))" }.joined(separator: "&")
    }

    private static func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain =
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 45
            return isPlain
                ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }.joined()
    }

    struct Envelope {
        var status: Int
        var text: String

        /// The first value of a text field, wherever it is.
        func field(_ name: String) -> String? {
            guard let start = text.firstRange(of: "\"\(name)\":\"") else { return nil }
            return String(text[start.upperBound...].prefix { $0 != "\"" })
        }
    }
}
