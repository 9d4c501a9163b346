/// Metrics as Prometheus reads them: its text-based format, version 0.0.4
/// (prometheus.io/docs/instrumenting/exposition_formats, "Text-based format").
///
/// Each metric has one HELP and one TYPE line and then all its values, in a row.
enum ExpositionText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    static func bytes(_ families: [MetricFamily]) -> [UInt8] {
        var text = ""
        for family in families { append(family, to: &text) }
        return Array(text.utf8)
    }

    private static func append(_ family: MetricFamily, to text: inout String) {
        text += "# HELP \(family.name) \(escaped(family.help, alsoQuotes: false))\n"
        text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
        for sample in family.samples {
            text += family.name + sample.suffix
            if !sample.labels.isEmpty {
                let labels = sample.labels.map { "\($0.name)=\"\(escaped($0.value, alsoQuotes: true))\"" }
                text += "{" + labels.joined(separator: ",") + "}"
            }
            text += " \(number(sample.value))\n"
        }
    }

    /// In a help text a backslash and a line feed are escaped, in a label's value a quotation mark too.
    private static func escaped(_ text: String, alsoQuotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where alsoQuotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// As Go's ParseFloat reads it; what is whole, without a fraction.
    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value), abs(value) < 1e16 { return String(whole) }
        return "\(value)"
    }
}
