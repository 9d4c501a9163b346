import CloudStackModel
import FoundationEssentials
import LinuxCalls

/// Where a simulator keeps its world, so that it can be killed and go on.
///
/// The world is written whole, synced, and renamed into place before a call that changed it is answered. The action log
/// only grows; lines that it does not have yet are in the world that was written before.
struct StateDirectory: Sendable {
    let path: String

    private var statePath: String { path + "/world.json" }
    var actionLogPath: String { path + "/actions.jsonl" }

    /// The world that was kept; `nil` for a new directory. Lines of the action log that a crash kept from being written are
    /// written now.
    func load() throws -> CloudWorld? {
        guard exists(statePath) else { return nil }
        var world = try JSONDecoder().decode(CloudWorld.self, from: Data(try readFile(statePath, limit: 1 << 30)))
        let last = try repairActionLog()
        let (actions, orders) = world.drain()
        try append(actions.filter { $0.number > last })
        world.restore(orders: orders)
        return world
    }

    /// Cuts off a last line that was only half written.
    ///
    /// - Returns: the number of the last whole line; 0 when there is none.
    private func repairActionLog() throws -> Int64 {
        let log = try actionLog()
        let end = log.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        if end < log.count { try writeFileAtomically(actionLogPath, bytes: Array(log[..<end]), mode: 0o600) }
        guard let line = log[..<end].split(separator: UInt8(ascii: "\n")).last else { return 0 }
        return try JSONDecoder().decode(ActionRecord.self, from: Data(line)).number
    }

    func save(_ world: CloudWorld) throws {
        try writeFileAtomically(statePath, bytes: Array(try JSONEncoder().encode(world)), mode: 0o600)
    }

    func append(_ actions: [ActionRecord]) throws {
        guard !actions.isEmpty else { return }
        var bytes: [UInt8] = []
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        for action in actions {
            bytes += try encoder.encode(action)
            bytes.append(UInt8(ascii: "\n"))
        }
        let isNew = !exists(actionLogPath)
        let file = try FileDescriptor(opening: actionLogPath, flags: appendFlags, mode: 0o600)
        try file.write(bytes)
        try synchronise(file, path: actionLogPath)
        if isNew { try synchroniseDirectory(path) }
    }

    /// The log so far, one JSON object a line.
    func actionLog() throws -> [UInt8] {
        exists(actionLogPath) ? try readFile(actionLogPath, limit: 1 << 30) : []
    }
}
