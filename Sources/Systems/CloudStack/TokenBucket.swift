import ActorThreads

/// Keeps the rate of calls under a limit: each call takes a token, and tokens come back at a steady rate.
final class TokenBucket: Sendable {
    private struct State {
        var tokens: Double
        var updated: ContinuousClock.Instant
    }

    private let rate: Double
    private let burst: Double
    private let state: Lock<State>

    /// - Parameter perSecond: how many calls a second in the long run, and how many at once at first. CloudStack's own
    ///   throttle, where it is on, allows 25 (`api.throttling.max`).
    init(perSecond: Double) {
        rate = perSecond
        burst = max(1, perSecond)
        state = Lock(State(tokens: max(1, perSecond), updated: .now))
    }

    /// Takes a token, or says how long to wait before one is there. A token that is waited for is taken already.
    func take() -> Duration {
        let rate = rate
        let burst = burst
        return state.withLock { state in
            let now = ContinuousClock.now
            let passed = (now - state.updated) / .seconds(1)
            state.updated = now
            state.tokens = min(burst, state.tokens + passed * rate) - 1
            return state.tokens >= 0 ? .zero : .seconds(-state.tokens / rate)
        }
    }
}
