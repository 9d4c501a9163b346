/// A UUID as sixteen bytes, not as text, so that keys compare and hash at the cost of two words.
///
/// CloudStack writes UUIDs as lower-case 8-4-4-4-12 hexadecimal digits (RFC 9562, section 4); so does `description`.
public struct UUIDValue: Hashable, Sendable {
    /// The first eight bytes, most significant first.
    public let high: UInt64
    /// The last eight bytes, most significant first.
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads the 36-character form, in either case. Nothing else is accepted: no braces, no bare digits.
    public init?(_ text: some StringProtocol) {
        self.init(utf8: String(text).utf8.span)
    }

    /// The same, from the bytes of a text, for decoders that hold no `String`.
    public init?(utf8 bytes: Span<UInt8>) {
        guard bytes.count == 36 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for position in bytes.indices {
            let byte = bytes[position]
            switch position {
            case 8, 13, 18, 23:
                guard byte == UInt8(ascii: "-") else { return nil }
            case 0..<18:
                guard let digit = HexDigits.value(of: byte) else { return nil }
                high = high << 4 | UInt64(digit)
            case 19..<36:
                guard let digit = HexDigits.value(of: byte) else { return nil }
                low = low << 4 | UInt64(digit)
            default:
                return nil
            }
        }
        self.init(high: high, low: low)
    }

    /// A random (version 4, RFC 9562) UUID from the given generator.
    public static func random(using generator: inout some RandomNumberGenerator) -> UUIDValue {
        let high = (generator.next() & ~0xF000) | 0x4000
        let low = (generator.next() & ~(0b11 << 62)) | (0b10 << 62)
        return UUIDValue(high: high, low: low)
    }
}

extension UUIDValue: Comparable {
    public static func < (left: UUIDValue, right: UUIDValue) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension UUIDValue: CustomStringConvertible {
    public var description: String {
        var digits = InlineArray<36, UInt8>(repeating: UInt8(ascii: "-"))
        var place = 0
        for position in 0..<32 {
            if position == 8 || position == 12 || position == 16 || position == 20 { place += 1 }
            let half = position < 16 ? high : low
            digits[place] = HexDigits.digit(of: UInt8(truncatingIfNeeded: half >> UInt64(60 - position % 16 * 4) & 15))
            place += 1
        }
        do throws(UTF8.ValidationError) {
            return String(copying: try UTF8Span(validating: digits.span))
        } catch {
            preconditionFailure("digits and hyphens are UTF-8: \(error)")
        }
    }
}

/// Hexadecimal digits as bytes.
enum HexDigits {
    /// The value of one digit in either case, or `nil` for any other byte.
    static func value(of byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// The digit of a value below 16, in lower case.
    static func digit(of value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    /// The lowest `digits` digits of a number, in lower case, with leading zeros.
    static func text(_ number: UInt64, digits: Int) -> String {
        let text = (0..<digits).reversed().map { digit(of: UInt8(truncatingIfNeeded: number >> UInt64($0 * 4) & 15)) }
        return String(decoding: text, as: UTF8.self)
    }
}
