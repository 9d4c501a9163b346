import VolumeModel

/// What one section of nbd-server's files says of one name.
struct ExportDefinition: Sendable {
    let name: ExportName
    /// The file's name in the include directory; nil for a section of the main file.
    let file: String?
    let owner: ExportOwner
    let isReadOnly: Bool
    /// What a client would be served.
    let source: Source

    enum Source: Sendable {
        case path(String)
        /// Something that Hawser cannot vouch for.
        case unclear(String)
    }

    /// All sections that nbd-server would take from a file.
    static func all(in file: IncludeDirectory.File, records: SessionRecords) -> [ExportDefinition] {
        let text = file.text
        if let own = ExportFile(text: text, records: records), own.fileName == file.name {
            return [
                ExportDefinition(
                    name: own.name, file: file.name, owner: .hawser(own.volume), isReadOnly: own.isReadOnly,
                    source: .path(own.path))
            ]
        }
        let groups = KeyFile(text)?.groups ?? []
        guard let volume = ExportFile.volume(markedIn: text) else {
            return groups.compactMap { foreign($0, file: file.name) }
        }
        return groups.compactMap { group in
            ExportName(group.name).map { name in
                ExportDefinition(
                    name: name, file: file.name, owner: .hawser(volume), isReadOnly: group.flag("readonly"),
                    source: .unclear("what \(file.name) says since it was changed by hand"))
            }
        }
    }

    /// A section that somebody else wrote. A name that no manifest could ask for is left out.
    static func foreign(_ group: KeyFile.Group, file: String?) -> ExportDefinition? {
        guard let name = ExportName(group.name) else { return nil }
        let source: Source = plainPath(of: group).map { .path($0) } ?? .unclear("something other than one plain path")
        return ExportDefinition(
            name: name, file: file, owner: .foreign, isReadOnly: group.flag("readonly"), source: source)
    }

    /// The one path that a section serves as it is; nil when it serves anything else.
    static func plainPath(of group: KeyFile.Group) -> String? {
        guard let path = group.values["exportname"], ServerPath.isSafe(path),
            !["multifile", "copyonwrite", "treefiles", "temporary"].contains(where: group.flag)
        else { return nil }
        return path
    }
}
