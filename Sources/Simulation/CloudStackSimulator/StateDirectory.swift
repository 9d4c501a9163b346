import CloudStackModel
import FoundationEssentials
import LinuxCalls

/// Where a simulator keeps its world, so that it can be killed and go on.
///
/// The world is written whole, synced, and renamed into place before a call that changed it is answered. The action log
/// only grows.
struct StateDirectory: Sendable {
    let path: String

    private var statePath: String { path + "/world.json" }
    var actionLogPath: String { path + "/actions.jsonl" }

    /// The world that was kept; `nil` for a new directory.
    func load() throws -> CloudWorld? {
        guard exists(statePath) else { return nil }
        return try JSONDecoder().decode(CloudWorld.self, from: Data(try readFile(statePath, limit: 1 << 30)))
    }

    func save(_ world: CloudWorld) throws {
        try writeFileAtomically(statePath, bytes: Array(try JSONEncoder().encode(world)), mode: 0o600)
    }

    func append(_ actions: [ActionRecord]) throws {
        guard !actions.isEmpty else { return }
        var bytes: [UInt8] = []
        for action in actions {
            bytes += try JSONEncoder().encode(action)
            bytes.append(UInt8(ascii: "\n"))
        }
        let file = try FileDescriptor(opening: actionLogPath, flags: appendFlags, mode: 0o600)
        try file.write(bytes)
    }

    /// The log so far, one JSON object a line.
    func actionLog() throws -> [UInt8] {
        exists(actionLogPath) ? try readFile(actionLogPath, limit: 1 << 30) : []
    }
}
