import LinuxCalls
import SQL
import SQLite
import VolumeModel

/// How long it took from a volume's device, or from the end of its attach where that was seen later, to its being Ready, which
/// it is when its export was observed live; and whom hawserd waited for meanwhile. All in seconds.
struct ExportDelay {
    var whole = 0.0
    /// While a call on CloudStack about it was under way.
    var cloud = 0.0
    /// While a line of the ledger about it was on its way to the disk.
    var disk = 0.0
    /// While the NBD server was asked what it serves, and to whom.
    var server = 0.0
    /// While none of these was.
    var own = 0.0

    /// Of each volume of an installation whose hawserd logs its calls.
    static func all(in installation: Installation) throws -> [ExportDelay] {
        let calls = try installation.text().split(separator: "\n").compactMap { Call(line: $0) }
        let rows = try SQLiteConnection(path: installation.storePath).run(
            """
            SELECT max(seen.at, attached.at), min(ready.at), seen.attachment, attached.volume, exported.name
            FROM recorded_events seen
            JOIN recorded_events ready ON ready.attachment = seen.attachment AND ready.reason = 'Ready'
            JOIN ledger attached ON attached.attachment = seen.attachment
                AND attached.verb = 'attach' AND attached.phase = 'succeeded'
            JOIN ledger exported ON exported.attachment = seen.attachment
                AND exported.verb = 'export' AND exported.phase = 'succeeded'
            WHERE seen.reason = 'DeviceSeen' AND ready.at >= seen.at GROUP BY seen.line
            """)
        return rows.compactMap { row in
            guard let began = row[0].integer, let ended = row[1].integer, began < ended, let attachment = row[2].text,
                let volume = row[3].text, let export = row[4].text,
                let published = calls.last(where: { $0.name == "publish" && $0.subject == export })?.span.upperBound
            else { return nil }
            return ExportDelay(began..<ended, of: [attachment, volume], published: published, calls)
        }
    }

    private init(_ span: Range<Int64>, of subjects: Set<String>, published: Int64, _ calls: [Call]) {
        let cloudCalls = calls.filter { $0.name == "readVolume" && subjects.contains($0.subject) }.map(\.span)
        let diskCalls = calls.filter { $0.name == "append" && subjects.contains($0.subject) }.map(\.span)
        // Before the name is there nobody waits for the server to show it.
        let serverCalls = calls.filter { $0.name == "observeExports" && $0.span.upperBound > published }
            .map { max($0.span.lowerBound, published)..<$0.span.upperBound }
        whole = Double(span.upperBound - span.lowerBound) / 1e9
        cloud = seconds(cloudCalls, within: span)
        disk = seconds(diskCalls, within: span)
        server = seconds(serverCalls, within: span)
        own = whole - seconds(cloudCalls + diskCalls + serverCalls, within: span)
    }

    /// One line that `log.calls` makes.
    private struct Call {
        var name: String
        var subject: String
        var span: Range<Int64>

        init?(line: Substring) {
            guard line.hasPrefix("hawserd: call ") else { return nil }
            let pairs = line.split(separator: " ").compactMap { word -> (Substring, Substring)? in
                let parts = word.split(separator: "=", maxSplits: 1)
                return parts.count == 2 ? (parts[0], parts[1]) : nil
            }
            let fields = Dictionary(pairs) { _, last in last }
            guard let name = fields["call"], let subject = fields["of"],
                let from = fields["from"].flatMap({ Int64($0) }),
                let to = fields["to"].flatMap({ Int64($0) }), from <= to
            else { return nil }
            self.name = String(name)
            self.subject = String(subject)
            span = from..<to
        }
    }
}

/// How much of a span is covered by others, counting what several cover once.
private func seconds(_ covering: [Range<Int64>], within span: Range<Int64>) -> Double {
    var covered: Int64 = 0
    var end = span.lowerBound
    for part in covering.map({ $0.clamped(to: span) }).sorted(by: { $0.lowerBound < $1.lowerBound }) {
        covered += max(0, part.upperBound - max(part.lowerBound, end))
        end = max(end, part.upperBound)
    }
    return Double(covered) / 1e9
}
