/// Which volumes a listVolumes asks for: its parameters, read once and not once for each volume.
struct VolumeFilter {
    /// The one that is asked for by `id`.
    let id: String?
    private let ids: [String]?
    private let owners: Set<String>?
    private let name: String?
    private let keyword: String?
    private let state: String?
    private let type: String?
    private let machine: String?
    private let zone: String?
    private let offering: String?
    /// Any of these will do.
    private let tags: [Tag]

    /// - Parameters:
    ///   - ids: `id` or `ids`; `nil` for all.
    ///   - owners: the accounts whose volumes are shown; `nil` for all.
    init(_ parameters: Parameters, ids: [String]?, owners: Set<String>?) {
        id = parameters.text("id")
        self.ids = ids
        self.owners = owners
        name = parameters.text("name")?.lowercased()
        keyword = parameters.text("keyword")?.lowercased()
        state = parameters.text("state")
        type = parameters.text("type")?.lowercased()
        machine = parameters.text("virtualmachineid")
        zone = parameters.text("zoneid")
        offering = parameters.text("diskofferingid")
        tags = parameters.map("tags").map { Tag(key: $0.key, value: $0.value) }
    }

    /// Where the volumes stand in a table, newest first.
    func positions(in table: VolumeTable) -> [Int] {
        let candidates: [Int]
        if let ids {
            candidates = Set(ids.compactMap { table.position(of: $0) }).sorted(by: >)
        } else if let machine {
            candidates = table.on(machine).compactMap { table.position(of: $0.id) }.sorted(by: >)
        } else {
            return table.rows.indices.reversed().filter { matches(table.rows, at: $0) }
        }
        return candidates.filter { matches(table.rows, at: $0) }
    }

    /// It reads single fields where they stand: a copy of each volume costs more than all the comparisons.
    private func matches(_ rows: [Volume], at position: Int) -> Bool {
        if rows[position].isRemoved { return false }
        if let owners, !owners.contains(rows[position].account) { return false }
        if let machine, rows[position].machine != machine { return false }
        if let state, rows[position].state != state { return false }
        if let zone, rows[position].zone != zone { return false }
        if let offering, rows[position].offering != offering { return false }
        if let name, rows[position].name.lowercased() != name { return false }
        if let keyword, !rows[position].name.lowercased().contains(keyword) { return false }
        if let type, !rows[position].type.lowercased().contains(type) { return false }
        return tags.isEmpty || tags.contains { rows[position].tags.contains($0) }
    }
}
