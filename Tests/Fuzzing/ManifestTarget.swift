import ControlAPIModel
import Manifests
import VolumeModel

@testable import hawser

extension FuzzTarget {
    /// A manifest, and the manifest that Hawser writes of it.
    static let manifests = FuzzTarget(name: "manifests") { bytes in
        var reader = ManifestReader()
        reader.read(bytes, file: "-")
        reader.finish()
        for manifest in reader.manifests {
            let object = WireObject(manifest)
            let text = try Documents.yaml(ManifestDocument(object, status: nil))
            var again = ManifestReader()
            again.read(Array(text.utf8), file: "-")
            try hold("\(text)has no problems: \(again.problems)", again.problems.isEmpty)
            try hold("\(text)is \(object)", again.manifests.map { WireObject($0) } == [object])
        }
    }
}
