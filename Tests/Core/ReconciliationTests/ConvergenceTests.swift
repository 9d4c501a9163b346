import Planning
import Testing
import VolumeModel

@testable import Reconciliation

@Suite struct ConvergenceTests {
    private func converged(_ prepare: (MemoryWorld) -> Void = { _ in }) -> MemoryWorld {
        let world = MemoryWorld()
        let one = world.makeVolume(1)
        let two = world.makeVolume(2)
        let three = world.makeVolume(3)
        world.want("one", volume: .id(one), export: "export-one")
        world.want("two", volume: .id(two), export: "export-two", isReadOnly: true)
        world.want("three", volume: .id(three), machine: .id(MemoryWorld.other), export: "export-three")
        world.want(
            "made",
            volume: .created(
                VolumeTemplate(
                    name: "made", sizeInBytes: 2 << 30, offering: .named("custom"), zone: .id(MemoryWorld.zone))),
            export: "export-made")
        prepare(world)
        world.start()
        world.run(for: .seconds(30))
        return world
    }

    @Test func `CONVERGES from nothing to Ready, each effect once`() {
        let world = converged()
        #expect(world.isEverythingReady, "\(world.overview.reports)")
        #expect(world.deeds.count == 8, "\(world.deeds)")
        #expect(Set(world.deeds).count == 8, "\(world.deeds)")
        #expect(world.report("three")?.exportWord == "reserved")
        #expect(world.report("two")?.exportWord == "live (ro)")
    }

    @Test func `QUIET after convergence: an hour brings no deed and no write`() {
        let world = converged()
        let before = world.activity
        world.run(for: .seconds(3600))
        #expect(world.activity == before)
        #expect(world.plan.allSatisfy { $0.outcome == .settled })
    }

    @Test func `a detach behind the back is seen and repaired`() throws {
        let world = converged()
        let one = try #require(world.report("one")?.volume)
        world.unplug(one)
        world.run(for: .seconds(90))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
        #expect(world.deeds.suffix(3).map { $0.split(separator: " ").first } == ["unexport", "attach", "export"])
        #expect(world.drifts.allSatisfy { $0.endedAt != nil }, "\(world.drifts)")
        #expect(
            world.drifts.contains { $0.drift.kind == .notAttached && $0.repairedBy.contains("attach") },
            "\(world.drifts)")
    }

    @Test func `WHOLE-VIEW: an empty volume list changes nothing`() {
        let world = converged()
        let before = world.deeds
        world.listsAreEmpty = true
        world.run(for: .seconds(600))
        #expect(world.deeds == before)
        #expect(world.isEverythingReady)
    }

    @Test(arguments: 0..<120) func `DURABLE and NO-BLIND-REPEAT: a crash after any number of effects ends well`(
        effects: Int
    ) {
        let world = MemoryWorld()
        let one = world.makeVolume(1)
        world.want("one", volume: .id(one), export: "export-one")
        world.want(
            "made",
            volume: .created(
                VolumeTemplate(name: "made", sizeInBytes: nil, offering: .named("custom"), zone: .id(MemoryWorld.zone)))
        )
        world.effectsUntilCrash = effects
        world.start()
        world.run(for: .seconds(20))
        world.crashAndRestart()
        world.run(for: .seconds(120))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
        #expect(world.deeds.filter { $0.hasPrefix("attach") }.count == 2, "\(world.deeds)")
        #expect(world.deeds.filter { $0.hasPrefix("create") }.count == 1, "\(world.deeds)")
    }

    @Test(arguments: [true, false]) func `NO-BLIND-REPEAT: a lost answer is asked for, not repeated`(
        isAfterEffect: Bool
    ) {
        let world = MemoryWorld()
        let one = world.makeVolume(1)
        world.want("one", volume: .id(one))
        world.loseNextAnswer = (isAfterEffect, ())
        world.start()
        world.run(for: .seconds(60))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
        #expect(world.deeds.count == 1, "\(world.deeds)")
    }

    @Test func `IN-USE: a departing volume waits for its client, then goes in ORDER`() throws {
        let world = converged()
        let name = try #require(ExportName("export-one"))
        world.clients[name] = 1
        world.notice()
        world.delete("one")
        world.run(for: .seconds(300))
        #expect(world.report("one")?.readiness == .notReady(.inUseByClients(1)))
        #expect(!world.deeds.contains { $0.hasPrefix("unexport") || $0.hasPrefix("detach") })
        world.clients[name] = 0
        world.notice()
        world.run(for: .seconds(60))
        #expect(world.report("one") == nil)
        #expect(world.deeds.suffix(2).map { $0.split(separator: " ").first } == ["unexport", "detach"])
        #expect(world.volumes.count == 4, "NO-SURPRISE-DELETE: the data stays")
    }

    @Test func `RIGHT-DISK: a name that was pointed at another disk is withdrawn and put right`() throws {
        let world = converged()
        let name = try #require(ExportName("export-one"))
        let wrong = try #require(world.devices.values.first { $0.kernelName == world.report("two")?.deviceWord })
        world.links[name]?.target = .device(wrong.number, diskSequence: wrong.diskSequence)
        world.links[name]?.owner = .foreign
        world.notice()
        world.run(for: .seconds(10))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
        #expect(world.deeds.suffix(2) == ["unexport export-one", "export export-one"])
    }

    @Test func `two objects that claim one volume are both told, and neither is acted on`() {
        let world = MemoryWorld()
        let one = world.makeVolume(1)
        world.want("a", volume: .id(one))
        world.want("b", volume: .id(one))
        world.start()
        world.run(for: .seconds(60))
        #expect(world.deeds.isEmpty)
        #expect(
            world.overview.reports.allSatisfy {
                if case .notReady(.claimedTwice) = $0.readiness { true } else { false }
            })
    }

    @Test func `a move goes down here before it goes up there`() {
        let world = converged()
        let one = world.volumes.values.first { $0.name == "volume-1" }
        guard let id = one?.id else { return }
        world.want("one", volume: .id(id), machine: .id(MemoryWorld.other), export: "export-one")
        world.run(for: .seconds(60))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
        #expect(world.deeds.suffix(3).map { $0.split(separator: " ").first } == ["unexport", "detach", "attach"])
        #expect(world.report("one")?.exportWord == "reserved")
    }
}
