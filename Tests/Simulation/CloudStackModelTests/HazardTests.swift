import Testing

@testable import CloudStackModel

/// What the simulator must not hide: a record that is ahead of the hypervisor, two writers, and other people's disks.
@Suite struct HazardTests {
    private static let zone = "5a1e0000-0000-4000-8000-000000000001"
    private static let appliance = "aaaa0000-0000-4000-8000-000000000001"
    private static let other = "aaaa0000-0000-4000-8000-000000000002"
    private static let third = "aaaa0000-0000-4000-8000-000000000003"
    private static let volume = "cccc0000-0000-4000-8000-000000000001"
    private static let custom = "0ff00000-0000-4000-8000-000000000001"
    private static let root = Account(name: "admin", id: "a", userID: "u", apiKey: "k", secretKey: "s", isRoot: true)
    private static let user = Account(name: "user", id: "b", userID: "v", apiKey: "l", secretKey: "t", isRoot: false)

    private func world(_ change: (inout CloudWorld) -> Void = { _ in }) -> CloudWorld {
        var world = CloudWorld(seed: 7)
        world.accounts = [Self.root, Self.user]
        world.zones = [Zone(number: 1, id: Self.zone, name: "zone-1")]
        world.diskOfferings = [
            DiskOffering(number: 1, id: Self.custom, name: "Custom", isCustomized: true, sizeInGiB: 0)
        ]
        for (number, id) in [Self.appliance, Self.other, Self.third].enumerated() {
            world.machines.append(
                Machine(
                    number: Int64(number + 1), id: id, name: "vm-\(number)", zone: Self.zone, account: "admin",
                    state: "Running", created: 0, isAppliance: number == 0))
        }
        world.addVolume(
            id: Self.volume, name: "data", zone: Self.zone, account: "admin", sizeInBytes: 1 << 30,
            offering: Self.custom, now: 0)
        change(&world)
        return world
    }

    private func jobID(_ answer: Answer) throws -> String {
        guard case .success(_, let value) = answer else {
            Issue.record("\(answer)")
            return ""
        }
        return try #require(value["jobid"]?.asText)
    }

    private func failure(_ answer: Answer) throws -> APIError {
        guard case .failure(let error) = answer else {
            Issue.record("\(answer)")
            return APIError(code: 0, cloudStackCode: nil, text: "")
        }
        return error
    }

    private func attach(_ world: inout CloudWorld, to machine: String, now: Int64) throws -> String {
        try jobID(
            world.call(
                "attachVolume", ["id": Self.volume, "virtualmachineid": machine], by: Self.root, now: now))
    }

    @Test func `an attach is in the record only when the hypervisor has done it`() throws {
        var world = world()
        let job = try attach(&world, to: Self.appliance, now: 0)
        world.advance(to: 500)
        #expect(world.drain().orders.map(\.action) == [.plug])
        #expect(world.volumes[Self.volume]?.machine == nil)
        #expect(world.volumes[Self.volume]?.state == "Attaching")
        world.hypervisorEnded(job, failure: nil, now: 600)
        #expect(world.volumes[Self.volume]?.machine == Self.appliance)
        #expect(world.volumes[Self.volume]?.state == "Ready")
        #expect(world.jobs[job]?.status == 1)
    }

    @Test func `a detach that the hypervisor refuses leaves the volume attached`() throws {
        var world = world { $0.attachByHand(Self.volume, to: Self.appliance, now: 0) }
        let job = try jobID(world.call("detachVolume", ["id": Self.volume], by: Self.root, now: 0))
        world.advance(to: 500)
        world.hypervisorEnded(job, failure: "the guest did not let go", now: 600)
        #expect(world.jobs[job]?.resultCode == 530)
        #expect(world.volumes[Self.volume]?.machine == Self.appliance)
        #expect(world.volumes[Self.volume]?.deviceID == 1)
        #expect(world.disksInAppliances.map(\.volume) == [Self.volume])
    }

    @Test(arguments: ["attachVolume", "detachVolume", "resizeVolume"])
    func `work that a killed simulator had begun is ordered again`(command: String) throws {
        var world = world { world in
            if command != "attachVolume" { world.attachByHand(Self.volume, to: Self.appliance, now: 0) }
        }
        let parameters =
            switch command {
            case "attachVolume": ["id": Self.volume, "virtualmachineid": Self.appliance]
            case "resizeVolume": ["id": Self.volume, "size": "3"]
            default: ["id": Self.volume]
            }
        let job = try jobID(world.call(command, parameters, by: Self.root, now: 0))
        _ = world.drain()
        world.advance(to: 500)
        let lost = world.drain().orders
        world.orderAgain()
        #expect(world.drain().orders == lost)
        world.hypervisorEnded(job, failure: nil, now: 600)
        #expect(world.jobs[job]?.status == 1)
    }

    /// apache/cloudstack #14214: "later attach elsewhere = two writers".
    @Test func `after a late detach a volume can be attached twice, and the log says so`() throws {
        var world = world { world in
            world.attachByHand(Self.volume, to: Self.other, now: 0)
            world.faults = [Fault(kind: .lateDetach, count: 1, milliseconds: 5_000)]
        }
        _ = world.call("detachVolume", ["id": Self.volume], by: Self.root, now: 0)
        world.advance(to: 500)
        world.attachByHand(Self.volume, to: Self.other, now: 600)
        world.advance(to: 6_000)
        #expect(world.volumes[Self.volume]?.machine == nil)
        // The slot of the machine that still holds it is poisoned.
        let poisoned = try attach(&world, to: Self.other, now: 7_000)
        world.advance(to: 7_500)
        #expect(world.jobs[poisoned]?.errorText?.contains("target 'vdb' duplicated") == true)
        _ = world.drain()
        let elsewhere = try attach(&world, to: Self.third, now: 8_000)
        world.advance(to: 8_500)
        #expect(world.jobs[elsewhere]?.status == 1)
        #expect(world.drain().actions.contains { $0.kind == "hazard" && $0.volume == Self.volume })
    }

    @Test func `of two attaches of a new volume to two machines the second is refused`() throws {
        var world = world { $0.volumes[Self.volume]?.state = "Allocated" }
        let first = try attach(&world, to: Self.appliance, now: 0)
        #expect(world.volumes[Self.volume]?.state == "Creating")
        let second = try attach(&world, to: Self.other, now: 1)
        world.advance(to: 500)
        world.hypervisorEnded(first, failure: nil, now: 600)
        world.advance(to: 10_000)
        #expect([first, second].map { world.jobs[$0]?.status } == [1, 2])
        #expect(world.volumes[Self.volume]?.machine == Self.appliance)
        #expect(world.volumes[Self.volume]?.holders.map(\.machine) == [Self.appliance])
    }

    @Test func `a volume on its way cannot be deleted under the job`() throws {
        var world = world()
        let job = try attach(&world, to: Self.other, now: 0)
        let error = try failure(world.call("deleteVolume", ["id": Self.volume], by: Self.root, now: 1))
        #expect(error.code == 530)
        world.advance(to: 1_000)
        #expect(world.jobs[job]?.status == 1)
        #expect(world.volumes[Self.volume]?.isRemoved == false)
    }

    @Test(arguments: [
        ("attachVolume", ["id": volume, "virtualmachineid": appliance]), ("deleteVolume", ["id": volume]),
        ("resizeVolume", ["id": volume, "size": "9"]),
    ]) func `nobody changes another account's volume`(command: String, parameters: [String: String]) throws {
        var world = world()
        let error = try failure(world.call(command, parameters, by: Self.user, now: 0))
        #expect(error.code == 531)
        #expect(error.cloudStackCode == 4365)
    }

    @Test func `a detach by id of another account's volume is refused in its job`() throws {
        var world = world { $0.attachByHand(Self.volume, to: Self.other, now: 0) }
        let job = try jobID(world.call("detachVolume", ["id": Self.volume], by: Self.user, now: 0))
        world.advance(to: 1_000)
        #expect(world.jobs[job]?.resultCode == 530)
        #expect(world.volumes[Self.volume]?.machine == Self.other)
    }

    @Test(arguments: ["9223372036854775807", "4611686018427387904", "2147483648"])
    func `a page number beyond reason is refused`(page: String) throws {
        var world = world()
        let error = try failure(
            world.call("listVolumes", ["page": page, "pagesize": "500"], by: Self.root, now: 0))
        #expect(error.code == 431)
    }

    @Test func `a machine that is deployed without a start stays stopped`() throws {
        var world = world()
        let job = try jobID(
            world.call("deployVirtualMachine", ["zoneid": Self.zone, "startvm": "false"], by: Self.root, now: 0))
        world.advance(to: 1_000)
        #expect(world.jobs[job]?.status == 1)
        #expect(world.machines.last?.state == "Stopped")
    }

    @Test func `a disk whose device never appeared does not appear by a restart`() throws {
        var world = world { $0.faults = [Fault(kind: .deviceNeverAppears, count: 1)] }
        let job = try attach(&world, to: Self.appliance, now: 0)
        world.advance(to: 500)
        #expect(world.jobs[job]?.status == 1)
        #expect(world.disksInAppliances.isEmpty)
    }

    @Test func `every job leaves its outcome in the log`() throws {
        var world = world { $0.faults = [Fault(kind: .jobFails, count: 1, code: 530, text: "No more slots")] }
        let job = try attach(&world, to: Self.other, now: 0)
        world.advance(to: 500)
        let outcome = world.drain().actions.last
        #expect(outcome?.kind == "outcome")
        #expect(outcome?.job == job)
        #expect(outcome?.detail == "failed: 530 No more slots")
    }

    @Test func `a fault with a probability strikes some of the time, the same from the same seed`() {
        func strikes() -> [Bool] {
            var world = world { $0.faults = [Fault(kind: .latency, probability: 0.5)] }
            return (0..<64).map { _ in world.strike(.latency, command: "listVolumes", volume: nil) != nil }
        }
        let once = strikes()
        #expect(once == strikes())
        #expect((16...48).contains(once.count { $0 }))
    }

    @Test func `equal creation times at a border of pages show a volume twice and another never`() throws {
        var world = world { world in
            for number in 0..<3 {
                world.addVolume(
                    name: "v\(number)", zone: Self.zone, account: "admin", sizeInBytes: 1, offering: nil, now: 0)
            }
        }
        func walk() -> [String] {
            [1, 2].flatMap { page -> [String] in
                let answer = world.call(
                    "listVolumes", ["page": "\(page)", "pagesize": "2"], by: Self.root, now: 0)
                guard case .success(_, let value) = answer, case .list(let rows)? = value["volume"] else { return [] }
                return rows.compactMap { $0["id"]?.asText }
            }
        }
        #expect(Set(walk()).count == 4)
        world.faults = [Fault(kind: .unstableOrder)]
        let ids = walk()
        #expect(ids.count == 4)
        #expect(Set(ids).count < 4)
    }

    @Test func `the texts of internal errors are kept from users, and those of jobs are not`() throws {
        var world = world()
        let id = "eeee0000-0000-4000-8000-000000000001"
        let parameters = ["diskofferingid": Self.custom, "zoneid": Self.zone, "size": "1", "customjobid": id]
        _ = world.call("createVolume", parameters, by: Self.user, now: 0)
        world.advance(to: 1_000)
        let error = try failure(world.call("createVolume", parameters, by: Self.user, now: 1_000))
        #expect(error.code == 530)
        #expect(error.text == "Internal error executing command, please contact your system administrator")
    }
}
