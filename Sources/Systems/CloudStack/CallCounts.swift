import ActorThreads
import Reconciliation
import VolumeModel

/// How often each command was called, and how that ended; whichever thread calls.
final class CallCounts: Sendable {
    private let counts = Lock<[String: CallCount]>([:])

    var all: [CallCount] { counts.withLock { Array($0.values) } }

    /// - Parameter failure: what to do about it; `nil` when it was answered.
    func note(_ command: String, failure: CloudRemedy?, duration: Duration) {
        counts.withLock { counts in
            var count = counts[command] ?? CallCount(command: command)
            if let failure { count.failed[failure, default: 0] += 1 } else { count.answered += 1 }
            count.duration += duration
            counts[command] = count
        }
    }
}
