/// A point in time as the loop sees it: nanoseconds since 1970-01-01T00:00:00Z on a clock that never goes backwards
/// while the program runs.
///
/// The source of time starts at the wall clock and then follows the monotonic one, so that differences can be trusted
/// while people can still read the value. A stored instant from before a restart may lie in the future when the
/// machine's clock was set back; rules therefore never wait for a difference from a stored instant alone.
public struct Instant: Hashable, Sendable, Comparable {
    public let nanoseconds: Int64

    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    public static let distantPast = Instant(nanoseconds: .min)

    public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    public static func + (instant: Instant, duration: Duration) -> Instant {
        let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
        return Instant(nanoseconds: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    public static func - (instant: Instant, duration: Duration) -> Instant {
        let (difference, overflow) = instant.nanoseconds.subtractingReportingOverflow(duration.wholeNanoseconds)
        return Instant(nanoseconds: overflow ? (duration > .zero ? .min : .max) : difference)
    }

    /// How much later `left` is than `right`; the largest possible duration when the difference does not fit.
    public static func - (left: Instant, right: Instant) -> Duration {
        let (difference, overflow) = left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
        return .nanoseconds(overflow ? (left > right ? Int64.max : Int64.min) : difference)
    }
}

extension Duration {
    /// The duration in nanoseconds, cut, and held within 64 bits (292 years).
    public var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }
}
