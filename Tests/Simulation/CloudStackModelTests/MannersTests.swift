import Testing

@testable import CloudStackModel

/// What CloudStack refuses because of limits, snapshots, backups and machines on their way, with its codes and words.
@Suite struct MannersTests {
    private static let zone = SmallCloud.zone
    private static let machine = SmallCloud.machine
    private static let volume = SmallCloud.volume
    private static let custom = SmallCloud.custom
    private static let root = SmallCloud.root
    private static let user = Account(
        name: "user", id: "b", userID: "v", apiKey: "l", secretKey: "t", isRoot: false, volumeLimit: 2,
        primaryStorageLimitInGiB: 10)

    private func world(_ change: (inout CloudWorld) -> Void = { _ in }) -> CloudWorld {
        var world = SmallCloud.world(user: Self.user, volumeSizeInBytes: 6 << 30)
        change(&world)
        return world
    }

    private func failure(_ answer: Answer) -> APIError? {
        guard case .failure(let error) = answer else { return nil }
        return error
    }

    /// Submits a call, and gives the id of its job.
    private func submit(
        _ world: inout CloudWorld, _ command: String, _ parameters: [String: String], by caller: Account = root,
        now: Int64 = 0
    ) throws -> String {
        guard case .success(_, let value) = world.call(command, parameters, by: caller, now: now) else {
            Issue.record("\(command) was refused")
            return ""
        }
        return try #require(value["jobid"]?.asText)
    }

    // MARK: Limits

    private func create(_ world: inout CloudWorld, sizeInGiB: Int, by caller: Account) -> Answer {
        world.call(
            "createVolume",
            ["name": "new", "zoneid": Self.zone, "diskofferingid": Self.custom, "size": "\(sizeInGiB)"], by: caller,
            now: 0)
    }

    @Test func `a volume more than an account may have is refused, before there is a row`() {
        var world = world()
        #expect(failure(create(&world, sizeInGiB: 1, by: Self.user)) == nil)
        let error = failure(create(&world, sizeInGiB: 1, by: Self.user))
        #expect(error?.code == 535)
        #expect(error?.cloudStackCode == 4370)
        #expect(
            error?.text
                == "Maximum amount of resources of Type = 'volume', tag = 'null' for Account Name = user in Domain Id = 1 "
                + "is exceeded: Account Resource Limit = 2, Current Account Resource Amount = 2, Current Account Resource "
                + "Reservation = 0, Requested Resource Amount = 1.")
        #expect(world.volumes.values.count == 2)
    }

    @Test func `more storage than an account may have is refused, and administrators have no limits`() {
        var world = world()
        let error = failure(create(&world, sizeInGiB: 5, by: Self.user))
        #expect(error?.code == 535)
        #expect(
            error?.text.contains(
                "Type = 'primary_storage', tag = 'null' for Account Name = user in Domain Id = 1 is exceeded: Account "
                    + "Resource Limit = 10737418240 (10.00 GB), Current Account Resource Amount = 6442450944 (6.00 GB)")
                == true)
        for _ in 0..<3 { #expect(failure(create(&world, sizeInGiB: 900, by: Self.root)) == nil) }
    }

    @Test func `a deleted volume is not counted`() {
        var world = world()
        _ = world.call("deleteVolume", ["id": Self.volume], by: Self.user, now: 0)
        #expect(failure(create(&world, sizeInGiB: 10, by: Self.user)) == nil)
    }

    @Test func `growing over the limit fails in its job, under another code`() throws {
        var world = world()
        let job = try submit(&world, "resizeVolume", ["id": Self.volume, "size": "11"], by: Self.user)
        world.advance(to: 1_000)
        #expect(world.jobs[job]?.resultCode == 530)
        #expect(
            world.jobs[job]?.errorText?.hasPrefix("Maximum amount of resources of Type = 'primary_storage'") == true)
    }

    @Test(arguments: [
        (Int64(0), "0 (0 bytes)"), (1_023, "1023 (1023 bytes)"), (1_536, "1536 (1.50 KB)"),
        (5 << 30, "5368709120 (5.00 GB)"), (3 << 39, "1649267441664 (1.5000 TB)"),
    ]) func `sizes are written as CloudStack writes them for people`(bytes: Int64, text: String) {
        #expect(CloudWorld.readable(bytes) == text)
    }

    // MARK: Machines on their way

    @Test(arguments: [
        ("startVirtualMachine", "Stopped", "Starting", "Running"),
        ("stopVirtualMachine", "Running", "Stopping", "Stopped"),
        ("destroyVirtualMachine", "Running", "Stopping", "Destroyed"),
    ]) func `a machine is seen on its way, and gives and takes no disk there`(
        command: String, before: String, during: String, after: String
    ) throws {
        var world = world { $0.machines[0].state = before }
        let job = try submit(&world, command, ["id": Self.machine])
        #expect(world.machines[0].state == during)
        let attach = try submit(
            &world, "attachVolume", ["id": Self.volume, "virtualmachineid": Self.machine], now: 1)
        #expect(world.jobs[attach]?.errorText == "Please specify a VM that is either running or stopped.")
        world.advance(to: 500)
        #expect(world.jobs[job]?.status == 1)
        #expect(world.machines[0].state == after)
    }

    @Test(arguments: ["jobFails", "restart"])
    func `a machine whose start or stop failed is where it was`(how: String) throws {
        for (command, state) in [("startVirtualMachine", "Stopped"), ("stopVirtualMachine", "Running")] {
            var world = world { $0.machines[0].state = state }
            if how == "jobFails" { world.faults = [Fault(kind: .jobFails, count: 1)] }
            let job = try submit(&world, command, ["id": Self.machine])
            if how == "restart" { world.restartManagementServer(now: 10) }
            world.advance(to: 1_000)
            #expect(world.jobs[job]?.status == 2)
            #expect(world.machines[0].state == state)
        }
    }

    @Test func `a stop waits for the attach before it, and the machine runs until then`() throws {
        var world = world()
        let attach = try submit(&world, "attachVolume", ["id": Self.volume, "virtualmachineid": Self.machine])
        let stop = try submit(&world, "stopVirtualMachine", ["id": Self.machine])
        #expect(world.machines[0].state == "Running")
        world.advance(to: 500)
        #expect([attach, stop].map { world.jobs[$0]?.status } == [1, 0])
        #expect(world.machines[0].state == "Stopping")
        world.advance(to: 1_000)
        #expect(world.machines[0].state == "Stopped")
    }

    @Test func `a machine that runs is not started`() throws {
        var world = world()
        let job = try submit(&world, "startVirtualMachine", ["id": Self.machine])
        #expect(world.jobs[job]?.resultCode == 431)
        #expect(world.jobs[job]?.errorText == "The virtual machine \(Self.machine) (vm) is already running")
    }

    // MARK: Snapshots, backups, protection

    @Test(arguments: [
        (
            "attach", "snapshots", 431,
            "Unable to attach volume to VM vm/\(machine), please specify a VM that does not have VM snapshots"
        ),
        (
            "attach", "backups", 431,
            "Unable to attach volume to VM vm/\(machine), please specify a VM that does not have any backups"
        ),
        (
            "detach", "snapshots", 431,
            "Unable to detach volume, please specify a VM that does not have VM snapshots"
        ),
        ("detach", "backups", 431, "Unable to detach volume, cannot detach volume from a VM that has backups."),
        ("resize", "snapshots", 432, "A volume that is attached to a VM with any VM snapshots cannot be resized."),
    ]) func `disks of a machine with snapshots or backups stay as they are`(
        act: String, what: String, code: Int, text: String
    ) throws {
        var world = world { world in
            if act != "attach" { world.attachByHand(Self.volume, to: Self.machine, now: 0) }
            if what == "snapshots" {
                world.machines[0].hasSnapshots = true
            } else {
                world.machines[0].hasBackups = true
            }
        }
        var parameters = ["id": Self.volume]
        if act == "attach" { parameters["virtualmachineid"] = Self.machine }
        if act == "resize" { parameters["size"] = "7" }
        let job = try submit(&world, "\(act)Volume", parameters)
        world.advance(to: 1_000)
        #expect(world.jobs[job]?.resultCode == code)
        #expect(world.jobs[job]?.errorText?.hasPrefix(text) == true)
    }

    @Test func `a volume with a snapshot under way is neither deleted nor resized`() throws {
        var world = world { $0.setSnapshot(underWay: true, of: Self.volume) }
        let error = failure(world.call("deleteVolume", ["id": Self.volume], by: Self.root, now: 0))
        #expect(error?.text == "There are snapshot operations in progress on the volume, unable to delete it")
        let job = try submit(&world, "resizeVolume", ["id": Self.volume, "size": "7"])
        #expect(world.jobs[job]?.resultCode == 530)
        world.setSnapshot(underWay: false, of: Self.volume)
        #expect(failure(world.call("deleteVolume", ["id": Self.volume], by: Self.root, now: 1)) == nil)
    }

    @Test func `a protected volume is not deleted until that is lifted`() throws {
        var world = world()
        for (isProtected, text) in [
            ("true", "Volume [id = \(Self.volume), name = data] has delete protection enabled and cannot be deleted."),
            ("false", nil),
        ] {
            _ = try submit(&world, "updateVolume", ["id": Self.volume, "deleteprotection": isProtected])
            world.advance(to: world.nextDue ?? 0)
            #expect(world.volumes[Self.volume]?.isProtected == (isProtected == "true"))
            #expect(failure(world.call("deleteVolume", ["id": Self.volume], by: Self.root, now: 2_000))?.text == text)
        }
    }

    // MARK: Malformed names

    @Test(arguments: ["tags[a].key", "tags[0]", "tags[0", "tags]0[.key", "tags[0][1].key", "ta.gs[0]", "tags[].key"])
    func `a name of an array that is malformed gets 430`(name: String) {
        var world = world()
        let error = failure(world.call("listVolumes", [name: "x"], by: Self.root, now: 0))
        #expect(error?.code == 430)
        #expect(error?.cloudStackCode == 9999)
        #expect(error?.text.hasPrefix("Unable to decode parameter \(name); if specifying an object array") == true)
    }

    @Test func `a name is 255 characters long at most`() {
        var world = world()
        func error(_ length: Int) -> APIError? {
            let name = String(repeating: "ü", count: length)
            return failure(world.call("listVolumes", ["name": name], by: Self.root, now: 0))
        }
        #expect(error(255) == nil)
        #expect(error(256)?.code == 431)
        #expect(error(256)?.text == "Value greater than max allowed length 255 for param: name")
    }
}
