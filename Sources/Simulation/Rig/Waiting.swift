/// What did not come true in time.
public struct WaitedInVain: Error, Sendable, CustomStringConvertible {
    public let condition: String
    public let patience: Duration
    /// What was seen last, when there is anything to say.
    public let last: String?

    public var description: String {
        "waited \(patience) in vain for \(condition)" + (last.map { "; last seen: \($0)" } ?? "")
    }
}

/// Waits until a condition holds, looking again every 20 ms.
///
/// - Throws: ``WaitedInVain``, or what the condition throws.
/// - Returns: how long it took.
@discardableResult
public nonisolated(nonsending) func wait(
    for condition: String, within patience: Duration = .seconds(60),
    _ holds: () async throws -> Bool
) async throws -> Duration {
    try await waitForValue(condition, within: patience) { try await holds() ? () : nil }.took
}

/// Waits until there is a value, looking again every 20 ms.
public nonisolated(nonsending) func waitForValue<Value>(
    _ condition: String, within patience: Duration = .seconds(60), lastSeen: () async -> String? = { nil },
    _ find: () async throws -> Value?
) async throws -> (value: Value, took: Duration) {
    let clock = ContinuousClock()
    let start = clock.now
    while true {
        if let value = try await find() { return (value, start.duration(to: clock.now)) }
        guard start.duration(to: clock.now) < patience else {
            throw WaitedInVain(condition: condition, patience: patience, last: await lastSeen())
        }
        try await Task.sleep(for: .milliseconds(20))
    }
}
