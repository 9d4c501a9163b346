/// All volumes, those that were removed too, in the order in which they were created.
///
/// What follows from the rows (the order, who is on which machine) is kept with them and is made anew when they are read
/// back. It remembers which rows were changed since they were last taken for keeping.
public struct VolumeTable: Sendable {
    /// By second of creation, and by number within it.
    private(set) var rows: [Volume] = []
    private var positions: [String: Int] = [:]
    /// The volumes that the record or a hypervisor has on a machine.
    private var onMachine: [String: Set<String>] = [:]
    private var changed: Set<String> = []

    public var values: [Volume] { rows }

    /// A volume stays for ever once it is there: setting none has no effect.
    public subscript(id: String) -> Volume? {
        get { positions[id].map { rows[$0] } }
        set { if let newValue { put(newValue) } }
    }

    func position(of id: String) -> Int? { positions[id] }

    /// The volumes on a machine: in the record, or by what its hypervisor holds; those that were removed too.
    func on(_ machine: String?) -> [Volume] {
        guard let machine else { return [] }
        return (onMachine[machine] ?? []).compactMap { self[$0] }.sorted { $0.number < $1.number }
    }

    private mutating func put(_ volume: Volume) {
        changed.insert(volume.id)
        if let position = positions[volume.id] {
            let old = rows[position]
            rows[position] = volume
            guard old.machine != volume.machine || old.holders != volume.holders else { return }
            for machine in Self.machines(of: old) {
                onMachine[machine]?.remove(volume.id)
                if onMachine[machine]?.isEmpty == true { onMachine[machine] = nil }
            }
        } else {
            insert(volume)
        }
        for machine in Self.machines(of: volume) { onMachine[machine, default: []].insert(volume.id) }
    }

    private static func machines(of volume: Volume) -> [String] {
        volume.holders.map(\.machine) + (volume.machine.map { [$0] } ?? [])
    }

    private mutating func insert(_ volume: Volume) {
        let key = (volume.created / 1_000, volume.number)
        var position = rows.count
        // At the end, unless the clock was set back.
        while position > 0, (rows[position - 1].created / 1_000, rows[position - 1].number) > key { position -= 1 }
        rows.insert(volume, at: position)
        for index in position..<rows.count { positions[rows[index].id] = index }
    }

    // MARK: Keeping

    var hasChanges: Bool { !changed.isEmpty }

    /// The rows that were changed since the last time.
    mutating func takeChanged() -> [Volume] {
        defer { changed = [] }
        return changed.compactMap { self[$0] }.sorted { $0.number < $1.number }
    }
}

/// As an object by id.
extension VolumeTable: Codable {
    public init(from decoder: any Decoder) throws {
        let volumes = try decoder.singleValueContainer().decode([String: Volume].self)
        for volume in volumes.values.sorted(by: { ($0.created / 1_000, $0.number) < ($1.created / 1_000, $1.number) }) {
            put(volume)
        }
        changed = []
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Dictionary(rows.map { ($0.id, $0) }) { _, later in later })
    }
}
