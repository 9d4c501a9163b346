import FoundationEssentials
import Testing
import VolumeModel

@testable import CloudStackModel

/// A world can be kept as changes, or whole, and goes on as if it had never been away.
@Suite struct WorldChangeTests {
    private static let zone = "5a1e0000-0000-4000-8000-000000000001"
    private static let offering = "0ff00000-0000-4000-8000-000000000001"
    private static let machines = (1...4).map { "aaaa0000-0000-4000-8000-00000000000\($0)" }
    private static let root = Account(name: "admin", id: "a", userID: "u", apiKey: "k", secretKey: "s", isRoot: true)

    private func world() -> CloudWorld {
        var world = CloudWorld(seed: 7)
        world.accounts = [Self.root]
        world.zones = [Zone(number: 1, id: Self.zone, name: "zone-1")]
        world.diskOfferings = [
            DiskOffering(number: 1, id: Self.offering, name: "Custom", isCustomized: true, sizeInGiB: 0)
        ]
        world.jobRetentionInMilliseconds = 20_000
        world.dataDiskLimit = 3
        for (number, id) in Self.machines.enumerated() {
            world.machines.append(
                Machine(
                    number: Int64(number + 1), id: id, name: "vm-\(number)", zone: Self.zone, account: "admin",
                    state: "Running", created: 0, isAppliance: number == 0))
        }
        for number in 0..<6 {
            world.addVolume(
                name: "v\(number)", zone: Self.zone, account: "admin", sizeInBytes: 1 << 30, offering: Self.offering,
                now: 0)
        }
        return world
    }

    private func text(_ world: CloudWorld) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        return String(decoding: try encoder.encode(world), as: UTF8.self)
    }

    /// Something that a caller, a person or a hypervisor does.
    private func act(on world: inout CloudWorld, now: Int64, _ generator: inout SplitMix64) {
        let ids = world.volumes.values.map(\.id)
        let volume = ids.randomElement(using: &generator) ?? ""
        let machine = Self.machines.randomElement(using: &generator) ?? ""
        func call(_ world: inout CloudWorld, _ command: String, _ parameters: [String: String]) {
            _ = world.call(command, parameters, by: Self.root, now: now)
        }
        switch Int.random(in: 0..<14, using: &generator) {
        case 0...3: call(&world, "attachVolume", ["id": volume, "virtualmachineid": machine])
        case 4, 5: call(&world, "detachVolume", ["id": volume])
        case 6:
            call(
                &world, "createVolume",
                ["name": "n", "zoneid": Self.zone, "diskofferingid": Self.offering, "size": "1"])
        case 7: call(&world, "resizeVolume", ["id": volume, "size": "9"])
        case 8: call(&world, "deleteVolume", ["id": volume])
        case 9: call(&world, "stopVirtualMachine", ["id": machine])
        case 10: call(&world, "startVirtualMachine", ["id": machine])
        case 11:
            let kinds: [Fault.Kind] = [.jobFails, .jobLost, .jobWithoutResult, .lateDetach, .deviceNeverAppears]
            world.faults.append(Fault(kind: kinds.randomElement(using: &generator) ?? .jobLost, count: 1))
        case 12:
            if Bool.random(using: &generator) { world.freezeListing() } else { world.thawListing() }
        default:
            if Int.random(in: 0..<5, using: &generator) == 0 { world.restartManagementServer(now: now) }
        }
    }

    @Test(arguments: UInt64(1)...6)
    func `a world that is told every change, and one that is read back at any time, are the same world`(
        seed: UInt64
    ) async throws {
        var generator = SplitMix64(seed: seed)
        var world = world()
        _ = world.takeChange()
        // One follows by changes, one is read back from time to time and then acted upon in the same way.
        var follower = try JSONDecoder().decode(CloudWorld.self, from: Data(try text(world).utf8))
        var twin = follower
        var now: Int64 = 1_000
        for step in 1...300 {
            now += Int64.random(in: 0...400, using: &generator)
            var same = generator
            act(on: &world, now: now, &generator)
            act(on: &twin, now: now, &same)
            world.advance(to: now)
            twin.advance(to: now)
            for order in world.orders where Bool.random(using: &generator) {
                let failure: String? = Bool.random(using: &generator) ? "no" : nil
                if let job = order.job {
                    world.hypervisorEnded(job, failure: failure, now: now)
                    twin.hypervisorEnded(job, failure: failure, now: now)
                }
            }
            _ = twin.takeChange()
            if let change = world.takeChange() {
                let line = try JSONEncoder().encode(change)
                try follower.apply(try JSONDecoder().decode(WorldChange.self, from: line))
            }
            guard step.isMultiple(of: 15) else { continue }
            await Task.yield()
            let whole = try text(world)
            #expect(try text(follower) == whole, "step \(step)")
            #expect(try text(twin) == whole, "step \(step)")
            twin = try JSONDecoder().decode(CloudWorld.self, from: Data(whole.utf8))
            twin.wasKept()
        }
        #expect(world.jobs.count > 0)
    }

    @Test func `a change is made once, and none may be left out`() throws {
        var world = world()
        _ = world.takeChange()
        let before = world
        func attach(_ number: Int) throws -> WorldChange {
            _ = world.call(
                "attachVolume",
                ["id": world.volumes.values[number].id, "virtualmachineid": Self.machines[1]], by: Self.root, now: 0)
            let change = world.takeChange()
            return try #require(change)
        }
        let (first, second) = (try attach(0), try attach(1))
        #expect(world.takeChange() == nil)
        var follower = before
        #expect(throws: MissingChange.self) { try follower.apply(second) }
        for change in [first, first, second, first] { try follower.apply(change) }
        follower.wasKept()
        #expect(try text(follower) == text(world))
    }

    @Test func `what is due comes in the order of its time, and by number within it`() {
        var agenda = Agenda()
        var generator = SplitMix64(seed: 3)
        let times = (0..<500).map { _ in Int64.random(in: 0..<50, using: &generator) }
        for (number, time) in times.enumerated() { agenda.add("\(number)", dueAt: time, number: Int64(number)) }
        var taken: [(Int64, Int)] = []
        while let first = agenda.first {
            taken.append((first.dueAt, Int(first.id) ?? -1))
            agenda.removeFirst()
        }
        #expect(taken.count == 500)
        #expect(zip(taken, taken.dropFirst()).allSatisfy { $0 < $1 })
    }

    /// Each fails as its turn comes: that must not take a stack as deep as the queue is long.
    @Test func `a long queue of jobs that can no longer start is worked off`() {
        var world = world()
        let volume = world.volumes.values[0].id
        for _ in 0..<2_000 {
            _ = world.call(
                "attachVolume", ["id": volume, "virtualmachineid": Self.machines[1]], by: Self.root, now: 0)
            world.volumes[volume]?.state = "Ready"
        }
        world.advance(to: 10_000)
        #expect(world.jobs.unfinished.isEmpty)
        #expect(world.volumes[volume]?.machine == Self.machines[1])
    }
}
