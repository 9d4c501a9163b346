import Planning
import Testing
import VolumeModel

@testable import Reconciliation

/// What contradicts itself, in the loop: a volume whose machine is gone, and what a plan still has to read.
@Suite("quarantine and freshness") struct QuarantineLoopTests {
    private func reserved() -> (MemoryWorld, VolumeID) {
        let world = MemoryWorld()
        let volume = world.makeVolume(1, attachedTo: MemoryWorld.other)
        world.want("v", volume: .id(volume), machine: .id(MemoryWorld.other), export: "e")
        world.start()
        world.run(for: .seconds(30))
        return (world, volume)
    }

    /// It was Ready: the volume was where it was wanted, by its record, on a machine that was no more.
    @Test func `a volume on a machine that does not exist is not Ready, and is left alone until somebody helps`() throws
    {
        let (world, volume) = reserved()
        #expect(world.isEverythingReady)
        let before = world.deeds.count
        world.machines[MemoryWorld.other] = nil
        world.run(for: .seconds(200))
        #expect(
            world.report("v")?.readiness == .notReady(.holderMissing(MemoryWorld.other)),
            "\(world.overview.reports)")
        world.want("v", volume: .id(volume), export: "e")
        world.run(for: .seconds(200))
        #expect(world.report("v")?.readiness == .notReady(.holderMissing(MemoryWorld.other)))
        #expect(world.deeds.count == before, "\(world.deeds)")
        world.unplug(volume)
        world.run(for: .seconds(120))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
    }

    @Test func `a machine that a listing lacks by mistake changes nothing`() {
        let (world, _) = reserved()
        world.machinesListed = []
        world.run(for: .seconds(300))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
        #expect(world.deeds.isEmpty)
    }

    @Test func `a plan names what has to be read first, how old it is, and how fresh it has to be`() throws {
        let (world, volume) = reserved()
        world.edit("v") { object in
            object.suspension = Suspension(reason: "a test", until: nil)
            object.generation += 1
        }
        world.unplug(volume)
        world.run(for: .seconds(100))
        let line = try #require(world.plan.first)
        let read = try #require(line.readsFirst.first, "\(line)")
        #expect(read.hasPrefix("volume \(volume): it was "), "\(read)")
        #expect(read.hasSuffix("at most 1 s old"), "\(read)")
    }
}
