/// A fact about the outside world, as one observer reports it.
///
/// `unknown` is not `absent`. A source that did not answer leaves unknown everything it would have told, and nothing
/// is ever removed on the strength of an unknown.
public enum Fact<Value> {
    case unknown
    case absent
    case present(Value)

    @inlinable public var value: Value? {
        switch self {
        case .present(let value): value
        case .unknown, .absent: nil
        }
    }

    /// Known not to be there; an unknown is not.
    @inlinable public var isAbsent: Bool {
        switch self {
        case .absent: true
        case .unknown, .present: false
        }
    }

    @inlinable
    public func map<Other>(_ transform: (Value) -> Other) -> Fact<Other> {
        switch self {
        case .unknown: .unknown
        case .absent: .absent
        case .present(let value): .present(transform(value))
        }
    }
}

extension Fact: Sendable where Value: Sendable {}
extension Fact: Equatable where Value: Equatable {
    /// Written out so that it is compiled for each kind of value: facts are compared at each observation of each row.
    @inlinable
    public static func == (left: Fact, right: Fact) -> Bool {
        switch (left, right) {
        case (.unknown, .unknown), (.absent, .absent): true
        case (.present(let left), .present(let right)): left == right
        case (.unknown, _), (.absent, _), (.present, _): false
        }
    }
}

/// A fact together with when it was asked for and answered, and how far it can be trusted.
///
/// What was seen is shared by all copies of the sighting, and by newer sightings of the same: see ``confirmed(by:)``.
public struct Sighting<Value> {
    /// How the fact was obtained.
    public enum Proof: Sendable, Equatable {
        /// Seen in a listing. A listing proves presence; it only nominates absence (WHOLE-VIEW).
        case listed
        /// Read for this one thing, by its id. Proves both.
        case exact
    }

    /// When the question was sent. What was true before this is not what the fact tells.
    public let asked: Instant
    /// When the answer was complete.
    public let answered: Instant
    @usableFromInline let kept: Fact<Shared<Value>>
    public let proof: Proof

    @inlinable
    public init(_ fact: Fact<Value>, asked: Instant, answered: Instant, proof: Proof) {
        self.init(sharing: fact.map { Shared($0) }, asked: asked, answered: answered, proof: proof)
    }

    /// The same with what somebody else holds already.
    @inlinable
    public init(sharing fact: Fact<Shared<Value>>, asked: Instant, answered: Instant, proof: Proof) {
        kept = fact
        self.asked = asked
        self.answered = answered
        self.proof = proof
    }

    @inlinable public var fact: Fact<Value> {
        switch kept {
        case .unknown: .unknown
        case .absent: .absent
        case .present(let shared): .present(shared.value)
        }
    }

    /// What was seen; `nil` when it was not there, or is not known to be.
    @inlinable public var value: Value? {
        switch kept {
        case .present(let shared): shared.value
        case .unknown, .absent: nil
        }
    }

    /// Known not to be there; an unknown is not.
    @inlinable public var isAbsent: Bool {
        switch kept {
        case .absent: true
        case .unknown, .present: false
        }
    }

    /// The times and the proof of a newer sighting of the same fact, without a second copy of what was seen.
    @inlinable
    public func confirmed(by newer: Sighting) -> Sighting {
        Sighting(sharing: kept, asked: newer.asked, answered: newer.answered, proof: newer.proof)
    }

    /// Nothing was ever asked.
    @inlinable public static var never: Sighting {
        Sighting(sharing: .unknown, asked: .distantPast, answered: .distantPast, proof: .listed)
    }
}

extension Sighting: Sendable where Value: Sendable {}
extension Sighting: Equatable where Value: Equatable {
    @inlinable
    public static func == (left: Sighting, right: Sighting) -> Bool {
        left.asked == right.asked && left.answered == right.answered && left.proof == right.proof
            && left.kept == right.kept
    }
}

extension Sighting where Value: Equatable {
    /// Whether the facts are equal; when and how they were seen aside.
    @inlinable
    public func tellsTheSame(as other: Sighting) -> Bool { kept == other.kept }
}
