import Planning
import Testing
import VolumeModel

@testable import Reconciliation

/// The life of a volume beyond attach and detach, in the loop: growth, deletion, modes, overrides, root disks, adoption.
@Suite struct LifeTests {
    private func exported(sizeInGiB: Int64 = 1) -> (MemoryWorld, VolumeID) {
        let world = MemoryWorld()
        let volume = world.makeVolume(1, sizeInGiB: sizeInGiB)
        world.want("a", volume: .id(volume), export: "a")
        world.start()
        world.run(for: .seconds(20))
        #expect(world.isEverythingReady)
        return (world, volume)
    }

    // MARK: Growth

    @Test func `a volume grows through CloudStack, and its export stays where it is`() {
        let (world, volume) = exported()
        let before = world.deeds
        world.edit("a") { object in
            object.wantedSizeInBytes = 3 << 30
            object.generation += 1
        }
        world.run(for: .seconds(20))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
        #expect(Array(world.deeds.dropFirst(before.count)) == ["resize \(volume) 3"])
        #expect(world.devices.values.first?.sizeInBytes == 3 << 30)
    }

    @Test
    func `RIGHT-DISK: while the device has not followed a growth, the name stays, and a person is told in the end`() {
        let (world, volume) = exported()
        world.devicesGrow = false
        world.edit("a") { object in
            object.wantedSizeInBytes = 3 << 30
            object.generation += 1
        }
        world.run(for: .seconds(30))
        #expect(world.report("a")?.readiness.code == "WaitingForGrowth")
        #expect(world.links.count == 1)
        world.run(for: .seconds(60))
        #expect(world.report("a")?.readiness.code == "GrowthMissing")
        #expect(world.deeds.filter { $0 == "resize \(volume) 3" }.count == 1)
        #expect(!world.deeds.contains("unexport a"))
    }

    @Test func `a smaller size is refused with the reason, and the volume is served all the same`() {
        let (world, _) = exported(sizeInGiB: 20)
        let before = world.deeds
        world.edit("a") { object in
            object.wantedSizeInBytes = 5 << 30
            object.generation += 1
        }
        world.run(for: .seconds(20))
        #expect(world.report("a")?.readiness == .notReady(.cannotShrink(wanted: 5 << 30, actual: 20 << 30)))
        #expect(world.deeds == before)
    }

    // MARK: Deletion

    private func createdAndDeleted(_ policy: DeletionPolicy) -> MemoryWorld {
        let world = MemoryWorld()
        world.want(
            "a",
            volume: .created(
                VolumeTemplate(
                    name: "a", sizeInBytes: 1 << 30, offering: .named("custom"), zone: .id(MemoryWorld.zone))),
            export: "a")
        world.edit("a") { $0.deletion = policy }
        world.start()
        world.run(for: .seconds(30))
        #expect(world.isEverythingReady)
        world.delete("a")
        return world
    }

    @Test func `NO-SURPRISE-DELETE: a volume that is to be deleted goes after its grace period, which shows`() {
        let world = createdAndDeleted(DeletionPolicy(data: .delete, grace: .seconds(600)))
        world.run(for: .seconds(60))
        #expect(world.report("a")?.readiness.code == "DeletionGrace")
        #expect(world.volumes.count == 1)
        world.run(for: .seconds(600))
        #expect(world.volumes.isEmpty)
        #expect(world.overview.reports.isEmpty)
        #expect(world.deeds.filter { $0.hasPrefix("delete") }.count == 1)
    }

    @Test func `NO-SURPRISE-DELETE: without a word of deletion the data stays`() {
        let world = createdAndDeleted(DeletionPolicy())
        world.run(for: .seconds(100_000))
        #expect(world.volumes.count == 1)
        #expect(world.overview.reports.isEmpty)
    }

    @Test func `NO-SURPRISE-DELETE: a protected volume stays until it is unprotected`() throws {
        let world = createdAndDeleted(DeletionPolicy(data: .delete, grace: .seconds(1)))
        let volume = try #require(world.volumes.keys.first)
        world.protections = [volume: "of value"]
        world.edit("a") { _ in }
        world.run(for: .seconds(3_600))
        #expect(world.report("a")?.readiness == .notReady(.protected(volume, reason: "of value")))
        #expect(world.volumes.count == 1)
        world.protections = [:]
        world.edit("a") { _ in }
        world.run(for: .seconds(60))
        #expect(world.volumes.isEmpty)
    }

    @Test(arguments: [true, false]) func `NO-BLIND-REPEAT: a lost answer to a deletion is followed by a read`(
        hadEffect: Bool
    ) {
        let world = createdAndDeleted(DeletionPolicy(data: .delete, grace: .seconds(600)))
        world.run(for: .seconds(60))
        world.loseNextAnswer = (hadEffect, ())
        world.run(for: .seconds(700))
        #expect(world.volumes.isEmpty)
        #expect(world.overview.reports.isEmpty, "\(world.overview.reports)")
        #expect(world.deeds.filter { $0.hasPrefix("delete") }.count == 1)
    }

    @Test(arguments: [true, false]) func `NO-BLIND-REPEAT: an object stays while its deletion can still arrive`(
        dies: Bool
    ) {
        let world = createdAndDeleted(DeletionPolicy(data: .delete, grace: .seconds(600)))
        world.run(for: .seconds(60))
        world.loseNextAnswer = (false, ())
        while world.loseNextAnswer != nil { world.run(for: .milliseconds(100)) }
        if dies { world.crashAndRestart() }
        world.run(for: .seconds(2))
        // Somebody attaches the volume elsewhere: there is nothing of it left to take down.
        for volume in world.volumes.keys { world.volumes[volume]?.attachedTo = MemoryWorld.other }
        world.run(for: .seconds(2))
        #expect(world.report("a")?.readiness.code == "AnswerLost")
        world.run(for: .seconds(120))
        #expect(world.overview.reports.isEmpty, "\(world.overview.reports)")
        #expect(world.volumes.count == 1)
    }

    /// World 577533439001832: it was deleted for an object that was no more.
    @Test func `NO-SURPRISE-DELETE: a volume that comes back while its object is being forgotten is left alone`() throws
    {
        let world = createdAndDeleted(DeletionPolicy(data: .delete, grace: .seconds(600)))
        world.forgettingDelay = .seconds(3_600)
        world.run(for: .seconds(60))
        let volume = try #require(world.volumes.values.first)
        world.volumes = [:]
        world.run(for: .seconds(120))
        world.volumes[volume.id] = volume
        world.run(for: .seconds(1_200))
        #expect(world.report("a")?.readiness == .notReady(.working("forgetting the object")))
        world.run(for: .seconds(3_600))
        #expect(world.overview.reports.isEmpty, "\(world.overview.reports)")
        #expect(world.volumes.count == 1, "\(world.deeds)")
    }

    @Test func `an object that is taken back while it is being forgotten is worked on again`() {
        let (world, volume) = exported()
        world.forgettingDelay = .seconds(3_600)
        world.delete("a")
        world.run(for: .seconds(60))
        #expect(world.volumes[volume]?.attachedTo == nil)
        world.edit("a") { object in
            object.isDeparting = false
            object.generation += 1
        }
        world.run(for: .seconds(60))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
        #expect(world.volumes[volume]?.attachedTo == MemoryWorld.here)
        // The order arrives, and forgets nothing.
        world.run(for: .seconds(7_200))
        #expect(world.report("a")?.readiness == .ready, "\(world.overview.reports)")
    }

    // MARK: Modes

    @Test func `Observe reports what differs and touches nothing, and lets a deleted object go`() {
        let world = MemoryWorld()
        let volume = world.makeVolume(1)
        world.want("a", volume: .id(volume), export: "a")
        world.edit("a") { $0.mode = .observe }
        world.start()
        world.run(for: .seconds(600))
        #expect(world.deeds.isEmpty)
        #expect(world.report("a")?.readiness.code == "ObserveOnly")
        #expect(world.report("a")?.drifts.isEmpty == false)
        world.delete("a")
        world.run(for: .seconds(60))
        #expect(world.overview.reports.isEmpty)
        #expect(world.deeds.isEmpty)
    }

    @Test func `a node that observes touches nothing, not even a name that leads to a wrong disk`() {
        var policy = MemoryWorld.quickPolicy
        policy.mode = .observe
        let world = MemoryWorld(policy: policy)
        let volume = world.makeVolume(1, attachedTo: MemoryWorld.here)
        world.makeVolume(2, attachedTo: MemoryWorld.here)
        world.want("a", volume: .id(volume), export: "a")
        world.start()
        world.run(for: .seconds(60))
        #expect(world.deeds.isEmpty)
        #expect(world.overview.mode == .observe)
    }

    @Test func `a suspension ends by itself, and until then the restraint is shown`() {
        let (world, volume) = exported()
        let until = world.now + .seconds(120)
        world.edit("a") { $0.suspension = Suspension(reason: "a migration", until: until) }
        world.unplug(volume)
        world.run(for: .seconds(100))
        #expect(world.volumes[volume]?.attachedTo == nil)
        #expect(world.report("a")?.readiness.code == "Suspended")
        #expect(world.report("a")?.restraint?.word == "suspended")
        world.run(for: .seconds(60))
        #expect(world.volumes[volume]?.attachedTo == MemoryWorld.here)
        #expect(world.isEverythingReady)
    }

    // MARK: Overrides

    @Test func `IN-USE: an override lets one removal go on, and is used up by it`() throws {
        let (world, volume) = exported()
        let name = try #require(ExportName("a"))
        world.clients[name] = 1
        let device = try #require(world.devices.values.first)
        world.edit("a") { object in
            object.inUseOverride = InUseOverride(
                volume: volume, diskSequence: device.diskSequence, reason: "the client hangs",
                expiresAt: world.now + .seconds(600))
        }
        world.delete("a")
        world.run(for: .seconds(60))
        #expect(world.overview.reports.isEmpty)
        #expect(world.volumes[volume]?.attachedTo == nil)
        let detach = world.ledger.first { $0.action.verb == "detach" && $0.phase == .intended }
        #expect(detach?.evidence.contains("the client hangs") == true, "\(String(describing: detach))")
        #expect(world.overridesUsed == 1)
    }

    @Test(arguments: ["sequence", "time", "volume"])
    func `IN-USE: an override of another disk, or one that is over, allows nothing`(
        wrong: String
    ) throws {
        let (world, volume) = exported()
        world.clients[try #require(ExportName("a"))] = 1
        let sequence = try #require(world.devices.values.first?.diskSequence)
        world.edit("a") { object in
            object.inUseOverride = InUseOverride(
                volume: wrong == "volume" ? VolumeID(UUIDValue(high: 1, low: 1)) : volume,
                diskSequence: wrong == "sequence" ? sequence + 1 : sequence, reason: "x",
                expiresAt: world.now + (wrong == "time" ? .zero : .seconds(600)))
        }
        world.delete("a")
        world.run(for: .seconds(300))
        #expect(world.report("a")?.readiness.code == "InUseByClients")
        #expect(world.volumes[volume]?.attachedTo == MemoryWorld.here)
    }

    // MARK: Root disks

    @Test func `a root disk is attached to a stopped machine without one, and taken from it only while it is stopped`()
    {
        let world = MemoryWorld()
        let volume = world.makeVolume(1)
        world.want("a", volume: .id(volume), machine: .id(MemoryWorld.other))
        world.edit("a") { $0.role = .root }
        world.start()
        world.run(for: .seconds(30))
        #expect(world.report("a")?.readiness.code == "MachineNotStopped")
        world.machines[MemoryWorld.other]?.state = .stopped
        world.run(for: .seconds(120))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
        #expect(world.volumes[volume]?.kind == .root)
        world.machines[MemoryWorld.other]?.state = .running
        world.delete("a")
        world.run(for: .seconds(60))
        #expect(world.report("a")?.readiness.code == "HeldElsewhere")
        world.machines[MemoryWorld.other]?.state = .stopped
        world.run(for: .seconds(120))
        #expect(world.overview.reports.isEmpty)
        #expect(world.volumes[volume]?.attachedTo == nil)
    }

    // MARK: Adoption

    @Test
    func `MINE-ONLY: what somebody else attached and exported is adopted as it is, and taken down only when asked`()
        throws
    {
        let world = MemoryWorld()
        let volume = world.makeVolume(1, attachedTo: MemoryWorld.here)
        world.run(for: .seconds(1))
        let device = try #require(world.devices.values.first)
        let name = try #require(ExportName("legacy"))
        world.links[name] = ExportEntry(
            name: name, isReadOnly: false, owner: .foreign,
            target: .device(device.number, diskSequence: device.diskSequence), liveness: .live, clients: .known(0))
        world.want("a", volume: .id(volume), export: "legacy")
        world.start()
        world.run(for: .seconds(60))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
        #expect(world.plan.allSatisfy { $0.outcome == .settled })
        #expect(world.deeds.isEmpty)
        let quiet = world.activity
        world.run(for: .seconds(3_600))
        #expect(world.activity == quiet)
        world.delete("a")
        world.run(for: .seconds(60))
        #expect(world.deeds == ["unexport legacy", "detach \(volume)"])
    }
}
