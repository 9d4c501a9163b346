/// How soon it is looked for the commit of another process that has written, without asking all the time.
///
/// The kernel tells that a file beside the database was written to. That comes *before* the commit can be seen: the writer
/// has yet to sync what it wrote, which takes from a tenth of a millisecond to seconds, and then tells readers through shared
/// memory, of which there is no event. So it is looked for again and again, the pauses growing with the time that has passed:
/// the commit is seen late by no more than a fiftieth of what the disk took.
enum CommitFollowing {
    private static let shortestPause = Duration.microseconds(50)
    /// How long it is looked for; what takes longer is found at the next period.
    private static let patience = Duration.seconds(10)
    /// Another writer may have begun before the commit was seen that has been found, and its event have come with the first
    /// one's.
    private static let patienceAfterCommit = Duration.milliseconds(50)
    private static let pauseAfterCommit = Duration.milliseconds(2)

    /// When to look next.
    struct Pace {
        private var writtenAt = ContinuousClock.now
        private var hasFound = false

        mutating func noteWrite() {
            writtenAt = .now
            hasFound = false
        }

        mutating func noteCommit() { hasFound = true }

        /// How long to wait for the next look; `nil` for until the next write.
        func pause() -> Duration? {
            let waited = ContinuousClock.now - writtenAt
            if hasFound { return waited < patienceAfterCommit ? pauseAfterCommit : nil }
            return waited < patience ? max(shortestPause, waited / 50) : nil
        }
    }
}
