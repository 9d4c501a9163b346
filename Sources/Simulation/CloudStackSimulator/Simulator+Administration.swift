import CloudStackModel
import FoundationEssentials
import HTTPServer

/// The admin port: faults, and what happens behind the API's back.
extension Simulator {
    func administer(_ request: IncomingRequest) async -> OutgoingResponse {
        let body = Data(request.body)
        do {
            let answer = try await administer(request.method, request.path, body)
            settle()
            return .whole(status: 200, headers: [("Content-Type", "application/json")], body: answer)
        } catch {
            let text = (error as? AdminError)?.text ?? "\(error)"
            let message = AnswerText.json("error", .text(text))
            return .whole(status: 400, headers: [("Content-Type", "application/json")], body: message)
        }
    }

    private func administer(_ method: String, _ path: String, _ body: Data) async throws -> [UInt8] {
        let done = Array(#"{"ok":true}"#.utf8)
        switch (method, path) {
        case ("GET", "/faults"): return Array(try JSONEncoder().encode(world.faults))
        case ("POST", "/faults"):
            let fault = try JSONDecoder().decode(Fault.self, from: body)
            guard (0...86_400_000).contains(fault.milliseconds ?? 0) else {
                throw AdminError(text: "milliseconds: 0 to 86400000")
            }
            if fault.kind == .staleList { world.freezeListing() }
            world.faults.append(fault)
        case ("DELETE", "/faults"):
            world.faults = []
            world.thawListing()
        case ("GET", "/actions"): return try directory.actions()
        case ("GET", "/calls"): return Array(try JSONEncoder().encode(calls))
        case ("GET", "/world"): return Array(try JSONEncoder().encode(world))
        case ("POST", "/volumes/detach"):
            let order = try JSONDecoder().decode(VolumeOrder.self, from: body)
            world.detachByHand(try known(order.volume), by: order.user ?? CloudWorld.operatorName, now: now)
        case ("POST", "/volumes/attach"):
            let order = try JSONDecoder().decode(VolumeOrder.self, from: body)
            guard let machine = order.machine else { throw AdminError(text: "machine is missing") }
            world.attachByHand(
                try known(order.volume), to: machine, by: order.user ?? CloudWorld.operatorName, now: now)
        case ("POST", "/restart"): world.restartManagementServer(now: now)
        case ("POST", "/settings"):
            let settings = try JSONDecoder().decode(Settings.self, from: body)
            if let delay = settings.jobDelayMs {
                guard (0...86_400_000).contains(delay) else { throw AdminError(text: "jobDelayMs: 0 to 86400000") }
                world.jobDelayInMilliseconds = delay
            }
            if let size = settings.pageSize {
                guard (1...100_000).contains(size) else { throw AdminError(text: "pageSize: 1 to 100000") }
                world.pageSize = size
            }
            if let limit = settings.dataDiskLimit {
                guard (0...256).contains(limit) else { throw AdminError(text: "dataDiskLimit: 0 to 256") }
                world.dataDiskLimit = limit
            }
            if let isEnforced = settings.enforcePostAndTimestamps { world.enforcesPostAndTimestamps = isEnforced }
            for change in settings.machines ?? [] { try apply(change) }
            for change in settings.accounts ?? [] { try apply(change) }
            for change in settings.volumes ?? [] {
                world.setSnapshot(underWay: change.hasSnapshotUnderWay, of: try known(change.volume))
            }
        default: throw AdminError(text: "no such thing: \(method) \(path)")
        }
        return done
    }

    private func known(_ volume: String) throws -> String {
        guard world.volumes[volume] != nil else { throw AdminError(text: "no volume \(volume)") }
        return volume
    }

    private struct AdminError: Error { var text: String }

    private struct VolumeOrder: Decodable {
        var volume: String
        var machine: String?
        var user: String?
    }

    private func apply(_ change: Settings.MachineChange) throws {
        guard let index = world.machines.firstIndex(where: { $0.id == change.machine }) else {
            throw AdminError(text: "no machine \(change.machine)")
        }
        if let state = change.state { world.machines[index].state = state }
        if let hasSnapshots = change.hasSnapshots { world.machines[index].hasSnapshots = hasSnapshots }
        if let hasBackups = change.hasBackups { world.machines[index].hasBackups = hasBackups }
    }

    private func apply(_ change: Settings.AccountChange) throws {
        guard let index = world.accounts.firstIndex(where: { $0.name == change.account }) else {
            throw AdminError(text: "no account \(change.account)")
        }
        if let isEnabled = change.isEnabled { world.accounts[index].isEnabled = isEnabled }
        // As in CloudStack, -1 is no limit.
        if let limit = change.volumeLimit { world.accounts[index].volumeLimit = limit < 0 ? nil : limit }
        if let limit = change.primaryStorageLimitInGiB {
            guard limit < 1 << 30 else { throw AdminError(text: "primaryStorageLimitInGiB: below 2^30") }
            world.accounts[index].primaryStorageLimitInGiB = limit < 0 ? nil : limit
        }
    }

    private struct Settings: Decodable {
        struct MachineChange: Decodable {
            var machine: String
            var state: String?
            var hasSnapshots: Bool?
            var hasBackups: Bool?
        }

        struct AccountChange: Decodable {
            var account: String
            var isEnabled: Bool?
            var volumeLimit: Int?
            var primaryStorageLimitInGiB: Int64?
        }

        struct VolumeChange: Decodable {
            var volume: String
            var hasSnapshotUnderWay: Bool
        }

        var jobDelayMs: Int64?
        var pageSize: Int?
        var dataDiskLimit: Int?
        var enforcePostAndTimestamps: Bool?
        var machines: [MachineChange]?
        var accounts: [AccountChange]?
        var volumes: [VolumeChange]?
    }
}
