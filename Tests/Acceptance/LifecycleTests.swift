import ControlAPIClient
import ControlAPIModel
import Glibc
import LinuxCalls
import NBD
import Rig
import Testing

/// The life of volumes beyond attach and export, with the built programs: growth, suspension, override, adoption.
@Suite(.serialized, .enabled(if: access("/usr/bin/nbdkit", X_OK) == 0, "needs nbdkit"))
struct LifecycleTests {
    private static let isInMachine = getenv("HAWSER_TEST_MACHINE") != nil
    private static let volume = "a7f226a7-95a0-43b6-942e-acc909ef0c08"

    private func withWorld(
        seed: String, database: ThrowAwayMariaDB.Database? = nil,
        _ body: (DemoWorld, _ directory: String) async throws -> Void
    ) async throws {
        let temporary = try TemporaryDirectory(prefix: "hawser-life-")
        var directory = temporary.path
        if Self.isInMachine {
            directory = try PrivateMachine.disksDirectory() + directory
            try createDirectories(directory)
        }
        try writeFile("\(directory)/world.yaml", bytes: Array(seed.utf8))
        let world = DemoWorld(
            directory: directory, hasRealDevices: Self.isInMachine, seedFile: "\(directory)/world.yaml",
            database: database)
        do {
            try await world.startSimulator()
            try await body(world, directory)
        } catch {
            await world.stop()
            await PrivateMachine.removeLeftovers(of: directory)
            throw error
        }
        await world.stop()
        await PrivateMachine.removeLeftovers(of: directory)
    }

    private static func seed(_ volumes: [String]) -> String {
        """
        machines:
          - {id: aaaa0000-0000-4000-8000-000000000001, name: appliance, appliance: true}
          - {id: aaaa0000-0000-4000-8000-000000000002, name: app-server}
        diskOfferings:
          - {id: 0ff00000-0000-4000-8000-000000000001, name: Custom}
        volumes:
        \(volumes.map { "  - {\($0)}" }.joined(separator: "\n"))
        jobDelayMs: 50
        dataDiskLimit: 64
        """
    }

    private func apply(_ world: DemoWorld, _ directory: String, _ spec: String) async throws {
        let text = """
            apiVersion: hawser/v1
            kind: VolumeAttachment
            metadata: {name: data}
            spec: {\(spec)}
            """
        try writeFile("\(directory)/data.yaml", bytes: Array(text.utf8))
        let applied = try await world.hawser(["apply", "-f", "\(directory)/data.yaml"], output: .discarded)
        try #require(applied.isSuccess)
    }

    private func onlyReason(_ world: DemoWorld) async -> String? {
        try? await world.control.overview().items.first?.reason
    }

    @Test func `a volume grows, and a new client sees the new size`() async throws {
        try await withWorld(seed: Self.seed(["id: \(Self.volume), name: data, sizeInMiB: 64"])) { world, directory in
            try await world.startDaemon()
            try await apply(world, directory, "volume: {id: \(Self.volume)}, vm: self, export: {name: data}")
            _ = try await world.untilAllReady()
            try await apply(
                world, directory, "volume: {id: \(Self.volume), size: 2Gi}, vm: self, export: {name: data}")
            try await wait(for: "the device to be 2 GiB large") {
                try await world.control.world().devices.first?.sizeInBytes == 2 << 30
            }
            _ = try await world.untilAllReady()
            let uri = try await world.control.world().writableURI
            let port = try #require(UInt16(uri.split(separator: ":").last?.prefix { $0.isNumber } ?? ""))
            let client = try NBDClient(export: "data", at: .tcp(host: "127.0.0.1", port: port))
            #expect(client.sizeInBytes == 2 << 30)
            client.disconnect()
            let smaller = try await world.said(by: ["get", "operations"])
            #expect(smaller.contains("resize"), "\(smaller)")
            #expect(try await world.calls(of: "detachVolume", volume: Self.volume) == 0)
        }
    }

    @Test func `a suspended attachment is left alone until it is resumed, and says so`() async throws {
        try await withWorld(seed: Self.seed(["id: \(Self.volume), name: data, sizeInMiB: 64"])) { world, directory in
            try await world.startDaemon()
            try await apply(world, directory, "volume: {id: \(Self.volume)}, vm: self, export: {name: data}")
            _ = try await world.untilAllReady()
            let suspended = try await world.said(by: ["suspend", "data", "--reason", "a migration"])
            #expect(suspended == "volumeattachment/data suspended\n")
            try await world.detachBehindTheBack(volume: Self.volume)
            try await wait(for: "the suspension to hold something back") { await self.onlyReason(world) == "Suspended" }
            #expect(try await world.said(by: ["status"]).contains("here (suspended)"))
            #expect(try await world.said(by: ["describe", "data"]).contains("a migration"))
            #expect(try await world.calls(of: "attachVolume", volume: Self.volume) == 1)
            #expect(try await world.hawser(["resume", "data"], output: .discarded).isSuccess)
            _ = try await world.untilAllReady()
            #expect(try await world.calls(of: "attachVolume", volume: Self.volume) == 2)
        }
    }

    @Test func `IN-USE: a connected client holds a deletion up, until a person overrides it by name`() async throws {
        try await withWorld(seed: Self.seed(["id: \(Self.volume), name: data, sizeInMiB: 64"])) { world, directory in
            try await world.startDaemon()
            try await apply(world, directory, "volume: {id: \(Self.volume)}, vm: self, export: {name: data}")
            _ = try await world.untilAllReady()
            let uri = try await world.control.world().writableURI
            let port = try #require(UInt16(uri.split(separator: ":").last?.prefix { $0.isNumber } ?? ""))
            let client = try NBDClient(export: "data", at: .tcp(host: "127.0.0.1", port: port))
            #expect(try await world.hawser(["delete", "data"], output: .discarded).isSuccess)
            try await wait(for: "the client to be in the way") { await self.onlyReason(world) == "InUseByClients" }
            #expect(try await world.calls(of: "detachVolume", volume: Self.volume) == 0)
            let refused = try await world.hawser(
                ["override", "data", "--reason", "x", "--expires", "1m"], output: .discarded)
            #expect(!refused.isSuccess, "what is allowed has to be said")
            let allowed = try await world.hawser(
                ["override", "data", "--allow-in-use", "--reason", "the client hangs", "--expires", "5m"],
                output: .discarded)
            #expect(allowed.isSuccess)
            try await wait(for: "the object to be gone") { try await world.control.overview().items.isEmpty }
            #expect(try await world.calls(of: "detachVolume", volume: Self.volume) == 1)
            client.disconnect()
        }
    }

    @Test func `NO-SURPRISE-DELETE: data that may go goes after its grace period, unless the volume is protected`()
        async throws
    {
        try await withWorld(seed: Self.seed(["id: \(Self.volume), name: data, sizeInMiB: 64"])) { world, directory in
            try await world.startDaemon()
            try await apply(
                world, directory,
                "volume: {template: {size: 1Gi, diskOffering: Custom, zone: zone-1}}, vm: self, "
                    + "deletionPolicy: Delete, deletionGrace: 1s")
            _ = try await world.untilAllReady()
            let volume = try #require(try await world.control.overview().items.first?.volume)
            #expect(try await world.hawser(["protect", "data", "--reason", "of value"], output: .discarded).isSuccess)
            #expect(try await world.hawser(["delete", "data"], output: .discarded).isSuccess)
            try await wait(for: "the protection to hold the deletion up") {
                await self.onlyReason(world) == "Protected"
            }
            #expect(try await world.said(by: ["get", "protections"]).contains("of value"))
            #expect(try await world.hawser(["unprotect", volume], output: .discarded).isSuccess)
            try await wait(for: "the object to be gone") { try await world.control.overview().items.isEmpty }
            #expect(try await world.calls(of: "deleteVolume", volume: volume) == 1)
        }
    }

    @Test func `MINE-ONLY: fifty attachments and exports of somebody else's are adopted without a touch`() async throws
    {
        let ids = (10..<60).map { "a7f226a7-95a0-43b6-9\($0)0-acc909ef0c08" }
        let seed = Self.seed(
            ids.enumerated().map { index, id in
                "id: \(id), name: Disk \(index), sizeInMiB: 1, machine: aaaa0000-0000-4000-8000-000000000001"
            })
        try await withWorld(seed: seed) { world, directory in
            try createDirectories("\(directory)/exports/rw")
            let links = Self.isInMachine ? "/dev/disk/by-id" : "\(directory)/devices/by-id"
            let paths = ids.map { id in
                let serial = id.filter { $0 != "-" }.prefix(20)
                return (link: "\(directory)/exports/rw/migration-vol-\(id)", target: "\(links)/virtio-\(serial)")
            }
            for path in paths {
                try await wait(for: "\(path.target) to be there") { access(path.target, F_OK) == 0 }
                try replaceLink(path.link, target: path.target)
            }
            try await world.startDaemon(["--mode", "Observe"])
            try await wait(for: "50 exports to be live") {
                try await world.control.world().exports.count { $0.liveness == "live" && $0.targetDevice != nil } == 50
            }
            try await wait(for: "CloudStack to be listed") {
                try await world.control.world().volumes.count { $0.type == "DATADISK" } == 50
            }
            let manifests = try await world.said(by: ["export-manifests"])
            try writeFile("\(directory)/all.yaml", bytes: Array(manifests.utf8))
            #expect(try await world.hawser(["apply", "-f", "\(directory)/all.yaml"], output: .discarded).isSuccess)
            _ = try await world.untilAllReady()
            #expect(try await world.hawser(["plan"], output: .discarded).isSuccess, "an empty plan")
            await world.stopDaemon()
            try await world.startDaemon()
            _ = try await world.untilAllReady()
            let plan = try await world.said(by: ["plan"])
            #expect(plan.contains("0 to do"), "\(plan)")
            #expect(try await world.control.operations().isEmpty)
            #expect(try await world.mutatingCalls() == 0)
            for path in paths { #expect(try linkTarget(path.link) == path.target) }
            let again = try await world.said(by: ["export-manifests"])
            try writeFile("\(directory)/again.yaml", bytes: Array(again.utf8))
            #expect(try await world.hawser(["diff", "-f", "\(directory)/again.yaml"], output: .discarded).isSuccess)
        }
    }

    @Test func `doctor finds nothing bad about a healthy installation`() async throws {
        try await withWorld(seed: Self.seed(["id: \(Self.volume), name: data, sizeInMiB: 64"])) { world, directory in
            try await world.startDaemon()
            try await wait(for: "the NBD servers to answer") {
                try await world.control.findings().allSatisfy { $0.verdict != "bad" }
            }
            let said = try await world.said(by: ["doctor"])
            #expect(said.contains("rights of the API key"), "\(said)")
            #expect(try await world.hawser(["doctor"], output: .discarded).isSuccess)
        }
    }

    @Test(.enabled(if: ThrowAwayMariaDB.obstacle == nil, "\(ThrowAwayMariaDB.obstacle ?? "")"))
    func `doctor tells of a shared store which it is, how changes are heard of, and who holds the lease`() async throws
    {
        let database = try await ThrowAwayMariaDB.shared().emptyDatabase()
        try await withWorld(seed: Self.seed(["id: \(Self.volume), name: data, sizeInMiB: 64"]), database: database) {
            world, _ in
            try await world.startDaemon()
            try await wait(for: "all to be well") {
                let findings = try await world.control.findings()
                return findings.allSatisfy { $0.verdict != "bad" }
                    && findings.contains { $0.message.contains("held by this hawserd (") }
                    && findings.contains { $0.subject == "changes in the store" }
            }
            let said = try await world.said(by: ["doctor"])
            for words in [
                "a server: MariaDB 1", "at \(database.socket), database \(database.name), schema version 7",
                "over a socket of this machine", "rights in the store", "clock of the store",
                "told by the server's binary log", "lease in the store",
            ] { #expect(said.contains(words), "\(said)") }
        }
    }
}

/// Two hawserd of one appliance on one database.
@Suite(
    .serialized, .enabled(if: access("/usr/bin/nbdkit", X_OK) == 0, "needs nbdkit"),
    .enabled(if: ThrowAwayMariaDB.obstacle == nil, "\(ThrowAwayMariaDB.obstacle ?? "")"))
struct SharedStoreTests {
    private static let seed = """
        machines:
          - {id: aaaa0000-0000-4000-8000-000000000001, name: appliance, appliance: true}
        diskOfferings:
          - {id: 0ff00000-0000-4000-8000-000000000001, name: Custom}
        volumes: []
        """

    @Test
    func `LEASE: of two hawserd of one appliance one works and the other waits, and follows when that was killed`()
        async throws
    {
        let database = try await ThrowAwayMariaDB.shared().emptyDatabase()
        let places = try [TemporaryDirectory(prefix: "hawser-two-"), TemporaryDirectory(prefix: "hawser-two-")]
        let worlds = try places.map { place in
            let file = "\(place.path)/world.yaml"
            try writeFile(file, bytes: Array(Self.seed.utf8))
            return DemoWorld(directory: place.path, hasRealDevices: false, seedFile: file, database: database)
        }
        do {
            try await worlds[0].startSimulator()
            await worlds[1].share(simulatorOf: worlds[0])
            try await worlds[0].startDaemon()
            try await untilLease(of: worlds[0], says: "held by this hawserd (")
            try await worlds[1].startDaemon()
            try await wait(for: "the second to wait") {
                try await worlds[1].control.overview().nodeCauses.contains { $0.reason == "LeaseHeldElsewhere" }
            }
            try await untilLease(of: worlds[1], says: "held by ")
            #expect(try await worlds[0].control.overview().nodeCauses.allSatisfy { !$0.reason.hasPrefix("Lease") })
            await worlds[0].killDaemon()
            try await untilLease(of: worlds[1], says: "held by this hawserd (")
            try await wait(for: "the second to work") {
                try await worlds[1].control.overview().nodeCauses.allSatisfy { !$0.reason.hasPrefix("Lease") }
            }
        } catch {
            for world in worlds { await world.stop() }
            throw error
        }
        for world in worlds { await world.stop() }
    }

    private func untilLease(of world: DemoWorld, says words: String) async throws {
        try await wait(for: "the lease to be \(words)") {
            try await world.control.findings().contains {
                $0.subject == "lease in the store" && $0.message.contains(words)
            }
        }
    }
}

/// ``LifecycleTests`` once more on real block devices, as a process in a private machine.
@Suite(
    .enabled(if: getenv("HAWSER_TEST_MACHINE") == nil, "is what starts the private machine"),
    .enabled(if: PrivateMachine.obstacle == nil, "needs a private machine: \(PrivateMachine.obstacle ?? "")"))
struct LifecycleOnDevicesTests {
    @Test func `volumes live their life on loop devices with a real udevd`() async throws {
        let outcome = try await PrivateMachine.runTests(matching: "LifecycleTests")
        let said = outcome.output + outcome.errors
        #expect(outcome.status.isSuccess, "\(said)")
        #expect(said.contains("Suite LifecycleTests passed"), "\(said)")
    }
}
