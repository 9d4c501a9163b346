import Planning
import Testing
import VolumeModel

@testable import Reconciliation

/// CONVERGES: whatever happened, an object becomes Ready, departs, or says what a person has to do; and what the person
/// then does helps.
@Suite("CONVERGES: a way out of every state") struct WayOutTests {
    private func world(_ prepare: (MemoryWorld) -> Void) -> MemoryWorld {
        let world = MemoryWorld()
        prepare(world)
        world.start()
        world.run(for: .seconds(30))
        return world
    }

    /// The first listing lacked the volume, and nothing ever asked for it: "CloudStack has not been read yet", for ever.
    @Test func `a volume that was deleted while hawserd was down is told to be gone`() {
        let world = world { world in
            let id = world.makeVolume(1)
            world.want("v", volume: .id(id), export: "e")
            world.volumes[id] = nil
        }
        #expect(world.report("v")?.readiness.code == "VolumeGone", "\(world.overview.reports)")
        world.delete("v")
        world.run(for: .seconds(30))
        #expect(world.desired.isEmpty, "\(world.overview.reports)")
    }

    /// Two objects came to claim one volume; deleting one, as they were told to, helped neither.
    @Test(arguments: ["a", "b"])
    func `of two objects that claim one volume either can be deleted, and the other goes on`(
        deleted: String
    ) {
        let world = world { world in
            let id = world.makeVolume(1)
            world.want("a", volume: .id(id), export: "ea")
            world.want("b", volume: .named("volume-1", zone: .id(MemoryWorld.zone)), export: "eb")
        }
        #expect(world.report("a")?.readiness.code == "ClaimedTwice", "\(world.overview.reports)")
        #expect(world.report("b")?.readiness.code == "ClaimedTwice")
        world.delete(deleted)
        world.run(for: .seconds(30))
        #expect(world.report(deleted) == nil, "\(world.overview.reports)")
        #expect(world.overview.reports.count == 1)
        #expect(world.isEverythingReady, "\(world.overview.reports)")
    }

    @Test func `two objects that claim one volume can both be deleted, and the volume is taken down once`() {
        let world = world { world in
            let id = world.makeVolume(1, attachedTo: MemoryWorld.here)
            world.want("a", volume: .id(id))
            world.want("b", volume: .named("volume-1", zone: .id(MemoryWorld.zone)))
        }
        world.delete("a")
        world.run(for: .milliseconds(1))
        world.delete("b")
        world.run(for: .seconds(60))
        #expect(world.desired.isEmpty, "\(world.overview.reports)")
        #expect(world.deeds.count { $0.hasPrefix("detach") } == 1, "\(world.deeds)")
        #expect(world.deeds.count == 1, "\(world.deeds)")
    }

    /// A root disk was named by mistake, and the object could never be deleted again.
    @Test func `an object that names a root disk can be deleted, and the disk stays`() {
        let world = world { world in
            let id = world.makeVolume(1, attachedTo: MemoryWorld.here)
            world.volumes[id]?.kind = .root
            world.want("v", volume: .id(id), export: "e")
        }
        #expect(world.report("v")?.readiness == .notReady(.rootVolume))
        world.delete("v")
        world.run(for: .seconds(30))
        #expect(world.desired.isEmpty, "\(world.overview.reports)")
        #expect(world.deeds.isEmpty)
    }

    /// A job that was under way when a row became unreadable was never asked for again, and kept its place among the
    /// machine's few.
    @Test func `a row that becomes unreadable while its job runs keeps no place from the others`() throws {
        var policy = MemoryWorld.quickPolicy
        policy.stepsPerMachine = 1
        let world = MemoryWorld(policy: policy)
        let one = world.makeVolume(1)
        let two = world.makeVolume(2)
        world.want("v1", volume: .id(one))
        world.start()
        world.run(for: .milliseconds(100))
        #expect(world.deeds.count == 1)
        let id = try #require(world.desired.values.first?.id)
        let problem = SpecProblem(field: "vm", message: "no machine")
        world.deliver(
            .desired(
                DesiredDelta(
                    changed: [.invalid(id: id, name: "v1", generation: 2, problems: [problem])], removed: [],
                    revision: 9)))
        world.want("v2", volume: .id(two))
        world.run(for: .seconds(60))
        #expect(world.report("v2")?.readiness == .ready, "\(world.overview.reports)")
        #expect(world.report("v1")?.readiness.code == "InvalidSpec")
    }

    /// attachVolume was refused for good, so an administrator attached the volume by hand; it was never exported.
    @Test func `a volume that was attached by hand after a refusal is exported`() {
        let world = MemoryWorld()
        let id = world.makeVolume(1)
        world.want("v", volume: .id(id), export: "e")
        world.failNextJob = JobFailure(remedy: .wrongRequest, text: "the machine has snapshots")
        world.start()
        world.run(for: .seconds(90))
        #expect(world.report("v")?.readiness.code == "RequestRefused", "\(world.overview.reports)")
        world.plug(id, into: MemoryWorld.here)
        world.run(for: .seconds(90))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
    }
}
