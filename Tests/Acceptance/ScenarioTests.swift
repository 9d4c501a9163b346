import ControlAPIClient
import ControlAPIModel
import Glibc
import LinuxCalls
import Rig
import Testing

/// Each breakage of the demo by itself: the built programs as processes, a real nbdkit, and for disks plain files or, in a
/// private machine, loop devices that a real udevd names.
@Suite(.serialized, .enabled(if: access("/usr/bin/nbdkit", X_OK) == 0, "needs nbdkit"))
struct ScenarioTests {
    private static let isInMachine = getenv("HAWSER_TEST_MACHINE") != nil
    private static let orders = "a7f226a7-95a0-43b6-942e-acc909ef0c08"
    private static let archive = "c3d9e0b2-1f44-4c3e-8a57-5d0f6e1b2a90"
    private static let root = #filePath.split(separator: "/").dropLast(3).reduce(into: "") { $0 += "/" + $1 }

    /// Everything of the demo, applied and Ready.
    private func withWorld(_ body: (DemoWorld) async throws -> Void) async throws {
        let temporary = try TemporaryDirectory(prefix: "hawser-scenario-")
        var directory = temporary.path
        if Self.isInMachine {
            directory = try PrivateMachine.disksDirectory() + directory
            try createDirectories(directory)
        }
        let world = DemoWorld(
            directory: directory, hasRealDevices: Self.isInMachine,
            seedFile: "\(Self.root)/manifests/demo/simulator/world.yaml")
        do {
            try await world.startSimulator()
            try await world.startDaemon()
            let applied = try await world.hawser(
                ["apply", "-f", "\(Self.root)/manifests/demo", "--wait=120s"], output: .discarded)
            let reports = try await world.control.overview().items.map { "\($0.name): \($0.reason ?? "ready")" }
            try #require(applied.isSuccess, "\(reports)")
            try await body(world)
        } catch {
            await world.stop()
            await PrivateMachine.removeLeftovers(of: directory)
            throw error
        }
        await world.stop()
        await PrivateMachine.removeLeftovers(of: directory)
    }

    /// Breaks something, and returns the kind of drift that was seen first, when all is Ready again.
    private func drift(_ world: DemoWorld, _ breakIt: () async throws -> Void) async throws -> String {
        let begun = try await world.moment()
        try await breakIt()
        let seen = try await world.untilDrifted("orders", since: begun)
        _ = try await world.untilAllReady()
        return String(seen.prefix { $0 != ":" })
    }

    @Test func `a detach behind the back is seen, and repaired by one attach`() async throws {
        try await withWorld { world in
            let before = try await world.calls(of: "attachVolume", volume: Self.orders)
            let kind = try await drift(world) { try await world.detachBehindTheBack(volume: Self.orders) }
            #expect(["DeviceMissing", "ExportOnWrongDisk", "NotAttached", "ExportMissing"].contains(kind), "\(kind)")
            #expect(try await world.calls(of: "attachVolume", volume: Self.orders) == before + 1)
        }
    }

    @Test func `Contested: a detach that comes again is repaired after a pause, and the event list tells who it was`()
        async throws
    {
        try await withWorld { world in
            let before = try await world.calls(of: "attachVolume", volume: Self.orders)
            _ = try await drift(world) { try await world.detachBehindTheBack(volume: Self.orders) }
            #expect(try await world.said(by: ["events", "orders"]).contains("Contested") == false)
            try await world.detachBehindTheBack(volume: Self.orders)
            try await wait(for: "the contest to be told", within: .seconds(120)) {
                try await world.control.overview().items.first { $0.name == "orders" }?.message?
                    .contains("contested by user 'operator' (account 'admin'), 2 times") == true
            }
            let told = try await world.said(by: ["describe", "orders"])
            #expect(told.contains("Contested") && told.contains("Freshness:"), "\(told)")
            _ = try await world.untilAllReady()
            #expect(try await world.calls(of: "attachVolume", volume: Self.orders) == before + 2)
        }
    }

    @Test func `an export that was removed comes back, and CloudStack hears nothing of it`() async throws {
        try await withWorld { world in
            let before = try await world.control.operations().count { $0.verb == "attach" || $0.verb == "detach" }
            let kind = try await drift(world) { await world.removeExport("orders") }
            #expect(kind == "ExportMissing")
            let after = try await world.control.operations().count { $0.verb == "attach" || $0.verb == "detach" }
            #expect(after == before)
        }
    }

    @Test func `RIGHT-DISK: a name bent to another disk is withdrawn and put right, and that disk's own name stays`()
        async throws
    {
        try await withWorld { world in
            let kind = try await drift(world) { try await world.bendExport("orders", to: Self.archive) }
            #expect(kind == "ExportOnWrongDisk")
            // The other disk was to be had under a name that is not its own, which is a drift of that volume too; but its own
            // name was never touched.
            let records = try await world.control.drifts(since: nil).filter { $0.name == "archive" }
            #expect(records.allSatisfy { $0.drift.wanted == "no export 'orders'" }, "\(records)")
            #expect(
                try await world.writeAndCompare(export: "orders", volume: Self.orders, serial: "a7f226a795a043b6942e"))
        }
    }

    @Test func `NBD servers that were killed run again with the same exports`() async throws {
        try await withWorld { world in
            let kind = try await drift(world) { try await world.killNBDServers() }
            #expect(kind == "ServerDown")
            #expect(
                try await world.writeAndCompare(export: "orders", volume: Self.orders, serial: "a7f226a795a043b6942e"))
        }
    }

    @Test func `WHOLE-VIEW and QUIET: an empty volume list makes Hawser read, and do nothing`() async throws {
        try await withWorld { world in
            let before = try await world.control.operations().count
            try await world.listNothing(times: 3)
            try await wait(for: "the empty answers to have been given") { try await world.faultsLeft() == 0 }
            _ = try await world.untilAllReady()
            #expect(try await world.control.operations().count == before)
        }
    }

    @Test func `what get prints as YAML is a manifest, and applying it changes nothing`() async throws {
        try await withWorld { world in
            let printed = try await world.said(by: ["get", "attachments", "-o", "yaml"])
            #expect(printed.split(separator: "\n").count { $0 == "kind: VolumeAttachment" } == 4)
            let file = try TemporaryDirectory(prefix: "hawser-round-")
            try writeFile("\(file.path)/all.yaml", bytes: Array(printed.utf8))
            let applied = try await world.said(by: ["apply", "-f", file.path])
            #expect(applied.split(separator: "\n").allSatisfy { $0.hasSuffix(" unchanged") }, "\(applied)")
            let described = try await world.said(by: ["describe", "orders"])
            for kind in ["Bound", "Attached", "DevicePresent", "Exported", "Ready"] {
                #expect(described.contains("  \(kind) "), "\(described)")
            }
        }
    }

    @Test func `clients keep their session over a restart of hawserd`() async throws {
        try await withWorld { world in
            await world.killDaemon()
            // The NBD servers outlive the daemon: a client is served while there is none.
            #expect(
                try await world.writeAndCompare(export: "orders", volume: Self.orders, serial: "a7f226a795a043b6942e"))
            try await world.startDaemon()
            _ = try await world.untilAllReady()
        }
    }
}

/// The scenarios once more, on real block devices: as a process in a private machine.
@Suite(
    .enabled(if: getenv("HAWSER_TEST_MACHINE") == nil, "is what starts the private machine"),
    .enabled(if: PrivateMachine.obstacle == nil, "needs a private machine: \(PrivateMachine.obstacle ?? "")"))
struct ScenariosOnDevicesTests {
    @Test func `all scenarios hold on loop devices with a real udevd`() async throws {
        let outcome = try await PrivateMachine.runTests(matching: "ScenarioTests")
        let said = outcome.output + outcome.errors
        #expect(outcome.status.isSuccess, "\(said)")
        // Neither a filter that matches nothing nor a suite that was skipped may pass for success.
        #expect(said.contains("Suite ScenarioTests passed"), "\(said)")
    }
}
