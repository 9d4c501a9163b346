import Planning
import Testing
import VolumeModel

@testable import Reconciliation

@Suite struct LoopTests {
    /// A world with volumes that are wanted here, not yet started.
    private func world(volumes: Int, policy: Policy = MemoryWorld.quickPolicy) -> MemoryWorld {
        let world = MemoryWorld(policy: policy)
        for number in 1...volumes {
            let id = world.makeVolume(UInt64(number))
            world.want("v\(number)", volume: .id(id), export: "e\(number)")
        }
        return world
    }

    @Test func `PLAN-IS-DEED: what plan prints is what is done, at every moment of a repair`() throws {
        let world = world(volumes: 1)
        world.start()
        world.run(for: .seconds(20))
        let volume = try #require(world.report("v1")?.volume)
        world.exactReadsFail = true
        world.unplug(volume)
        world.run(for: .seconds(70))
        // The cloud cannot be read exactly, so the step waits; the plan says which it is.
        guard case .hold? = world.plan.first?.outcome else {
            Issue.record("\(world.plan)")
            return
        }
        world.exactReadsFail = false
        let before = world.deeds.count
        var foretold: [String] = []
        while world.report("v1")?.readiness != .ready, foretold.count < 1_000 {
            if case .action(let verb, _, _)? = world.plan.first?.outcome, foretold.last != verb {
                foretold.append(verb)
            }
            world.run(for: .milliseconds(50))
            if case .action(let verb, _, _)? = world.plan.first?.outcome, foretold.last != verb {
                foretold.append(verb)
            }
        }
        let done = world.deeds[before...].map { String($0.split(separator: " ")[0]) }
        #expect(done == ["attach", "export"])
        #expect(foretold.filter { done.contains($0) } == foretold, "\(foretold)")
    }

    @Test func `a machine gets only so many operations at once, and all are served`() {
        var policy = MemoryWorld.quickPolicy
        policy.stepsPerMachine = 2
        let world = world(volumes: 20, policy: policy)
        world.start()
        world.run(for: .milliseconds(300))
        let queued = world.overview.reports.filter { if case .notReady(.queued) = $0.readiness { true } else { false } }
        #expect(!queued.isEmpty)
        world.run(for: .seconds(120))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
        #expect(world.mostJobsUnderWay == 2)
    }

    @Test func `DURABLE: what cannot be written down is not done, and is done when it can`() {
        let world = world(volumes: 1)
        world.storeFails = true
        world.start()
        world.run(for: .seconds(60))
        #expect(world.deeds.isEmpty)
        #expect(world.report("v1")?.readiness == .notReady(.storeUnavailable("disk full")))
        world.storeFails = false
        world.run(for: .seconds(60))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
    }

    @Test func `a process that stops begins nothing more`() {
        let world = world(volumes: 3)
        world.start()
        world.deliver(.stopping)
        world.run(for: .seconds(60))
        #expect(world.deeds.isEmpty)
        #expect(world.overview.nodeCauses.contains(.stopping))
    }

    @Test func `CloudStack that cannot be listed is said so, and changes nothing`() {
        let world = world(volumes: 1)
        world.start()
        world.run(for: .seconds(20))
        let before = world.deeds
        world.deliver(
            .listingFailed(CloudError(remedy: .retryLater, effect: .none, command: "listVolumes", text: "time-out")))
        #expect(world.overview.nodeCauses == [.cloudUnreachable("time-out")])
        world.run(for: .seconds(120))
        #expect(world.deeds == before)
        #expect(world.overview.nodeCauses.isEmpty)
    }

    @Test func `why a listing of CloudStack is incomplete is said until one is complete`() {
        let world = world(volumes: 1)
        world.start()
        world.run(for: .seconds(20))
        let revision = world.overview.revision
        world.deliver(
            .volumesListed(
                CloudListing(records: [], isComplete: false, problem: "row 3 has no id"), asked: world.now))
        #expect(world.overview.nodeCauses == [.listingIncomplete("volumes: row 3 has no id")])
        #expect(world.overview.revision > revision)
        world.run(for: .seconds(120))
        #expect(world.overview.nodeCauses.isEmpty)
    }

    @Test func `an object that makes no sense is shown with its problem, and the others go on`() throws {
        let world = world(volumes: 1)
        world.start()
        let bad = AttachmentID(UUIDValue(high: 0xBAD, low: 1))
        let problem = SpecProblem(field: "export.name", message: "use letters")
        world.deliver(
            .desired(
                DesiredDelta(
                    changed: [.invalid(id: bad, name: "bad", generation: 1, problems: [problem])], removed: [],
                    revision: 9)))
        world.run(for: .seconds(20))
        #expect(world.report("bad")?.readiness == .notReady(.invalidSpec("export.name: use letters")))
        #expect(world.report("v1")?.readiness == .ready)
        let good = try #require(world.desired.values.first)
        world.deliver(
            .desired(
                DesiredDelta(
                    changed: [.invalid(id: good.id, name: "v1", generation: 2, problems: [problem])], removed: [],
                    revision: 10)))
        let before = world.deeds
        world.run(for: .seconds(120))
        #expect(world.deeds == before, "an edit that makes no sense takes nothing away")
    }

    @Test func `an object cannot be moved to another volume under the same name`() {
        let world = world(volumes: 1)
        world.start()
        world.run(for: .seconds(20))
        let second = world.makeVolume(2)
        world.bindings[world.desired.values.first.unsafelyUnwrapped.id] = world.report("v1")?.volume
        world.crashAndRestart()
        world.want("v1", volume: .id(second), export: "e1")
        let before = world.deeds
        world.run(for: .seconds(60))
        #expect(world.deeds == before)
        guard case .notReady(.invalidSpec)? = world.report("v1")?.readiness else {
            Issue.record("\(String(describing: world.report("v1")))")
            return
        }
    }

    @Test func `ONE-RELOAD: however many exports change, each is told once, and none when nothing changed`() {
        let world = world(volumes: 10)
        world.start()
        world.run(for: .seconds(60))
        #expect(world.deeds.filter { $0.hasPrefix("export") }.count == 10)
        let before = world.deeds
        for _ in 0..<50 { world.notice() }
        world.deliver(.reconcile(nil))
        world.run(for: .seconds(60))
        #expect(world.deeds == before)
    }

    /// A lost event costs time and never correctness: the full comparison at the next resync finds what nobody told.
    @Test func `what no event told is found by the resync`() throws {
        let world = world(volumes: 3)
        world.start()
        world.run(for: .seconds(30))
        let volume = try #require(world.report("v2")?.volume)
        world.volumes[volume]?.attachedTo = nil
        world.devices = world.devices.filter { $0.value.serial != DiskSerial(of: volume) }
        world.run(for: .seconds(61))
        #expect(world.report("v2")?.readiness != .ready)
    }

    @Test func `a failing job backs off, and is tried again under a new id`() {
        let world = world(volumes: 1)
        world.failNextJob = JobFailure(remedy: .retryLater, text: "storage is slow")
        world.start()
        world.run(for: .seconds(60))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
        #expect(world.deeds.filter { $0.hasPrefix("attach") }.count == 2)
        #expect(world.jobs.count == 2)
    }

    @Test(arguments: [CloudRemedy.limitReached, .wrongRequest, .notAllowed])
    func `a failure that a person has to mend is not hammered`(remedy: CloudRemedy) {
        let world = world(volumes: 1)
        world.failNextJob = JobFailure(remedy: remedy, text: "no")
        world.start()
        world.run(for: .seconds(250))
        #expect(world.deeds.count == 1)
        #expect(world.report("v1")?.readiness != .ready)
        // A person asks to look again: the backoff is forgotten.
        world.deliver(.reconcile(nil))
        world.run(for: .seconds(30))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
    }
}

@Suite struct RowIndexTests {
    @Test func `an index agrees with a dictionary, whatever is set and removed`() {
        var generator = SplitMix64(seed: 11)
        var index = RowIndex()
        var truth: [UUIDValue: Int] = [:]
        let keys = (0..<500).map { _ in UUIDValue.random(using: &generator) }
        for step in 0..<20_000 {
            let key = keys[Int(generator.next() % 500)]
            if generator.next() % 3 == 0 {
                index.remove(key)
                truth[key] = nil
            } else {
                index.set(key, to: step)
                truth[key] = step
            }
            let probe = keys[Int(generator.next() % 500)]
            #expect(index[probe] == truth[probe])
        }
        #expect(index.count == truth.count)
    }
}
