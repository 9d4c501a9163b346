import VolumeModel

extension SplitMix64 {
    /// True with the probability `share`, from 0 to 1.
    mutating func chance(_ share: Double) -> Bool { nextUnit() < share }

    mutating func pick<Element>(_ elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[Int(next() % UInt64(elements.count))]
    }

    mutating func within(_ range: ClosedRange<Duration>) -> Duration {
        let span = (range.upperBound - range.lowerBound).wholeNanoseconds
        return range.lowerBound + .nanoseconds(Int64(Double(span) * nextUnit()))
    }

    /// A delay that is mostly short: one in ten is up to ten times, one in a hundred up to a hundred times as long. Never
    /// longer than `most`.
    mutating func heavyTailed(_ range: ClosedRange<Duration>, most: Duration) -> Duration {
        let draw = nextUnit()
        let factor = draw < 0.01 ? 100 : draw < 0.1 ? 10 : 1
        return min(within(range) * factor, most)
    }
}
