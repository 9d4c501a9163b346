import Planning
import Testing
import VolumeModel

/// One suite for each invariant of the design that the planner answers for, under its name.
@Suite("RIGHT-DISK") struct RightDiskTests {
    private func entry(_ change: (inout ExportEntry) -> Void) -> VolumeView {
        Fixture.view { view in
            var entry = Fixture.entry
            change(&entry)
            view.export = Fixture.exact(.present(entry))
        }
    }

    @Test func `RIGHT-DISK: a name that leads to another device is withdrawn at once, whoever made it`() {
        for owner in [ExportOwner.foreign, .hawser(Fixture.volume)] {
            let view = entry {
                $0.target = .device(DeviceNumber(major: 254, minor: 32), diskSequence: 9)
                $0.owner = owner
            }
            #expect(Fixture.decide(view).step == .withdraw(Fixture.name, of: owner, leadingTo: view.shownTarget))
        }
    }

    @Test func `RIGHT-DISK: the same numbers under another disk sequence number are another disk`() {
        let view = entry { $0.target = .device(Fixture.device.number, diskSequence: 8) }
        #expect(
            Fixture.decide(view).step
                == .withdraw(Fixture.name, of: .hawser(Fixture.volume), leadingTo: view.shownTarget))
    }

    @Test
    func `RIGHT-DISK: a name whose device is gone is withdrawn, also while a job is outstanding or a backoff holds`() {
        var view = entry { $0.target = .nothing }
        view.devices = .absent
        view.outstanding = Fixture.outstanding(.never, isAccepted: true)
        view.backoff = Backoff(
            world: .thisMachine, failures: 3, until: Fixture.now + .seconds(60), remedy: .retryLater, text: "x",
            generation: 1)
        #expect(
            Fixture.decide(view).step
                == .withdraw(Fixture.name, of: .hawser(Fixture.volume), leadingTo: view.shownTarget))
    }

    @Test func `RIGHT-DISK: it outranks IN-USE: clients do not keep a wrong name alive`() {
        let view = entry {
            $0.target = .device(DeviceNumber(major: 254, minor: 32), diskSequence: 9)
            $0.clients = .known(3)
        }
        #expect(
            Fixture.decide(view).step
                == .withdraw(Fixture.name, of: .hawser(Fixture.volume), leadingTo: view.shownTarget))
    }

    @Test func `RIGHT-DISK: sessions proven to be on another disk are cut`() {
        let view = entry { $0.strayedSessions = 1 }
        #expect(
            Fixture.decide(view).step == .cutStrayedSessions(of: Fixture.name, provenOn: Fixture.device.number))
    }

    @Test
    func
        `LIVE-PROOF and IN-USE: before a volume is taken for absent, the kernel itself is asked, whatever udev has told`()
    {
        var view = Fixture.departing {
            $0.devices = .absent
            $0.export = Fixture.exact(.absent)
        }
        #expect(Fixture.decide(view).look == .disks(DiskSerial(of: Fixture.volume)))
        view.search = Fixture.exact(.present(.found(["vdc"])))
        guard case .useUndetermined? = Fixture.decide(view).cause else {
            Issue.record("\(Fixture.decide(view))")
            return
        }
        view.search = Fixture.exact(.present(.none))
        #expect(Fixture.decide(view).step == .detach(Fixture.volume, from: Fixture.here))
        view.devicesChangedAt = Fixture.now + .seconds(1)
        #expect(Fixture.decide(view).look == .disks(DiskSerial(of: Fixture.volume)))
    }

    @Test
    func `IN-USE: the disk of a volume that came here a moment ago is waited for before the volume counts as absent`() {
        let deadline = Fixture.policy.deviceDeadline
        var view = Fixture.departing {
            $0.devices = .absent
            $0.export = Fixture.exact(.absent)
            $0.search = Fixture.exact(.present(.none))
            $0.arrivedAt = Fixture.now - deadline + .seconds(1)
        }
        let cause = Cause.waitingForDevice(since: view.arrivedAt, until: view.arrivedAt + deadline)
        #expect(Fixture.decide(view) == .hold(cause, until: view.arrivedAt + deadline))
        view.arrivedAt = Fixture.now - deadline
        #expect(Fixture.decide(view).step == .detach(Fixture.volume, from: Fixture.here))
    }

    @Test
    func `IN-USE: a name of the disk that was proven goes on when another object claims a volume with its serial`() {
        var view = entry { $0.clients = .known(1) }
        view.matched = Fixture.device.identity
        view.serialSharedWith = Fixture.twin
        #expect(Fixture.decide(view).step == nil)
        // The disk under the name is another one, or nobody had proven it before.
        var another = view
        another.matched?.diskSequence = 99
        var unproven = view
        unproven.matched = nil
        for view in [another, unproven] {
            #expect(
                Fixture.decide(view).step
                    == .withdraw(Fixture.name, of: .hawser(Fixture.volume), leadingTo: view.shownTarget))
        }
    }

    @Test func `JOB-BARRIER: what is under way of an object that only observes by now is followed to its end`() {
        let job = JobID(UUIDValue(high: 7, low: 7))
        var view = Fixture.departing {
            $0.desired.mode = .observe
            $0.outstanding = OutstandingEffect(
                intent: IntentID(UUIDValue(high: 7, low: 8)),
                action: .detachVolume(Fixture.volume, from: Fixture.here), job: job, isAccepted: true,
                isBeingSent: false, sentAt: Fixture.now - .seconds(60))
        }
        // Nobody is to begin to use the disk that it will take; then the job is asked for.
        #expect(Fixture.decide(view).step == Fixture.device.identity.map { .hold($0) })
        view.held = Fixture.device.identity
        #expect(Fixture.decide(view).look == .job(job))
        view.outstanding = nil
        #expect(Fixture.decide(view).step == Fixture.device.identity.map { .release($0) })
        view.held = nil
        #expect(Fixture.decide(view) == .departed)
    }

    @Test func `LEASE: nothing is begun without a lease that is proven, but a wrong name is withdrawn`() {
        let missing = Fixture.view {
            $0.export = Fixture.exact(.absent)
            $0.mismatch = Fixture.exact(.absent)
        }
        let wrong = entry { $0.target = .nothing }
        // Wrong only by what is wanted, and that may have changed.
        let another = entry {
            $0.owner = .hawser(Fixture.twin)
            $0.target = .device(DeviceNumber(major: 254, minor: 32), diskSequence: 9)
        }
        var twins = entry { _ in }
        twins.serialSharedWith = Fixture.twin
        var planner = Planner(policy: Fixture.policy)
        planner.lease = .held(until: Fixture.now)
        #expect(planner.decide(missing, at: Fixture.now).step?.verb == "export")
        for standing in [LeaseStanding.held(until: Fixture.now - .seconds(1)), .unproven, .awaited(holder: "another")] {
            planner.lease = standing
            #expect(planner.decide(missing, at: Fixture.now).step == nil, "\(standing)")
            #expect(
                planner.decide(wrong, at: Fixture.now).step
                    == .withdraw(Fixture.name, of: .hawser(Fixture.volume), leadingTo: wrong.shownTarget))
            #expect(planner.decide(another, at: Fixture.now).step == nil)
            #expect(planner.decide(twins, at: Fixture.now).step == nil)
        }
    }

    @Test func `RIGHT-DISK: two devices with one serial are both refused`() {
        var second = Fixture.device
        second.kernelName = "vdc"
        let view = Fixture.view {
            $0.devices = .present([Fixture.device, second])
            $0.export = Fixture.exact(.absent)
        }
        #expect(Fixture.decide(view).cause == .serialSeenTwice(["vdb", "vdc"]))
    }

    @Test func `RIGHT-DISK: two volumes that share the first 20 digits are both refused`() {
        let view = Fixture.view {
            $0.serialSharedWith = Fixture.twin
            $0.export = Fixture.exact(.absent)
        }
        #expect(DiskSerial(of: Fixture.volume) == DiskSerial(of: Fixture.twin))
        #expect(Fixture.decide(view).cause == .serialShared(with: Fixture.twin))
    }

    @Test func `RIGHT-DISK: a device smaller than CloudStack says is refused`() {
        let view = Fixture.view { view in
            var record = Fixture.record
            record.sizeInBytes = 2 << 30
            view.cloud = Fixture.listed(.present(record))
            view.export = Fixture.exact(.absent)
        }
        guard case .deviceMismatch? = Fixture.decide(view).cause else {
            Issue.record("\(Fixture.decide(view))")
            return
        }
    }

    @Test
    func `RIGHT-DISK: nothing is exported before the open descriptor was compared, after the device last changed`() {
        var view = Fixture.view { $0.export = Fixture.exact(.absent) }
        let identity = Fixture.device.identity
        #expect(Fixture.decide(view).look == identity.map { .mismatch($0) })
        view.mismatch = Fixture.exact(.absent)
        #expect(Fixture.decide(view).step?.verb == "export")
        view.devicesChangedAt = Fixture.now + .seconds(1)
        #expect(Fixture.decide(view).look == identity.map { .mismatch($0) })
        view.devicesChangedAt = Fixture.now - .seconds(20)
        view.mismatch = Fixture.exact(.present("serial differs"))
        #expect(Fixture.decide(view).cause == .deviceMismatch("serial differs"))
    }

    @Test func `RIGHT-DISK: a disk that came after its volume was read is exported when that was read again`() {
        var view = Fixture.view { view in
            view.export = Fixture.exact(.absent)
            view.mismatch = Fixture.exact(.absent)
            view.matched?.diskSequence = 6
        }
        #expect(Fixture.decide(view).look == .volume(Fixture.volume), "a listing of before nominates")
        view.cloud = Fixture.exact(.present(Fixture.record), at: view.devicesChangedAt - .seconds(1))
        #expect(Fixture.decide(view).look == .volume(Fixture.volume), "so does a read of before")
        view.cloud = Fixture.exact(.present(Fixture.record))
        #expect(Fixture.decide(view).step?.verb == "export")
    }

    @Test func `RIGHT-DISK: a disk that was matched once stays so while CloudStack cannot be read`() {
        let view = Fixture.view { view in
            view.export = Fixture.exact(.absent)
            view.mismatch = Fixture.exact(.absent)
        }
        #expect(Fixture.decide(view).step?.verb == "export")
    }

    @Test func `RIGHT-DISK: a disk that lies fallow in the record and lingers here blocks the attach elsewhere`() {
        let view = Fixture.detached {
            $0.devices = .present([Fixture.device])
            $0.target = .present(Fixture.other)
        }
        guard case .deviceLingers? = Fixture.decide(view).cause else {
            Issue.record("\(Fixture.decide(view))")
            return
        }
    }
}

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

@Suite("IN-USE") struct InUseTests {
    @Test func `IN-USE: the way down is withdraw, count again, hold, detach`() {
        var view = Fixture.departing()
        #expect(
            Fixture.decide(view).step
                == .withdraw(Fixture.name, of: .hawser(Fixture.volume), leadingTo: view.shownTarget))
        view.export = Fixture.exact(.absent)
        view.withdrawnAt = Fixture.now + .milliseconds(1)
        #expect(Fixture.decide(view).look == Fixture.device.identity.map { .sessions($0) }, "counted again")
        view.withdrawnAt = Fixture.now - .milliseconds(1)
        #expect(Fixture.decide(view).step == Fixture.device.identity.map { .hold($0) })
        view.held = Fixture.device.identity
        #expect(Fixture.decide(view).step == .detach(Fixture.volume, from: Fixture.here))
    }

    @Test func `ORDER: while not all names can be listed, nothing is detached and no object is let go`() {
        var view = Fixture.departing {
            $0.export = Fixture.exact(.absent)
            $0.held = Fixture.device.identity
            $0.knowsAllExports = false
        }
        guard case .useUndetermined? = Fixture.decide(view).cause else {
            Issue.record("\(Fixture.decide(view))")
            return
        }
        view.desired.export = nil
        #expect(Fixture.decide(view).step == nil)
        view.knowsAllExports = true
        #expect(Fixture.decide(view).step == .detach(Fixture.volume, from: Fixture.here))
        let detached = Fixture.detached {
            $0.desired.isDeparting = true
            $0.desired.export = nil
            $0.knowsAllExports = false
        }
        #expect(Fixture.decide(detached) != .departed)
    }

    @Test func `WHOLE-VIEW: no object is let go by what a list tells of its volume`() {
        let view = Fixture.detached {
            $0.desired.isDeparting = true
            var record = Fixture.record
            record.attachedTo = nil
            $0.cloud = Fixture.listed(.present(record))
        }
        #expect(Fixture.decide(view).look == .volume(Fixture.volume))
        let elsewhere = Fixture.departing {
            var record = Fixture.record
            record.attachedTo = Fixture.other
            $0.cloud = Fixture.listed(.present(record))
            $0.devices = .absent
            $0.export = Fixture.exact(.absent)
        }
        #expect(Fixture.decide(elsewhere).look == .volume(Fixture.volume))
    }

    @Test func `JOB-BARRIER: of what only observes, a job under way is followed although a name is wrong`() {
        let view = Fixture.view {
            $0.desired.mode = .observe
            $0.outstanding = Fixture.outstanding(.never, isAccepted: true)
            var entry = Fixture.entry
            entry.target = .device(DeviceNumber(major: 254, minor: 32), diskSequence: 9)
            $0.export = Fixture.exact(.present(entry))
        }
        #expect(Fixture.decide(view).look == .job(Fixture.job))
    }

    @Test func `IN-USE: while what became of a detach is not known, the device is held, whoever had sent it`() {
        let view = Fixture.view {
            var effect = Fixture.outstanding(.never)
            effect.action = .detachVolume(Fixture.volume, from: Fixture.here)
            $0.outstanding = effect
        }
        #expect(Fixture.decide(view).step == Fixture.device.identity.map { .hold($0) })
        var held = view
        held.held = Fixture.device.identity
        #expect(Fixture.decide(held).look == .job(Fixture.job))
    }

    @Test func `MINE-ONLY: a root disk that is not where its object wants it is left there, and the object can go`() {
        let view = Fixture.view {
            var record = Fixture.record
            (record.kind, record.attachedTo) = (.root, Fixture.other)
            $0.cloud = Fixture.exact(.present(record))
            $0.desired.role = .root
            $0.desired.export = nil
            $0.export = Fixture.exact(.absent)
            $0.devices = .absent
        }
        #expect(Fixture.decide(view).cause == .rootHere)
        var departing = view
        departing.desired.isDeparting = true
        #expect(Fixture.decide(departing) == .departed)
        departing.target = .unknown
        #expect(Fixture.decide(departing) != .departed, "where it is wanted is not known yet")
    }

    @Test(arguments: [
        (ClientCount.known(1), Cause.inUseByClients(1)),
        (.unknown("proc is hidden"), .useUndetermined("proc is hidden")),
    ]) func `IN-USE: clients, known or not, keep the name and the volume`(count: ClientCount, cause: Cause) {
        let view = Fixture.departing { $0.sessions = Fixture.exact(.present(count)) }
        #expect(Fixture.decide(view).cause == cause)
    }

    @Test(arguments: [
        (DeviceUse(witnesses: [.mounted(at: "/mnt")], undetermined: []), Cause.inUseLocally("mounted at /mnt")),
        (DeviceUse(witnesses: [.swap], undetermined: []), .inUseLocally("used as swap")),
        (DeviceUse(witnesses: [.holder("dm-0")], undetermined: []), .inUseLocally("held by dm-0")),
        (DeviceUse(witnesses: [.openExclusively], undetermined: []), .inUseLocally("opened exclusively")),
        (
            DeviceUse(witnesses: [], undetermined: ["mounts: Permission denied"]),
            .useUndetermined("mounts: Permission denied")
        ),
    ]) func `IN-USE: use on this machine, seen or not to be seen, keeps the volume`(use: DeviceUse, cause: Cause) {
        let view = Fixture.departing { $0.use = Fixture.exact(.present(use)) }
        #expect(Fixture.decide(view).cause == cause)
    }

    @Test func `IN-USE: a client that came before the withdrawal was counted again gets its name back`() {
        let view = Fixture.departing {
            $0.export = Fixture.exact(.absent)
            $0.withdrawnAt = Fixture.now - .milliseconds(1)
            $0.sessions = Fixture.exact(.present(.known(1)))
        }
        #expect(Fixture.decide(view).step?.verb == "export")
    }

    @Test func `IN-USE: no time-out overrides it`() {
        let view = Fixture.departing {
            $0.sessions = Fixture.exact(.present(.known(1)))
            $0.waitingSince = .distantPast
        }
        #expect(Fixture.decide(view).cause == .inUseByClients(1))
    }

    @Test func `IN-USE: Hawser's own hold is not taken for a stranger's`() {
        let view = Fixture.departing {
            $0.export = Fixture.exact(.absent)
            $0.withdrawnAt = Fixture.now - .seconds(1)
            $0.held = Fixture.device.identity
            $0.use = Fixture.exact(.present(DeviceUse(witnesses: [.openExclusively], undetermined: [])))
        }
        #expect(Fixture.decide(view).step == .detach(Fixture.volume, from: Fixture.here))
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
