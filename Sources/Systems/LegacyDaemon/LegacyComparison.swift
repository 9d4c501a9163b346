import Reconciliation
import VolumeModel

/// Compares what the old daemon's tables and files say with CloudStack, the kernel and the live server.
///
/// An object is written only for what all of them agree on, so that applying it changes nothing. Everything else is listed and
/// left alone; nothing is decided by one source against another.
public struct LegacyComparison {
    let tables: LegacyTables
    let world: LegacyWorld
    var survey = LegacySurvey()
    var names: Set<String>
    let volumes: [VolumeID: VolumeRecord]
    let devices: [DiskSerial: [DeviceRecord]]
    let entries: [String: ExportEntry]

    public static func survey(_ tables: LegacyTables, _ world: LegacyWorld) throws(LegacyError) -> LegacySurvey {
        guard let listed = world.volumes else {
            throw LegacyError(
                "CloudStack's volumes have not been listed yet, and nothing can be compared: see 'hawser status', and try again"
            )
        }
        guard world.exports?.isComplete == true else {
            throw LegacyError(
                "the NBD server's exports cannot be read at the moment, and nothing can be compared: see 'hawser doctor'"
            )
        }
        var comparison = LegacyComparison(tables, world, listed)
        comparison.compare()
        return comparison.survey
    }

    private init(_ tables: LegacyTables, _ world: LegacyWorld, _ listed: [VolumeRecord]) {
        self.tables = tables
        self.world = world
        names = world.objectNames
        volumes = Dictionary(listed.map { ($0.id, $0) }) { first, _ in first }
        devices = Dictionary(grouping: world.devices.filter { $0.serial != nil }) { device in
            guard let serial = device.serial else { preconditionFailure("filtered") }
            return serial
        }
        entries = Dictionary((world.exports?.entries ?? []).map { ($0.name.text, $0) }) { first, _ in first }
    }

    // MARK: Which volume is whose

    /// All that the old daemon's tables and files say of one volume.
    struct Subject {
        var mappings: [LegacyTables.Mapping] = []
        var exports: [LegacyTables.Export] = []
        var files: [LegacyExportFile] = []
        var machineExports: [LegacyTables.MachineExport] = []
        var volume: LegacyTables.Volume?
    }

    /// The prefix of the export names that the old daemon gave.
    static let exportPrefix = "migration-vol-"

    private mutating func compare() {
        compareConfigs()
        var subjects: [VolumeID: Subject] = [:]
        for row in tables.mappings {
            guard let id = VolumeID(row.volume) else {
                strange("device_mappings", row.volume)
                continue
            }
            subjects[id, default: Subject()].mappings.append(row)
        }
        for row in tables.volumes {
            guard let id = VolumeID(row.volume) else {
                strange("ossea_volumes", row.volume)
                continue
            }
            subjects[id, default: Subject()].volume = row
        }
        var owners: [String: VolumeID] = [:]
        for row in tables.exports {
            guard let id = VolumeID(row.volume) ?? row.mapping.flatMap({ VolumeID($0) }) ?? Self.volume(named: row.name)
            else {
                strange("nbd_exports, export '\(Self.shown(row.name))'", row.volume)
                continue
            }
            owners[row.name] = id
            subjects[id, default: Subject()].exports.append(row)
        }
        for row in tables.machineExports where row.isActive {
            guard let id = volume(at: row.devicePath) else { continue }
            owners[row.name] = owners[row.name] ?? id
            subjects[id, default: Subject()].machineExports.append(row)
        }
        for file in world.files {
            if let id = owners[file.export] ?? Self.volume(named: file.export) ?? file.path.flatMap({ volume(at: $0) })
            {
                subjects[id, default: Subject()].files.append(file)
            } else {
                compareOrphan(file)
            }
        }
        for (id, subject) in subjects.sorted(by: { $0.key < $1.key }) { compare(id, subject) }
        for volume in volumes.values.sorted(by: { $0.id < $1.id })
        where volume.attachedTo == world.here && volume.kind == .data && subjects[volume.id] == nil {
            guard world.wanted[volume.id] == nil else { continue }
            disagree(
                "volume \(volume.id)",
                [
                    "CloudStack: '\(Self.shown(volume.name))' is attached to this appliance",
                    "the old daemon: no table and no file knows it",
                ],
                remedy:
                    "nothing has to be done; 'hawser export-manifests' writes it as a manifest if it is to be Hawser's",
                holdsBack: false)
        }
    }

    /// The volume that an export of the old daemon's is named after.
    static func volume(named export: String) -> VolumeID? {
        export.hasPrefix(exportPrefix) ? VolumeID(export.dropFirst(exportPrefix.count)) : nil
    }

    /// The one listed volume whose device a path leads to.
    private func volume(at path: String) -> VolumeID? {
        guard let number = device(at: path), let serial = world.devices.first(where: { $0.number == number })?.serial
        else { return nil }
        let found = volumes.keys.filter { DiskSerial(of: $0) == serial }
        return found.count == 1 ? found.first : nil
    }

    /// The device below a path, through a layer of the old daemon's.
    func device(at path: String) -> DeviceNumber? {
        switch world.places[path] {
        case .device(let number)?, .layer(_, _, over: let number)?: number
        case .other?, nil: nil
        }
    }

    // MARK: Saying

    mutating func disagree(_ about: String, _ seen: [String], remedy: String, holdsBack: Bool) {
        survey.disagreements.append(
            LegacySurvey.Disagreement(about: about, seen: seen, remedy: remedy, isHeldBack: holdsBack))
    }

    private mutating func strange(_ table: String, _ text: String) {
        disagree(
            "a row of \(table)", ["\(table): the volume is '\(Self.shown(text))', which is no id of CloudStack's"],
            remedy: "correct the row, or leave it: it is not touched", holdsBack: false)
    }

    private mutating func compareOrphan(_ file: LegacyExportFile) {
        // The section that is there because nbd-server does not start without any export.
        if file.path == "/dev/null" { return }
        let path = file.path.map { "'\(Self.shown($0))', which leads to \(inWords($0))" } ?? "no one plain path"
        disagree(
            "export '\(Self.shown(file.export))'",
            ["\(Self.shown(file.file)): it serves \(path)", "the old daemon's tables: no volume has this export"],
            remedy: "find out who needs it; it stays as it is, and the name is taken", holdsBack: false)
    }

    func inWords(_ path: String) -> String {
        switch world.places[path] {
        case .device(let number)?:
            world.devices.first { $0.number == number }.map { "\($0.kernelName)" } ?? "device \(number)"
        case .layer(let name, _, over: let number)?: "layer \(name) over device \(number)"
        case .other(let found)?: found
        case nil: "nothing"
        }
    }

    /// A text of somebody else's as it can stand on a terminal: without control characters, and not endlessly long.
    static func shown(_ text: String) -> String {
        let plain = text.unicodeScalars.map { scalar -> Character in
            scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
                ? "\u{FFFD}" : Character(scalar)
        }
        return plain.count > 200 ? String(plain.prefix(200)) + "…" : String(plain)
    }

    // MARK: ossea_configs

    private mutating func compareConfigs() {
        guard tables.layout.has(.configs) else { return }
        let active = tables.configs.filter(\.isActive)
        guard active.count == 1, let row = active.first else {
            disagree(
                "ossea_configs", ["ossea_configs: \(active.count) rows are active"],
                remedy: "make just one row active before it is to be the live source of endpoint and keys",
                holdsBack: false)
            return
        }
        if MachineID(row.machine) != world.here {
            disagree(
                "ossea_configs '\(Self.shown(row.name))'",
                [
                    "ossea_configs: oma_vm_id is '\(Self.shown(row.machine))'",
                    "hawserd: this appliance is \(world.here)",
                ],
                remedy:
                    "see that this is the database of this appliance, and that 'self' in hawserd's settings is right",
                holdsBack: false)
        }
        do throws(LegacyError) {
            let found = try LegacyCredentials(row, encryptionKey: world.encryptionKey)
            guard let own = world.credentials else { return }
            var seen: [String] = []
            if found.endpoint != own.endpoint {
                seen.append("ossea_configs: api_url is '\(Self.shown(found.endpoint))'")
                seen.append("hawserd: cloudstack.endpoint is '\(Self.shown(own.endpoint))'")
            }
            if found.apiKey != own.apiKey { seen.append("api_key and cloudstack.apiKey are different accounts' keys") }
            guard !seen.isEmpty else { return }
            disagree(
                "ossea_configs '\(Self.shown(row.name))'", seen,
                remedy: "see that both mean the same CloudStack; hawserd goes on with its own settings",
                holdsBack: false)
        } catch {
            disagree(
                "ossea_configs '\(Self.shown(row.name))'", [error.description],
                remedy: "give the key, or leave it: hawserd goes on with its own settings", holdsBack: false)
        }
    }
}
