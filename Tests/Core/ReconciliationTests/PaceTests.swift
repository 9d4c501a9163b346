import Planning
import Testing
import VolumeModel

@testable import Reconciliation

/// Nothing is begun over and over without anything changing (hot loops), whatever is broken.
@Suite("no hot loop") struct PaceTests {
    private func ready() -> MemoryWorld {
        let world = MemoryWorld()
        let id = world.makeVolume(1)
        world.want("v", volume: .id(id), export: "e")
        world.start()
        world.run(for: .seconds(30))
        return world
    }

    private static let made = VolumeReference.created(
        VolumeTemplate(name: "made", sizeInBytes: 1 << 30, offering: .named("custom"), zone: .id(MemoryWorld.zone)))

    /// Every createVolume succeeded, no list showed the volume, and the next was made.
    @Test func `NO-BLIND-REPEAT: a volume that was made and is not listed is not made again`() {
        let world = MemoryWorld()
        world.nothingIsFoundByName = true
        world.want("v", volume: Self.made, export: "e")
        world.start()
        world.run(for: .seconds(600))
        #expect(world.deeds.count { $0.hasPrefix("create") } == 1, "\(world.deeds)")
        world.nothingIsFoundByName = false
        world.run(for: .seconds(30))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
    }

    /// Only the ledger knows of the volume between the end of its job and the binding.
    @Test func `NO-BLIND-REPEAT: a volume that was made and is not listed is not made again after a crash either`() {
        let world = MemoryWorld()
        world.nothingIsFoundByName = true
        world.want("v", volume: Self.made, export: "e")
        world.start()
        world.run(for: .seconds(60))
        for _ in 0..<3 {
            world.crashAndRestart()
            world.run(for: .seconds(200))
        }
        #expect(world.deeds.count { $0.hasPrefix("create") } == 1, "\(world.deeds)")
        world.nothingIsFoundByName = false
        world.run(for: .seconds(30))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
    }

    /// The id comes with CloudStack's acknowledgement; a list that lags is not waited for.
    @Test func `a volume that was made is bound by the id that CloudStack gave it`() {
        let world = MemoryWorld()
        world.tellsNewVolumes = true
        world.nothingIsFoundByName = true
        world.want("v", volume: Self.made, export: "e")
        world.start()
        world.run(for: .seconds(30))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
        #expect(world.deeds.count { $0.hasPrefix("create") } == 1, "\(world.deeds)")
    }

    /// Urgent steps are not kept waiting by a backoff; on a read-only file system they were tried without end.
    @Test func `a withdrawal that fails is tried again, ever more slowly, and works when it can`() throws {
        let world = ready()
        world.withdrawalsFail = true
        let stray = DeviceNumber(major: 9, minor: 9)
        world.links[try #require(ExportName("e"))]?.target = .device(stray, diskSequence: 1)
        world.notice()
        let before = (begun: world.begun, ledger: world.ledger.count)
        world.run(for: .seconds(300))
        #expect(world.begun - before.begun < 150, "\(world.begun - before.begun)")
        #expect(world.ledger.count - before.ledger < 300)
        world.withdrawalsFail = false
        world.run(for: .seconds(30))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
    }

    /// The first step of an object goes only into the store; a full disk refused it as fast as it was asked.
    @Test func `DURABLE: a store that refuses writes is not asked without end`() {
        let world = MemoryWorld()
        world.makeVolume(1)
        world.want("v", volume: .named("volume-1", zone: .id(MemoryWorld.zone)))
        world.storeFails = true
        world.start()
        world.run(for: .seconds(300))
        #expect(world.begun < 150, "\(world.begun)")
        world.storeFails = false
        world.run(for: .seconds(30))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
    }

    @Test func `exports that cannot be read are not read without end`() {
        let world = ready()
        world.exportsAreUnreadable = true
        world.notice()
        let before = world.begun
        world.run(for: .seconds(300))
        #expect(world.begun - before < 150, "\(world.begun - before)")
        world.exportsAreUnreadable = false
        world.run(for: .seconds(90))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
    }

    /// World 577533439002272: an attach was sent every five seconds for ever, and at once when the read between was slow.
    @Test(arguments: [Duration.milliseconds(5), .seconds(2)])
    func `what CloudStack takes and forgets each time is sent ever more seldom, however slow reads are`(
        readDelay: Duration
    ) {
        let world = MemoryWorld()
        let id = world.makeVolume(1)
        world.want("v", volume: .id(id), export: "e")
        world.forgetsJobs = true
        world.readDelay = readDelay
        world.start()
        world.run(for: .seconds(3_600))
        #expect((15...25).contains(world.deeds.count), "\(world.deeds.count)")
        world.forgetsJobs = false
        world.run(for: world.policy.backoffCap + .seconds(30))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
    }

    /// Somebody else takes the name away as soon as it is there.
    @Test func `a fight over an export is fought slowly, and won when the other gives up`() throws {
        let world = ready()
        let name = try #require(ExportName("e"))
        let before = world.begun
        for _ in 0..<3_000 {
            world.links[name] = nil
            world.notice()
            world.run(for: .milliseconds(100))
        }
        #expect(world.begun - before < 400, "\(world.begun - before)")
        world.run(for: .seconds(30))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
    }
}
