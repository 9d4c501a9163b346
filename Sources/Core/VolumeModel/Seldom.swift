/// What of a thing is nearly always the same, and can be left out then.
public protocol Omissible: Equatable {
    /// What is left out.
    static var usual: Self { get }
}

/// A value that takes no room while it is as usual: for what few of very many things have.
///
/// Each member is read and changed by its path. The whole is left out again with the last member that was unusual.
public struct Seldom<Value: Omissible> {
    /// Just one, or none: an array is the standard library's box that is changed in place while nobody else holds it.
    @usableFromInline var kept: [Value] = []

    public init() {}

    @inlinable
    public subscript<Member: Equatable>(path: WritableKeyPath<Value, Member>) -> Member {
        @inline(__always) get { kept.isEmpty ? Value.usual[keyPath: path] : kept[0][keyPath: path] }
        @inline(__always) set {
            if kept.isEmpty {
                guard newValue != Value.usual[keyPath: path] else { return }
                kept.append(Value.usual)
                kept[0][keyPath: path] = newValue
            } else {
                kept[0][keyPath: path] = newValue
                if newValue == Value.usual[keyPath: path], kept[0] == Value.usual { kept = [] }
            }
        }
    }
}

extension Seldom: Sendable where Value: Sendable {}
extension Seldom: Equatable {}
