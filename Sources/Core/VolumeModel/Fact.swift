/// A fact about the outside world, as one observer reports it.
///
/// `unknown` is not `absent`. A source that did not answer leaves unknown everything it would have told, and nothing
/// is ever removed on the strength of an unknown.
public enum Fact<Value> {
    case unknown
    case absent
    case present(Value)

    public var value: Value? {
        switch self {
        case .present(let value): value
        case .unknown, .absent: nil
        }
    }

    /// Known not to be there; an unknown is not.
    public var isAbsent: Bool {
        switch self {
        case .absent: true
        case .unknown, .present: false
        }
    }

    public func map<Other>(_ transform: (Value) -> Other) -> Fact<Other> {
        switch self {
        case .unknown: .unknown
        case .absent: .absent
        case .present(let value): .present(transform(value))
        }
    }
}

extension Fact: Sendable where Value: Sendable {}
extension Fact: Equatable where Value: Equatable {}

/// A fact together with when it was asked for and answered, and how far it can be trusted.
public struct Sighting<Value> {
    /// How the fact was obtained.
    public enum Proof: Sendable, Equatable {
        /// Seen in a listing. A listing proves presence; it only nominates absence (WHOLE-VIEW).
        case listed
        /// Read for this one thing, by its id. Proves both.
        case exact
    }

    public let fact: Fact<Value>
    /// When the question was sent. What was true before this is not what the fact tells.
    public let asked: Instant
    /// When the answer was complete.
    public let answered: Instant
    public let proof: Proof

    public init(_ fact: Fact<Value>, asked: Instant, answered: Instant, proof: Proof) {
        self.fact = fact
        self.asked = asked
        self.answered = answered
        self.proof = proof
    }

    /// Nothing was ever asked.
    public static var never: Sighting {
        Sighting(.unknown, asked: .distantPast, answered: .distantPast, proof: .listed)
    }
}

extension Sighting: Sendable where Value: Sendable {}
extension Sighting: Equatable where Value: Equatable {}
