/// One measured number, with what it is to be, and what others need for the same in the same run.
struct Figure: Sendable {
    /// What a number counts. Values are kept in the base unit: seconds, bytes, bytes a second, or a plain number.
    enum Unit: String, Sendable {
        case seconds = "s"
        case bytes = "B"
        case bytesPerSecond = "B/s"
        case count = ""
        case perSecond = "1/s"
        /// Of one core; 1 is all of it.
        case shareOfCore = "core"
        /// The power of the size with which a cost grows: 0 is constant, 1 proportional.
        case exponent = "n^"
    }

    /// What the number is to be.
    enum Target: Sendable {
        case atMost(Double)
        case atLeast(Double)

        func isMet(by value: Double) -> Bool {
            switch self {
            case .atMost(let bound): value <= bound
            case .atLeast(let bound): value >= bound
            }
        }

        var bound: Double {
            switch self {
            case .atMost(let bound), .atLeast(let bound): bound
            }
        }

        var word: String {
            switch self {
            case .atMost: "at most"
            case .atLeast: "at least"
            }
        }
    }

    /// Somebody else's number for the same work, or the floor beneath it.
    struct Peer: Sendable {
        var name: String
        var value: Double
        var unit: Unit
    }

    var name: String
    var value: Double
    var unit: Unit
    var target: Target?
    var peers: [Peer]
    /// What one has to know to read the number.
    var note: String?

    init(
        _ name: String, _ value: Double, _ unit: Unit, target: Target? = nil, peers: [Peer] = [], note: String? = nil
    ) {
        self.name = name
        self.value = value
        self.unit = unit
        self.target = target
        self.peers = peers
        self.note = note
    }

    /// `nil` for a number that has no target.
    var isMet: Bool? { target?.isMet(by: value) }
}

extension Figure.Unit {
    /// A value as people read it: three digits that count, with the prefix that suits.
    func text(_ value: Double) -> String {
        switch self {
        case .seconds:
            let steps: [(Double, String)] = [(1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")]
            let (size, name) = steps.first { value >= $0.0 } ?? (1e-9, "ns")
            return "\(threeDigits(value / size)) \(name)"
        case .bytes:
            let steps: [(Double, String)] = [(0x1p30, "GiB"), (0x1p20, "MiB"), (0x1p10, "KiB"), (1, "B")]
            let (size, name) = steps.first { value >= $0.0 } ?? (1, "B")
            return "\(threeDigits(value / size)) \(name)"
        case .bytesPerSecond: return "\(threeDigits(value / 1e6)) MB/s"
        case .count: return threeDigits(value)
        case .perSecond: return "\(threeDigits(value))/s"
        case .shareOfCore: return "\(threeDigits(value * 100)) %"
        case .exponent: return "n^\(threeDigits(value))"
        }
    }

    private func threeDigits(_ value: Double) -> String {
        let size = value.magnitude
        if size >= 100 || value == value.rounded() { return "\(Int(value.rounded()))" }
        let places = size >= 10 ? 10.0 : 100.0
        return "\((value * places).rounded() / places)"
    }
}
