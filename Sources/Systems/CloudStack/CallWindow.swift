import ActorThreads

/// Keeps the number of calls in any second under a limit: CloudStack's own throttle, where it is on, counts so many to an
/// account in a second and refuses the rest, and the refused ones count too (`api.throttling.max`, 25).
///
/// As many as the limit may follow each other at once, which a pass over 10,000 volumes does with its 22 pages; then each
/// waits until the call that lies the limit back is a second old. (A bucket of tokens that come back meanwhile would let
/// through nearly twice the limit in the first second.)
final class CallWindow: Sendable {
    private struct State {
        /// When each of the last calls was to be made, as a ring of `limit`.
        var calls: [ContinuousClock.Instant] = []
        var oldest = 0
    }

    private let limit: Int
    private let window: Duration
    private let state = Lock(State())

    /// - Parameter perSecond: above 0; below 1 it is one call in more than a second.
    init(perSecond: Double) {
        limit = max(1, Int(perSecond))
        window = .seconds(Double(limit) / perSecond)
    }

    /// Takes a place among the calls, and says how long to wait until it has come. Whoever asks first goes first.
    func take(at now: ContinuousClock.Instant = .now) -> Duration {
        let limit = limit
        let window = window
        return state.withLock { state in
            guard state.calls.count == limit else {
                state.calls.append(now)
                return .zero
            }
            let time = max(now, state.calls[state.oldest] + window)
            state.calls[state.oldest] = time
            state.oldest = (state.oldest + 1) % limit
            return time - now
        }
    }
}
