import Glibc

/// How often something was timed, and how long it took each time, in seconds.
///
/// On a machine that does other things, too, the median is what one gets and the minimum is what the code needs.
struct Samples: Sendable {
    private(set) var sorted: [Double]

    init(_ seconds: [Double]) {
        sorted = seconds.sorted()
    }

    /// - Parameter share: 0.5 for the median, 0.99 for what one in a hundred exceeds.
    func percentile(_ share: Double) -> Double {
        guard !sorted.isEmpty else { return .nan }
        return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    var median: Double { percentile(0.5) }
    var minimum: Double { sorted.first ?? .nan }
}

/// How long the body took, in seconds.
func seconds<Result>(_ body: () throws -> Result) rethrows -> (result: Result, seconds: Double) {
    let start = ContinuousClock.now
    let result = try body()
    return (result, (ContinuousClock.now - start).inSeconds)
}

extension Duration {
    var inSeconds: Double { self / .seconds(1) }
}

/// Keeps a result alive that nobody reads, so that the compiler cannot leave out the work that made it.
@inline(never)
func consume<Value>(_ value: borrowing Value) {}

/// The power of the size with which a cost grows: the slope of the straight line through the logarithms of both (least
/// squares).
func exponent(of costs: [(size: Int, cost: Double)]) -> Double {
    let points = costs.map { (x: log(Double($0.size)), y: log($0.cost)) }
    let count = Double(points.count)
    let meanX = points.map(\.x).reduce(0, +) / count
    let meanY = points.map(\.y).reduce(0, +) / count
    let covariance = points.map { ($0.x - meanX) * ($0.y - meanY) }.reduce(0, +)
    let variance = points.map { ($0.x - meanX) * ($0.x - meanX) }.reduce(0, +)
    return covariance / variance
}
