import Testing

@testable import CloudStackModel

/// CloudStack's own rules, with its codes and texts.
@Suite struct CloudWorldTests {
    private static let zone = "5a1e0000-0000-4000-8000-000000000001"
    private static let running = "aaaa0000-0000-4000-8000-000000000001"
    private static let other = "aaaa0000-0000-4000-8000-000000000002"
    private static let volume = "cccc0000-0000-4000-8000-000000000001"
    private static let custom = "0ff00000-0000-4000-8000-000000000001"
    private static let fixed = "0ff00000-0000-4000-8000-000000000002"
    private static let root = Account(name: "admin", id: "a", userID: "u", apiKey: "k", secretKey: "s", isRoot: true)
    private static let user = Account(name: "user", id: "b", userID: "v", apiKey: "l", secretKey: "t", isRoot: false)

    private func world(_ change: (inout CloudWorld) -> Void = { _ in }) -> CloudWorld {
        var world = CloudWorld(seed: 7)
        world.accounts = [Self.root, Self.user]
        world.zones = [Zone(number: 1, id: Self.zone, name: "zone-1")]
        world.diskOfferings = [
            DiskOffering(number: 1, id: Self.custom, name: "Custom", isCustomized: true, sizeInGiB: 0),
            DiskOffering(number: 2, id: Self.fixed, name: "Small", isCustomized: false, sizeInGiB: 5),
        ]
        for (number, id) in [Self.running, Self.other].enumerated() {
            world.machines.append(
                Machine(
                    number: Int64(number + 1), id: id, name: "vm-\(number)", zone: Self.zone, account: "admin",
                    state: "Running", created: 0, isAppliance: false))
        }
        world.addVolume(
            id: Self.volume, name: "data", zone: Self.zone, account: "admin", sizeInBytes: 1 << 30,
            offering: Self.custom, now: 0)
        change(&world)
        return world
    }

    private func object(_ answer: Answer) -> AnswerValue? {
        guard case .success(_, let value) = answer else { return nil }
        return value
    }

    /// Runs a call to the end of its job.
    private func job(
        _ world: inout CloudWorld, _ command: String, _ parameters: [String: String], now: Int64 = 1_000
    ) -> Job? {
        guard let id = object(world.call(command, parameters, by: Self.root, now: now))?["jobid"]?.asText else {
            return nil
        }
        world.advance(to: now + 100_000)
        return world.jobs[id]
    }

    @Test func `an attach goes through Attaching to a link with a date and a slot`() throws {
        var world = world()
        let answer = world.call(
            "attachVolume", ["id": Self.volume, "virtualmachineid": Self.running], by: Self.root, now: 0)
        let id = try #require(object(answer)?["jobid"]?.asText)
        #expect(world.volumes[Self.volume]?.state == "Attaching")
        let listed = try #require(object(world.call("listVolumes", ["id": Self.volume], by: Self.root, now: 1)))
        guard case .list(let rows)? = listed["volume"] else {
            Issue.record("\(listed)")
            return
        }
        #expect(rows.first?["jobid"]?.asText == id)
        #expect(rows.first?["virtualmachineid"] == nil)
        world.advance(to: 500)
        #expect(world.volumes[Self.volume]?.machine == Self.running)
        #expect(world.volumes[Self.volume]?.deviceID == 1)
        #expect(world.volumes[Self.volume]?.state == "Ready")
        #expect(world.jobs[id]?.status == 1)
    }

    @Test(arguments: [
        ("attached", 431, "Please specify a volume that is not attached to any VM."),
        ("destroyed", 431, "Please specify a volume that is not destroyed."),
        ("migrating", 431, "Volume state must be in Allocated, Ready or in Uploaded state"),
        ("starting", 431, "Please specify a VM that is either running or stopped."),
        ("zone", 431, "Please specify a VM that is in the same zone as the volume."),
        (
            "full", 431,
            "The specified VM already has the maximum number of data disks (1) attached. Please specify another VM."
        ),
    ]) func `an attach that breaks a rule fails in its job, with CloudStack's words`(
        situation: String, code: Int, text: String
    ) {
        var world = world { world in
            switch situation {
            case "attached": world.attachByHand(Self.volume, to: Self.other, now: 0)
            case "destroyed": world.volumes[Self.volume]?.state = "Destroy"
            case "migrating": world.volumes[Self.volume]?.state = "Migrating"
            case "starting": world.machines[0].state = "Starting"
            case "zone": world.machines[0].zone = "elsewhere"
            default:
                world.dataDiskLimit = 1
                world.addVolume(
                    name: "x", zone: Self.zone, account: "admin", sizeInBytes: 1, offering: nil, machine: Self.running,
                    now: 0)
            }
        }
        let done = job(&world, "attachVolume", ["id": Self.volume, "virtualmachineid": Self.running])
        #expect(done?.status == 2)
        #expect(done?.resultCode == code)
        #expect(done?.errorText == text)
    }

    @Test(arguments: [
        (["name": "x"], "At least one of disk Offering ID or snapshot ID must be passed whilst creating volume"),
        (["diskofferingid": custom, "zoneid": zone], "This disk offering requires a custom size specified"),
        (["diskofferingid": fixed, "zoneid": zone, "size": "3"], "This disk offering does not allow custom size"),
        (
            ["diskofferingid": custom, "zoneid": zone, "size": "2000"],
            "Volume size: 2000 GB is out of allowed range. Min: 1. Max: 1024"
        ),
    ]) func `a create that breaks a rule fails at once`(parameters: [String: String], text: String) {
        var world = world()
        guard case .failure(let error) = world.call("createVolume", parameters, by: Self.root, now: 0) else {
            Issue.record("no failure")
            return
        }
        #expect(error.code == 431)
        #expect(error.cloudStackCode == 4350)
        #expect(error.text == text)
    }

    @Test func `a job id can be chosen, and not twice`() throws {
        var world = world()
        let id = "eeee0000-0000-4000-8000-000000000001"
        let parameters = ["id": Self.volume, "virtualmachineid": Self.running, "customjobid": id]
        #expect(object(world.call("attachVolume", parameters, by: Self.root, now: 0))?["jobid"]?.asText == id)
        guard case .failure(let running) = world.call("attachVolume", parameters, by: Self.root, now: 0) else {
            Issue.record("taken twice")
            return
        }
        #expect(running.code == 431)
        world.advance(to: 100_000)
        guard case .failure(let ended) = world.call("attachVolume", parameters, by: Self.root, now: 100_000) else {
            Issue.record("taken twice")
            return
        }
        #expect(ended.code == 530)
        var malformed = parameters
        malformed["customjobid"] = "X"
        guard case .failure(let refused) = world.call("attachVolume", malformed, by: Self.root, now: 100_000) else {
            Issue.record("malformed")
            return
        }
        #expect(refused.text == "UUID: X doesn't follow the UUID format")
    }

    @Test func `a refused duplicate of a create leaves an extra volume`() {
        var world = world()
        let parameters = [
            "name": "twice", "diskofferingid": Self.fixed, "zoneid": Self.zone,
            "customjobid": "eeee0000-0000-4000-8000-000000000002",
        ]
        for _ in 0..<2 { _ = world.call("createVolume", parameters, by: Self.root, now: 0) }
        #expect(world.volumes.values.filter { $0.name == "twice" }.count == 2)
    }

    @Test func `one operation at a time for each machine, in order, and machines side by side`() throws {
        var world = world()
        var ids: [String] = []
        for number in 1...3 {
            let id = world.addVolume(
                name: "v\(number)", zone: Self.zone, account: "admin", sizeInBytes: 1, offering: nil, now: 0)
            let machine = number == 3 ? Self.other : Self.running
            let answer = world.call("attachVolume", ["id": id, "virtualmachineid": machine], by: Self.root, now: 0)
            ids.append(try #require(object(answer)?["jobid"]?.asText))
        }
        world.advance(to: 500)
        #expect(ids.map { world.jobs[$0]?.status } == [1, 0, 1])
        world.advance(to: 1_000)
        #expect(ids.map { world.jobs[$0]?.status } == [1, 1, 1])
    }

    @Test func `slots skip 3, which is the CD-ROM`() {
        var world = world()
        for number in 0..<4 {
            let id = world.addVolume(
                name: "v\(number)", zone: Self.zone, account: "admin", sizeInBytes: 1, offering: nil, now: 0)
            world.attachByHand(id, to: Self.running, now: 0)
        }
        #expect(world.volumes.values.compactMap(\.deviceID).sorted() == [1, 2, 4, 5])
    }

    /// apache/cloudstack #14214.
    @Test func `a late detach wipes a newer attachment from the record`() {
        var world = world()
        world.attachByHand(Self.volume, to: Self.running, now: 0)
        world.faults = [Fault(kind: .lateDetach, count: 1, milliseconds: 5_000)]
        _ = world.call("detachVolume", ["id": Self.volume], by: Self.root, now: 0)
        world.advance(to: 500)
        world.attachByHand(Self.volume, to: Self.other, now: 600)
        #expect(world.volumes[Self.volume]?.machine == Self.other)
        world.advance(to: 6_000)
        #expect(world.volumes[Self.volume]?.machine == nil)
        let again = job(&world, "attachVolume", ["id": Self.volume, "virtualmachineid": Self.other], now: 7_000)
        #expect(again?.errorText?.contains("duplicated") == true)
    }

    @Test func `the two faces of not there`() {
        var world = world()
        guard case .failure(let unknown) = world.call("listVolumes", ["id": Self.zone], by: Self.root, now: 0) else {
            Issue.record("found")
            return
        }
        #expect(unknown.code == 431)
        #expect(unknown.cloudStackCode == 9999)
        #expect(unknown.text.contains("entity does not exist"))
        _ = world.call("deleteVolume", ["id": Self.volume], by: Self.root, now: 0)
        #expect(object(world.call("listVolumes", ["id": Self.volume], by: Self.root, now: 0)) == .object([]))
    }

    @Test(arguments: [
        (["page": "1"], "\"pagesize\" parameter is required when \"page\" is specified"),
        (["pagesize": "5"], "\"page\" parameter is required when \"pagesize\" is specified"),
        (["page": "1", "pagesize": "501"], "Page size can't exceed max allowed page size value: 500"),
    ]) func `pages have rules`(parameters: [String: String], text: String) {
        var world = world()
        guard case .failure(let error) = world.call("listVolumes", parameters, by: Self.root, now: 0) else {
            Issue.record("no failure")
            return
        }
        #expect(error.text == text)
    }

    @Test func `a page counts all rows, and past the end there is the count alone`() {
        var world = world()
        for number in 0..<4 {
            world.addVolume(
                name: "v\(number)", zone: Self.zone, account: "admin", sizeInBytes: 1, offering: nil, now: 0)
        }
        func page(_ number: Int) -> AnswerValue? {
            object(
                world.call(
                    "listVolumes", ["listall": "true", "page": "\(number)", "pagesize": "3"], by: Self.root, now: 0))
        }
        #expect(page(1)?["count"]?.asNumber == 5)
        guard case .list(let second)? = page(2)?["volume"] else {
            Issue.record("no page")
            return
        }
        #expect(second.count == 2)
        #expect(page(3) == .object([("count", .number(5))]))
    }

    @Test func `a user sees its own things, and less of them`() {
        var world = world()
        #expect(object(world.call("listVolumes", [:], by: Self.user, now: 0)) == .object([]))
        world.addVolume(name: "mine", zone: Self.zone, account: "user", sizeInBytes: 1, offering: nil, now: 0)
        guard case .list(let rows)? = object(world.call("listVolumes", [:], by: Self.user, now: 0))?["volume"] else {
            Issue.record("nothing")
            return
        }
        #expect(rows.count == 1)
        #expect(rows.first?["storage"] == nil)
        #expect(rows.first?["hypervisor"] == nil)
    }

    @Test func `a restart of the management server ends jobs without a result and rolls states back`() throws {
        var world = world()
        let answer = world.call(
            "attachVolume", ["id": Self.volume, "virtualmachineid": Self.running], by: Self.root, now: 0)
        let id = try #require(object(answer)?["jobid"]?.asText)
        world.restartManagementServer(now: 10)
        #expect(world.volumes[Self.volume]?.state == "Ready")
        let report = try #require(object(world.call("queryAsyncJobResult", ["jobid": id], by: Self.root, now: 20)))
        #expect(report["jobstatus"]?.asNumber == 2)
        #expect(report["jobresultcode"]?.asNumber == 530)
        #expect(report["jobresult"] == nil)
        #expect(report["jobresulttype"] == nil)
    }

    @Test func `ended jobs are not listed, and forgotten after their time`() throws {
        var world = world()
        let done = try #require(job(&world, "attachVolume", ["id": Self.volume, "virtualmachineid": Self.running]))
        #expect(object(world.call("listAsyncJobs", ["listall": "true"], by: Self.root, now: 200_000)) == .object([]))
        world.advance(to: 200_000 + world.jobRetentionInMilliseconds)
        #expect(world.jobs[done.id] == nil)
    }

    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00+0000"), (951_782_400_000, "2000-02-29T00:00:00+0000"),
        (1_795_218_236_868, "2026-11-20T23:43:56+0000"),
    ]) func `dates are written as the API writes them`(milliseconds: Int64, text: String) {
        #expect(APIDate.text(milliseconds: milliseconds) == text)
    }
}
