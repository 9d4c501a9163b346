import Planning
import Testing
import VolumeModel

/// One suite for each invariant of the design that the planner answers for, under its name.
@Suite("ONE-HOLDER") struct OneHolderTests {
    @Test func `ONE-HOLDER: an attach needs a fresh exact read that shows no holder`() {
        #expect(Fixture.decide(Fixture.detached()).step == .attach(Fixture.volume, to: Fixture.here, as: .data))
        let stale = Fixture.detached { view in
            view.cloud = Sighting(
                view.cloud.fact, asked: Fixture.now - .seconds(5), answered: Fixture.now - .seconds(5), proof: .exact)
        }
        #expect(Fixture.decide(stale).look == .volume(Fixture.volume))
        let listed = Fixture.detached { view in
            view.cloud = Sighting(view.cloud.fact, asked: Fixture.now, answered: Fixture.now, proof: .listed)
        }
        #expect(Fixture.decide(listed).look == .volume(Fixture.volume))
    }

    @Test func `ONE-HOLDER: a volume that a running machine holds is not taken from it`() {
        let view = Fixture.view { view in
            var record = Fixture.record
            record.attachedTo = Fixture.other
            view.cloud = Fixture.exact(.present(record))
            view.devices = .absent
            view.export = Fixture.exact(.absent)
            view.holderMachine = Fixture.exact(.present(Fixture.machine(Fixture.other)))
        }
        #expect(Fixture.decide(view).cause == .heldElsewhere(Fixture.other))
        var stopped = view
        stopped.holderMachine = Fixture.exact(.present(Fixture.machine(Fixture.other, .stopped)))
        #expect(Fixture.decide(stopped).step == .detach(Fixture.volume, from: Fixture.other))
    }

    @Test func `ONE-HOLDER: two objects that claim one volume are acted on by neither`() {
        let view = Fixture.detached { $0.claimedBy = Fixture.object }
        #expect(Fixture.decide(view).cause == .claimedTwice(by: Fixture.object))
    }
}

@Suite("JOB-BARRIER") struct JobBarrierTests {
    @Test(arguments: [
        (Sighting<JobReport>.never, Look?.some(.job(Fixture.job))),
        (Fixture.exact(.present(.running)), nil),
        (Fixture.exact(.present(.running), at: Fixture.now - .seconds(5)), .job(Fixture.job)),
    ]) func `JOB-BARRIER: while a job is not known to have ended, it is asked for and nothing else is done`(
        report: Sighting<JobReport>, look: Look?
    ) {
        let view = Fixture.detached { $0.outstanding = Fixture.outstanding(report, isAccepted: true) }
        let decision = Fixture.decide(view)
        #expect(decision.look == look)
        #expect(decision.step == nil)
    }

    @Test func `JOB-BARRIER: a job of somebody else's on the volume is waited for`() {
        let view = Fixture.detached { view in
            var record = Fixture.record
            record.attachedTo = nil
            record.pendingJob = Fixture.job
            view.cloud = Fixture.exact(.present(record))
        }
        #expect(Fixture.decide(view).cause == .foreignJob(Fixture.job))
    }
}

@Suite("NO-BLIND-REPEAT") struct NoBlindRepeatTests {
    private func outcome(_ report: JobReport, isAccepted: Bool, askedAfterSending: Duration) -> LedgerOutcome? {
        var effect = Fixture.outstanding(.never, isAccepted: isAccepted)
        effect.report = Fixture.exact(.present(report), at: effect.sentAt + askedAfterSending)
        return LedgerRules.outcome(of: effect, at: Fixture.now, policy: Fixture.policy)
    }

    @Test func `NO-BLIND-REPEAT: no such job proves nothing while the call may still be on its way`() {
        #expect(outcome(.notFound, isAccepted: false, askedAfterSending: .seconds(29)) == nil)
        #expect(outcome(.notFound, isAccepted: false, askedAfterSending: .seconds(30)) == .neverArrived)
    }

    @Test func `NO-BLIND-REPEAT: a job that CloudStack took and forgot is resolved by reading the volume`() {
        #expect(outcome(.notFound, isAccepted: true, askedAfterSending: .zero) == .resolvedByReading)
    }

    @Test func `NO-BLIND-REPEAT: what was seen before the last write carries no step`() {
        let view = Fixture.detached { $0.lastWrite = Fixture.now + .milliseconds(1) }
        #expect(Fixture.decide(view).look == .volume(Fixture.volume))
    }

    @Test
    func
        `NO-BLIND-REPEAT: a volume is created only after nothing was found under its token, read after the last write`()
    {
        var view = Fixture.view {
            $0.desired.volume = .created(Fixture.template)
            $0.volume = nil
            $0.cloud = .never
            $0.devices = .absent
            $0.export = Fixture.exact(.absent)
        }
        let name = VolumeRules.tokenName(of: Fixture.template, for: Fixture.attachment)
        let look = Look.volumesNamed(name, zone: .id(Fixture.zone))
        #expect(Fixture.decide(view).look == look)
        view.resolution = .volumes([], asked: Fixture.now, answered: Fixture.now)
        #expect(Fixture.decide(view).step == .createVolume(name: name, Fixture.template))
        view.lastWrite = Fixture.now + .milliseconds(1)
        #expect(Fixture.decide(view).look == look)
        view.resolution = .volumes([Fixture.record], asked: Fixture.now, answered: Fixture.now)
        #expect(Fixture.decide(view).step == .bind(Fixture.volume))
    }
}

@Suite("ORDER, WHOLE-VIEW, LIVE-PROOF and the rest") struct FurtherInvariantTests {
    @Test func `ORDER: upwards each step waits for the one before to be observed`() {
        var view = Fixture.view { $0.devices = .absent }
        view.export = Fixture.exact(.absent)
        guard case .waitingForDevice? = Fixture.decide(view).cause else {
            Issue.record("\(Fixture.decide(view))")
            return
        }
        view.devices = .present([Fixture.device])
        view.mismatch = Fixture.exact(.absent)
        #expect(Fixture.decide(view).step?.verb == "export")
        var entry = Fixture.entry
        entry.liveness = .notListed
        view.export = Fixture.exact(.present(entry))
        guard case .waitingForExport? = Fixture.decide(view).cause else {
            Issue.record("\(Fixture.decide(view))")
            return
        }
    }

    @Test func `ORDER: what the target would refuse is found out before the first step of a move`() {
        let view = Fixture.departing {
            $0.desired.isDeparting = false
            $0.target = .present(Fixture.other)
            $0.targetMachine = Fixture.listed(.present(Fixture.machine(Fixture.other, .destroyed("Destroyed"))))
        }
        #expect(Fixture.decide(view).look == .machine(Fixture.other))
        var zoned = view
        var machine = Fixture.machine(Fixture.other)
        machine.zone = ZoneID(UUIDValue(high: 0xB, low: 2))
        zoned.targetMachine = Fixture.listed(.present(machine))
        #expect(Fixture.decide(zoned).cause == .zoneMismatch)
    }

    /// World 392: a process that was stopped took a volume down for a move to a machine that was gone by then.
    @Test func `ORDER: a target that was last listed long ago is read before the first step of a move or an attach`() {
        func decide(listed age: Duration, _ view: VolumeView) -> Decision {
            var view = view
            let listedAt = Fixture.now - age
            view.desired.isDeparting = false
            view.target = .present(Fixture.other)
            view.targetMachine = Sighting(
                .present(Fixture.machine(Fixture.other)), asked: listedAt, answered: listedAt, proof: .listed)
            return Fixture.decide(view)
        }
        let limit = Fixture.policy.resyncInterval + Fixture.policy.requestInFlightBound
        for (view, step) in [(Fixture.departing(), "unexport"), (Fixture.detached(), "attach")] {
            #expect(decide(listed: limit, view).step?.verb == step)
            #expect(decide(listed: limit + .nanoseconds(1), view).look == .machine(Fixture.other))
        }
    }

    @Test func `WHOLE-VIEW: what a listing lacks is read exactly, and nothing is done on its lack alone`() {
        let view = Fixture.view { $0.isNominatedAbsent = true }
        #expect(Fixture.decide(view).look == .volume(Fixture.volume))
        let denied = Fixture.view { $0.cloud = Fixture.exact(.absent) }
        #expect(Fixture.decide(denied).cause == .recordsDisagree(Fixture.volume, device: "vdb"))
    }

    @Test func `LIVE-PROOF: a detach carries evidence that was read for it, not long ago`() {
        let down = Fixture.departing {
            $0.export = Fixture.exact(.absent)
            $0.held = Fixture.device.identity
        }
        for age in [Duration.milliseconds(1_001), .seconds(60)] {
            var stale = down
            stale.cloud = Fixture.exact(.present(Fixture.record), at: Fixture.now - age)
            #expect(Fixture.decide(stale).look == .volume(Fixture.volume))
            stale = down
            stale.sessions = Fixture.exact(.present(.known(0)), at: Fixture.now - age)
            #expect(Fixture.decide(stale).look == Fixture.device.identity.map { .sessions($0) })
            stale = down
            stale.use = Fixture.exact(.present(DeviceUse(witnesses: [], undetermined: [])), at: Fixture.now - age)
            #expect(Fixture.decide(stale).look == Fixture.device.identity.map { .use($0) })
        }
        guard case .act(.detach, let evidence) = Fixture.decide(down) else {
            Issue.record("\(Fixture.decide(down))")
            return
        }
        #expect(!evidence.isEmpty)
    }

    @Test func `NO-SURPRISE-DELETE: no step deletes a volume, whatever is deleted`() {
        // The planner has no such step at all; a departing object ends with the volume still there.
        let gone = Fixture.detached { $0.desired.isDeparting = true }
        #expect(Fixture.decide(gone) == .departed)
    }

    @Test func `MINE-ONLY: root disks, and entries that Hawser did not make, are left alone`() {
        let root = Fixture.detached { view in
            var record = Fixture.record
            record.attachedTo = nil
            record.kind = .root
            view.cloud = Fixture.exact(.present(record))
        }
        #expect(Fixture.decide(root).cause == .rootVolume)
        let foreign = Fixture.view { view in
            var entry = Fixture.entry
            entry.owner = .foreign
            view.export = Fixture.exact(.present(entry))
        }
        #expect(Fixture.decide(foreign) == .settled, "what leads to the right disk is adopted as it is")
        let unclear = Fixture.view { view in
            var entry = Fixture.entry
            entry.owner = .foreign
            entry.target = .other("a pipe")
            view.export = Fixture.exact(.present(entry))
        }
        #expect(Fixture.decide(unclear).step == nil)
        guard case .exportNameTaken? = Fixture.decide(unclear).cause else {
            Issue.record("\(Fixture.decide(unclear))")
            return
        }
    }

    @Test func `QUIET: where desired and observed agree nothing is read and nothing is done`() {
        #expect(Fixture.decide(Fixture.view()) == .settled)
        #expect(DriftRules.drifts(Fixture.view()).isEmpty)
        let reserved = Fixture.view { view in
            var record = Fixture.record
            record.attachedTo = Fixture.other
            view.target = .present(Fixture.other)
            view.cloud = Fixture.listed(.present(record))
            view.devices = .absent
            view.export = Fixture.exact(.absent)
        }
        #expect(Fixture.decide(reserved) == .settled)
    }
}
