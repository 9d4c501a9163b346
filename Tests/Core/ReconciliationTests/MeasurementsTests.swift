import Planning
import Testing
import VolumeModel

@testable import Reconciliation

/// What metrics are made of: it says what the reports say, in numbers.
@Suite struct MeasurementsTests {
    private func exported(_ count: UInt64) -> MemoryWorld {
        let world = MemoryWorld()
        for number in 1...count {
            world.want("a\(number)", volume: .id(world.makeVolume(number)), export: "a\(number)")
        }
        world.start()
        world.run(for: .seconds(60))
        return world
    }

    @Test func `in peace everything is counted where it is, and each step once`() {
        let measured = exported(3).measurements
        #expect(measured.ready == 3 && measured.notReady.isEmpty && measured.drifts.isEmpty)
        #expect(measured.volumes == 3 && measured.machines == 2 && measured.devices == 3 && measured.exports == 3)
        #expect(measured.devicesAreKnown && measured.exportServer == .running && measured.troubles.isEmpty)
        #expect(measured.volumesListedAt != nil && measured.machinesListedAt != nil)
        for step in [Step.Kind.attach, .export] {
            #expect(measured.work.steps[step] == WorkCounts.StepCount(begun: 3, ended: [.succeeded: 3]))
        }
        #expect(measured.stepsUnderWay == 0 && measured.jobsUnderWay == 0 && measured.looksUnderWay == 0)
        #expect((measured.work.looks[.volume] ?? 0) > 0)
    }

    @Test func `BRAKE: what is held, what counts and what is allowed`() {
        let world = exported(3)
        world.deleteInBulk(["a1", "a2", "a3"])
        world.run(for: .seconds(60))
        let measured = world.measurements
        #expect(measured.removals.areHeld && measured.removals.wanted == 3 && measured.removals.counted == 3)
        #expect(measured.removals.allowed == 1 && measured.removals.window == .seconds(600))
        #expect(measured.troubles == [.braked])
        #expect(measured.notReady == [.braked: 3] && measured.waitingFor == [.person: 3])
        #expect((measured.work.steps[.detach]?.begun ?? 0) == 0)
    }

    @Test func `a drift is seen once, and open for as long as it lasts`() throws {
        let world = exported(1)
        world.links = [:]
        world.serverIsRunning = false
        world.run(for: .seconds(120))
        let measured = world.measurements
        #expect(measured.drifts.values.reduce(0, +) == world.drifts.count { $0.endedAt == nil })
        #expect(!measured.drifts.isEmpty && measured.troubles == [.exportServerDown])
        world.serverIsRunning = true
        world.run(for: .seconds(300))
        #expect(world.isEverythingReady, "\(world.overview.reports)")
        #expect(world.measurements.drifts.isEmpty)
        #expect(world.measurements.work.drifts == measured.work.drifts)
    }

    @Test func `a step that fails is counted as failed, and the one after it as begun`() {
        let world = MemoryWorld()
        world.want("v", volume: .id(world.makeVolume(1)), export: "e")
        world.failNextJob = JobFailure(remedy: .retryLater, text: "no")
        world.start()
        world.run(for: .seconds(60))
        #expect(
            world.measurements.work.steps[.attach]
                == WorkCounts.StepCount(begun: 2, ended: [.failed: 1, .succeeded: 1]))
    }

    @Test func `the word of a step in the ledger is the word of the step`() {
        let volume = VolumeID(UUIDValue(high: 1, low: 1))
        let steps: [Step] = [
            .attach(volume, to: MemoryWorld.here, as: .data), .detach(volume, from: MemoryWorld.here),
            .resize(volume, toBytes: 1), .deleteVolume(volume),
        ]
        for step in steps { #expect(step.ledgerAction?.verb == step.kind.rawValue) }
    }
}
