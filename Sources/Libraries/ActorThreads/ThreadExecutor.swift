import CLinux
import Glibc

/// A serial executor with a thread of its own, for actors that own a C handle.
///
/// Blocking C calls in such an actor block only this thread, never the cooperative pool, which has only as many
/// threads as there are cores. It also keeps the promise that libraries like libudev ask for: every call on the handle
/// comes from one thread, for the handle's whole life. The thread ends when the executor is released.
///
/// Crossing to another thread costs some 50 µs: cross once for a batch, not once for a record.
public final class ThreadExecutor: SerialExecutor {
    private let queue = JobQueue()

    /// - Parameter name: what the kernel shows for the thread; at most 15 bytes of it are kept (PR_SET_NAME of prctl(2)).
    public init(name: String) {
        let start = Unmanaged.passRetained(ThreadStart(queue: queue, name: name))
        var thread = pthread_t()
        let result = pthread_create(&thread, nil, runThread, start.toOpaque())
        precondition(result == 0, "pthread_create: \(result)")
        pthread_detach(thread)
    }

    deinit {
        queue.close()
    }

    /// Lets a job of this executor rest for so long, and go on from this thread itself: within microseconds, where
    /// `Task.sleep` goes by way of other threads and timers that are rounded. Cancellation does not end it.
    public nonisolated(nonsending) func pause(for duration: Duration) async {
        let deadline = ContinuousClock.now + duration
        await withCheckedContinuation { queue.resume($0, at: deadline) }
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        queue.append(UnownedJob(job), for: asUnownedSerialExecutor())
    }

    /// The executor's own job runner keeps `self` alive only through the actor that holds it.
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }
}

/// What a new thread is told.
private final class ThreadStart: Sendable {
    let queue: JobQueue
    let name: String

    init(queue: JobQueue, name: String) {
        self.queue = queue
        self.name = name
    }
}

private let runThread: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
    guard let context else { return nil }
    let start = Unmanaged<ThreadStart>.fromOpaque(context).takeRetainedValue()
    _ = hawser_name_this_thread(start.name)
    // Without it the kernel wakes a thread up to 50 µs late (PR_SET_TIMERSLACK of prctl(2)); only pauses have timers here.
    _ = hawser_set_timer_slack(1_000)
    start.queue.runUntilClosed()
    return nil
}

/// The jobs that wait for the thread, first come, first served.
///
/// `@unchecked Sendable` is sound because every field is touched only while `mutex` is held.
private final class JobQueue: @unchecked Sendable {
    private struct Entry {
        let job: UnownedJob
        let executor: UnownedSerialExecutor
    }

    private struct Pause {
        let deadline: ContinuousClock.Instant
        let continuation: CheckedContinuation<Void, Never>
    }

    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var entries: [Entry] = []
    private var pauses: [Pause] = []
    private var isClosed = false

    init() {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        condition.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    func append(_ job: UnownedJob, for executor: UnownedSerialExecutor) {
        pthread_mutex_lock(mutex)
        entries.append(Entry(job: job, executor: executor))
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    func resume(_ continuation: CheckedContinuation<Void, Never>, at deadline: ContinuousClock.Instant) {
        pthread_mutex_lock(mutex)
        pauses.append(Pause(deadline: deadline, continuation: continuation))
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    func runUntilClosed() {
        var batch: [Entry] = []
        while true {
            pthread_mutex_lock(mutex)
            var over = takePausesThatAreOver()
            while entries.isEmpty && over.isEmpty && !isClosed {
                wait()
                over = takePausesThatAreOver()
            }
            swap(&batch, &entries)
            let ends = isClosed && batch.isEmpty && over.isEmpty
            pthread_mutex_unlock(mutex)
            if ends { return }
            // Each comes back as a job, for the next round.
            for pause in over { pause.continuation.resume() }
            for entry in batch { entry.job.runSynchronously(on: entry.executor) }
            batch.removeAll(keepingCapacity: true)
        }
    }

    private func takePausesThatAreOver() -> [Pause] {
        guard !pauses.isEmpty else { return [] }
        let now = ContinuousClock.now
        let over = pauses.filter { isClosed || $0.deadline <= now }
        if !over.isEmpty { pauses.removeAll { isClosed || $0.deadline <= now } }
        return over
    }

    /// Until there may be something to do.
    private func wait() {
        guard let soonest = pauses.map(\.deadline).min() else {
            pthread_cond_wait(condition, mutex)
            return
        }
        let (seconds, attoseconds) = max(soonest - .now, .zero).components
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let nanoseconds = Int64(time.tv_nsec) + attoseconds / 1_000_000_000
        time.tv_sec += Int(seconds + nanoseconds / 1_000_000_000)
        time.tv_nsec = Int(nanoseconds % 1_000_000_000)
        pthread_cond_timedwait(condition, mutex, &time)
    }
}
