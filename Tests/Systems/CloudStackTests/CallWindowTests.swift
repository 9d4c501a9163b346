import Testing

@testable import CloudStack

@Suite struct CallWindowTests {
    /// When each of many calls is made that are wanted at once.
    private func times(_ count: Int, perSecond: Double) -> [Duration] {
        let window = CallWindow(perSecond: perSecond)
        let start = ContinuousClock.now
        return (0..<count).map { _ in window.take(at: start) }
    }

    @Test(arguments: [1.0, 3.0, 24.0]) func `no second has more calls than the limit, and none waits longer than that`(
        limit: Double
    ) {
        let times = times(100, perSecond: limit)
        for (index, time) in times.enumerated() {
            #expect(time == .seconds(index / Int(limit)))
        }
    }

    @Test func `a limit below one a second is a pause of several seconds`() {
        #expect(times(3, perSecond: 0.25) == [.zero, .seconds(4), .seconds(8)])
    }

    @Test func `after a quiet second as many may follow at once again`() {
        let window = CallWindow(perSecond: 2)
        let start = ContinuousClock.now
        #expect([0, 0, 1, 1].map { window.take(at: start + .seconds($0)) } == [.zero, .zero, .zero, .zero])
        #expect(window.take(at: start + .milliseconds(1_500)) == .milliseconds(500))
    }
}
