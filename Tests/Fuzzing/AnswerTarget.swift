@testable import UnixHTTP

extension FuzzTarget {
    /// An answer of hawserd's, as the command line reads it from the socket: at once, and in pieces of one byte.
    static let httpAnswers = FuzzTarget(name: "http-answers") { bytes in
        let whole = parsed([bytes])
        let pieces = parsed(bytes.map { [$0] })
        try hold("pieces make \(whole), not \(pieces)", whole == pieces)
    }

    private static func parsed(_ pieces: [[UInt8]]) -> Parsed {
        var parser = ResponseParser(limits: .init(headInBytes: 1 << 10, chunkLineInBytes: 100, bodyInBytes: 2 << 10))
        do throws(UnixHTTPError) {
            for piece in pieces {
                var error: UnixHTTPError?
                piece.withUnsafeBytes { bytes in
                    do throws(UnixHTTPError) { try parser.receive(bytes) } catch let problem { error = problem }
                }
                if let error { throw error }
            }
            try parser.end()
        } catch {
            return .refused
        }
        let response = parser.response
        return .taken(status: response.status, headers: response.headers, body: response.body)
    }

    private enum Parsed: Equatable {
        case refused
        case taken(status: Int, headers: [String: String], body: [UInt8])
    }
}
