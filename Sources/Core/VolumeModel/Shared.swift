/// A value that many may hold: whoever copies it copies a reference, and the value never changes.
///
/// What is kept for every volume is kept so where it is large and seldom there, or the same for many.
public final class Shared<Value> {
    public let value: Value

    @inlinable
    public init(_ value: Value) {
        self.value = value
    }
}

extension Shared: Sendable where Value: Sendable {}

extension Shared: Equatable where Value: Equatable {
    @inlinable
    public static func == (left: Shared, right: Shared) -> Bool { left === right || left.value == right.value }
}
