import ControlAPIModel
import Manifests

/// An object as a manifest, with its status: what `get -o yaml` and `-o json` print, and `apply` takes again.
struct ManifestDocument: Encodable, Sendable {
    struct Metadata: Encodable {
        var name: String
        var labels: [String: String]?
        var generation: Int64?
        var uid: String?
    }

    struct Template: Encodable {
        var name: String
        var size: String?
        var diskOffering: String
        var zone: String?
    }

    struct Volume: Encodable {
        var id: String?
        var name: String?
        var zone: String?
        var size: String?
        var template: Template?
    }

    struct Detach: Encodable {
        var whenInUse: String
    }

    struct Spec: Encodable {
        var volume: Volume
        var vm: String
        var attachAs: String?
        var export: WireObject.Export?
        var detach: Detach
        var mode: String?
        var deletionPolicy: String?
        var deletionGrace: String?
    }

    var apiVersion = ManifestFields.apiVersion
    var kind = ManifestFields.kind
    var metadata: Metadata
    /// Absent for a row that makes no sense: its status says why.
    var spec: Spec?
    var status: WireAttachment?

    /// - Parameters:
    ///   - object: `nil` for a row that makes no sense, of which there is only a status.
    ///   - status: `nil` for a text to be edited, which holds only what a person may change.
    init(_ object: WireObject?, status: WireAttachment?) {
        self.status = status
        guard let object else {
            metadata = Metadata(name: status?.name ?? "", generation: status?.generation, uid: status?.id)
            return
        }
        metadata = Metadata(
            name: object.name, labels: object.labels.isEmpty ? nil : object.labels,
            generation: status == nil ? nil : object.generation, uid: status == nil ? nil : object.id)
        let template = object.volume.template.map { template in
            Template(
                name: template.name, size: template.sizeInBytes.map(VolumeSize.text),
                diskOffering: template.diskOffering,
                zone: object.volume.zone)
        }
        spec = Spec(
            volume: Volume(
                id: object.volume.id, name: object.volume.name, zone: template == nil ? object.volume.zone : nil,
                size: object.volume.sizeInBytes.map(VolumeSize.text), template: template), vm: object.vm,
            attachAs: object.attachAs, export: object.export, detach: Detach(whenInUse: object.detachWhenInUse),
            mode: object.mode, deletionPolicy: object.deletionPolicy,
            deletionGrace: object.deletionGraceSeconds.map { "\($0)s" })
    }
}
