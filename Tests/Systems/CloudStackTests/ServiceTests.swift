import CloudStackModel
import CloudStackSimulator
import Curl
import LinuxCalls
import Reconciliation
import Testing
import VolumeModel

@testable import CloudStack

/// The client against the simulator, over HTTP.
@Suite struct ServiceTests {
    private struct Cloud {
        var simulator: Simulator
        var service: CloudStackService
        var directory: TemporaryDirectory

        func fault(_ json: String) async throws {
            let answer = try await HTTPClient().send(
                HTTPRequest(.post, "http://127.0.0.1:\(await simulator.adminPort)/faults", body: Array(json.utf8)))
            #expect(answer.status == 200, "\(String(decoding: answer.body, as: UTF8.self))")
        }

        func volume(_ name: String) async -> Volume? {
            await simulator.snapshot.volumes.values.first { $0.name == name }
        }

        func end() async { await simulator.stop() }
    }

    private func withCloud(
        volumes: Int = 1, _ change: (inout CloudWorld) -> Void = { _ in },
        _ body: (Cloud, VolumeID) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory(prefix: "hawser-cloud-")
        var world = DefaultWorld.make(now: 1_000_000)
        world.jobDelayInMilliseconds = 20
        change(&world)
        var first = ""
        for number in 0..<volumes {
            let id = world.addVolume(
                name: "data-\(number)", zone: DefaultWorld.zone, account: "admin", sizeInBytes: 1 << 30,
                offering: DefaultWorld.customOffering, now: 1_000_000)
            if number == 0 { first = id }
        }
        let simulator = try await Simulator.start(
            .init(stateDirectory: directory.path, seed: world, hypervisor: NoHypervisor()))
        var configuration = CloudStackConfiguration(
            endpoint: "http://127.0.0.1:\(await simulator.port)/client/api", apiKey: "simulator-admin-key",
            secretKey: "simulator-admin-secret")
        configuration.callsPerSecond = 1_000
        let cloud = Cloud(simulator: simulator, service: CloudStackService(configuration), directory: directory)
        try await body(cloud, try #require(VolumeID(first)))
        await cloud.end()
    }

    private func job() -> JobID {
        // SystemRandomNumberGenerator has no bytes, and ThreadSanitizer then follows an address that is none (Swift 6.3).
        var generator = SplitMix64(seed: .random(in: 0 ... .max))
        return JobID(.random(using: &generator))
    }

    /// Asks until the job has ended.
    private func outcome(of job: JobID, _ service: CloudStackService) async throws -> JobReport {
        while true {
            let report = try await service.report(of: job)
            if report != .running { return report }
            await Task.yield()
        }
    }

    private let appliance = MachineID(DefaultWorld.appliance).unsafelyUnwrapped

    @Test func `each call is counted with how it ended, and by its command only`() async throws {
        try await withCloud { cloud, volume in
            #expect(cloud.service.callCounts().isEmpty)
            _ = try await cloud.service.readVolume(volume)
            _ = try await cloud.service.readVolume(volume)
            _ = try await cloud.service.listMachines()
            let missing = VolumeID(UUIDValue(high: 7, low: 7))
            await #expect(throws: CloudError.self) {
                try await cloud.service.submit(.detachVolume(missing), as: self.job())
            }
            let counts = cloud.service.callCounts().sorted { $0.command < $1.command }
            #expect(counts.map(\.command) == ["detachVolume", "listVirtualMachines", "listVolumes"])
            #expect(counts.map(\.answered) == [0, 1, 2])
            #expect(counts.map { $0.failed.values.reduce(0, +) } == [1, 0, 0])
            #expect(counts.allSatisfy { $0.duration > .zero })
        }
    }

    @Test func `a volume is attached under the job id that was chosen, and read back`() async throws {
        try await withCloud { cloud, volume in
            let id = job()
            let receipt = try await cloud.service.submit(.attachVolume(volume, to: appliance, as: .data), as: id)
            #expect(receipt.job == id)
            #expect(try await outcome(of: id, cloud.service) == .succeeded)
            guard case .found(let record) = try await cloud.service.readVolume(volume) else {
                Issue.record("not found")
                return
            }
            #expect(record.attachedTo == appliance)
            let again = job()
            _ = try await cloud.service.submit(.attachVolume(volume, to: appliance, as: .data), as: again)
            let text = "Please specify a volume that is not attached to any VM."
            #expect(
                try await outcome(of: again, cloud.service) == .failed(JobFailure(remedy: .lookAgain, text: text)))
        }
    }

    @Test func `a root disk is taken by a stopped machine without one, and turns into a root disk`() async throws {
        try await withCloud { cloud, volume in
            let spare = try #require(MachineID(DefaultWorld.stoppedMachine))
            let refused = job()
            _ = try await cloud.service.submit(.attachVolume(volume, to: spare, as: .root), as: refused)
            guard case .failed(let failure) = try await outcome(of: refused, cloud.service) else {
                Issue.record("it has a root disk already")
                return
            }
            #expect(failure.text.contains("already has root volume"), "\(failure)")
            let roots = try await cloud.service.listVolumes().records.filter { $0.kind == .root }
            let old = try #require(roots.first { $0.attachedTo == spare })
            let detach = job()
            _ = try await cloud.service.submit(.detachVolume(old.id), as: detach)
            #expect(try await outcome(of: detach, cloud.service) == .succeeded)
            let attach = job()
            _ = try await cloud.service.submit(.attachVolume(volume, to: spare, as: .root), as: attach)
            #expect(try await outcome(of: attach, cloud.service) == .succeeded)
            guard case .found(let record) = try await cloud.service.readVolume(volume) else {
                Issue.record("not found")
                return
            }
            #expect(record.kind == .root && record.attachedTo == spare && record.deviceIndex == 0)
        }
    }

    /// `enforce.post.requests.and.timestamps`.
    @Test func `a server that wants POST and short expiries is served as any other`() async throws {
        try await withCloud({ $0.enforcesPostAndTimestamps = true }) { cloud, volume in
            #expect(try await cloud.service.listVolumes().isComplete)
            let id = job()
            _ = try await cloud.service.submit(.attachVolume(volume, to: appliance, as: .data), as: id)
            #expect(try await outcome(of: id, cloud.service) == .succeeded)
        }
    }

    @Test func `NO-BLIND-REPEAT: a dropped answer is told as unknown, and the job id tells whether it arrived`()
        async throws
    {
        try await withCloud { cloud, volume in
            for kind in ["dropBefore", "dropAfter"] {
                try await cloud.fault(#"{"kind":"\#(kind)","command":"attachVolume","count":1}"#)
                let id = job()
                await #expect {
                    try await cloud.service.submit(.attachVolume(volume, to: appliance, as: .data), as: id)
                } throws: { ($0 as? CloudError)?.effect == .unknown }
                let report = try await cloud.service.report(of: id)
                #expect((report == .notFound) == (kind == "dropBefore"))
            }
        }
    }

    @Test func `the two faces of not there are told apart`() async throws {
        try await withCloud { cloud, volume in
            guard case .neverExisted = try await cloud.service.readVolume(VolumeID(UUIDValue(high: 1, low: 2))) else {
                Issue.record("an id that never was")
                return
            }
            try await cloud.service.deleteVolume(volume)
            guard case .removed = try await cloud.service.readVolume(volume) else {
                Issue.record("an id that was removed")
                return
            }
            await #expect { try await cloud.service.deleteVolume(volume) } throws: {
                ($0 as? CloudError)?.remedy == .notThere
            }
        }
    }

    @Test func `WHOLE-VIEW: a walk over pages is complete, and a short page is not`() async throws {
        try await withCloud(volumes: 1_203) { cloud, _ in
            let whole = try await cloud.service.listVolumes()
            #expect(whole.isComplete)
            #expect(whole.records.count == 1_206)
            try await cloud.fault(#"{"kind":"shortPage","command":"listVolumes"}"#)
            #expect(try await cloud.service.listVolumes().isComplete == false)
        }
    }

    @Test(arguments: [
        (#"{"kind":"httpError","code":503,"command":"listVolumes"}"#, CloudRemedy.retryLater),
        (#"{"kind":"httpError","code":200,"command":"listVolumes"}"#, .lookAgain),
        (#"{"kind":"throttle","milliseconds":700,"command":"listVolumes"}"#, .retryLater),
        (#"{"kind":"unauthorized","command":"listVolumes"}"#, .notAllowed),
        (#"{"kind":"dropAfter","command":"listVolumes"}"#, .retryLater),
    ]) func `what goes wrong is sorted, and never becomes an empty list`(fault: String, remedy: CloudRemedy)
        async throws
    {
        try await withCloud { cloud, _ in
            try await cloud.fault(fault)
            await #expect { try await cloud.service.listVolumes() } throws: { error in
                guard let error = error as? CloudError else { return false }
                return error.remedy == remedy && (!fault.contains("700") || error.retryAfter == .milliseconds(700))
            }
        }
    }

    @Test func `a job that ends without a result is a failure that asks to look`() async throws {
        try await withCloud { cloud, volume in
            try await cloud.fault(#"{"kind":"jobWithoutResult","count":1}"#)
            let id = job()
            _ = try await cloud.service.submit(.attachVolume(volume, to: appliance, as: .data), as: id)
            guard case .failed(let failure) = try await outcome(of: id, cloud.service) else {
                Issue.record("no failure")
                return
            }
            #expect(failure.remedy == .lookAgain)
        }
    }

    @Test func `a volume is created and found by its exact name`() async throws {
        try await withCloud { cloud, _ in
            let zone = try #require(ZoneID(DefaultWorld.zone))
            guard case .found(let offering) = try await cloud.service.offering(.named("Custom")) else {
                Issue.record("no offering")
                return
            }
            let id = job()
            let receipt = try await cloud.service.submit(
                .createVolume(name: "made-~ü", sizeInBytes: 3 << 30, offering: offering.id, zone: zone), as: id)
            #expect(try await outcome(of: id, cloud.service) == .succeeded)
            let found = try await cloud.service.findVolumes(named: "made-~ü", in: zone)
            #expect(found.map(\.id) == [receipt.volume])
            #expect(found.first?.sizeInBytes == 3 << 30)
        }
    }

    @Test(arguments: [
        (431, "Please specify a VM that is either running or stopped.", CloudRemedy.lookAgain),
        (
            431,
            "The specified VM already has the maximum number of data disks (32) attached. Please specify another VM.",
            .limitReached
        ),
        (431, "Please specify a VM that is in the same zone as the volume.", .wrongRequest),
        (530, "Failed to attach volume v to VM h; No more available PCI slots", .limitReached),
        (530, "Failed to attach volume v to VM h; time-out", .retryLater),
        (530, "This volume is already attached to a VM.", .lookAgain), (531, "permission", .notAllowed),
        (401, "unable to verify user credentials and/or request signature", .notAllowed),
        (535, "Maximum amount", .limitReached),
        (533, "", .retryLater), (432, "would shrink the volume", .wrongRequest),
    ]) func `errors are sorted by code and text`(code: Int, text: String, remedy: CloudRemedy) {
        #expect(ErrorSorting.remedy(code: code, text: text) == remedy)
    }

    @Test func `who took a volume away is read from the event list`() async throws {
        try await withCloud { cloud, volume in
            let id = job()
            _ = try await cloud.service.submit(.attachVolume(volume, to: appliance, as: .data), as: id)
            #expect(try await outcome(of: id, cloud.service) == .succeeded)
            let order = #"{"volume":"\#(volume)","user":"rival"}"#
            let answer = try await HTTPClient().send(
                HTTPRequest(
                    .post, "http://127.0.0.1:\(await cloud.simulator.adminPort)/volumes/detach", body: Array(order.utf8)
                ))
            #expect(answer.status == 200)
            let events = try await cloud.service.recentEvents(of: volume)
            #expect(events.map(\.kind) == [.detach, .detach, .detach, .attach, .attach, .attach])
            #expect(events.prefix(3).allSatisfy { $0.user == "rival" && $0.account == "admin" && !$0.isFailure })
            #expect(events.suffix(3).allSatisfy { $0.user == "admin" })
            #expect(Set(events.map { $0.parent ?? $0.id }).count == 2)
        }
    }
}
