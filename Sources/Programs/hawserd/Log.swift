import FoundationEssentials
import Glibc
import Systemd

/// Lines for whoever runs the daemon, on stderr: constant text, with what varies as fields. One format for people and one
/// for programs; in the journal's stream each line carries its priority.
struct Log: Sendable {
    let isJSON: Bool
    private let hasPrefixes = Journal.ownsStandardError

    init(isJSON: Bool) {
        self.isJSON = isJSON
    }

    func write(_ priority: Journal.Priority, _ message: String, _ fields: [String: String] = [:]) {
        var line = hasPrefixes ? priority.prefix : ""
        if isJSON {
            var all = fields
            all["level"] = "\(priority)"
            all["message"] = message
            all["time"] = Date.now.formatted(.iso8601)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            // A dictionary of strings can always be encoded.
            line += (try? encoder.encode(all)).map { String(decoding: $0, as: UTF8.self) } ?? message
        } else {
            line += "hawserd: \(message)"
            for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
                line += " \(name)=\(value.contains(where: \.isWhitespace) ? "\"\(value)\"" : value)"
            }
        }
        let bytes = Array((line.map { $0.isNewline ? " " : $0 } + "\n").map(String.init).joined().utf8)
        _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}
