public import VolumeModel

/// A moment on the wire: RFC 3339 in UTC with milliseconds, `2026-11-20T23:55:00.123Z`.
public struct Timestamp: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    public var instant: Instant

    public init(_ instant: Instant) {
        self.instant = instant
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.instant < right.instant }

    public var description: String {
        let milliseconds = instant.nanoseconds.floored(by: 1_000_000)
        let (days, inDay) = milliseconds.quotientAndRest(by: 86_400_000)
        let (year, month, day) = Calendar.civil(fromDays: days)
        // Nanoseconds in 64 bits end in the year 2262: all years have four digits.
        return String(unsafeUninitializedCapacity: 24) { text in
            func put(_ number: Int64, _ places: Range<Int>, then end: Unicode.Scalar) {
                var rest = number
                for place in places.reversed() {
                    text[place] = UInt8(ascii: "0") + UInt8(rest % 10)
                    rest /= 10
                }
                text[places.upperBound] = UInt8(ascii: end)
            }
            put(year, 0..<4, then: "-")
            put(month, 5..<7, then: "-")
            put(day, 8..<10, then: "T")
            put(inDay / 3_600_000, 11..<13, then: ":")
            put(inDay / 60_000 % 60, 14..<16, then: ":")
            put(inDay / 1_000 % 60, 17..<19, then: ".")
            put(inDay % 1_000, 20..<23, then: "Z")
            return 24
        }
    }

    /// Reads exactly the form that ``description`` writes, with or without the milliseconds.
    public init?(_ text: some StringProtocol) {
        guard let numbers = Self.numbers(text), (1...12).contains(numbers[1]), (1...31).contains(numbers[2]),
            numbers[3] < 24, numbers[4] < 60, numbers[5] < 61
        else { return nil }
        let days = Calendar.days(fromCivil: numbers[0], numbers[1], numbers[2])
        guard Calendar.civil(fromDays: days) == (numbers[0], numbers[1], numbers[2]) else { return nil }
        let seconds = days * 86_400 + numbers[3] * 3_600 + numbers[4] * 60 + numbers[5]
        let (nanoseconds, overflow) = (seconds * 1_000 + numbers[6]).multipliedReportingOverflow(by: 1_000_000)
        guard !overflow else { return nil }
        self.init(Instant(nanoseconds: nanoseconds))
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = Timestamp(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text)' is no RFC 3339 time in UTC")
        }
        self = value
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// Year, month, day, hour, minute, second and millisecond.
    private static func numbers(_ text: some StringProtocol) -> InlineArray<7, Int64>? {
        let form: StaticString = "dddd-dd-ddTdd:dd:dd.dddZ"
        let shortCount = 20
        var numbers = InlineArray<7, Int64>(repeating: 0)
        var part = 0
        var place = 0
        let count = text.utf8.count
        guard count == form.utf8CodeUnitCount || count == shortCount else { return nil }
        for byte in text.utf8 {
            // Without milliseconds the Z stands where their point would.
            let isEnd = place == count - 1
            let wanted = isEnd ? UInt8(ascii: "Z") : form.utf8Start[place]
            if wanted == UInt8(ascii: "d") {
                guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
                numbers[part] = numbers[part] * 10 + Int64(byte - UInt8(ascii: "0"))
            } else {
                guard byte == wanted else { return nil }
                part += 1
            }
            place += 1
        }
        return numbers
    }
}

extension Int64 {
    fileprivate func floored(by divisor: Int64) -> Int64 { quotientAndRest(by: divisor).0 }

    /// Division that rounds down, so that the rest is never negative.
    fileprivate func quotientAndRest(by divisor: Int64) -> (Int64, Int64) {
        let rest = self % divisor
        return rest < 0 ? ((self / divisor) - 1, rest + divisor) : (self / divisor, rest)
    }
}

/// The proleptic Gregorian calendar, by Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
private enum Calendar {
    static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = (days + 719_468).quotientAndRest(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    static func days(fromCivil year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = shiftedYear.quotientAndRest(by: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
