/// One metric: what it is called, what it counts, and its values now.
struct MetricFamily: Sendable, Equatable {
    enum Kind: String, Sendable, Equatable {
        /// It only grows, from the start of the process on.
        case counter
        case gauge
        /// How often something took time, and how long it took in all: two values, `_count` and `_sum`.
        case summary
    }

    struct Sample: Sendable, Equatable {
        /// What follows the metric's name, for a summary.
        var suffix = ""
        var labels: [(name: String, value: String)] = []
        var value: Double

        static func == (left: Sample, right: Sample) -> Bool {
            left.suffix == right.suffix && left.value == right.value
                && left.labels.elementsEqual(right.labels) { $0 == $1 }
        }
    }

    var name: String
    var kind: Kind
    /// One sentence for people.
    var help: String
    var samples: [Sample]

    init(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        self.name = name
        self.kind = kind
        self.help = help
        self.samples = samples
    }

    init(_ name: String, _ kind: Kind, _ help: String, _ value: Double) {
        self.init(name, kind, help, [Sample(value: value)])
    }

    init(_ name: String, _ kind: Kind, _ help: String, _ value: Int) { self.init(name, kind, help, Double(value)) }

    init(_ name: String, _ help: String, _ isTrue: Bool) { self.init(name, .gauge, help, isTrue ? 1 : 0) }

    /// One value for each case of a closed set, those that are nought too: a series that comes and goes has no rate.
    init<Key: CaseIterable & RawRepresentable & Hashable>(
        _ name: String, _ kind: Kind, _ help: String, by label: String, _ values: [Key: Int]
    ) where Key.RawValue == String {
        let samples = Key.allCases.map { Sample(labels: [(label, $0.rawValue)], value: Double(values[$0] ?? 0)) }
        self.init(name, kind, help, samples)
    }
}
