import CloudStackModel

/// Answers as bytes.
enum AnswerText {
    static func json(_ envelope: String, _ value: AnswerValue) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(1_024)
        bytes.append(UInt8(ascii: "{"))
        appendQuoted(envelope, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        append(value, to: &bytes)
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private static func append(_ value: AnswerValue, to bytes: inout [UInt8]) {
        switch value {
        case .text(let string): appendQuoted(string, to: &bytes)
        case .number(let number): bytes += String(number).utf8
        case .flag(let flag): bytes += (flag ? "true" : "false").utf8
        case .list(let items):
            bytes.append(UInt8(ascii: "["))
            for (index, item) in items.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                append(item, to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let fields):
            bytes.append(UInt8(ascii: "{"))
            for (index, field) in fields.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                appendQuoted(field.name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                append(field.value, to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private static func appendQuoted(_ string: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        // Nearly every text is copied as it is.
        let start = bytes.count
        bytes += string.utf8
        let needsEscapes = bytes[start...].contains {
            $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\")
        }
        if needsEscapes {
            bytes.removeSubrange(start...)
            for byte in string.utf8 { appendEscaped(byte, to: &bytes) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func appendEscaped(_ byte: UInt8, to bytes: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
        case UInt8(ascii: "\n"): bytes += "\\n".utf8
        case UInt8(ascii: "\r"): bytes += "\\r".utf8
        case UInt8(ascii: "\t"): bytes += "\\t".utf8
        case 0..<0x20: bytes += ((byte < 0x10 ? "\\u000" : "\\u00") + String(byte, radix: 16)).utf8
        default: bytes.append(byte)
        }
    }

    static func xml(_ envelope: String, _ value: AnswerValue) -> [UInt8] {
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><\(envelope) cloud-stack-version=\"4.20.0.0\">"
        appendXML(value, to: &text)
        text += "</\(envelope)>"
        return Array(text.utf8)
    }

    private static func appendXML(_ value: AnswerValue, to text: inout String) {
        guard case .object(let fields) = value else { return }
        for field in fields {
            let values: [AnswerValue] = if case .list(let items) = field.value { items } else { [field.value] }
            for value in values {
                text += "<\(field.name)>"
                switch value {
                case .text(let string): text += escapedXML(string)
                case .number(let number): text += String(number)
                case .flag(let flag): text += flag ? "true" : "false"
                case .object, .list: appendXML(value, to: &text)
                }
                text += "</\(field.name)>"
            }
        }
    }

    private static func escapedXML(_ string: String) -> String {
        var text = ""
        for character in string {
            switch character {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            default: text.append(character)
            }
        }
        return text
    }
}
