import ControlAPIModel
import Manifests
import VolumeModel
import YAML

/// The text that `hawser edit` gives to an editor: a header of comments, and a manifest.
struct EditedManifest {
    /// What is wrong with a text, for its header.
    struct Problem: Error, Equatable {
        var message: String
        /// The line of the manifest, without the header; `nil` when it is about the whole.
        var line: Int?
    }

    let object: WireObject
    /// The manifest as it was given to the editor last.
    private(set) var body: String
    private(set) var problems: [Problem] = []

    init(_ object: WireObject) throws {
        self.object = object
        body = try Documents.yaml(ManifestDocument(object, status: nil))
    }

    /// The file's whole content.
    var text: String { header + body }

    private var header: String {
        var lines = [
            "Edit the manifest below. It is applied when you save it and leave the editor.",
            "To change nothing, leave it as it is. These lines with '#' do not belong to it.",
        ]
        lines.append(
            object.file.isEmpty
                ? "It is a row of desired_volume_attachments: who writes that row can change it again."
                : "It was applied from \(object.file): change it there, too, or the next apply brings the old text back."
        )
        if !problems.isEmpty {
            lines.append("It was not applied:")
            // Editors count lines from the header on.
            let height = lines.count + problems.count
            lines += problems.map { problem in
                problem.line.map { "  line \($0 + height): \(problem.message)" } ?? "  \(problem.message)"
            }
        }
        // A message of several lines must not end among the manifest's.
        return lines.map { "# \($0.split(whereSeparator: \.isNewline).joined(separator: " "))\n" }.joined()
    }

    /// The manifest in a text that came back from the editor.
    static func body(of text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).drop { $0.hasPrefix("#") }.joined(separator: "\n")
    }

    /// Keeps a text that cannot be applied, to be edited again.
    mutating func refuse(_ body: String, _ problems: [Problem]) {
        self.body = body
        self.problems = problems
    }

    /// The object that a manifest describes.
    func edited(_ body: String) -> Result<WireObject, Refusal> {
        var reader = ManifestReader()
        reader.read(Array(body.utf8), file: "")
        reader.finish()
        var problems = reader.problems.map { Problem(message: $0.message, line: $0.place.mark.line) }
        if problems.isEmpty, reader.manifests.count != 1 {
            problems.append(Problem(message: "leave one manifest here, not \(reader.manifests.count)"))
        }
        if let manifest = reader.manifests.first, problems.isEmpty, manifest.name.text != object.name {
            problems.append(
                Problem(
                    message: "the name of an object cannot be changed: it stays '\(object.name)'; apply makes new ones")
            )
        }
        guard problems.isEmpty, let manifest = reader.manifests.first else {
            return .failure(Refusal(problems: problems))
        }
        var edited = WireObject(manifest)
        edited.file = object.file
        edited.expectedGeneration = object.generation
        return .success(edited)
    }

    struct Refusal: Error, Equatable {
        var problems: [Problem]
    }
}
