import Planning
import Testing
import VolumeModel

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
