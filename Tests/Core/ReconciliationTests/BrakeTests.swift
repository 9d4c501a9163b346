import Planning
import Testing
import VolumeModel

@testable import Reconciliation

/// BRAKE in the loop: removals that nobody has approved wait when they are too many, and nothing else does.
@Suite struct BrakeTests {
    /// So many volumes, exported here.
    private func exported(_ count: Int, _ policy: Policy = MemoryWorld.quickPolicy) -> MemoryWorld {
        let world = MemoryWorld(policy: policy)
        for number in 1...count {
            let volume = world.makeVolume(UInt64(number))
            world.want("a\(number)", volume: .id(volume), export: "a\(number)")
        }
        world.start()
        world.run(for: .seconds(60))
        #expect(world.isEverythingReady)
        return world
    }

    private func removals(_ world: MemoryWorld) -> [String] {
        world.deeds.filter { $0.hasPrefix("unexport") || $0.hasPrefix("detach") || $0.hasPrefix("delete") }
    }

    private func isBraked(_ world: MemoryWorld, _ name: String) -> Bool {
        world.report(name)?.readiness.code == CauseKind.braked.rawValue
    }

    @Test
    func `BRAKE: of many objects that vanish at once none is taken down, from the first on, and it is said loudly`() {
        let world = exported(3)
        world.deleteInBulk(["a1", "a2", "a3"])
        world.run(for: .seconds(3_600))
        #expect(removals(world).isEmpty)
        #expect(["a1", "a2", "a3"].allSatisfy { isBraked(world, $0) })
        #expect(world.links.count == 3)
        #expect(world.overview.nodeCauses.map(\.kind) == [.braked])
        #expect(world.events.contains { $0.attachment == nil && $0.reason == "Braked" && $0.severity == .warning })
        let held = world.removalsOnHold
        #expect(held.items.map(\.name.text) == ["a1", "a2", "a3"])
        #expect(held.items.allSatisfy { $0.reason.hasPrefix("the object was deleted: detach volume") })
    }

    @Test func `BRAKE: approving the batch lets just it go, and what comes after it counts anew`() {
        let world = exported(4)
        world.deleteInBulk(["a1", "a2"])
        world.run(for: .seconds(10))
        let held = world.removalsOnHold
        world.deleteInBulk(["a3"])
        world.run(for: .seconds(10))
        #expect(world.removalsOnHold.batch != held.batch)
        world.approve(held)
        world.run(for: .seconds(60))
        #expect(world.report("a1") == nil && world.report("a2") == nil)
        #expect(isBraked(world, "a3") && world.links.keys.map(\.text).sorted() == ["a3", "a4"])
        #expect(world.removalsOnHold.items.map(\.name.text) == ["a3"])
        world.approve(world.removalsOnHold)
        world.run(for: .seconds(60))
        #expect(world.report("a3") == nil && world.removalsOnHold.batch == nil)
        #expect(world.overview.nodeCauses.isEmpty && world.isEverythingReady)
        #expect(world.events.contains { $0.reason == "BrakeReleased" })
    }

    @Test func `BRAKE: what was put back is held no longer, and nothing was taken away`() {
        let world = exported(3)
        world.deleteInBulk(["a1", "a2", "a3"])
        world.run(for: .seconds(10))
        world.editInBulk(["a1", "a2", "a3"]) { object in
            object.isDeparting = false
            object.departingSince = nil
        }
        world.run(for: .seconds(60))
        #expect(world.isEverythingReady && removals(world).isEmpty)
        #expect(world.overview.nodeCauses.isEmpty)
    }

    @Test func `BRAKE: when the last object that was held has gone by itself, nothing is on hold any more`() throws {
        let world = exported(3)
        world.deleteInBulk(["a1", "a2"])
        world.run(for: .seconds(10))
        #expect(world.overview.nodeCauses.map(\.kind) == [.braked])
        // Their rows are gone from the store, which nobody but a person with a SQL client can do.
        let gone = try ["a1", "a2"].map { name in
            try #require(world.desired.values.first { $0.name.text == name }?.id)
        }
        world.deliver(.desired(DesiredDelta(changed: [], removed: gone, revision: world.revision + 1)))
        #expect(world.removalsOnHold.batch == nil)
        #expect(world.overview.nodeCauses.isEmpty)
        #expect(world.events.contains { $0.reason == "BrakeReleased" })
    }

    @Test func `BRAKE: removals that a person asks for one by one go on, however many`() {
        let world = exported(5)
        for number in 1...5 { world.delete("a\(number)") }
        world.run(for: .seconds(120))
        #expect(world.overview.reports.isEmpty && world.overview.nodeCauses.isEmpty)
    }

    @Test func `BRAKE: one that nobody asked for is let through, the second within the window is not`() {
        let world = exported(3)
        world.deleteInBulk(["a1"])
        world.run(for: .seconds(60))
        #expect(world.report("a1") == nil)
        world.deleteInBulk(["a2"])
        world.run(for: .seconds(60))
        #expect(isBraked(world, "a2") && world.links.count == 2)
        // Time alone does not release what is held.
        world.run(for: .seconds(7_200))
        #expect(isBraked(world, "a2"))
    }

    @Test func `BRAKE: the window ends, and then one more is let through`() {
        let world = exported(3)
        world.deleteInBulk(["a1"])
        world.run(for: .seconds(700))
        world.deleteInBulk(["a2"])
        world.run(for: .seconds(60))
        #expect(world.report("a2") == nil && world.overview.nodeCauses.isEmpty)
    }

    @Test(arguments: [5, 65, 605])
    func `BRAKE: a restart opens nothing: what was held stays held, and what was begun still counts`(seconds: Int) {
        let world = exported(3)
        world.deleteInBulk(["a1"])
        world.run(for: .seconds(60))
        #expect(world.report("a1") == nil)
        world.crashAndRestart()
        world.run(for: .seconds(30))
        world.deleteInBulk(["a2"])
        world.run(for: .seconds(seconds))
        let before = removals(world)
        world.crashAndRestart(seed: 3)
        world.run(for: .seconds(1_200))
        #expect(isBraked(world, "a2") && removals(world) == before)
        #expect(world.removalsOnHold.items.map(\.name.text) == ["a2"])
    }

    @Test func `BRAKE: many that vanished while hawserd was down are many from the first on`() {
        let world = exported(3)
        world.crashAndRestart()
        world.deleteInBulk(["a1", "a2", "a3"])
        world.run(for: .seconds(600))
        #expect(removals(world).isEmpty && world.removalsOnHold.items.count == 3)
    }

    @Test func `BRAKE: a bulk edit counts as well: other machines, other names, other modes of exporting`() {
        let world = exported(3)
        world.editInBulk(["a1"]) { $0.machine = .id(MemoryWorld.other) }
        world.editInBulk(["a2"]) { $0.export = nil }
        world.editInBulk(["a3"]) { $0.export?.isReadOnly = true }
        world.run(for: .seconds(60))
        #expect(removals(world).isEmpty && world.links.count == 3)
        #expect(["a1", "a2", "a3"].allSatisfy { isBraked(world, $0) })
        let words = world.removalsOnHold.items.map { $0.reason.prefix { $0 != ":" } }
        #expect(
            words == [
                "the volume is wanted on machine \(MemoryWorld.other)", "the name is no longer wanted",
                "it is wanted read-only",
            ])
    }

    @Test func `BRAKE: names that are held stay held over a restart, and none is Ready before exports are seen`() {
        let world = exported(3)
        world.editInBulk(["a1", "a2"]) { $0.export = nil }
        world.run(for: .seconds(30))
        for seed in 1...5 {
            world.crashAndRestart(seed: UInt64(seed))
            world.run(for: .seconds(seed))
            #expect(["a1", "a2"].allSatisfy { world.report($0)?.readiness != .ready }, "seed \(seed)")
        }
        world.run(for: .seconds(30))
        #expect(["a1", "a2"].allSatisfy { isBraked(world, $0) } && world.links.count == 3)
        let released = world.events.filter { $0.reason == "BrakeReleased" }
        #expect(released.isEmpty, "\(released)")
    }

    @Test func `BRAKE: additions go on`() {
        let world = exported(2)
        world.deleteInBulk(["a1", "a2"])
        let volume = world.makeVolume(9)
        world.want("new", volume: .id(volume), export: "new")
        world.run(for: .seconds(60))
        #expect(world.report("new")?.readiness == .ready)
        #expect(isBraked(world, "a1"))
    }

    @Test func `RIGHT-DISK outranks BRAKE: names whose disks vanish are withdrawn at once`() {
        let world = exported(3)
        world.deleteInBulk(["a1", "a2", "a3"])
        world.run(for: .seconds(10))
        for volume in world.volumes.keys.sorted() { world.unplug(volume) }
        world.run(for: .seconds(10))
        #expect(world.links.isEmpty)
        #expect(!world.deeds.contains { $0.hasPrefix("detach") })
    }

    @Test func `BRAKE: the share of all volumes counts where it is more`() {
        var policy = MemoryWorld.quickPolicy
        policy.brakePercent = 40
        let world = exported(10, policy)
        world.deleteInBulk((1...4).map { "a\($0)" })
        world.run(for: .seconds(120))
        #expect(world.overview.reports.count == 6)
        world.deleteInBulk(["a5"])
        world.run(for: .seconds(60))
        #expect(isBraked(world, "a5"))
    }

    @Test func `PLAN-IS-DEED: the plan shows what is held`() {
        let world = exported(2)
        world.deleteInBulk(["a1", "a2"])
        world.run(for: .seconds(10))
        for line in world.plan {
            guard case .hold(let cause) = line.outcome else {
                Issue.record("\(line)")
                continue
            }
            #expect(cause.kind == .braked)
        }
    }

    @Test func `an approval ends when the object is Ready: what is taken away later counts`() {
        let world = exported(3)
        world.want("a1", volume: .id(world.volumes.keys.sorted()[0]), export: "a1", isReadOnly: true)
        world.run(for: .seconds(30))
        #expect(world.isEverythingReady)
        #expect(world.desired.values.allSatisfy { !$0.isRemovalApproved })
    }
}
