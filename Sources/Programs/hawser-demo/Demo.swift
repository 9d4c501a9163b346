import ControlAPIClient
import ControlAPIModel
import Glibc
import LinuxCalls
import Rig

/// The main job in front of a person: attach, export, break things, watch the repairs.
struct Demo {
    let world: DemoWorld
    let manifests: String
    let nbd: DemoNBDServer
    /// Has the store; `nil` for the embedded one.
    let database: ThrowAwayMariaDB.Database?
    private let isTerminal = isatty(STDOUT_FILENO) == 1

    private static let orders = "a7f226a7-95a0-43b6-942e-acc909ef0c08"
    private static let archive = "c3d9e0b2-1f44-4c3e-8a57-5d0f6e1b2a90"

    /// One thing that was broken.
    private struct Line {
        var broken: String
        var seen: String
        var repaired: String
    }

    private func heading(_ text: String) async {
        FileHandle.standardOutput.say(isTerminal ? "\n\u{1B}[1;36m== \(text)\u{1B}[0m" : "\n== \(text)")
        // Time to read, for a person; a cancelled sleep goes on at once.
        if isTerminal { try? await Task.sleep(for: .milliseconds(1_200)) }
    }

    private func hawser(_ arguments: [String]) async throws {
        FileHandle.standardOutput.say("$ hawser \(arguments.joined(separator: " "))")
        _ = try await world.hawser(arguments)
    }

    private func sql(_ text: String, _ database: ThrowAwayMariaDB.Database) async throws {
        for line in text.split(separator: "\n") where !line.hasPrefix("--") {
            FileHandle.standardOutput.say("sql> \(line)")
        }
        guard try await database.mariadb(text) else {
            throw DemoFailure(description: "the database refused the statement")
        }
    }

    private func untilReady(_ name: String, generation: Int64) async throws {
        try await wait(for: "generation \(generation) of \(name) to be ready") {
            try await world.control.overview().items.contains {
                $0.name == name && $0.isReady && $0.generation == generation
            }
        }
    }

    /// Edits of rows, and what they come to.
    private func editRows(_ database: ThrowAwayMariaDB.Database) async throws {
        await heading("Edit a row, and apply its manifest: they are the same object")
        try await sql("UPDATE desired_volume_attachments SET export_read_only = 0 WHERE name = 'archive';", database)
        try await untilReady("archive", generation: 2)
        try await sql("UPDATE desired_volume_attachments SET export_read_only = 1 WHERE name = 'archive';", database)
        try await untilReady("archive", generation: 3)
        try await hawser(["diff", "-f", manifests])

        await heading("A row that makes no sense says so, and the others go on")
        try await sql(
            "INSERT INTO desired_volume_attachments (name, volume_name) VALUES ('typo', 'data-7');", database)
        try await wait(for: "the row to be refused") {
            try await world.control.overview().items.contains { $0.name == "typo" && $0.reason == "InvalidSpec" }
        }
        try await sql("SELECT name, phase, reason, message FROM volume_attachment_status ORDER BY name;", database)
        try await sql("DELETE FROM desired_volume_attachments WHERE name = 'typo';", database)
        try await wait(for: "the row to be gone") {
            try await !world.control.overview().items.contains { $0.name == "typo" }
        }
        try await hawser(["apply", "-f", manifests])
        _ = try await world.untilAllReady()
    }

    /// Shows the live table until all is ready, and then once more as it is.
    private func watchUntilReady() async throws {
        FileHandle.standardOutput.say("$ hawser status --watch")
        let table = try ChildProcess(
            starting: .init(
                try BuiltPrograms.path(of: "hawser"), ["status", "--watch", "--socket", world.socket]))
        let ready: Duration
        do {
            ready = try await world.untilAllReady()
        } catch {
            await table.stop()
            throw error
        }
        await table.stop()
        try await hawser(["status"])
        FileHandle.standardOutput.say("all ready after \(seconds(ready))")
    }

    func run() async throws {
        await heading("Start: a CloudStack simulator, hawserd, an NBD server of its own (\(nbd.rawValue))")
        try await world.startSimulator()
        try await world.startDaemon()
        if let database {
            await heading("Write rows, with a client of the database's own")
            try await sql(try readTextFile("\(manifests)/rows.sql"), database)
        } else {
            await heading("Apply the manifests")
            try await hawser(["apply", "-f", manifests])
        }
        try await watchUntilReady()
        if let database { try await editRows(database) }

        await heading("Write through an NBD client, and compare the bytes on the disk")
        guard
            try await world.writeAndCompare(
                export: "orders", volume: Self.orders, serial: "a7f226a795a043b6942e")
        else { throw DemoFailure(description: "the bytes on the disk are not those that were written") }
        FileHandle.standardOutput.say("4096 bytes written, flushed, read back, and found on the disk")

        var lines: [Line] = []
        lines.append(
            try await breakage("a volume is detached in CloudStack") {
                try await world.detachBehindTheBack(volume: Self.orders)
            })
        lines.append(try await breakage("an export is removed") { await world.removeExport("orders") })
        lines.append(
            try await breakage("an export points to the wrong disk") {
                try await world.bendExport("orders", to: Self.archive)
            })
        lines.append(try await breakage("the NBD servers are killed") { try await world.killNBDServers() })
        lines.append(try await emptyListing())
        lines.append(try await killedDaemon())

        await heading("Summary: what was broken, how it was seen, how long the repair took")
        for line in lines {
            FileHandle.standardOutput.say("\(line.broken)\n    seen:     \(line.seen)\n    repaired: \(line.repaired)")
        }
    }

    private func breakage(_ name: String, _ breakIt: () async throws -> Void) async throws -> Line {
        await heading("Break: \(name)")
        let begun = try await world.moment()
        let clock = ContinuousClock()
        let start = clock.now
        try await breakIt()
        let seen = try await world.untilDrifted("orders", since: begun)
        FileHandle.standardOutput.say("seen: \(seen)")
        _ = try await world.untilAllReady()
        let took = seconds(clock.now - start)
        FileHandle.standardOutput.say("repaired after \(took)")
        try await drift(since: start)
        return Line(broken: name, seen: seen, repaired: "after \(took)")
    }

    /// What has drifted since then, and what repaired it.
    private func drift(since begun: ContinuousClock.Instant) async throws {
        let milliseconds = Int((ContinuousClock.now - begun) / .milliseconds(1)) + 50
        try await hawser(["drift", "--since", "\(milliseconds)ms"])
    }

    private func emptyListing() async throws -> Line {
        await heading("Break: CloudStack answers with an empty volume list")
        let before = try await world.control.operations().count
        try await world.listNothing(times: 1)
        try await wait(for: "CloudStack to have answered with an empty list") { try await world.faultsLeft() == 0 }
        _ = try await world.untilAllReady()
        guard try await world.control.operations().count == before else {
            throw DemoFailure(description: "an empty list made Hawser act")
        }
        FileHandle.standardOutput.say("nothing was done: each volume was read by its id, and there it was")
        return Line(
            broken: "CloudStack answers with an empty volume list", seen: "absence has to be proven, and was not",
            repaired: "nothing was done, nothing had to be")
    }

    private func killedDaemon() async throws -> Line {
        await heading("Break: hawserd is killed in the middle of an attach")
        let before = try await world.calls(of: "attachVolume", volume: Self.orders)
        let begun = ContinuousClock.now
        try await world.detachBehindTheBack(volume: Self.orders)
        let attach = try await waitForValue("an attach under way") {
            try await world.control.operations().first {
                $0.verb == "attach" && ($0.phase == "intended" || $0.phase == "accepted")
            }
        }
        await world.killDaemon()
        FileHandle.standardOutput.say("hawserd is gone; its ledger says: attach \(attach.value.phase)")
        try await world.startDaemon()
        let repaired = try await world.untilAllReady()
        let calls = try await world.calls(of: "attachVolume", volume: Self.orders) - before
        guard calls == 1 else { throw DemoFailure(description: "CloudStack was asked \(calls) times to attach") }
        FileHandle.standardOutput.say("a new hawserd found the job again; CloudStack was asked once to attach")
        FileHandle.standardOutput.say("all ready after \(seconds(repaired))")
        try await drift(since: begun)
        return Line(
            broken: "hawserd is killed in the middle of an attach",
            seen: "the ledger said: attach \(attach.value.phase)",
            repaired: "after \(seconds(repaired)), with one call to attach")
    }

    private func seconds(_ duration: Duration) -> String {
        let tenths = Int(duration / .milliseconds(100))
        return "\(tenths / 10).\(tenths % 10) s"
    }
}

struct DemoFailure: Error, CustomStringConvertible {
    let description: String
}
