public import Reconciliation
import VolumeModel

/// One hawserd, from start to start.
struct Daemon: Sendable {
    /// `nil` while it does not run.
    var core: ControllerCore?
    var process: ProcessID
    /// What it has read and was told, for the oracle.
    var evidence = Evidence()
    /// It has read the store, and reconciles.
    var isBegun = false
    var pausedUntil: Instant?
    /// Until then it cannot reach the store.
    var cutOffUntil: Instant?
    /// What has come for a stopped process.
    var inbox: [ControllerCore.Input] = []
    /// What it was about to send when it was stopped.
    var inHand: [ControllerCore.Order] = []
}

/// The processes of hawserd: they start, are stopped and go on, and die.
extension World {
    /// The hawserd that works, if there is one: of several, the one that holds the lease.
    public var core: ControllerCore? { worker.flatMap { daemons[$0].core } }

    var worker: Int? {
        daemons.indices.first { isHolder($0) } ?? daemons.indices.first { daemons[$0].isBegun }
    }

    private func isHolder(_ daemon: Int) -> Bool {
        guard daemons[daemon].isBegun, let token = daemons[daemon].core?.leaseToken else { return false }
        return store.lease?.token == token
    }

    func isAlive(_ process: ProcessID) -> Bool {
        daemons[process.daemon].process == process && daemons[process.daemon].core != nil
    }

    mutating func start(_ daemon: Int) {
        guard daemons[daemon].core == nil else { return }
        guard !store.isAway else {
            calendar.add(.starts(daemon), at: now + .seconds(5))
            return
        }
        daemons[daemon].process.incarnation += 1
        let process = daemons[daemon].process
        note("hawserd \(process.name) starts")
        let terms: LeaseTerms =
            plan.daemons == 1 ? .exclusive : .shared(holder: "hawserd \(process.name)", lifetime: plan.leaseLifetime)
        daemons[daemon].core = ControllerCore(
            here: Self.here, policy: policy, lease: terms, seed: chance.next(), now: now + clockError)
        deliver(.opened, to: process)
    }

    /// It may act, and reads the store.
    private mutating func begin(_ process: ProcessID) {
        guard !store.isAway else {
            kill(process.daemon, startsAgainAfter: .seconds(5))
            return
        }
        note("hawserd \(process.name) begins")
        daemons[process.daemon].isBegun = true
        daemons[process.daemon].evidence.noteTold(store.state.entries, now: now + clockError)
        deliver(
            .started(
                store.state, bindings: store.bindings, openLedger: store.openLedger, openDrifts: store.openDrifts,
                statuses: store.savedStatuses, removals: store.removals),
            to: process)
        tell(process, .enumerate, after: chance.within(.milliseconds(1) ... .milliseconds(200)))
    }

    mutating func kill(_ daemon: Int, startsAgainAfter delay: Duration) {
        let dead = daemons[daemon].process
        guard daemons[daemon].core != nil else { return }
        note("hawserd \(dead.name) is killed")
        counts.crashes += 1
        daemons[daemon] = Daemon(process: dead)
        kernel.releaseAll(of: dead)
        // What had left the machine goes on; the rest never was.
        calendar.removeAll { happening in
            switch happening {
            case .arrives(let call): call.from == dead && !call.call.isForCloudStack
            case .answered(let call, _): call.from == dead
            case .told(let process, _): process == dead
            default: false
            }
        }
        calendar.add(.starts(daemon), at: now + delay)
    }

    mutating func tellToStop(_ process: ProcessID, startsAgainAfter seconds: Int) {
        note("hawserd \(process.name) is told to stop")
        calendar.add(.stops(process, deadline: now + .seconds(20), seconds: seconds), at: now)
        deliver(.stopping, to: process)
    }

    /// A while in which the lease runs out, for one who waits for that or for both.
    var longerThanTheLease: Duration {
        mutating get { chance.within(plan.leaseLifetime * 11 / 10...plan.leaseLifetime * 3) }
    }

    /// A process that was told to stop, and ends when it has nothing under way.
    mutating func stop(_ process: ProcessID, by deadline: Instant, startsAgainAfter seconds: Int) {
        guard isAlive(process), let core = daemons[process.daemon].core else { return }
        guard (core.isIdle && core.isQuiet) || deadline <= now else {
            calendar.add(.stops(process, deadline: deadline, seconds: seconds), at: now + .milliseconds(100))
            return
        }
        kill(process.daemon, startsAgainAfter: .milliseconds(100) + .seconds(seconds))
    }

    /// A process is stopped, and goes on later (SIGSTOP, a frozen machine).
    mutating func pause(_ daemon: Int, for duration: Duration) {
        guard daemons[daemon].core != nil else { return }
        let until = max(daemons[daemon].pausedUntil ?? now, now + duration)
        let process = daemons[daemon].process
        note("hawserd \(process.name) is stopped for \(duration)")
        daemons[daemon].pausedUntil = until
        calendar.add(.pauseEnds(daemon), at: until)
    }

    /// A stopped process goes on: it sends what it was about to send, and finds everything in its sockets.
    mutating func wakeUp(_ daemon: Int) {
        guard let until = daemons[daemon].pausedUntil, until <= now else { return }
        daemons[daemon].pausedUntil = nil
        let process = daemons[daemon].process
        let inHand = daemons[daemon].inHand
        let waiting = daemons[daemon].inbox
        daemons[daemon].inHand = []
        daemons[daemon].inbox = []
        carryOut(inHand, of: process)
        for input in waiting { deliver(input, to: process) }
    }

    /// Of the processes that share the store, the one that works cannot reach it.
    mutating func cutOff(for duration: Duration) {
        guard plan.daemons > 1, let worker else { return }
        let process = daemons[worker].process
        note("  which is hawserd \(process.name)")
        daemons[process.daemon].cutOffUntil = now + duration
        // It is told of what it has missed.
        tell(process, .desired, after: duration)
    }

    func isCutOff(_ process: ProcessID) -> Bool {
        daemons[process.daemon].cutOffUntil.map { now < $0 } ?? false
    }

    // MARK: What it is told

    mutating func tell(_ process: ProcessID, _ told: Told, after delay: Duration) {
        calendar.add(.told(process, told), at: now + delay)
    }

    /// Every hawserd that reconciles is told.
    mutating func tellAll(_ told: Told, after delay: Duration) {
        for daemon in daemons where daemon.isBegun { tell(daemon.process, told, after: delay) }
    }

    mutating func tell(_ process: ProcessID, _ told: Told) {
        guard isAlive(process) else { return }
        switch told {
        case .woken(let instant): deliver(.woken(for: instant), to: process)
        case .device(let event):
            note("  udev tells: \(Self.text(of: event))")
            deliver(.device(event), to: process)
        case .enumerate:
            note("  udev tells all it knows")
            deliver(.device(.enumerated(kernel.enumeration)), to: process)
        case .desired:
            guard !isCutOff(process) else { return }
            deliver(.desiredMayHaveChanged, to: process)
        case .exports: deliver(.exportsMayHaveChanged, to: process)
        }
    }

    private static func text(of event: DeviceEvent) -> String {
        switch event {
        case .present(let record): "\(record.kernelName) is there, with \(record.sizeInBytes) bytes"
        case .gone(let name): "\(name) is gone"
        case .lost(let text): text
        case .enumerated(let records): "there are " + records.map(\.kernelName).joined(separator: ", ")
        }
    }

    mutating func deliver(_ input: ControllerCore.Input, to process: ProcessID) {
        guard isAlive(process) else { return }
        guard daemons[process.daemon].pausedUntil == nil else {
            return daemons[process.daemon].inbox.append(input)
        }
        counts.inputs += 1
        if case .device(let event) = input { daemons[process.daemon].evidence.noteTold(event, now: now + clockError) }
        guard let orders = daemons[process.daemon].core?.handle(input, at: now + clockError) else { return }
        carryOut(orders, of: process)
        checkReports()
    }

    // MARK: What it orders

    private mutating func stopsNow(before call: SystemCall) -> Duration? {
        guard isTroubled, call.hasEffect else { return nil }
        // The store itself refuses who was succeeded; what goes elsewhere only the process can hold back.
        if stopsBeforeNextEffect, !call.isForStore || chance.chance(0.1), !call.isForLease {
            stopsBeforeNextEffect = false
            return longerThanTheLease
        }
        return chance.chance(plan.stopsBetween) ? .seconds(1 + Int(chance.next() % 90)) : nil
    }

    private mutating func carryOut(_ orders: [ControllerCore.Order], of process: ProcessID) {
        for order in orders {
            guard isAlive(process) else { return }
            if daemons[process.daemon].pausedUntil != nil {
                daemons[process.daemon].inHand.append(order)
                continue
            }
            switch order {
            case .wake(let instant):
                // An hour off is no reason to sleep longer: the wait is a difference on one clock.
                let due = max(now, instant - clockError)
                calendar.add(.told(process, .woken(instant)), at: due)
            case .call(let number, let call, let notAfter):
                if let duration = stopsNow(before: call) {
                    // Stopped after the order was given and before it is carried out: the worst of moments.
                    counts.faults += 1
                    pause(process.daemon, for: duration)
                    daemons[process.daemon].inHand.append(order)
                    continue
                }
                guard now + clockError <= notAfter else {
                    deliver(.answered(number, .tooLate), to: process)
                    continue
                }
                send(call, number: number, from: process)
            case .begin: begin(process)
            case .end:
                note("hawserd \(process.name) has lost its lease")
                kill(process.daemon, startsAgainAfter: .seconds(1))
            }
        }
    }
}
