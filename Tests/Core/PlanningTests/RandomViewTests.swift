import Planning
import Testing
import VolumeModel

/// More than a hundred thousand views that nobody thought of, each held against what must never be decided.
@Suite struct RandomViewTests {
    /// SplitMix64, so that a seed replays a run.
    struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }

        mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

        mutating func pick<Value>(_ values: Value...) -> Value {
            values[Int.random(in: 0..<values.count, using: &self)]
        }

        mutating func sighting<Value>(_ fact: Fact<Value>) -> Sighting<Value> {
            let asked = Fixture.now - pick(Duration.zero, .milliseconds(500), .seconds(2), .seconds(100))
            return Sighting(
                chance(10) ? .unknown : fact, asked: asked, answered: asked + pick(.zero, .milliseconds(100)),
                proof: pick(.exact, .exact, .listed))
        }
    }

    private func view(_ random: inout Generator) -> VolumeView {
        Fixture.view { view in
            view.desired.isDeparting = random.chance(30)
            if random.chance(20) { view.desired.export = nil }
            view.desired.export?.isReadOnly = random.chance(20)
            view.target = random.pick(
                .present(Fixture.here), .present(Fixture.here), .present(Fixture.other), .unknown, .absent)
            view.claimedBy = random.chance(3) ? Fixture.object : nil
            view.serialSharedWith = random.chance(3) ? Fixture.twin : nil
            var record = Fixture.record
            record.attachedTo = random.pick(nil, nil, Fixture.here, Fixture.here, Fixture.other)
            record.state = random.pick(
                .ready, .ready, .ready, .allocated, .transitional("Attaching"), .destroyed("Destroy"))
            record.kind = random.chance(5) ? .root : .data
            record.pendingJob = random.chance(10) ? Fixture.job : nil
            record.sizeInBytes = random.chance(5) ? 2 << 30 : 1 << 30
            view.cloud = random.sighting(random.chance(5) ? .absent : .present(record))
            view.isNominatedAbsent = random.chance(5)
            view.lastWrite = random.pick(nil, Fixture.now - .seconds(1), Fixture.now - .seconds(200))
            let state: MachineState = random.pick(
                .running, .running, .stopped, .transitional("Stopping"), .destroyed("Destroyed"))
            view.targetMachine = random.sighting(.present(Fixture.machine(view.target.value ?? Fixture.here, state)))
            view.holderMachine = random.sighting(
                .present(Fixture.machine(Fixture.other, random.pick(.running, .stopped))))
            if random.chance(10) {
                view.outstanding = Fixture.outstanding(
                    random.sighting(.present(.running)), isAccepted: random.chance(50))
                view.outstanding?.isBeingSent = random.chance(30)
            }
            if random.chance(10) {
                view.backoff = Backoff(
                    world: random.pick(.cloudStack, .thisMachine), failures: 1, until: Fixture.now + .seconds(10),
                    remedy: random.pick(.retryLater, .limitReached),
                    text: "x", generation: 1)
            }
            var second = Fixture.device
            second.kernelName = "vdc"
            second.number = DeviceNumber(major: 254, minor: 32)
            view.devices = random.pick(
                .present([Fixture.device]), .present([Fixture.device]), .absent, .unknown,
                .present([Fixture.device, second]))
            view.use = random.sighting(
                .present(
                    random.pick(
                        DeviceUse(witnesses: [], undetermined: []), DeviceUse(witnesses: [], undetermined: []),
                        DeviceUse(witnesses: [], undetermined: []), DeviceUse(witnesses: [.swap], undetermined: []),
                        DeviceUse(witnesses: [], undetermined: ["x"]))))
            view.mismatch = random.sighting(random.pick(.absent, .absent, .present("differs")))
            view.held = random.chance(40) ? Fixture.device.identity : nil
            view.knowsAllExports = random.chance(90)
            view.server = random.pick(.running, .running, .down("x"), .unknown)
            var entry = Fixture.entry
            entry.target = random.pick(
                entry.target, entry.target, .nothing, .device(second.number, diskSequence: 9), .other("a file"))
            entry.owner = random.pick(entry.owner, entry.owner, .foreign)
            entry.clients = random.pick(.known(0), .known(0), .known(1), .unknown("x"))
            entry.strayedSessions = random.chance(5) ? 1 : 0
            entry.liveness = random.pick(.live, .live, .notListed, .unknown)
            view.export = random.sighting(random.chance(50) ? .absent : .present(entry))
            view.sessions = random.sighting(
                .present(random.pick(.known(0), .known(0), .known(0), .known(0), .known(1), .unknown("x"))))
            view.withdrawnAt = random.pick(nil, Fixture.now - .seconds(1), Fixture.now - .seconds(200))
            vary(&view, &random)
        }
    }

    /// What people allow, forbid and want beside the place of the volume.
    private func vary(_ view: inout VolumeView, _ random: inout Generator) {
        view.desired.mode = random.chance(10) ? .observe : .enforce
        if random.chance(10) {
            view.desired.suspension = Suspension(
                reason: "x", until: random.pick(nil, Fixture.now + .seconds(5), Fixture.now - .seconds(5)))
        }
        view.desired.wantedSizeInBytes = random.pick(nil, nil, 1 << 30, 2 << 30, 20 << 30)
        view.proven = random.chance(50) ? Fixture.device.identity : nil
        if random.chance(20) {
            view.desired.inUseOverride = InUseOverride(
                volume: random.pick(Fixture.volume, Fixture.volume, Fixture.twin),
                diskSequence: random.pick(7, 7, 8, nil), reason: "x",
                expiresAt: Fixture.now + random.pick(.seconds(60), .seconds(60), .seconds(-1)))
        }
        if random.chance(30) {
            view.desired.volume = .created(Fixture.template)
            view.desired.deletion = DeletionPolicy(
                data: random.pick(.delete, .delete, .retain), grace: random.pick(.seconds(60), .seconds(600)))
            view.desired.departingSince = Fixture.now - .seconds(100)
            view.protection = random.chance(20) ? "x" : nil
            if var record = view.cloud.fact.value, random.chance(80) {
                record.name = VolumeRules.tokenName(of: Fixture.template, for: Fixture.attachment)
                view.cloud = Sighting(
                    .present(record), asked: view.cloud.asked, answered: view.cloud.answered, proof: view.cloud.proof)
            }
        }
    }

    private func isOverridden(_ view: VolumeView) -> Bool {
        guard let identity = Fixture.device.identity else { return false }
        return view.desired.inUseOverride?.permits(Fixture.volume, on: identity, at: Fixture.now) ?? false
    }

    /// What must hold of a decision, by the name of the invariant.
    private func broken(_ view: VolumeView, _ decision: Decision) -> String? {
        let lastWrite = view.lastWrite ?? .distantPast
        let cloudIsEvidence = view.cloud.isEvidence(at: Fixture.now, after: lastWrite, policy: Fixture.policy)
        guard let step = decision.step else {
            if let cause = decision.cause, cause.code.isEmpty || cause.message.isEmpty { return "ONE-CAUSE" }
            return nil
        }
        if RestraintRules.restraint(view, at: Fixture.now, policy: Fixture.policy) != nil {
            switch step {
            case .bind, .release: break
            // The device that a detach which is under way already will take.
            case .hold where view.outstanding?.action == .detachVolume(Fixture.volume, from: Fixture.here): break
            default: return "a restraint: \(step)"
            }
        }
        if view.outstanding != nil, !step.isUrgent { return "JOB-BARRIER" }
        if view.claimedBy != nil, !step.isUrgent { return "claimed twice" }
        if let backoff = view.backoff, backoff.world == step.world, !step.isUrgent { return "backoff" }
        switch step {
        case .attach:
            guard cloudIsEvidence, view.cloud.fact.value?.attachedTo == nil, view.cloud.fact.value?.pendingJob == nil
            else {
                return "ONE-HOLDER"
            }
            if view.devices != .absent { return "ONE-HOLDER: the disk is here" }
            if view.desired.isDeparting { return "a departing object is attached" }
        case .detach(_, let machine):
            guard cloudIsEvidence, view.cloud.fact.value?.attachedTo == machine else { return "LIVE-PROOF" }
            if machine == Fixture.here, view.devices != .absent {
                if isOverridden(view) { return nil }
                guard view.held == Fixture.device.identity else { return "IN-USE: not held" }
                guard view.sessions.fact == .present(.known(0)), view.use.fact.value?.undetermined.isEmpty == true,
                    view.sessions.asked >= view.withdrawnAt ?? .distantPast
                else { return "IN-USE" }
                if view.export.fact.value?.owner == .hawser(Fixture.volume) { return "ORDER: still exported" }
            }
            if machine != Fixture.here, view.holderMachine.fact.value?.state != .stopped { return "ONE-HOLDER: taken" }
        case .publish(_, _, let device, let isReadOnly):
            guard view.devices == .present([device]), view.serialSharedWith == nil else { return "RIGHT-DISK" }
            guard device.sizeInBytes >= view.cloud.fact.value?.sizeInBytes ?? 0 || view.proven == device.identity
            else { return "RIGHT-DISK: size" }
            guard view.cloud.fact.value?.attachedTo == Fixture.here else { return "ORDER: not attached" }
            guard isReadOnly == view.desired.export?.isReadOnly else { return "mode" }
        case .withdraw(let name, let owner, _):
            let entries = ([view.export.fact.value].compactMap { $0 } + view.staleExports).filter { $0.name == name }
            if !entries.contains(where: { $0.owner == owner }) { return "MINE-ONLY" }
        case .resize(_, let size):
            guard cloudIsEvidence, let volume = view.cloud.fact.value, size > volume.sizeInBytes else {
                return "shrinks"
            }
            if view.desired.isDeparting { return "a departing object is grown" }
        case .deleteVolume:
            guard cloudIsEvidence, let volume = view.cloud.fact.value, volume.attachedTo == nil,
                volume.pendingJob == nil
            else { return "NO-SURPRISE-DELETE: no proof" }
            guard view.desired.isDeparting, view.desired.deletion.data == .delete, view.protection == nil,
                case .created = view.desired.volume,
                Fixture.now - (view.desired.departingSince ?? Fixture.now) >= view.desired.deletion.grace,
                view.devices == .absent
            else { return "NO-SURPRISE-DELETE" }
        case .bind, .createVolume, .cutStrayedSessions, .hold, .release: break
        }
        return nil
    }

    @Test(arguments: 0..<4) func `no decision on any view breaks an invariant`(seed: UInt64) {
        var random = Generator(state: seed)
        var kinds: [String: Int] = [:]
        for number in 0..<40_000 {
            let view = view(&random)
            let decision = Fixture.decide(view)
            kinds[decision.step?.verb ?? decision.look.map { _ in "look" } ?? "rest", default: 0] += 1
            if let name = broken(view, decision) {
                Issue.record("seed \(seed), view \(number) breaks \(name): \(decision)\n\(view)")
                return
            }
        }
        for verb in ["attach", "detach", "export", "unexport", "hold", "release", "look", "resize", "delete"] {
            #expect(kinds[verb] ?? 0 > 0, "the views never led to \(verb)")
        }
    }
}
