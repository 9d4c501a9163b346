import CloudStackModel
import FoundationEssentials
import LinuxCalls

/// Where a simulator keeps its world, so that it can be killed and go on.
///
/// `world.json` is the world at some time, and `journal.jsonl` has every change since, a line each, synced before the call
/// that made it is answered. When the journal has outgrown it, the world is written whole and renamed into place, and the
/// journal emptied. Changes are numbered and say what is, not what to do: those that a kill in between has left in the
/// journal are passed over.
///
/// `actions.jsonl` only grows. It is written after the journal, which has the same lines: what a kill kept from it is added
/// at the next start.
struct StateDirectory: ~Copyable {
    /// Below this size of the journal the world is not written anew.
    static let smallestJournalToFold = 4 << 20

    private let path: String
    private var journal: GrowingFile
    private var actionLog: GrowingFile
    private var sizeOfWorld = 0
    private var worldPath: String { path + "/world.json" }

    private struct Number: Decodable { var number: Int64 }

    /// Opens a directory that exists, and reads what was kept there.
    ///
    /// - Parameter world: is set to the world that was kept, with the orders that its hypervisor may not have carried out;
    ///   to `nil` in a new directory.
    init(path: String, world: inout CloudWorld?) throws {
        let decoder = JSONDecoder()
        var kept: CloudWorld?
        if exists(path + "/world.json") {
            kept = try decoder.decode(CloudWorld.self, from: Data(try readFile(path + "/world.json", limit: 1 << 32)))
        }
        var (actions, orders) = kept?.drain() ?? ([], [])
        var journal = try GrowingFile(path + "/journal.jsonl") { line in
            let change = try decoder.decode(WorldChange.self, from: Data(line))
            try kept?.apply(change)
            actions += change.actions
            orders += change.orders
        }
        if kept == nil { try journal.empty() }
        var lastLine: [UInt8].SubSequence?
        var actionLog = try GrowingFile(path + "/actions.jsonl") { lastLine = $0 }
        let last = try lastLine.map { try decoder.decode(Number.self, from: Data($0)).number } ?? 0
        try actionLog.append(try Self.lines(actions.filter { $0.number > last }))
        kept?.restore(orders: orders)
        world = kept
        self.path = path
        self.journal = journal
        self.actionLog = actionLog
    }

    /// Keeps a change: it is durable when this returns.
    mutating func keep(_ change: WorldChange) throws {
        var line = [UInt8](try JSONEncoder().encode(change))
        line.append(UInt8(ascii: "\n"))
        try journal.append(line)
        try journal.synchronise()
        try actionLog.append(try Self.lines(change.actions))
    }

    /// Whether it is time for ``fold(_:)``.
    var isJournalLong: Bool { journal.sizeInBytes > max(Self.smallestJournalToFold, sizeOfWorld) }

    /// Writes the world whole, and empties the journal.
    mutating func fold(_ world: inout CloudWorld) throws {
        try actionLog.synchronise()
        world.wasKept()
        let bytes = [UInt8](try JSONEncoder().encode(world))
        try writeFileAtomically(worldPath, bytes: bytes, mode: 0o600)
        sizeOfWorld = bytes.count
        try journal.empty()
    }

    private static func lines(_ actions: [ActionRecord]) throws -> [UInt8] {
        var bytes: [UInt8] = []
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        for action in actions {
            bytes += try encoder.encode(action)
            bytes.append(UInt8(ascii: "\n"))
        }
        return bytes
    }

    /// The action log so far, one JSON object a line.
    borrowing func actions() throws -> [UInt8] { try readFile(path + "/actions.jsonl", limit: 1 << 32) }
}
