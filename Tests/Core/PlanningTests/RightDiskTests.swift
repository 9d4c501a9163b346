import Planning
import Testing
import VolumeModel

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

    @Test func `RIGHT-DISK: a name is not given back on a disk that came after its volume was read`() {
        var view = Fixture.departing { view in
            view.export = Fixture.exact(.absent)
            view.withdrawnAt = Fixture.now - .milliseconds(1)
            view.sessions = Fixture.exact(.present(.known(1)))
            view.matched?.diskSequence = 6
            view.cloud = Fixture.exact(.present(Fixture.record), at: view.devicesChangedAt - .seconds(1))
        }
        #expect(Fixture.decide(view).step == nil)
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
