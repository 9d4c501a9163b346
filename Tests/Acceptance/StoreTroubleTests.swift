import ControlAPIClient
import ControlAPIModel
import Glibc
import LinuxCalls
import NBD
import Rig
import Testing

/// A store that cannot be written any more: exports stay, no step is taken that could not be recorded, nothing that was not
/// recorded is acknowledged; and when the store can be written again, what is wanted is done, once.
///
/// In a private machine, for the sake of its mounts.
@Suite(.serialized, .enabled(if: getenv("HAWSER_TEST_MACHINE") != nil, "is run by StoreTroubleRunTests"))
struct StoreTroubleTests {
    private static let orders = "a7f226a7-95a0-43b6-942e-acc909ef0c08"

    private func isUnavailable(_ world: DemoWorld) async throws -> Bool {
        try await world.control.overview().nodeCauses.contains { $0.reason == "StoreUnavailable" }
    }

    private func attaches(_ world: DemoWorld) async throws -> Int {
        try await world.calls(of: "attachVolume", volume: Self.orders)
    }

    /// While the store cannot be written, CloudStack takes a volume away: that is said, and no more.
    ///
    /// - Returns: how many attaches there were before.
    private func expectNothingDone(_ demo: AppliedDemo) async throws -> Int {
        let world = demo.world
        let before = try await attaches(world)
        try await world.detachBehindTheBack(volume: Self.orders)
        try await wait(for: "hawserd to say that its store cannot be written") {
            guard try await isUnavailable(world) else { return false }
            return try await world.control.overview().items.contains {
                $0.name == "orders" && $0.reason == "StoreUnavailable"
            }
        }
        let manifest = try demo.write(
            "refused.yaml",
            """
            apiVersion: hawser/v1
            kind: VolumeAttachment
            metadata: {name: refused}
            spec: {volume: {id: 11111111-1f44-4c3e-8a57-5d0f6e1b2a90}, vm: self}
            """)
        let refused = try await demo.hawser("apply", "-f", manifest)
        #expect(!refused.status.isSuccess, "\(refused.output)")
        #expect(try await attaches(world) == before)
        // The other export, and whoever uses it, hears nothing of all that.
        let client = try NBDClient(export: "scratch", at: try await world.exportAddress())
        try client.write([1, 2, 3, 4], at: 4_096)
        try client.flush()
        client.disconnect()
        return before
    }

    private func expectDoneOnce(_ demo: AppliedDemo, after before: Int) async throws {
        _ = try await demo.world.untilAllReady()
        #expect(try await attaches(demo.world) == before + 1)
        #expect(try await !isUnavailable(demo.world))
        #expect(
            try await demo.world.control.overview().items.map(\.name) == ["archive", "failover", "orders", "scratch"])
        try await wait(for: "the ledger to have no open line") {
            try await demo.world.control.operations(limit: 1_000).allSatisfy {
                !["intended", "accepted"].contains($0.phase)
            }
        }
        #expect(try await demo.world.control.findings().contains { $0.subject == "store" && $0.verdict == "good" })
    }

    @Test
    func `DURABLE and CONVERGES: on a full disk nothing is done that cannot be recorded; with room it is done once`()
        async throws
    {
        let place = try TemporaryDirectory(prefix: "hawser-full-")
        try Namespaces.mountMemoryFileSystem(on: place.path, sizeInBytes: 4 << 20)
        defer { try? Namespaces.unmount(place.path) }
        try await AppliedDemo.run(storeDirectory: place.path) { demo in
            let filler = "\(place.path)/filler"
            fill(filler)
            let before = try await expectNothingDone(demo)
            // Killed and started with not a byte to be had, it finds everything as it was.
            await demo.world.killDaemon()
            try await demo.world.startDaemon()
            #expect(try await demo.world.control.overview().items.count == 4)
            unlink(filler)
            try await expectDoneOnce(demo, after: before)
        }
    }

    private func fill(_ path: String) {
        let file = open(path, O_WRONLY | O_CREAT, 0o600)
        let block = [UInt8](repeating: 0x5A, count: 4_096)
        while write(file, block, block.count) > 0 {}
        close(file)
    }

    @Test
    func
        `DURABLE and CONVERGES: on a file system that has become read-only nothing is done; mounted anew, it is done once`()
        async throws
    {
        let place = try TemporaryDirectory(prefix: "hawser-read-only-")
        let image = "\(place.path)/image"
        try writeFile(image, bytes: [UInt8](repeating: 0, count: 16 << 20))
        let disk = try LoopDevice.create(backedBy: image)
        // What is left of it ends with the machine.
        defer { try? disk.unbind() }
        let store = "\(place.path)/store"
        try createDirectories(store)
        try await run("mkfs.ext4", "-q", "/dev/\(disk.kernelName)")
        let mount = ["-o", "errors=remount-ro", "/dev/\(disk.kernelName)", store]
        try await run("mount", mount)
        defer { try? Namespaces.unmount(store) }
        try await AppliedDemo.run(storeDirectory: store) { demo in
            // As the kernel does it when it finds the file system damaged.
            try writeFile("/sys/fs/ext4/\(disk.kernelName)/trigger_fs_error", bytes: Array("1".utf8))
            let before = try await expectNothingDone(demo)
            await demo.world.killDaemon()
            // It says why it does not start, and its exports are served meanwhile.
            await #expect(throws: WaitedInVain.self) { try await demo.world.startDaemon() }
            try NBDClient(export: "scratch", at: try await demo.world.exportAddress()).disconnect()
            try await run("umount", store)
            try await run("mount", mount)
            try await demo.world.startDaemon()
            try await expectDoneOnce(demo, after: before)
        }
    }

    private func run(_ program: String, _ arguments: String...) async throws { try await run(program, arguments) }

    private func run(_ program: String, _ arguments: [String]) async throws {
        let outcome = try await ChildProcess.run(.init(program, arguments))
        try #require(outcome.status.isSuccess, "\(program): \(outcome.output)\(outcome.errors)")
    }
}

@Suite(
    .enabled(if: getenv("HAWSER_TEST_MACHINE") == nil, "is what starts the private machine"),
    .enabled(if: PrivateMachine.obstacle == nil, "needs a private machine: \(PrivateMachine.obstacle ?? "")"),
    .enabled(if: access("/usr/bin/nbdkit", X_OK) == 0, "needs nbdkit"))
struct StoreTroubleRunTests {
    @Test func `what is true of a store in trouble holds on a full tmpfs and on a broken ext4`() async throws {
        let outcome = try await PrivateMachine.runTests(matching: "StoreTroubleTests")
        let said = outcome.output + outcome.errors
        #expect(outcome.status.isSuccess, "\(said)")
        #expect(said.contains("Suite StoreTroubleTests passed"), "\(said)")
    }
}
