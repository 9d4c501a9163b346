/// A value of an API answer, with the order of its fields kept.
public enum AnswerValue: Sendable, Equatable {
    case text(String)
    case number(Int64)
    case flag(Bool)
    case list([AnswerValue])
    case object([(name: String, value: AnswerValue)])

    public static func == (left: AnswerValue, right: AnswerValue) -> Bool {
        switch (left, right) {
        case (.text(let one), .text(let other)): one == other
        case (.number(let one), .number(let other)): one == other
        case (.flag(let one), .flag(let other)): one == other
        case (.list(let one), .list(let other)): one == other
        case (.object(let one), .object(let other)):
            one.count == other.count && zip(one, other).allSatisfy { $0.name == $1.name && $0.value == $1.value }
        default: false
        }
    }

    /// A field of an object.
    public subscript(_ name: String) -> AnswerValue? {
        guard case .object(let fields) = self else { return nil }
        return fields.first { $0.name == name }?.value
    }

    public var asText: String? { if case .text(let text) = self { text } else { nil } }
    public var asNumber: Int64? { if case .number(let number) = self { number } else { nil } }
}

/// An object under construction; fields without a value are left out, as CloudStack does.
struct Fields {
    private(set) var fields: [(name: String, value: AnswerValue)] = []

    mutating func add(_ name: String, _ text: String?) {
        if let text { fields.append((name, .text(text))) }
    }

    mutating func add(_ name: String, _ number: Int64?) {
        if let number { fields.append((name, .number(number))) }
    }

    mutating func add(_ name: String, _ flag: Bool?) {
        if let flag { fields.append((name, .flag(flag))) }
    }

    mutating func add(_ name: String, _ value: AnswerValue) { fields.append((name, value)) }

    var object: AnswerValue { .object(fields) }
}

/// What a call is answered with.
public enum Answer: Sendable, Equatable {
    /// `{"<command>response": value}`.
    case success(envelope: String, AnswerValue)
    case failure(APIError)
}

/// An error as the API gives it (CloudStack's `ApiErrorCode` and `CSExceptionErrorCode`).
public struct APIError: Error, Sendable, Equatable {
    /// Also the HTTP status.
    public var code: Int
    /// Absent for errors that the servlet itself raises.
    public var cloudStackCode: Int?
    public var text: String
    /// The envelope key: the command's, or `errorresponse`.
    public var envelope: String

    public init(code: Int, cloudStackCode: Int?, text: String, envelope: String = "") {
        self.code = code
        self.cloudStackCode = cloudStackCode
        self.text = text
        self.envelope = envelope
    }

    static func parameter(_ text: String) -> APIError { APIError(code: 431, cloudStackCode: 4350, text: text) }
    static func server(_ text: String) -> APIError { APIError(code: 431, cloudStackCode: 9999, text: text) }
    static func runtime(_ text: String) -> APIError { APIError(code: 530, cloudStackCode: 4250, text: text) }
    static var notPermitted: APIError {
        APIError(
            code: 531, cloudStackCode: 4365, text: "Caller does not have permission to operate with provided resource.")
    }
    static func unsupported(_ text: String) -> APIError { APIError(code: 432, cloudStackCode: 4350, text: text) }

    /// The body of the answer.
    public var value: AnswerValue {
        var fields = Fields()
        fields.add("uuidList", .list([]))
        fields.add("errorcode", Int64(code))
        fields.add("cserrorcode", cloudStackCode.map { Int64($0) })
        fields.add("errortext", text)
        return fields.object
    }
}

/// Dates as the API writes them: `2026-11-20T21:00:00+0000`.
public enum APIDate {
    /// Civil date from days since 1970, by Howard Hinnant's `civil_from_days`.
    public static func text(milliseconds: Int64) -> String {
        let seconds = Int((Double(milliseconds) / 1000).rounded(.down))
        let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
        let rest = seconds - days * 86_400
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func pad(_ number: Int, _ digits: Int = 2) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        return
            "\(pad(year, 4))-\(pad(month))-\(pad(day))T\(pad(rest / 3600)):\(pad(rest / 60 % 60)):\(pad(rest % 60))+0000"
    }
}
