public import VolumeModel

/// Where time comes from. Given to the loop, so that a test can run it in simulated time.
public protocol TimeSource: Sendable {
    /// Never goes backwards.
    func now() -> Instant

    /// Returns at the deadline, or earlier when the task is cancelled.
    func sleep(until deadline: Instant) async
}
