public import Reconciliation
internal import Systemd
import VolumeModel

/// Tells systemd how the service is: up, what it is at, alive, going down.
///
/// It is alive as long as the controller answers: each watchdog message follows an answer that the loop gave for it, so
/// a loop that hangs is restarted although the process still runs.
public struct ServiceReporter: Sendable {
    private let controller: any Steering
    /// How often the status line is brought up to date when no watchdog asks for more.
    private let period: Duration

    public init(controller: any Steering, period: Duration = .seconds(10)) {
        self.controller = controller
        self.period = period
    }

    /// Says that the service is up, and then keeps the status line and the watchdog fed until the task is cancelled.
    ///
    /// Where no service manager listens it returns at once. A message that cannot be sent is not tried again: the next
    /// one says more.
    public func run() async {
        var known = await controller.standing(newerThan: -1, patience: .zero)
        guard say([.ready, .status(Self.statusLine(of: known))]) else { return }
        let pause = ServiceManager.watchdogInterval.map { min($0 / 3, period) } ?? period
        while !Task.isCancelled {
            known = await controller.standing(newerThan: known.revision, patience: pause)
            if Task.isCancelled { return }
            say([.alive, .status(Self.statusLine(of: known))])
            // A busy loop has news all the time: once in a while is enough for a status line. A cancelled sleep ends it.
            guard (try? await Task.sleep(for: min(pause, .seconds(1)))) != nil else { return }
        }
    }

    /// Says that the service is going down.
    public static func stopping() {
        // Nothing depends on whether systemd hears it: it sees the process end.
        _ = try? ServiceManager.tell([.stopping, .status("stopping")])
    }

    @discardableResult
    private func say(_ messages: [ServiceManager.Message]) -> Bool {
        // A socket that refuses is as good as none; systemd's own time-outs then say that nobody reported.
        (try? ServiceManager.tell(messages)) ?? false
    }

    /// `12 of 14 attachments ready; CloudStack cannot be reached: …`
    static func statusLine(of known: NodeStanding) -> String {
        let count = known.tally.total - known.tally.departed
        let first = "\(known.tally.ready) of \(count) \(count == 1 ? "attachment" : "attachments") ready"
        return ([first] + known.causes.map(\.message)).joined(separator: "; ")
    }
}
