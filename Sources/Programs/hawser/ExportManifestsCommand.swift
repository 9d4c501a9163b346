import Arguments
import ControlAPIClient
import ControlAPIModel
import VolumeModel

/// `hawser export-manifests`: what is attached and exported now, as manifests.
///
/// Applied on the same node, they change nothing: every object wants just what is there.
enum ExportManifestsCommand {
    static let command = Command(
        description: CommandDescription(
            "export-manifests", summary: "write what is attached here and exported now, as manifests",
            discussion: """
                For a node that is to be taken over: start hawserd with mode: Observe, look at what this writes, apply it, and
                see that 'hawser plan' has nothing to do. Volumes that an object already names are written as that object.
                """,
            options: [Commands.socket, Commands.help]), run: run)

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        let client = Commands.client(parsed)
        let overview = try await client.overview()
        let world = try await client.world()
        let objects = try await client.objects()
        let adoption = Adoption(here: overview.here, world: world, items: overview.items, objects: objects)
        return try write(adoption, isListed: world.volumesListedAt != nil)
    }

    /// Apart from the reading: the release compiler (Swift 6.3) crashes on an async function that also throws here.
    private static func write(_ adoption: Adoption, isListed: Bool) throws -> Int32 {
        guard isListed else { throw NotReadYet() }
        for remark in adoption.remarks { say("hawser: \(remark)", on: 2) }
        out(try adoption.documents.map { try Documents.yaml($0) }.joined(separator: "---\n"), terminator: "")
        return ExitCode.success
    }

    private struct NotReadYet: Error, CustomStringConvertible {
        let description = "CloudStack's volumes have not been listed yet: see 'hawser status', and try again"
    }
}

/// Turns what is there into objects that want it.
struct Adoption {
    private(set) var documents: [ManifestDocument] = []
    /// What could not be written down, for the person who reads along.
    private(set) var remarks: [String] = []
    private var names: Set<String>

    init(here: String, world: WireWorld, items: [WireAttachment], objects: [WireObject]) {
        names = Set(objects.map(\.name))
        let ownerOfVolume = Dictionary(
            items.compactMap { item in item.volume.map { ($0, item.name) } }
        ) { first, _ in first }
        let objectOfName = Dictionary(objects.map { ($0.name, $0) }) { first, _ in first }
        for volume in world.volumes where volume.attachedTo == here && volume.type == VolumeKind.data.rawValue {
            if let object = ownerOfVolume[volume.id].flatMap({ objectOfName[$0] }) {
                documents.append(ManifestDocument(object, status: nil))
            } else if let object = adopt(volume, world) {
                documents.append(ManifestDocument(object, status: nil))
            }
        }
    }

    private mutating func adopt(_ volume: WireVolume, _ world: WireWorld) -> WireObject? {
        guard let id = VolumeID(volume.id) else { return nil }
        let serial = DiskSerial(of: id).description
        let devices = world.devices.filter { $0.serial == serial }
        var export: DesiredExport?
        if devices.count > 1 {
            remarks.append(
                "volume \(volume.id) (\(volume.name)): several devices have its serial; written without an export")
        } else if let device = devices.first {
            let entries = world.exports.filter { $0.targetDevice == device.number }
            export = entries.first.flatMap { entry in
                ExportName(entry.name).map { DesiredExport(name: $0, isReadOnly: entry.readOnly) }
            }
            if entries.count > 1 {
                let others = entries.dropFirst().map { "'\($0.name)'" }.joined(separator: ", ")
                remarks.append(
                    "volume \(volume.id) (\(volume.name)) is also exported as \(others), which stays unmanaged")
            }
        }
        return WireObject(
            name: ObjectName(resembling: volume.name, of: id, notAmong: &names), labels: [:], volume: .id(id),
            machine: .thisMachine, export: export,
            detach: DetachPolicy(), mode: .enforce, wantedSizeInBytes: nil, role: .data, deletion: DeletionPolicy(),
            file: "")
    }
}
