import Reconciliation
import Systemd
import VolumeModel

/// A line for each call on an outside system, and from when to when it took: what a step waited for.
enum CallTrace {
    /// What a controller is to trace with.
    static func writer(_ log: Log) -> @Sendable (SystemCall, Instant, Instant) -> Void {
        { call, began, ended in write(call, from: began, to: ended, log) }
    }

    private static func write(_ call: SystemCall, from began: Instant, to ended: Instant, _ log: Log) {
        log.write(
            .debug, "call",
            [
                "call": name(of: call), "of": subject(of: call), "from": "\(began.nanoseconds)",
                "to": "\(ended.nanoseconds)",
            ])
    }

    private static func name(of call: SystemCall) -> String {
        Mirror(reflecting: call).children.first?.label ?? "\(call)"
    }

    /// What the call is about, by an id where there is one.
    private static func subject(of call: SystemCall) -> String {
        switch call {
        case .readVolume(let volume), .deleteVolume(let volume), .recentEvents(let volume): "\(volume)"
        case .readMachine(let machine): "\(machine)"
        case .report(let job), .submit(_, let job): "\(job)"
        case .use(let identity), .mismatch(let identity), .hold(let identity), .release(let identity):
            "\(identity.serial)"
        case .disks(let serial): "\(serial)"
        case .publish(let publication): publication.name.text
        case .readExport(let name), .withdraw(let name, _, _), .cutStrayedSessions(let name, _): name.text
        case .intend(let entry, _), .append(let entry): "\(entry.attachment)"
        case .bind(let attachment, _), .consumeOverride(let attachment), .forget(let attachment): "\(attachment)"
        case .listVolumes, .listMachines, .findVolumes, .zone, .offering, .observeExports, .sessions, .desiredDelta,
            .save, .recordEvents, .recordDrifts, .readLease, .takeLease, .renewLease, .releaseLease:
            "-"
        }
    }
}
