public import VolumeModel

/// What a failure leaves behind: how long to wait, and on whom.
public struct Backoff: Sendable, Equatable {
    /// Where it failed. What is asked of the other is not held back.
    public enum World: Sendable, Equatable {
        case cloudStack
        case thisMachine
    }

    public var world: World
    /// Failures in a row.
    public var failures: Int
    /// No step before this.
    public var until: Instant
    public var remedy: CloudRemedy
    /// The words of the last failure.
    public var text: String
    /// The generation that failed; a newer one begins afresh.
    public var generation: Int64

    public init(
        world: World, failures: Int, until: Instant, remedy: CloudRemedy, text: String, generation: Int64
    ) {
        self.world = world
        self.failures = failures
        self.until = until
        self.remedy = remedy
        self.text = text
        self.generation = generation
    }

    /// What a further failure leaves behind.
    ///
    /// The wait doubles from ``Policy/backoffBase`` to ``Policy/backoffCap``; `jitter`, from 0 to 1, spreads it over its
    /// upper half, so that many failures at once do not come back at once.
    public static func after(
        _ previous: Backoff?, world: World, remedy: CloudRemedy, text: String, retryAfter: Duration?, generation: Int64,
        jitter: Double, now: Instant, policy: Policy
    ) -> Backoff {
        let failures = Self.failures(previous, world: world, generation: generation) + 1
        let wait: Duration
        switch remedy {
        case .retryLater, .lookAgain:
            let doubled = policy.backoffBase * (1 << min(failures - 1, 20))
            let capped = min(doubled, policy.backoffCap)
            wait = max(capped / 2 + capped / 2 * jitter, retryAfter ?? .zero)
        case .notThere, .notAllowed, .limitReached:
            wait = max(policy.slowRetry, retryAfter ?? .zero)
        case .wrongRequest:
            wait = .nanoseconds(Int64.max)
        }
        return Backoff(
            world: world, failures: failures, until: now + wait, remedy: remedy, text: text, generation: generation)
    }

    private static func failures(_ previous: Backoff?, world: World, generation: Int64) -> Int {
        guard let previous, previous.world == world, previous.generation == generation else { return 0 }
        return previous.failures
    }

    /// Why nothing is done, as long as it holds.
    public func cause(now: Instant) -> Cause? {
        guard until > now else { return nil }
        return switch remedy {
        case .retryLater, .lookAgain, .notThere: .backingOff(until: until, after: text)
        case .wrongRequest: .requestRefused(text)
        case .notAllowed: .notAllowed(text)
        case .limitReached: .limitReached(text)
        }
    }
}
