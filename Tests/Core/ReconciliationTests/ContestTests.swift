import Planning
import Testing
import VolumeModel

@testable import Reconciliation

/// Somebody else keeps detaching what Hawser attaches.
@Suite("Contested") struct ContestTests {
    private func ready(_ change: (MemoryWorld) -> Void = { _ in }) -> (MemoryWorld, VolumeID) {
        let world = MemoryWorld()
        change(world)
        let volume = world.makeVolume(1)
        world.want("v", volume: .id(volume), export: "e")
        world.start()
        world.run(for: .seconds(30))
        return (world, volume)
    }

    /// Another automation comes by every few seconds.
    private func fight(_ world: MemoryWorld, _ volume: VolumeID, for duration: Duration) {
        var left = duration
        while left > .zero {
            world.detach(volume, by: "rival")
            world.run(for: .seconds(5))
            left -= .seconds(5)
        }
    }

    private func attaches(_ world: MemoryWorld) -> Int { world.deeds.count { $0.hasPrefix("attach") } }

    @Test func `a fight is fought ever more slowly, with both sides named, and is won when the other gives up`() throws
    {
        let (world, volume) = ready()
        fight(world, volume, for: .seconds(1_200))
        #expect(attaches(world) < 12, "\(world.deeds)")
        let report = try #require(world.report("v"))
        guard case .notReady(.contested(let contention, let until)) = report.readiness else {
            Issue.record("\(report.readiness)")
            return
        }
        #expect(contention.parties.map(\.user) == ["rival"])
        #expect(contention.ourUser == "hawser")
        #expect(contention.parties.first?.times == contention.times)
        #expect(until - world.now <= .seconds(600))
        #expect(report.nextAt == until)
        #expect(world.events.contains { $0.reason == "Contested" && $0.severity == .warning })
        guard case .hold(.contested) = world.plan.first?.outcome else {
            Issue.record("PLAN-IS-DEED: \(world.plan)")
            return
        }
        world.run(for: .seconds(700))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
    }

    @Test func `in peace, and after a single detach, the events are not read`() {
        let (world, volume) = ready()
        world.run(for: .seconds(600))
        world.detach(volume, by: "a person")
        world.run(for: .seconds(600))
        #expect(world.isEverythingReady)
        #expect(world.eventsAsked == 0)
    }

    @Test func `a refusal of listEvents holds nothing up`() throws {
        let (world, volume) = ready { $0.eventsAreRefused = true }
        fight(world, volume, for: .seconds(1_200))
        let report = try #require(world.report("v"))
        guard case .notReady(.contested(let contention, _)) = report.readiness else {
            Issue.record("\(report.readiness)")
            return
        }
        #expect(contention.parties.isEmpty)
        #expect(world.overview.nodeCauses.isEmpty)
        world.run(for: .seconds(700))
        #expect(world.isEverythingReady)
    }

    @Test func `what people want anew, or ask to be looked at, is done at once`() {
        let (world, volume) = ready()
        fight(world, volume, for: .seconds(300))
        let before = attaches(world)
        world.deliver(.reconcile(nil))
        world.run(for: .seconds(5))
        #expect(attaches(world) == before + 1)
        #expect(world.isEverythingReady)
    }

    @Test func `a restart does not begin the fight anew, and peace is not fought for after one`() {
        let (world, volume) = ready()
        fight(world, volume, for: .seconds(600))
        let before = attaches(world)
        for seed in 0..<20 {
            world.crashAndRestart(seed: UInt64(seed))
            fight(world, volume, for: .seconds(30))
        }
        // The pauses have come to minutes by then; begun anew, each of the twenty would have been free.
        #expect(attaches(world) - before <= 3, "\(world.deeds)")
        #expect(world.measurements.contested == 1)
        world.run(for: .seconds(1_500))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
        #expect(world.measurements.contested == 0)
        let activity = world.activity
        world.crashAndRestart()
        world.run(for: .seconds(600))
        #expect(world.isEverythingReady && world.activity == activity, "QUIET")
    }

    @Test func `what people want anew while nobody runs is done at once after the start`() {
        let (world, volume) = ready()
        fight(world, volume, for: .seconds(600))
        let before = attaches(world)
        world.want("v", volume: .id(volume), export: "another")
        world.crashAndRestart()
        world.run(for: .seconds(5))
        #expect(attaches(world) == before + 1)
        #expect(world.isEverythingReady, "\(world.overview.reports)")
    }

    @Test func `Hawser's own detach is no contest`() {
        let (world, volume) = ready()
        for _ in 0..<4 {
            world.want("v", volume: .id(volume), machine: .id(MemoryWorld.other), export: "e")
            world.run(for: .seconds(20))
            world.machines[MemoryWorld.other]?.state = .stopped
            world.want("v", volume: .id(volume), export: "e")
            world.run(for: .seconds(70))
            world.machines[MemoryWorld.other]?.state = .running
        }
        #expect(world.isEverythingReady, "\(world.overview.reports)")
        #expect(world.eventsAsked == 0)
    }
}
