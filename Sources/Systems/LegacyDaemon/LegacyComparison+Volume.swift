import Reconciliation
public import VolumeModel

/// One volume, as all sources have it.
extension LegacyComparison {
    mutating func compare(_ id: VolumeID, _ subject: Subject) {
        if world.wanted[id] != nil {
            survey.alreadyWanted.append(id)
            proposeConversions(ofWanted: id, subject)
            return
        }
        guard subject.mappings.count <= 1 else {
            disagree(
                "volume \(id)", subject.mappings.map { "device_mappings: \(Self.words($0))" },
                remedy: "leave one row, the one that is right, and import again", holdsBack: true)
            return
        }
        let mapping = subject.mappings.first
        guard let volume = volumes[id] else {
            compareUnlisted(id, subject)
            return
        }
        if case .destroyed(let word) = volume.state {
            compareGone(id, subject, "CloudStack: its state is \(word)")
            return
        }
        switch volume.attachedTo {
        case nil: compareDetached(volume, mapping, subject)
        case world.here?: compareHere(volume, mapping, subject)
        case let other?: compareElsewhere(volume, mapping, subject, on: other)
        }
    }

    static func words(_ row: LegacyTables.Mapping) -> String {
        "attached to machine '\(shown(row.machine))' as '\(shown(row.devicePath))'"
    }

    // MARK: Not there

    private mutating func compareUnlisted(_ id: VolumeID, _ subject: Subject) {
        compareGone(id, subject, "CloudStack: this account sees no such volume")
    }

    /// What is left in the tables of a volume that is no more is common, and harmless where only `ossea_volumes` has it.
    private mutating func compareGone(_ id: VolumeID, _ subject: Subject, _ cloud: String) {
        var seen = subject.mappings.map { "device_mappings: \(Self.words($0))" }
        seen += subject.exports.map { "nbd_exports: export '\(Self.shown($0.name))'" }
        seen += subject.files.map { "\(Self.shown($0.file)): \(served($0))" }
        guard !seen.isEmpty else { return }
        disagree(
            "volume \(id)", [cloud] + seen,
            remedy: "find out whether the volume was deleted; if it was, delete its rows and its file", holdsBack: true)
    }

    private func served(_ file: LegacyExportFile) -> String {
        guard let path = file.path else { return "it serves no one plain path" }
        return "it serves '\(Self.shown(path))', which leads to \(inWords(path))"
    }

    // MARK: Attached nowhere

    private mutating func compareDetached(
        _ volume: VolumeRecord, _ mapping: LegacyTables.Mapping?, _ subject: Subject
    ) {
        if let mapping {
            disagree(
                "volume \(volume.id)",
                ["device_mappings: \(Self.words(mapping))", "CloudStack: it is attached nowhere"],
                remedy: "attach it, or delete the row of device_mappings; then import again", holdsBack: true)
            return
        }
        let leading = subject.files.filter { file in file.path.flatMap { world.places[$0] } != nil }
        guard leading.isEmpty else {
            disagree(
                "volume \(volume.id)",
                ["CloudStack: it is attached nowhere"] + leading.map { "\(Self.shown($0.file)): \(served($0))" },
                remedy: "take the file away: clients of this name are given another disk", holdsBack: true)
            return
        }
        if subject.volume?.status == "attached" {
            disagree(
                "volume \(volume.id)",
                ["ossea_volumes: its status is 'attached'", "CloudStack: it is attached nowhere"],
                remedy: "attach it, or leave it: it is not touched", holdsBack: false)
        }
        survey.detached.append(volume.id)
    }

    // MARK: Attached to another machine

    private mutating func compareElsewhere(
        _ volume: VolumeRecord, _ mapping: LegacyTables.Mapping?, _ subject: Subject, on machine: MachineID
    ) {
        let cloud = "CloudStack: it is attached to machine \(machine)"
        guard let mapping else {
            // Of a volume that went to somebody else only its past is left.
            guard !subject.exports.isEmpty || !subject.files.isEmpty else { return }
            disagree(
                "volume \(volume.id)", [cloud, "device_mappings: no row, so that for the old daemon it is detached"],
                remedy: "nothing, if somebody else has it now; its export stays as it is", holdsBack: true)
            return
        }
        guard MachineID(mapping.machine) == machine else {
            disagree(
                "volume \(volume.id)", ["device_mappings: \(Self.words(mapping))", cloud],
                remedy: "wait for a failover that is under way, or correct the row; then import again", holdsBack: true)
            return
        }
        let lingering = devices[DiskSerial(of: volume.id)] ?? []
        guard lingering.isEmpty else {
            disagree(
                "volume \(volume.id)", [cloud, "kernel: \(lingering[0].kernelName) is here and has its serial"],
                remedy: "find out which machine has the disk before anything else is done with it", holdsBack: true)
            return
        }
        let leading = subject.files.filter { file in file.path.flatMap { world.places[$0] } != nil }
        guard leading.isEmpty, isSettled(volume) else {
            disagree(
                "volume \(volume.id)",
                [cloud] + leading.map { "\(Self.shown($0.file)): \(served($0))" }
                    + (isSettled(volume) ? [] : [Self.unsettled(volume)]),
                remedy: "wait until it is over, or take away the file that leads to another disk; then import again",
                holdsBack: true)
            return
        }
        let names = Set(subject.exports.map(\.name) + subject.files.map(\.export))
        guard names.count <= 1 else {
            disagree(
                "volume \(volume.id)", [cloud, "its exports: \(Self.list(names))"],
                remedy: "leave one of them, the one that clients use; then import again", holdsBack: true)
            return
        }
        var reserved: DesiredExport?
        if let text = names.first {
            guard let name = exportName(text, of: volume.id) else { return }
            reserved = DesiredExport(name: name, isReadOnly: subject.files.first?.isReadOnly ?? false)
        }
        survey.objects.append(
            LegacySurvey.Object(
                name: ObjectName(resembling: volume.name, of: volume.id, notAmong: &self.names), volume: volume.id,
                machine: .id(machine),
                role: volume.kind == .root ? .root : .data, export: reserved))
    }

    private func isSettled(_ volume: VolumeRecord) -> Bool { volume.state == .ready && volume.pendingJob == nil }

    private static func unsettled(_ volume: VolumeRecord) -> String {
        "CloudStack: its state is \(volume.state.word)"
            + (volume.pendingJob.map { ", and job \($0) works on it" } ?? "")
    }

    static func list(_ names: Set<String>) -> String { names.sorted().map { "'\(shown($0))'" }.joined(separator: ", ") }

    private mutating func exportName(_ text: String, of volume: VolumeID) -> ExportName? {
        if let name = ExportName(text) { return name }
        disagree(
            "volume \(volume)", ["its export is '\(Self.shown(text))', a name that Hawser takes for no export"],
            remedy: "for an export of Hawser's \(ExportName.rule)", holdsBack: true)
        return nil
    }

    // MARK: Attached here

    private mutating func compareHere(
        _ volume: VolumeRecord, _ mapping: LegacyTables.Mapping?, _ subject: Subject
    ) {
        // The appliance's own root disk is nobody's to manage.
        if volume.kind == .root { return }
        let here = "CloudStack: it is attached to this appliance"
        guard let mapping else {
            disagree(
                "volume \(volume.id)", [here, "device_mappings: no row, so that for the old daemon it is detached"],
                remedy: "find out who attached it; 'hawser export-manifests' writes it as a manifest if it is to stay",
                holdsBack: true)
            return
        }
        guard MachineID(mapping.machine) == world.here else {
            disagree(
                "volume \(volume.id)", ["device_mappings: \(Self.words(mapping))", here],
                remedy: "wait for a failback that is under way, or correct the row; then import again", holdsBack: true)
            return
        }
        guard isSettled(volume) else {
            disagree(
                "volume \(volume.id)", [Self.unsettled(volume)], remedy: "wait until that is over, and import again",
                holdsBack: true)
            return
        }
        guard let device = provenDevice(volume) else { return }
        guard self.device(at: mapping.devicePath) == device.number else {
            disagree(
                "volume \(volume.id)",
                [
                    "device_mappings: its path is '\(Self.shown(mapping.devicePath))', which leads to \(inWords(mapping.devicePath))",
                    "kernel: the disk with its serial is \(device.kernelName)",
                ],
                remedy:
                    "set device_path of its row to '\(Self.byIDPath(of: device) ?? device.path)', and import again",
                holdsBack: true)
            return
        }
        guard let exports = compareExports(volume, subject, device) else { return }
        remark(volume, mapping, subject, device)
        survey.objects.append(
            LegacySurvey.Object(
                name: ObjectName(resembling: volume.name, of: volume.id, notAmong: &self.names), volume: volume.id,
                machine: .thisMachine, export: exports.chosen))
        proposeConversions(volume, mapping, subject, device, exports: exports.files)
    }

    /// RIGHT-DISK: the one device that has the volume's serial, which no other volume shares, and its size.
    private mutating func provenDevice(_ volume: VolumeRecord) -> DeviceRecord? {
        let serial = DiskSerial(of: volume.id)
        let found = devices[serial] ?? []
        let twins = volumes.keys.filter { $0 != volume.id && DiskSerial(of: $0) == serial }.sorted()
        guard found.count == 1, let device = found.first, twins.isEmpty else {
            var seen = ["CloudStack: it is attached to this appliance"]
            seen.append(
                found.isEmpty
                    ? "kernel: no disk has its serial \(serial)"
                    : "kernel: \(found.map(\.kernelName).sorted().joined(separator: ", ")) has its serial \(serial)")
            seen += twins.map { "CloudStack: volume \($0) has the same serial" }
            disagree(
                "volume \(volume.id)", seen, remedy: "see which disk is which before anything is done with either",
                holdsBack: true)
            return nil
        }
        guard device.sizeInBytes >= volume.sizeInBytes else {
            disagree(
                "volume \(volume.id)",
                [
                    "CloudStack: it has \(volume.sizeInBytes) bytes",
                    "kernel: \(device.kernelName) has \(device.sizeInBytes) bytes",
                ], remedy: "find out which of the two sizes is wrong, and import again", holdsBack: true)
            return nil
        }
        return device
    }

    /// Its by-id path, as the old daemon and clients name it; the serial's own link before any other.
    public static func byIDPath(of device: DeviceRecord) -> String? {
        guard let serial = device.serial else { return nil }
        return device.byIDLinks.sorted().first { $0.hasSuffix("/virtio-\(serial)") } ?? device.byIDLinks.sorted().first
    }

    /// What differs and is of no consequence for what is served.
    private mutating func remark(
        _ volume: VolumeRecord, _ mapping: LegacyTables.Mapping, _ subject: Subject, _ device: DeviceRecord
    ) {
        if let row = subject.volume, let status = row.status, status != "attached" {
            disagree(
                "volume \(volume.id)",
                ["ossea_volumes: its status is '\(Self.shown(status))'", "CloudStack and kernel: it is attached here"],
                remedy: "nothing has to be done", holdsBack: false)
        }
        for export in subject.exports where export.port != nil && world.port != nil && export.port != world.port {
            disagree(
                "export '\(Self.shown(export.name))'",
                [
                    "nbd_exports: its port is \(export.port ?? 0)",
                    "NBD server: it listens on port \(world.port ?? 0)",
                ],
                remedy: "see where clients connect, and set nbd.listen to it", holdsBack: false)
        }
    }

    // MARK: Its exports

    /// The volume's export as it is served, with the files of it, when all agree on it; nil when something was in the way, which is
    /// then said.
    private mutating func compareExports(
        _ volume: VolumeRecord, _ subject: Subject, _ device: DeviceRecord
    ) -> (chosen: DesiredExport?, files: [LegacyExportFile])? {
        let rows = Dictionary(subject.exports.map { ($0.name, $0) }) { first, _ in first }
        let files = Dictionary(subject.files.map { ($0.export, $0) }) { first, _ in first }
        let serving = entries.values.filter { $0.leads(to: device) }.map(\.name.text)
        let names = Set(rows.keys).union(files.keys).union(serving)
        var served: [DesiredExport] = []
        for text in names.sorted() {
            guard let name = exportName(text, of: volume.id) else { return nil }
            let row = rows[text]
            let file = files[text]
            let obstacles = obstacles(text, row: row, file: file, device)
            guard obstacles.isEmpty, let entry = entries[text] else {
                disagree(
                    "volume \(volume.id), export '\(Self.shown(text))'", obstacles,
                    remedy: "put it right, or take the row and the file of the export away; then import again",
                    holdsBack: true)
                return nil
            }
            if row == nil, !subject.machineExports.contains(where: { $0.name == text }) {
                disagree(
                    "export '\(text)'",
                    ["NBD server: it is served, and leads to the volume's disk", "nbd_exports: no row"],
                    remedy: "nothing has to be done", holdsBack: false)
            }
            served.append(DesiredExport(name: name, isReadOnly: entry.isReadOnly))
        }
        let chosen =
            served.first { rows[$0.name.text] != nil }
            ?? served.first { Self.volume(named: $0.name.text) == volume.id } ?? served.first
        let others = Set(served.filter { $0.name != chosen?.name }.map(\.name.text))
        if !others.isEmpty, let chosen {
            disagree(
                "volume \(volume.id)",
                ["NBD server: it is exported as '\(chosen.name)', and also as \(Self.list(others))"],
                remedy: "an object has one export: the others go on, and stay unmanaged", holdsBack: false)
        }
        return (chosen, subject.files)
    }

    /// Why an export is not what the tables, the files and the server all say.
    private func obstacles(
        _ name: String, row: LegacyTables.Export?, file: LegacyExportFile?, _ device: DeviceRecord
    ) -> [String] {
        var found: [String] = []
        if let path = row?.devicePath, !path.isEmpty, self.device(at: path) != device.number {
            found.append("nbd_exports: its path is '\(Self.shown(path))', which leads to \(inWords(path))")
        }
        if let file {
            if file.path.flatMap({ self.device(at: $0) }) != device.number {
                found.append("\(Self.shown(file.file)): \(served(file))")
            }
        } else if row != nil {
            found.append("nbd_exports: there is a row, and no file defines the export")
        }
        guard let entry = entries[name] else {
            found.append("NBD server: hawserd sees no export of this name there")
            return found.isEmpty ? found : found + ["kernel: the volume's disk is \(device.kernelName)"]
        }
        switch entry.liveness {
        case .live: break
        case .notListed: found.append("NBD server: it does not offer the name")
        case .unknown: found.append("NBD server: whether it offers the name is not known")
        }
        if !leads(entry, to: device) {
            found.append("NBD server: the name leads to \(entry.target.inWords), not to \(device.kernelName)")
        }
        return found
    }

    private func leads(_ entry: ExportEntry, to device: DeviceRecord) -> Bool {
        if entry.leads(to: device) { return true }
        guard case .device(let number, _) = entry.target else { return false }
        return world.places.values.contains { place in
            if case .layer(_, number, over: device.number) = place { true } else { false }
        }
    }

    // MARK: Old paths

    /// Of a volume that an object names already: what it disagrees about shows in that object's status.
    private mutating func proposeConversions(ofWanted id: VolumeID, _ subject: Subject) {
        guard let volume = volumes[id], volume.attachedTo == world.here, subject.mappings.count == 1,
            let found = devices[DiskSerial(of: id)], found.count == 1, let device = found.first,
            device.sizeInBytes >= volume.sizeInBytes, self.device(at: subject.mappings[0].devicePath) == device.number
        else { return }
        let files = subject.files.filter { $0.path.flatMap { self.device(at: $0) } == device.number }
        proposeConversions(volume, subject.mappings[0], subject, device, exports: files)
    }

    private mutating func proposeConversions(
        _ volume: VolumeRecord, _ mapping: LegacyTables.Mapping, _ subject: Subject, _ device: DeviceRecord,
        exports: [LegacyExportFile]
    ) {
        let target = Self.byIDPath(of: device)
        var isListed = false
        for file in exports {
            guard let path = file.path, path != target, !file.isHawsers, !device.byIDLinks.contains(path) else {
                continue
            }
            isListed = true
            survey.conversions.append(
                LegacySurvey.Conversion(
                    volume: volume.id, export: file.export, file: file.file, from: path, to: target ?? "",
                    device: device.number, layer: layer(at: path),
                    obstacle: obstacle(to: target, of: entries[file.export])))
        }
        let paths = [mapping.devicePath] + subject.exports.compactMap(\.devicePath)
        if !isListed, let old = paths.first(where: { !$0.isEmpty && !device.byIDLinks.contains($0) && $0 != target }) {
            survey.conversions.append(
                LegacySurvey.Conversion(
                    volume: volume.id, export: nil, file: nil, from: old, to: target ?? "", device: device.number,
                    layer: layer(at: old), obstacle: target == nil ? Self.noLink : nil))
        }
    }

    private static let noLink = "udev has made no by-id link for the disk"

    private func layer(at path: String) -> String? {
        if case .layer(let name, _, _)? = world.places[path] { name } else { nil }
    }

    /// IN-USE: a path is changed only while nobody is connected by it.
    private func obstacle(to target: String?, of entry: ExportEntry?) -> String? {
        if target == nil { return Self.noLink }
        switch entry?.clients {
        case .known(0)?: return nil
        case .known(let count)?: return "\(count) client\(count == 1 ? " is" : "s are") connected"
        case .unknown(let reason)?: return "its clients cannot be counted: \(reason)"
        case nil: return "the server does not offer it"
        }
    }
}
