import CloudStackModel
import Reconciliation
import VolumeModel

extension SystemCall {
    /// A mutation of CloudStack's.
    var isMutation: Bool {
        switch self {
        case .submit, .deleteVolume: true
        default: false
        }
    }
}

/// Calls on their way.
extension World {
    mutating func send(_ call: SystemCall, number: Int, from process: ProcessID) {
        let flight = CallInFlight(from: process, number: number, call: call, sentAt: now + clockError, leftAt: now)
        judgeLease(flight)
        judgeEvidence(flight)
        daemons[process.daemon].evidence.noteSent(call)
        if call.isForCloudStack {
            sendToCloud(flight)
        } else {
            let delay: Duration =
                call.isForStore
                ? chance.heavyTailed(.microseconds(100) ... .milliseconds(2), most: .seconds(2))
                : chance.heavyTailed(.microseconds(50) ... .milliseconds(3), most: .seconds(3))
            calendar.add(.arrives(flight), at: now + delay)
        }
    }

    private mutating func sendToCloud(_ flight: CallInFlight) {
        let base: ClosedRange<Duration> =
            plan.isCloudSlow && isTroubled
            ? .milliseconds(100) ... .seconds(3) : .milliseconds(2) ... .milliseconds(40)
        if isTroubled, flight.call.isMutation, let shift = diesInCall {
            diesInCall = nil
            counts.faults += 1
            calendar.add(.arrives(CallInFlight(lost: flight)), at: now + chance.within(.seconds(4) ... .seconds(20)))
            note("  \(Self.text(of: flight.call)) will arrive late")
            for daemon in daemons.indices { kill(daemon, startsAgainAfter: .milliseconds(200)) }
            if case .deleteVolume(let volume) = flight.call {
                // Somebody takes it over in just that moment.
                let (id, machine) = (volume.description, CloudFace.machine(plan.machines - 1).description)
                cloud.change { [now] in $0.attachByHand(id, to: machine, now: CloudFace.milliseconds(now)) }
            }
            clockError = shift
            return oracle.noteWrongClock()
        }
        if isTroubled, flight.call.isMutation, chance.chance(plan.ambushes * 0.06) {
            // It dies as soon as it has sent the call, which takes long.
            counts.faults += 1
            calendar.add(.arrives(CallInFlight(lost: flight)), at: now + chance.within(.seconds(1) ... .seconds(20)))
            note("  \(Self.text(of: flight.call)) will arrive late")
            return kill(flight.from.daemon, startsAgainAfter: .milliseconds(200))
        }
        if isTroubled, chance.chance(plan.callFaults) {
            counts.faults += 1
            goWrong(flight)
            return
        }
        calendar.add(.arrives(flight), at: now + chance.heavyTailed(base, most: .seconds(20)))
    }

    /// What can become of an HTTP request.
    private mutating func goWrong(_ flight: CallInFlight) {
        let changes = flight.call.isMutation
        func error(_ remedy: CloudRemedy, _ effect: CloudError.Effect, _ text: String, wait: Duration? = nil)
            -> SystemAnswer
        {
            .cloudFailed(
                CloudError(remedy: remedy, effect: effect, retryAfter: wait, command: "a call", text: text))
        }
        let unknown: CloudError.Effect = changes ? .unknown : .none
        let soon = now + chance.within(.milliseconds(5) ... .milliseconds(500))
        switch chance.next() % 6 {
        case 0:
            // Never arrives; the client gives up.
            calendar.add(.answered(flight, error(.retryLater, unknown, "time-out")), at: now + .seconds(30))
            note("  \(Self.text(of: flight.call)) is lost on its way")
        case 1:
            // Arrives, and the answer is lost.
            calendar.add(.arrives(CallInFlight(lost: flight)), at: soon)
            calendar.add(.answered(flight, error(.retryLater, unknown, "time-out")), at: now + .seconds(30))
            note("  the answer to \(Self.text(of: flight.call)) will be lost")
        case 2:
            // Arrives long after the client gave up.
            let late = now + .seconds(5) + chance.within(.zero ... .seconds(20))
            calendar.add(.answered(flight, error(.retryLater, unknown, "connection reset")), at: soon)
            calendar.add(.arrives(CallInFlight(lost: flight)), at: late)
            note("  \(Self.text(of: flight.call)) will arrive late")
        case 3: calendar.add(.answered(flight, error(.retryLater, .none, "429", wait: .seconds(2))), at: soon)
        case 4:
            calendar.add(
                .answered(flight, error(.retryLater, unknown, "HTTP 503 without an answer of CloudStack's")), at: soon)
        default: calendar.add(.answered(flight, error(.notAllowed, .none, "401")), at: soon)
        }
    }

    // MARK: Where it has its effect

    mutating func arrive(_ flight: CallInFlight) {
        // A process that is no more has no answer coming, but what it sent is there.
        let isAlive = isAlive(flight.from)
        guard isAlive || flight.call.isForCloudStack else { return }
        counts.calls += 1
        counts.kinds[Self.kind(of: flight.call), default: 0] += 1
        counts.mix("\(now.nanoseconds) \(Self.kind(of: flight.call))")
        let strikes = crash?.strikes(at: counts.calls) ?? false
        if strikes, crash?.isAfterEffect == false, isAlive {
            note("— dies before \(Self.text(of: flight.call))")
            kill(flight.from.daemon, startsAgainAfter: .seconds(1))
            // Half of the requests were already in the network's hands.
            guard flight.call.isForCloudStack, counts.calls % 2 == 0 else { return }
        }
        note(Self.text(of: flight.call))
        let answer = answer(flight)
        if strikes, crash?.isAfterEffect == true, isAlive {
            note("— dies after it")
            kill(flight.from.daemon, startsAgainAfter: .seconds(1))
            return
        }
        guard flight.number >= 0 else { return }
        var delay = wayBack(of: flight.call)
        if flight.call.isForStore, isTroubled, let slowness, slowness.process == flight.from, now < slowness.until {
            delay += chance.within(slowness.delay / 2...slowness.delay * 3 / 2)
        }
        calendar.add(.answered(flight, answer), at: now + delay)
        interrupt(flight)
    }

    private mutating func wayBack(of call: SystemCall) -> Duration {
        if call.isForCloudStack { return chance.heavyTailed(.milliseconds(2) ... .milliseconds(40), most: .seconds(8)) }
        // To list many exports takes a while, in which they change.
        if case .observeExports = call {
            return chance.heavyTailed(.microseconds(20) ... .milliseconds(5), most: .seconds(2))
        }
        return chance.within(.microseconds(20) ... .microseconds(500))
    }

    /// Of several processes the one that works is stopped at a bad moment: with an intention on disk and the call yet to be
    /// sent, or with the answer about its lease unread.
    private mutating func interrupt(_ flight: CallInFlight) {
        guard isTroubled, plan.daemons > 1, isAlive(flight.from) else { return }
        if case .renewLease = flight.call, let index = stopsUnread {
            stopsUnread = nil
            counts.faults += 1
            let duration = longerThanTheLease
            pause(flight.from.daemon, for: duration)
            return calendar.add(.act(.unmount(index)), at: now + max(.zero, duration - .milliseconds(200)))
        }
        // Where the answer takes long, another can take the lease over meanwhile.
        let isSlow = slowness.map { $0.process == flight.from && now < $0.until } ?? false
        guard plan.ambushes > 0 || isSlow else { return }
        switch flight.call {
        case .intend, .append:
            if flight.call.isIntention, chance.chance(isSlow ? 0.1 : plan.ambushes * 0.06) {
                tellToStop(flight.from, startsAgainAfter: 1)
            }
        case .renewLease:
            if chance.chance(plan.ambushes * 0.005) {
                counts.faults += 1
                pause(flight.from.daemon, for: longerThanTheLease)
                // So that there is something to do when it goes on.
                carryOut(.readOnly(Int(chance.next() % UInt64(plan.objects.count)), chance.chance(0.5)))
            }
        default: break
        }
    }

    private mutating func answer(_ flight: CallInFlight) -> SystemAnswer {
        if flight.call.isForCloudStack {
            if flight.call.isMutation {
                judge(flight)
                if case .submit(.detachVolume(let volume), _) = flight.call, isAlive(flight.from) { ambush(volume) }
            }
            let answer = cloud.answer(flight.call, now: now)
            followCloud()
            return answer
        }
        return flight.call.isForStore ? answerFromStore(flight) : answerFromMachine(flight)
    }

    private var isBlind: Bool { blindness.map { now < $0.until } ?? false }

    /// A client comes after the sessions were counted, and before the name is gone.
    private mutating func ambush(_ name: ExportName) {
        guard isTroubled, chance.chance(plan.ambushes) else { return }
        for client in clients.keys.sorted()
        where wantedExport(of: client) == name && clients[client]?.isConnected == false { connect(client) }
    }

    /// Somebody mounts the disk just before it is detached, if that can be.
    private mutating func ambush(_ volume: VolumeID) {
        guard isTroubled, now - replugAt > .seconds(60), chance.chance(plan.ambushes) else { return }
        for disk in kernel.disks(of: volume) where kernel.known[disk.name]?.sequence == disk.sequence {
            mount(disk)
        }
    }

    private mutating func answerFromMachine(_ flight: CallInFlight) -> SystemAnswer {
        switch flight.call {
        case .use(let identity): return .use(kernel.use(of: identity, by: flight.from, isBlind: isBlind))
        case .mismatch(let identity): return .mismatch(kernel.mismatch(of: identity))
        case .disks(let serial): return .disks(kernel.search(serial))
        case .hold(let identity): return kernel.hold(identity, by: flight.from)
        case .release(let identity):
            kernel.release(identity, by: flight.from)
            return .done
        case .observeExports: return .exports(exports.observe(kernel))
        case .readExport(let name):
            return .export(exports.entry(name, kernel).map { .present($0) } ?? .absent)
        case .sessions(let number): return .sessions(exports.count(on: number, isBlind: isBlind))
        case .publish(let publication):
            judge(publication)
            let answer = exports.publish(publication, kernel: kernel)
            exportsChanged()
            return answer
        case .withdraw(let name, let owner, let target):
            if let entry = exports.entry(name, kernel), entry.owner == owner, entry.target == target {
                judgeWithdrawal(of: name, by: flight)
                ambush(name)
            }
            let answer = exports.withdraw(name, of: owner, leadingTo: target, kernel)
            exportsChanged()
            return answer
        case .cutStrayedSessions(let name, let number):
            for session in exports.cut(name, provenOn: number, kernel: kernel) {
                clients[session.client]?.isConnected = false
            }
            exportsChanged()
            return .done
        default: preconditionFailure("\(flight.call) is not for this machine")
        }
    }

    /// The server is told, with the kinds that have to be, and hawserd hears of it.
    private mutating func exportsChanged() {
        if exports.kind == .daemon {
            // The new listener answers when the old one is gone.
            calendar.add(.reloaded, at: now + chance.heavyTailed(.zero ... .milliseconds(20), most: .seconds(3)))
        }
        if !(isTroubled && chance.chance(plan.lostEvents)) {
            tellAll(.exports, after: chance.within(.milliseconds(1) ... .milliseconds(30)))
        }
    }

    private mutating func answerFromStore(_ flight: CallInFlight) -> SystemAnswer {
        let call = flight.call
        let away = SystemAnswer.storeFailed(.unavailable("disk full"))
        guard !store.isAway, !isCutOff(flight.from) else {
            oracle.noteStoreTrouble()
            if case .forget(let attachment) = call { judgeForgetting(attachment) }
            return away
        }
        // What is done and reported as failed: the connection was lost after the commit.
        let isDoubtful = isTroubled && call.hasEffect && chance.chance(plan.storeDoubts)
        var answer = SystemAnswer.done
        if call.hasEffect, !call.isForLease, !store.mayWrite(flight.from) { return .storeFailed(.leaseLost) }
        switch call {
        case .readLease: answer = .lease(store.lease)
        case .takeLease(let record, let seen):
            answer = .leaseStands(store.takeLease(record, replacing: seen, by: flight.from))
        case .renewLease(let token): answer = .leaseStands(store.renewLease(token))
        case .releaseLease(let token): store.releaseLease(token)
        case .desiredDelta(let revision):
            answer = .desired(store.delta(since: revision))
            // Somebody writes just after it was read.
            if hasLastWord {
                hasLastWord = false
                let index = Int(chance.next() % UInt64(plan.objects.count))
                carryOut(.readOnly(index, store.desired[object(index)]?.export?.isReadOnly == false))
            } else if isTroubled, chance.chance(plan.ambushes * 0.2) {
                carryOut(.readOnly(Int(chance.next() % UInt64(plan.objects.count)), chance.chance(0.5)))
            }
        case .consumeOverride(let attachment):
            if let volume = store.desired[attachment]?.inUseOverride?.volume {
                oracle.noteUse(ofOverrideOf: volume, at: now)
            }
            store.consumeOverride(of: attachment)
            announceDesired()
        case .bind(let attachment, let volume):
            judgeBinding(of: attachment, to: volume)
            store.bind(attachment, to: volume)
            oracle.noteBinding(of: attachment, at: now)
            oracle.noteNames(store)
        case .intend(let entry, let generation):
            if !store.intend(entry, generation: generation) { answer = .overruled }
        case .append(let entry):
            judge(entry)
            store.append(entry)
        case .save(let details):
            for detail in details { count(detail.report) }
            let revision = store.revision
            store.save(details)
            if store.revision != revision { announceDesired() }
        case .recordEvents: store.noteWrite()
        case .recordDrifts(let drifts): store.record(drifts)
        case .forget(let attachment):
            judgeForgetting(attachment)
            store.forget(attachment)
            announceDesired()
        default: preconditionFailure("\(call) is not for the store")
        }
        if isDoubtful { oracle.noteStoreTrouble() }
        return isDoubtful ? .storeFailed(.unavailable("the connection was lost")) : answer
    }

    /// A word for the kind of call, with what it is to have.
    static func kind(of call: SystemCall) -> String {
        switch call {
        case .listVolumes: "listVolumes"
        case .listMachines: "listMachines"
        case .readVolume: "readVolume"
        case .readMachine: "readMachine"
        case .recentEvents: "recentEvents"
        case .findVolumes: "findVolumes"
        case .zone: "zone"
        case .offering: "offering"
        case .submit(.createVolume, _): "createVolume"
        case .submit(.attachVolume, _): "attachVolume"
        case .submit(.detachVolume, _): "detachVolume"
        case .submit(.resizeVolume, _): "resizeVolume"
        case .deleteVolume: "deleteVolume"
        case .report: "queryAsyncJobResult"
        case .use: "use"
        case .mismatch: "mismatch"
        case .disks: "disks"
        case .hold: "hold"
        case .release: "release"
        case .observeExports: "observeExports"
        case .readExport: "readExport"
        case .sessions: "sessions"
        case .publish: "publish"
        case .withdraw: "withdraw"
        case .cutStrayedSessions: "cut"
        case .desiredDelta: "desiredDelta"
        case .consumeOverride: "consumeOverride"
        case .bind: "bind"
        case .intend(let entry, _), .append(let entry): "ledger \(entry.action.verb) \(word(of: entry.phase))"
        case .save: "save"
        case .recordEvents: "events"
        case .recordDrifts: "drifts"
        case .forget: "forget"
        case .readLease: "read the lease"
        case .takeLease: "take the lease"
        case .renewLease: "renew the lease"
        case .releaseLease: "give the lease back"
        }
    }

    private static func word(of phase: LedgerPhase) -> String {
        switch phase {
        case .intended: "intended"
        case .accepted: "accepted"
        case .ended(.succeeded): "succeeded"
        case .ended(.failed(let remedy, _)): "failed, \(remedy.rawValue)"
        case .ended(.neverArrived): "never arrived"
        case .ended(.resolvedByReading): "resolved by reading"
        }
    }

    static func text(of call: SystemCall) -> String {
        switch call {
        case .listVolumes: "list volumes"
        case .listMachines: "list machines"
        case .readVolume(let id): "read volume \(id)"
        case .readMachine(let id): "read machine \(id)"
        case .recentEvents(let id): "read the events of volume \(id)"
        case .findVolumes(let name, _): "find volumes named \(name)"
        case .zone, .offering: "look up a name"
        case .submit(let mutation, let job): "submit \(mutation) as job \(job)"
        case .deleteVolume(let id): "delete volume \(id)"
        case .report(let job): "ask for job \(job)"
        case .use: "look who uses a device"
        case .mismatch: "check a device's identity"
        case .disks(let serial): "look for disks with serial \(serial)"
        case .hold: "hold a device"
        case .release: "release a device"
        case .observeExports: "observe the exports"
        case .readExport(let name): "read export \(name)"
        case .sessions(let number): "count sessions on \(number)"
        case .publish(let publication): "publish \(publication.name) on \(publication.device.kernelName)"
        case .withdraw(let name, _, _): "withdraw \(name)"
        case .cutStrayedSessions(let name, _): "cut strayed sessions of \(name)"
        case .desiredDelta: "read what changed in desired state"
        case .consumeOverride: "use up an override"
        case .bind(_, let volume): "bind to volume \(volume)"
        case .intend(let entry, _), .append(let entry): "ledger: \(entry.action.verb) \(entry.phase), \(entry.evidence)"
        case .save(let details):
            "status: "
                + details.map { "\($0.report.name) \(Self.text(of: $0.report.readiness))" }.joined(separator: ", ")
        case .recordEvents: "write events"
        case .recordDrifts: "write drifts"
        case .forget: "forget an object"
        case .readLease, .takeLease, .renewLease, .releaseLease: kind(of: call)
        }
    }
}

extension World {
    private static func text(of readiness: AttachmentReport.Readiness) -> String {
        switch readiness {
        case .ready: "Ready"
        case .departed: "Departed"
        case .notReady(let cause): "\(cause.kind.rawValue) (\(cause.message))"
        }
    }
}

extension CallInFlight {
    /// The same call with nobody waiting for its answer.
    init(lost flight: CallInFlight) {
        self = flight
        number = -1
    }
}
