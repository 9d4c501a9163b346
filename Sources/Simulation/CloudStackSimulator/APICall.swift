import HTTPServer

/// The parameters of one request, merged from query and form as the servlet does.
struct APICall {
    let method: String
    /// By name as sent: what is signed.
    let raw: [(name: String, value: String)]
    /// By lower-case name: what is meant.
    let parameters: [String: String]
    let command: String

    init(_ request: IncomingRequest) {
        method = request.method
        var merged: [String: String] = [:]
        let isForm = request.headers["content-type"]?.hasPrefix("application/x-www-form-urlencoded") ?? true
        if request.method == "POST", isForm {
            for pair in FormDecoding.pairs(String(decoding: request.body, as: UTF8.self)) {
                merged[pair.name] = pair.value
            }
        }
        // A parameter of the query overwrites one of the body; of repeated ones the last wins.
        for pair in FormDecoding.pairs(request.rawQuery) { merged[pair.name] = pair.value }
        raw = merged.map { ($0.key, $0.value) }
        parameters = Dictionary(merged.map { ($0.key.lowercased(), $0.value) }) { first, _ in first }
        command = merged["command"] ?? ""
    }

    func value(_ name: String) -> String? { parameters[name] }

    var volume: String? { parameters["id"] }

    var isJSON: Bool { parameters["response"]?.lowercased() == "json" }
}

/// The formats in which `expires` may be written.
enum ExpiryDate {
    /// `2030-01-02T03:04:05` followed by `Z`, `+00:00` or `+0000`, with or without a fraction of a second.
    ///
    /// - Returns: milliseconds since 1970.
    static func milliseconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes[4] == 45, bytes[7] == 45, bytes[10] == UInt8(ascii: "T") else { return nil }
        func number(_ range: Range<Int>) -> Int64? { Int64(String(decoding: bytes[range], as: UTF8.self)) }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19)
        else { return nil }
        var zone = bytes[19...]
        if zone.first == UInt8(ascii: ".") { zone = zone.dropFirst().drop { (48...57).contains($0) } }
        guard let offset = offsetInMinutes(String(decoding: zone, as: UTF8.self)) else { return nil }
        let days = daysFromCivil(year, month, day)
        return (((days * 24 + hour) * 60 + minute - offset) * 60 + second) * 1_000
    }

    private static func offsetInMinutes(_ zone: String) -> Int64? {
        if zone == "Z" || zone == "Z+0000" { return 0 }
        let digits = zone.dropFirst().filter { $0 != ":" }
        guard let sign = zone.first, sign == "+" || sign == "-", digits.count == 4, let number = Int64(digits) else {
            return nil
        }
        return (number / 100 * 60 + number % 100) * (sign == "-" ? -1 : 1)
    }

    /// Days since 1970 (Howard Hinnant, `days_from_civil`).
    private static func daysFromCivil(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
