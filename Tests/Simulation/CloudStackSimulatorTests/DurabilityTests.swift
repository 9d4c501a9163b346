import CloudStackModel
import CloudStackSimulator
import FoundationEssentials
import LinuxCalls
import Testing

/// DURABLE, for the simulator itself: whatever it answered is so after `kill -9`, and nothing is done twice.
@Suite struct DurabilityTests {
    private static let volume = "cccc0000-0000-4000-8000-000000000001"
    private static let appliance = "aaaa0000-0000-4000-8000-000000000001"

    /// A simulator that does not outlive the test, however that ends.
    private final class Running: Sendable {
        let process: ChildProcess
        let call: SignedCall

        init(process: ChildProcess, call: SignedCall) {
            self.process = process
            self.call = call
        }

        deinit { process.send(signal: 9) }
    }

    private struct Ready: Decodable {
        var endpoint: String
    }

    private struct Line: Decodable, Equatable {
        var number: Int64
        var kind: String
        var command: String
        var job: String?
        var detail: String
    }

    private func start(_ directory: String) async throws -> Running {
        let process = try ChildProcess(
            starting: .init(
                ".build/debug/hawser-simulator",
                [
                    "--state", "\(directory)/state", "--hypervisor", "files", "--seed-file", "\(directory)/seed.json",
                    "--device-dir", "\(directory)/dev", "--job-delay", "150ms",
                ], output: .lines))
        var lines = process.outputLines.makeAsyncIterator()
        let ready = try JSONDecoder().decode(Ready.self, from: Data(try #require(await lines.next()).utf8))
        return Running(process: process, call: SignedCall(endpoint: ready.endpoint))
    }

    private func kill(_ running: Running) async {
        running.process.send(signal: 9)
        _ = await running.process.waitForExit()
    }

    /// Asks for the job until it has ended, and says how.
    private func outcome(of job: String, _ call: SignedCall) async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            let report = try await call.json("queryAsyncJobResult", [("jobid", job)])
            try #require(report.status == 200, "\(report.text)")
            if report.text.contains(#""jobstatus":1,"jobprocstatus""#) { return true }
            if report.text.contains(#""jobstatus":2,"jobprocstatus""#) { return false }
            try #require(ContinuousClock.now < deadline, "\(report.text)")
            try await Task.sleep(for: .milliseconds(5))  // between two questions, as pollers do
        }
    }

    private func log(_ directory: String) throws -> [Line] {
        try readFile("\(directory)/state/actions.jsonl").split(separator: UInt8(ascii: "\n")).map {
            try JSONDecoder().decode(Line.self, from: Data($0))
        }
    }

    /// Spread over the whole of a job, which takes 150 ms here; the first is right after the answer.
    private static let points = [0, 40, 80, 120, 140, 150, 155, 160, 200].map { Duration.milliseconds($0) }

    @Test func `killed at any point of an attach and a detach, each is answered for, done once, and logged once`()
        async throws
    {
        let directory = try TemporaryDirectory(prefix: "hawser-durable-")
        try writeFile(
            "\(directory.path)/seed.json",
            bytes: Array(
                #"""
                {"machines": [{"id": "\#(Self.appliance)", "name": "appliance", "appliance": true}],
                 "volumes": [{"id": "\#(Self.volume)", "name": "data", "sizeInMiB": 1}]}
                """#.utf8))
        let link = "\(directory.path)/dev/by-id/virtio-cccc0000000040008000"
        var running = try await start(directory.path)
        for point in Self.points {
            for command in ["attachVolume", "detachVolume"] {
                let isAttach = command == "attachVolume"
                let answer = try await running.call.json(
                    command,
                    [("id", Self.volume)] + (isAttach ? [("virtualmachineid", Self.appliance)] : []))
                let job = try #require(answer.field("jobid"), "\(answer.text)")
                // The moment is the point here, so it is a time that is waited for, and not a condition.
                try await Task.sleep(for: point)
                await kill(running)
                running = try await start(directory.path)
                #expect(try await outcome(of: job, running.call), "\(command) killed after \(point)")
                #expect(exists(link) == isAttach, "\(command) killed after \(point)")
                let listed = try await running.call.json("listVolumes", [("id", Self.volume)])
                #expect((listed.field("virtualmachineid") == Self.appliance) == isAttach)
                let lines = try log(directory.path)
                #expect(lines.map(\.number) == Array(1...Int64(lines.count)))
                let ofJob = lines.filter { $0.job == job }.map(\.kind)
                #expect(ofJob == ["call", "effect", "outcome"], "\(command) killed after \(point)")
            }
        }
        #expect(await running.process.stop() == .exited(code: 0))
    }

    /// A kill hardly ever falls between an order and its outcome: here it has.
    @Test(arguments: ["attachVolume", "detachVolume"])
    func `what was ordered of the hypervisor and not seen done is ordered again`(command: String) async throws {
        let directory = try TemporaryDirectory(prefix: "hawser-ordered-")
        var world = DefaultWorld.make(now: 1_000_000)
        world.addVolume(
            id: Self.volume, name: "data", zone: DefaultWorld.zone, account: "admin", sizeInBytes: 1 << 20,
            offering: nil, machine: command == "detachVolume" ? Self.appliance : nil, now: 1_000_000)
        let answer = world.call(
            command, ["id": Self.volume, "virtualmachineid": command == "attachVolume" ? Self.appliance : ""],
            by: world.accounts[0], now: 1_000_000)
        guard case .success(_, let accepted) = answer, let job = accepted["jobid"]?.asText else {
            Issue.record("\(answer)")
            return
        }
        world.advance(to: 1_001_000)
        #expect(world.drain().orders.count == 1)
        let simulator = try await Simulator.start(
            .init(
                stateDirectory: "\(directory.path)/state", seed: world,
                hypervisor: try FilesHypervisor(
                    directory: "\(directory.path)/disks", deviceDirectory: "\(directory.path)/dev")))
        for _ in 0..<1_000 where await simulator.snapshot.jobs[job]?.status == 0 {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(await simulator.snapshot.jobs[job]?.status == 1)
        #expect(exists("\(directory.path)/dev/by-id/virtio-cccc0000000040008000") == (command == "attachVolume"))
        await simulator.stop()
    }

    /// The kill comes while calls are under way: some were answered, some not. Which ones is chance; what holds for each is not.
    @Test(arguments: [1, 5, 20, 60])
    func `every create that was answered is there after a kill, and none is there twice`(
        answered: Int
    ) async throws {
        let directory = try TemporaryDirectory(prefix: "hawser-burst-")
        try writeFile("\(directory.path)/seed.json", bytes: Array("{}".utf8))
        var running = try await start(directory.path)
        let call = running.call
        let zone = try #require(try await call.json("listZones").field("id"))
        let offering = try #require(try await call.json("listDiskOfferings").field("id"))
        let names = try await withThrowingTaskGroup(of: String?.self) { group in
            for number in 0..<100 {
                group.addTask {
                    let parameters = [
                        ("name", "v\(number)"), ("zoneid", zone), ("diskofferingid", offering), ("size", "1"),
                    ]
                    // Those that the kill cuts off have no answer.
                    let answer = try? await call.json("createVolume", parameters)
                    return answer?.status == 200 ? "v\(number)" : nil
                }
            }
            var names: [String] = []
            for try await name in group {
                if let name { names.append(name) }
                if names.count == answered { running.process.send(signal: 9) }
            }
            return names
        }
        #expect(names.count >= answered)
        _ = await running.process.waitForExit()
        running = try await start(directory.path)
        for number in 0..<100 {
            let listed = try await running.call.json("listVolumes", [("name", "v\(number)")])
            // One without an answer may be there or not.
            let isThere = listed.text.contains(#""count":1,"#)
            #expect(isThere || !names.contains("v\(number)") && listed.text == #"{"listvolumesresponse":{}}"#)
        }
        let lines = try log(directory.path)
        #expect(lines.map(\.number) == Array(1...Int64(lines.count)))
        #expect(await running.process.stop() == .exited(code: 0))
    }

    @Test func `a last line of the log that was half written is made whole`() async throws {
        let directory = try TemporaryDirectory(prefix: "hawser-torn-")
        try writeFile("\(directory.path)/seed.json", bytes: Array("{}".utf8))
        var running = try await start(directory.path)
        let zone = try #require(try await running.call.json("listZones").field("id"))
        let offering = try #require(try await running.call.json("listDiskOfferings").field("id"))
        let created = try await running.call.json(
            "createVolume", [("name", "x"), ("zoneid", zone), ("diskofferingid", offering), ("size", "1")])
        #expect(created.status == 200)
        await kill(running)
        let path = "\(directory.path)/state/actions.jsonl"
        let whole = try readFile(path)
        try writeFile(path, bytes: Array(whole.dropLast(9)))
        running = try await start(directory.path)
        #expect(try readFile(path).starts(with: whole))
        #expect(await running.process.stop() == .exited(code: 0))
    }

    @Test func `a second simulator on the same directory says who has it`() async throws {
        let directory = try TemporaryDirectory(prefix: "hawser-second-")
        try writeFile("\(directory.path)/seed.json", bytes: Array("{}".utf8))
        let first = try await start(directory.path)
        let second = try await ChildProcess.run(
            .init(".build/debug/hawser-simulator", ["--state", "\(directory.path)/state"]))
        #expect(second.status == .exited(code: 2))
        #expect(second.errors.contains("process \(first.process.processID)"))
        #expect(await first.process.stop() == .exited(code: 0))
    }
}
