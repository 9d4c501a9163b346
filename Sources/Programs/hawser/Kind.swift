import Arguments
import ControlAPIModel
import VolumeModel

/// A kind of thing that `hawser get` lists: its words, its columns, and how its lines come from what hawserd answers.
struct Kind: Sendable {
    /// In the plural: `volumes`.
    var name: String
    /// What else people call it: the singular, short forms.
    var aliases: [String]
    /// What `-o name` puts before a name: `volume/…`.
    var prefix: String
    var columns: [Column]
    var sources: Set<Readings.Source> = []
    /// A history in the order of time: lines are added at its end, so a watch goes on below instead of drawing anew.
    var isHistory = false
    /// What stands below the table.
    var footer: @Sendable (Readings) -> [String] = { _ in [] }
    var items: @Sendable (Readings) -> [ListedItem]

    static let all = [attachments, volumes, devices, exports, operations, events, protections, nodes]

    init(
        _ name: String, aliases: [String], prefix: String, columns: [Column], sources: Set<Readings.Source> = [],
        isHistory: Bool = false, items: @escaping @Sendable (Readings) -> [ListedItem]
    ) {
        self.name = name
        self.aliases = aliases
        self.prefix = prefix
        self.columns = columns
        self.sources = sources
        self.isHistory = isHistory
        self.items = items
    }

    static func named(_ word: String) throws(UsageError) -> Kind {
        if let kind = all.first(where: { $0.name == word || $0.aliases.contains(word) }) { return kind }
        if let near = Spelling.nearest(to: word, among: all.map(\.name)) {
            throw UsageError("there is no kind '\(word)': did you mean '\(near)'?")
        }
        throw UsageError(
            "there is no kind '\(word)'; there are \(all.map(\.name).joined(separator: ", ")); "
                + "one attachment is shown by 'hawser get attachments \(word)'")
    }
}

// MARK: The kinds

extension Kind {
    static let attachments: Kind = {
        let paths = [
            "NAME": ".metadata.name", "CLOUDSTACK": ".status.cloudStack", "DEVICE": ".status.device",
            "EXPORT": ".status.export", "CLIENTS": ".status.clients", "READY": ".status.readiness",
            "AGE": ".status.since", "VOLUME": ".status.volume", "REASON": ".status.reason",
        ]
        let columns = StatusCommand.header(isWide: true).map { title in
            Column(title, paths[title], isWide: title == "VOLUME", isPassing: title == "AGE")
        }
        var kind = Kind(
            "attachments", aliases: ["attachment", "volumeattachments", "volumeattachment"],
            prefix: "volumeattachment", columns: columns
        ) { readings in
            let rows = StatusCommand.table(readings.overview, isWide: true)
            let owners = Owners(readings)
            return readings.overview.items.enumerated().map { place, item in
                let object = owners.object(item.name)
                let colours = columns.indices.compactMap { column in rows.colour(place, column).map { (column, $0) } }
                return ListedItem(
                    key: item.id, names: [item.name], labels: object?.labels ?? [:], cells: rows.rows[place],
                    colours: Dictionary(uniqueKeysWithValues: colours),
                    document: ManifestDocument(object, status: item))
            }
        }
        kind.footer = { StatusCommand.summary($0.overview) }
        return kind
    }()

    static let volumes = Kind(
        "volumes", aliases: ["volume"], prefix: "volume",
        columns: [
            Column("ID", ".id"), Column("NAME", ".name"), Column("TYPE", ".type"), Column("STATE", ".state"),
            Column("SIZE", ".sizeInBytes"), Column("ATTACHED-TO", ".attachedTo"), Column("ATTACHMENT", isWide: true),
        ], sources: [.world]
    ) { readings in
        let owners = Owners(readings)
        return (readings.world?.volumes ?? []).map { volume in
            let owner = owners.name(ofVolume: volume.id)
            return item(
                "Volume", [volume.id, volume.name], owner, owners, volume,
                cells: [
                    volume.id, volume.name, volume.type, volume.state, size(volume.sizeInBytes),
                    volume.attachedTo ?? "-", owner ?? "-",
                ])
        }
    }

    static let devices = Kind(
        "devices", aliases: ["device"], prefix: "device",
        columns: [
            Column("NAME", ".kernelName"), Column("SERIAL", ".serial"), Column("SIZE", ".sizeInBytes"),
            Column("DISKSEQ", ".diskSequence"), Column("READ-ONLY", ".readOnly"), Column("LINK", ".links[0]"),
            Column("ATTACHMENT", isWide: true),
        ], sources: [.world]
    ) { readings in
        let owners = Owners(readings)
        return (readings.world?.devices ?? []).map { device in
            let owner = owners.name(ofDevice: device.kernelName)
            return item(
                "Device", [device.kernelName, device.path] + [device.serial].compactMap { $0 }, owner, owners, device,
                cells: [
                    device.kernelName, device.serial ?? "-", size(device.sizeInBytes),
                    device.diskSequence.map(String.init) ?? "-", device.readOnly ? "yes" : "no",
                    device.links.first ?? "-", owner ?? "-",
                ])
        }
    }

    static let exports = Kind(
        "exports", aliases: ["export"], prefix: "export",
        columns: [
            Column("NAME", ".name"), Column("MODE", ".readOnly"), Column("LIVE", ".liveness"),
            Column("CLIENTS", ".clients"), Column("OWNER"), Column("LEADS-TO", ".target"),
            Column("ATTACHMENT", isWide: true),
        ], sources: [.world]
    ) { readings in
        let owners = Owners(readings)
        return (readings.world?.exports ?? []).map { export in
            let owner = owners.name(ofVolume: export.volume)
            return item(
                "Export", [export.name], owner, owners, export,
                cells: [
                    export.name, export.readOnly ? "ro" : "rw", export.liveness, export.clients.map(String.init) ?? "?",
                    export.volume == nil ? "foreign" : "hawser", export.target, owner ?? "-",
                ])
        }
    }

    static let operations = Kind(
        "operations", aliases: ["operation", "ops"], prefix: "operation",
        columns: [
            Column("STARTED", ".startedAt"), Column("OBJECT"), Column("VERB", ".verb"), Column("PHASE", ".phase"),
            Column("TOOK"), Column("JOB", ".job"), Column("ID", ".id", isWide: true), Column("EVIDENCE"),
        ], sources: [.operations], isHistory: true
    ) { readings in
        let owners = Owners(readings)
        return readings.operations.reversed().map { operation in
            let owner = owners.name(ofAttachment: operation.attachment)
            return item(
                "Operation", [operation.id] + [owner].compactMap { $0 }, owner, owners, operation,
                cells: [
                    operation.startedAt.description, owner ?? "-", operation.verb, operation.phase,
                    Ages.took(operation.changedAt.instant - operation.startedAt.instant), operation.job ?? "-",
                    operation.id, operation.phase == "failed" ? operation.evidence : operation.because,
                ])
        }
    }

    static let events = Kind(
        "events", aliases: ["event", "ev"], prefix: "event",
        columns: [
            Column("AT", ".at"), Column("SEVERITY", ".severity"), Column("REASON", ".reason"),
            Column("OBJECT", ".name"),
            Column("MESSAGE", ".message"),
        ], sources: [.events], isHistory: true
    ) { readings in
        let owners = Owners(readings)
        return readings.events.reversed().map { event in
            var line = item(
                "Event", [event.name], event.name, owners, event,
                cells: [event.at.description, event.severity, event.reason, event.name, event.message])
            line.key = "\(event.at) \(event.name) \(event.reason) \(event.message)"
            if event.severity != "Normal" { line.colours = [1: 33] }
            return line
        }
    }

    /// Volumes whose data is not deleted, whatever objects say.
    static let protections = Kind(
        "protections", aliases: ["protection"], prefix: "volume",
        columns: [Column("VOLUME", ".volume"), Column("ATTACHMENT"), Column("REASON", ".reason")],
        sources: [.protections]
    ) { readings in
        let owners = Owners(readings)
        return readings.protections.map { protection in
            let owner = owners.name(ofVolume: protection.volume)
            return item(
                "Protection", [protection.volume], owner, owners, protection,
                cells: [protection.volume, owner ?? "-", protection.reason ?? ""])
        }
    }

    /// hawserd serves one node: the machine that it runs on.
    static let nodes = Kind(
        "nodes", aliases: ["node", "no"], prefix: "node",
        columns: [
            Column("NAME", ".metadata.name"), Column("READY", ".isReady"), Column("VERSION", ".version"),
            Column("AGE", ".startedAt", isPassing: true), Column("ATTACHMENTS", ".attachments"),
            Column("EXPORT-SERVER", ".exportServer", isWide: true), Column("WRITABLE", ".writableURI", isWide: true),
            Column("READ-ONLY", ".readOnlyURI", isWide: true), Column("PROBLEMS"),
        ], sources: [.world, .daemon]
    ) { readings in
        let record = NodeRecord(readings)
        var line = item(
            "Node", [readings.overview.here, "self"], nil, Owners(readings), record,
            cells: [
                readings.overview.here, record.isReady ? "yes" : "no", record.version,
                record.startedAt.map { Ages.text(readings.overview.at.instant - $0.instant) } ?? "?",
                "\(record.readyAttachments) of \(record.attachments) ready", record.exportServer,
                record.writableURI, record.readOnlyURI, record.causes.map(\.message).joined(separator: "; "),
            ])
        line.colours = [1: record.isReady ? 32 : 33]
        return [line]
    }

    private static func item(
        _ kind: String, _ names: [String], _ owner: String?, _ owners: Owners,
        _ content: some Encodable & Sendable, cells: [String]
    ) -> ListedItem {
        let labels = owners.labels(of: owner)
        return ListedItem(
            key: names[0], names: names, labels: labels, cells: cells,
            document: ListedDocument(kind: kind, name: names[0], labels: labels, content: content))
    }

    static func size(_ bytes: Int64) -> String {
        if bytes > 0, bytes % (1 << 30) == 0 { return "\(bytes >> 30)Gi" }
        return bytes % (1 << 20) == 0 ? "\(bytes >> 20)Mi" : "\(bytes)"
    }
}
