import Glibc
import Reconciliation
import VolumeModel

/// The machine's clocks: starts at the wall clock and then follows the monotonic one, so that it never goes back.
struct SystemTime: TimeSource {
    private let wallAtStart: Int64
    private let start = ContinuousClock.now

    init() {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        wallAtStart = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    func now() -> Instant {
        Instant(nanoseconds: wallAtStart) + start.duration(to: .now)
    }

    func sleep(until deadline: Instant) async {
        let left = deadline - now()
        guard left > .zero else { return }
        // A cancelled sleep returns early, as it may.
        try? await Task.sleep(for: left)
    }
}
