import CloudStackModel
import CloudStackSimulator
import YAML

/// A world written down as YAML (or JSON, which is YAML): see docs/simulator.md.
enum SeedFile {
    struct Problem: Error, CustomStringConvertible {
        var description: String
    }

    static func world(_ text: [UInt8], file: String, now: Int64) throws -> CloudWorld {
        let documents: [Node]
        do throws(YAMLError) {
            documents = try YAMLReader().documents(text)
        } catch {
            throw Problem(description: "\(file):\(error)")
        }
        guard let root = documents.first, documents.count == 1 else {
            throw Problem(description: "\(file): write one document with the world in it")
        }
        let reader = SeedReader(file: file)
        var world = DefaultWorld.make(now: now)
        if let machines = root["machines"] {
            world = DefaultWorld.make(now: now)
            world.machines = []
            world = withoutVolumes(world)
            for entry in try reader.list(machines) {
                DefaultWorld.addMachine(
                    &world, id: try reader.text(entry, "id"), name: try reader.text(entry, "name"),
                    state: try reader.optionalText(entry, "state") ?? "Running",
                    isAppliance: entry["appliance"]?.value == .flag(true), now: now)
            }
        }
        if let offerings = root["diskOfferings"] {
            world.diskOfferings = try reader.list(offerings).enumerated().map { index, entry in
                let size = try reader.optionalNumber(entry, "sizeInGiB")
                return DiskOffering(
                    number: Int64(index + 1), id: try reader.text(entry, "id"), name: try reader.text(entry, "name"),
                    isCustomized: size == nil, sizeInGiB: size ?? 0)
            }
        }
        // Before the volumes: those of a machine take its slots.
        if let limit = try reader.optionalNumber(root, "dataDiskLimit") { world.dataDiskLimit = Int(limit) }
        for entry in try root["volumes"].map(reader.list) ?? [] {
            let size = try reader.optionalNumber(entry, "sizeInGiB") ?? 1
            let bytes = try reader.optionalNumber(entry, "sizeInMiB").map { $0 << 20 } ?? size << 30
            world.addVolume(
                id: try reader.text(entry, "id"), name: try reader.text(entry, "name"),
                zone: world.zones.first?.id ?? DefaultWorld.zone, account: DefaultWorld.account, sizeInBytes: bytes,
                offering: world.diskOfferings.first?.id, machine: try reader.optionalText(entry, "machine"), now: now)
        }
        if let delay = try reader.optionalNumber(root, "jobDelayMs") { world.jobDelayInMilliseconds = delay }
        if let isEnforced = try reader.optionalFlag(root, "enforcePostAndTimestamps") {
            world.enforcesPostAndTimestamps = isEnforced
        }
        return world
    }

    /// The default world without its volumes: those of its machines go with them.
    private static func withoutVolumes(_ world: CloudWorld) -> CloudWorld {
        var fresh = CloudWorld(seed: 1)
        fresh.accounts = world.accounts
        fresh.zones = world.zones
        fresh.diskOfferings = world.diskOfferings
        return fresh
    }
}

/// Takes values out of a seed file, or says where they are wrong.
private struct SeedReader {
    let file: String

    func list(_ node: Node) throws -> [Node] {
        guard case .list(let items) = node.value else { throw problem(node, "write a list here, not \(node.kind)") }
        return items
    }

    func optionalText(_ node: Node, _ key: String) throws -> String? {
        guard let value = node[key] else { return nil }
        guard case .text(let text) = value.value else {
            throw problem(value, "\(key): write a text, not \(value.kind)")
        }
        return text
    }

    func text(_ node: Node, _ key: String) throws -> String {
        guard let text = try optionalText(node, key) else { throw problem(node, "\(key) is missing") }
        return text
    }

    func optionalNumber(_ node: Node, _ key: String) throws -> Int64? {
        guard let value = node[key] else { return nil }
        guard case .integer(let number) = value.value else {
            throw problem(value, "\(key): write a whole number, not \(value.kind)")
        }
        return number
    }

    func optionalFlag(_ node: Node, _ key: String) throws -> Bool? {
        guard let value = node[key] else { return nil }
        guard case .flag(let flag) = value.value else {
            throw problem(value, "\(key): write true or false, not \(value.kind)")
        }
        return flag
    }

    private func problem(_ node: Node, _ text: String) -> SeedFile.Problem {
        SeedFile.Problem(description: "\(file):\(node.mark): \(text)")
    }
}
