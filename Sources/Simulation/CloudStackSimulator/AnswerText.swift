import CloudStackModel

/// Answers as bytes.
enum AnswerText {
    static func json(_ envelope: String, _ value: AnswerValue) -> [UInt8] {
        var text = "{"
        append(.text(envelope), to: &text)
        text += ":"
        append(value, to: &text)
        text += "}"
        return Array(text.utf8)
    }

    private static func append(_ value: AnswerValue, to text: inout String) {
        switch value {
        case .text(let string): appendQuoted(string, to: &text)
        case .number(let number): text += String(number)
        case .flag(let flag): text += flag ? "true" : "false"
        case .list(let items):
            text += "["
            for (index, item) in items.enumerated() {
                if index > 0 { text += "," }
                append(item, to: &text)
            }
            text += "]"
        case .object(let fields):
            text += "{"
            for (index, field) in fields.enumerated() {
                if index > 0 { text += "," }
                appendQuoted(field.name, to: &text)
                text += ":"
                append(field.value, to: &text)
            }
            text += "}"
        }
    }

    private static func appendQuoted(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
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
