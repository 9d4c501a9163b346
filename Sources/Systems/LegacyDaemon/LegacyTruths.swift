public import Reconciliation
public import VolumeModel

/// What is true of volumes now, from what CloudStack, the kernel and the export server show.
public struct LegacyTruths: Sendable {
    private let here: MachineID
    private let volumes: [VolumeID: VolumeRecord]
    private let devices: [DiskSerial: [DeviceRecord]]
    private let entries: [ExportName: ExportEntry]
    private let port: Int64?
    private let directory: String

    /// - Parameters:
    ///   - port: where clients of exports connect; nil for a server without a port.
    ///   - directory: where the files are that define exports.
    public init(here: MachineID, in world: ObservedWorld, port: Int64?, directory: String) {
        self.here = here
        volumes =
            world.volumesListedAt == nil
            ? [:] : Dictionary(world.volumes.map { ($0.id, $0) }) { first, _ in first }
        var found: [DiskSerial: [DeviceRecord]] = [:]
        for device in world.devices { if let serial = device.serial { found[serial, default: []].append(device) } }
        devices = found
        entries = Dictionary((world.exports?.entries ?? []).map { ($0.name, $0) }) { first, _ in first }
        self.port = port
        self.directory = directory
    }

    /// What is true of a volume; nil where CloudStack and the kernel do not agree, or it is on its way: then nothing is written
    /// of it.
    ///
    /// - Parameter export: the name under which it is wanted here.
    public func truth(of id: VolumeID, export: ExportName?) -> LegacyTruth? {
        guard let volume = volumes[id] else { return nil }
        let found = devices[DiskSerial(of: id)] ?? []
        guard let holder = volume.attachedTo else {
            return found.isEmpty ? LegacyTruth(volume: id, whereabouts: .nowhere, export: nil) : nil
        }
        guard holder == here else {
            guard found.isEmpty else { return nil }
            return LegacyTruth(
                volume: id, whereabouts: .elsewhere(holder, isRoot: volume.kind == .root), export: nil)
        }
        guard found.count == 1, let device = found.first, let path = LegacyComparison.byIDPath(of: device) else {
            return nil
        }
        let entry = export.flatMap { entries[$0] }.flatMap { $0.leads(to: device) ? $0 : nil }
        return LegacyTruth(
            volume: id, whereabouts: .here(path: path, device: device.number, sizeInBytes: device.sizeInBytes),
            export: entry.map { LegacyTruth.Export(name: $0.name, port: port, file: "\(directory)/\($0.name).conf") })
    }
}
