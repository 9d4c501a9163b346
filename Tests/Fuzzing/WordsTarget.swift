import Arguments
import ControlAPIModel
import HTTPServer
import VolumeModel

@testable import Manifests
@testable import hawser

extension FuzzTarget {
    /// One word, as each of the things that people write as one: times, sizes, names, identities, selectors.
    static let words = FuzzTarget(name: "words") { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        if let moment = Timestamp(text) {
            try hold(
                "\(moment) is \(text)",
                Timestamp(moment.description).map { $0.description == moment.description } ?? false)
        }
        if let duration = Durations.parse(text) { try hold("\(duration) is not negative", duration >= .zero) }
        if let size = VolumeSize.bytes(text) {
            try hold("\(VolumeSize.text(size)) is \(text)", VolumeSize.bytes(VolumeSize.text(size)) == size)
        }
        if let id = VolumeID(text) { try hold("\(id) is \(text)", VolumeID(id.description) == id) }
        if let name = ExportName(text) { try hold("\(name) is \(text)", name.text == text) }
        if let name = ObjectName(text) { try hold("\(name) is \(text)", name.text == text) }
        if let selector = try? LabelSelector(text) { _ = selector.matches(["app": "replication", "tier": ""]) }
        _ = Spelling.nearest(to: String(text.prefix(100)), among: ["Enforce", "Observe"])
        for (name, value) in FormDecoding.pairs(text) {
            try hold("a name has no more bytes than the text", name.utf8.count + value.utf8.count <= 3 * bytes.count)
        }
    }
}
