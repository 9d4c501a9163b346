import Testing
import VolumeModel

@testable import Planning

/// What contradicts itself is left alone, shown, and explained. What RIGHT-DISK withdraws is the one exception.
@Suite("quarantine") struct QuarantineTests {
    /// What is wanted of a volume: here, elsewhere, nothing any more, nothing any more with its data, or larger.
    private static let wishes: [@Sendable (inout VolumeView) -> Void] = [
        { _ in },
        { view in
            view.target = .present(Fixture.other)
            view.targetMachine = Fixture.exact(.present(Fixture.machine(Fixture.other)))
        },
        { $0.desired.isDeparting = true },
        { view in
            view.desired.volume = .created(Fixture.template)
            view.desired.deletion = DeletionPolicy(data: .delete, grace: .zero)
            view.desired.isDeparting = true
            view.desired.departingSince = Fixture.now - .seconds(60)
        },
        { $0.desired.wantedSizeInBytes = 5 << 30 },
    ]

    /// Everything else is fresh, idle and allowed: only the contradiction keeps the volume.
    private static func fresh(_ view: inout VolumeView) {
        view.sessions = Fixture.exact(.present(.known(0)))
        view.use = Fixture.exact(.present(DeviceUse(witnesses: [], undetermined: [])))
        view.mismatch = Fixture.exact(.absent)
        view.export = Fixture.exact(.absent)
        view.cloud = Fixture.exact(view.cloud.fact)
    }

    /// The cause under which the volume is left alone; a step is an issue.
    private func cause(of view: VolumeView) -> Cause? {
        let decision = Fixture.decide(view)
        #expect(decision.step == nil, "\(decision)")
        #expect(decision.cause?.kind.explanation.meaning.isEmpty == false)
        return decision.cause
    }

    private func twoDevices(_ view: inout VolumeView) {
        var second = Fixture.device
        second.kernelName = "vdc"
        second.number = DeviceNumber(major: 254, minor: 32)
        view.devices = .present([Fixture.device, second])
    }

    @Test(arguments: wishes.indices) func `two devices with one serial are left alone, whatever is wanted`(wish: Int) {
        let attached = Fixture.view { view in
            Self.wishes[wish](&view)
            Self.fresh(&view)
            twoDevices(&view)
        }
        #expect(cause(of: attached) == .serialSeenTwice(["vdb", "vdc"]))
    }

    @Test(arguments: wishes.indices) func `two devices of a volume that is attached nowhere are left alone`(wish: Int) {
        let detached = Fixture.detached { view in
            Self.wishes[wish](&view)
            Self.fresh(&view)
            twoDevices(&view)
        }
        #expect(cause(of: detached)?.kind == .deviceLingers)
    }

    @Test(arguments: wishes.indices) func `a volume that shares its serial with another is left alone`(wish: Int) {
        let attached = Fixture.view { view in
            Self.wishes[wish](&view)
            Self.fresh(&view)
            view.serialSharedWith = Fixture.twin
        }
        #expect(cause(of: attached) == .serialShared(with: Fixture.twin))
        guard wish == 0 else { return }
        #expect(
            cause(of: Fixture.detached { $0.serialSharedWith = Fixture.twin }) == .serialShared(with: Fixture.twin),
            "not attached here either")
    }

    /// A volume of 1 GiB; a disk of less, and one of more than rounding explains.
    @Test(arguments: wishes.indices, [Int64(1) << 29, 9 << 30])
    func `a serial with another size is left alone, whatever is wanted`(wish: Int, size: Int64) {
        let attached = Fixture.view { view in
            Self.wishes[wish](&view)
            Self.fresh(&view)
            view.devices = .present([Fixture.device(sizeInBytes: size)])
        }
        #expect(cause(of: attached)?.kind == .deviceMismatch)
    }

    @Test func `a device that shows a growth before the record does is read about, and its export goes on`() {
        let view = Fixture.view { view in
            view.devices = .present([Fixture.device(sizeInBytes: 20 << 30)])
            view.devicesChangedAt = Fixture.now
        }
        #expect(Fixture.decide(view).look == .volume(Fixture.volume))
        var known = view
        known.cloud = Fixture.exact(.present(Fixture.record(sizeInBytes: 20 << 30)))
        #expect(Fixture.decide(known) == .settled)
    }

    @Test(arguments: wishes.indices) func `what RIGHT-DISK withdraws is withdrawn all the same`(wish: Int) {
        let served = Fixture.view { view in
            Self.wishes[wish](&view)
            twoDevices(&view)
        }
        #expect(
            Fixture.decide(served).step
                == .withdraw(Fixture.name, of: .hawser(Fixture.volume), leadingTo: served.shownTarget))
    }

    /// Attached to a machine that no listing has.
    private func astray(_ machine: Sighting<MachineRecord>, _ change: (inout VolumeView) -> Void) -> VolumeView {
        Fixture.view { view in
            change(&view)
            var record = Fixture.record
            record.attachedTo = Fixture.other
            view.cloud = Fixture.exact(.present(record))
            view.devices = .absent
            view.export = Fixture.exact(.absent)
            view.isHolderNominatedAbsent = true
            view.holderMachine = machine
        }
    }

    @Test(arguments: [0, 1, 4]) func `a volume attached to a machine that does not exist is left alone`(wish: Int) {
        #expect(
            cause(of: astray(Fixture.exact(.absent), Self.wishes[wish])) == .holderMissing(Fixture.other))
    }

    @Test func `that of a deleted object is left alone, too, when it stands where it was wanted`() {
        let departing = astray(Fixture.exact(.absent)) { view in
            view.target = .present(Fixture.other)
            view.desired.isDeparting = true
        }
        #expect(cause(of: departing) == .holderMissing(Fixture.other))
    }

    @Test func `that of a deleted object is, too, when what it names as its machine is nobody's name any more`() {
        let departing = astray(Fixture.exact(.absent)) { view in
            view.target = .absent
            view.desired.isDeparting = true
        }
        #expect(cause(of: departing) == .holderMissing(Fixture.other))
    }

    @Test func `that a machine does not exist is told by an exact read, never by a listing`() {
        for sighting in [Sighting<MachineRecord>.never, Fixture.listed(.present(Fixture.machine(Fixture.other)))] {
            let decision = Fixture.decide(astray(sighting, Self.wishes[1]))
            #expect(decision.look == .machine(Fixture.other), "\(decision)")
        }
        let refuted = astray(Fixture.exact(.present(Fixture.machine(Fixture.other)))) { view in
            Self.wishes[1](&view)
        }
        #expect(Fixture.decide(refuted).cause?.kind != .holderMissing)
    }
}

/// Freshness: what is refused for want of fresh evidence says what it lacked.
@Suite("freshness") struct FreshnessTests {
    private let seconds: @Sendable (Int) -> Instant = { Fixture.now - .seconds($0) }

    private func sighting(asked: Int, answered: Int, _ proof: Sighting<Int>.Proof) -> Sighting<Int> {
        Sighting(.present(1), asked: seconds(asked), answered: seconds(answered), proof: proof)
    }

    @Test func `an answer carries an act when it is exact, later than the last change, and no older than the limit`() {
        func shortcoming(_ sighting: Sighting<Int>, after: Instant = .distantPast) -> Shortcoming? {
            sighting.shortcoming(at: Fixture.now, after: after, policy: Fixture.policy)
        }
        #expect(shortcoming(sighting(asked: 1, answered: 1, .exact)) == nil)
        #expect(
            shortcoming(sighting(asked: 2, answered: 2, .exact)) == .tooOld(age: .seconds(2), limit: .seconds(1)))
        #expect(
            shortcoming(sighting(asked: 0, answered: 0, .listed)) == .onlyListed(age: .zero, limit: .seconds(1)))
        #expect(
            shortcoming(sighting(asked: 1, answered: 0, .exact), after: Fixture.now) == .outdated(age: .zero))
        #expect(shortcoming(.never) == .neverRead)
        // A process that was stopped takes an old answer for a new one.
        let old = sighting(asked: 69, answered: 0, .exact)
        #expect(shortcoming(old) == .askedLongAgo(age: .seconds(69), limit: Fixture.policy.requestInFlightBound))
        #expect(
            sighting(asked: 6, answered: 0, .exact).shortcoming(
                at: Fixture.now, after: .distantPast, policy: Fixture.policy, isLocal: true)
                == .askedLongAgo(age: .seconds(6), limit: .seconds(5)))
        let silent = Sighting<Int>(.unknown, asked: seconds(3), answered: seconds(3), proof: .exact)
        #expect(shortcoming(silent) == .notTold(age: .seconds(3)))
    }

    @Test(arguments: [
        (
            Fixture.detached { $0.cloud = Fixture.listed($0.cloud.fact) },
            "reading volume \(Fixture.volume): it was listed 30 s ago; needed is a read of it alone, at most 1 s old"
        ),
        (
            Fixture.detached { $0.cloud = Fixture.exact($0.cloud.fact, at: Fixture.now - .milliseconds(1_500)) },
            "reading volume \(Fixture.volume): it was read 1.5 s ago; needed is a read at most 1 s old"
        ),
        (
            Fixture.detached { $0.lastWrite = Fixture.now + .seconds(1) },
            "reading volume \(Fixture.volume): what was read 0 s ago was asked for before the last change; "
                + "needed is a later read"
        ),
        (
            Fixture.departing { $0.sessions = .never },
            "reading the device's NBD sessions: it was not read yet"
        ),
        (
            Fixture.departing { $0.use = Fixture.exact($0.use.fact, at: Fixture.now - .seconds(9)) },
            "reading who uses the device: it was read 9 s ago; needed is a read at most 1 s old"
        ),
        (
            Fixture.detached { $0.targetMachine = .never },
            "reading machine \(Fixture.here): it was not read yet"
        ),
    ]) func `a refusal names the observation, how old it is, and how fresh it has to be`(
        view: VolumeView, message: String
    ) {
        #expect(Fixture.decide(view).cause?.message == message)
    }

    @Test func `each observation is told with its source and its age`() {
        let view = Fixture.view { view in
            view.targetMachine = .never
            view.use = Fixture.exact(.present(DeviceUse(witnesses: [], undetermined: [])))
        }
        let told = view.observationAges(at: Fixture.now)
        #expect(
            told == [
                ObservationAge(subject: "volume", source: "CloudStack's listing", age: .seconds(30)),
                ObservationAge(subject: "machine", source: "not read yet", age: nil),
                ObservationAge(subject: "devices", source: "the kernel's events, the last", age: .seconds(20)),
                ObservationAge(subject: "export", source: "the live NBD server", age: .seconds(5)),
                ObservationAge(subject: "use", source: "this machine", age: .zero),
            ])
    }
}
