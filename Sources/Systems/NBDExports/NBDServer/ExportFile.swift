import VolumeModel

/// The file of one export that Hawser makes: the old daemon's file, with a marker as its first line.
///
///     # Made by Hawser for volume a7f226a7-95a0-43b6-942e-acc909ef0c08. Edit desired state, not this file.
///     [orders]
///     exportname=/var/lib/hawser/exports/rw/orders
///     readonly=false
///     multifile=false
///     copyonwrite=false
///     flush=true
///     fua=true
///     trim=true
///     prerun=…
///
/// nbd-server offers flush, FUA and trim only where the file says so: without them a client's flush does nothing. What is
/// served is a link of Hawser's (``ExportDirectory``), never the device itself, so that a name can be revoked although a
/// server has read the file. `prerun` notes by which name a session came (``SessionRecords``).
struct ExportFile: Hashable, Sendable {
    let name: ExportName
    let volume: VolumeID
    let isReadOnly: Bool
    /// What nbd-server opens.
    let path: String
    /// Where sessions are noted.
    let records: SessionRecords

    private static let marker = "# Made by Hawser for volume "
    private static let advice = ". Edit desired state, not this file."

    init(name: ExportName, volume: VolumeID, isReadOnly: Bool, path: String, records: SessionRecords) {
        self.name = name
        self.volume = volume
        self.isReadOnly = isReadOnly
        self.path = path
        self.records = records
    }

    var fileName: String { "\(name).conf" }

    var text: String {
        """
        \(Self.marker)\(volume)\(Self.advice)
        [\(name)]
        exportname=\(path)
        readonly=\(isReadOnly)
        multifile=false
        copyonwrite=false
        flush=true
        fua=true
        trim=true
        prerun=\(records.command(noting: name))

        """
    }

    /// The volume that the marker of a file names; nil when the file is not Hawser's.
    static func volume(markedIn text: String) -> VolumeID? {
        guard text.hasPrefix(marker), let line = text.split(separator: "\n").first, line.hasSuffix(advice) else {
            return nil
        }
        return VolumeID(line.dropFirst(marker.count).dropLast(advice.count))
    }

    /// Reads a file of Hawser's; nil when any byte is not as Hawser would have written it for what it leads to.
    init?(text: String, records: SessionRecords) {
        guard let volume = Self.volume(markedIn: text), let groups = KeyFile(text)?.groups, groups.count == 1,
            let name = ExportName(groups[0].name), let path = groups[0].values["exportname"]
        else { return nil }
        self.init(
            name: name, volume: volume, isReadOnly: groups[0].flag("readonly"), path: path, records: records)
        guard self.text == text else { return nil }
    }
}
