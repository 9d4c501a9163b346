import CCrypto

/// Random numbers that nobody can guess, from libcrypto's generator.
public struct UnguessableGenerator: RandomNumberGenerator, Sendable {
    public init() {}

    public mutating func next() -> UInt64 {
        var bytes = [UInt8](repeating: 0, count: 8)
        let result = RAND_bytes(&bytes, 8)
        precondition(result == 1, "RAND_bytes failed: the machine has no source of randomness")
        return bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
