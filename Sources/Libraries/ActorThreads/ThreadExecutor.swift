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

    /// Runs `body` on this thread after a while, within microseconds: a task that sleeps comes back by way of other threads, and
    /// later. Inside it an actor of this executor is entered with `assumeIsolated`.
    public func run(after pause: Duration, _ body: @escaping @Sendable () -> Void) {
        queue.append(body, at: ContinuousClock.now + pause)
    }

    /// What is not one of its jobs but runs on its thread may touch what its actors hold, too.
    public func checkIsolated() {
        precondition(queue.isOnThread, "not on the thread of this executor")
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
    // Without it the kernel wakes a thread up to 50 µs late (PR_SET_TIMERSLACK of prctl(2)); only what is delayed has timers here.
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

    private struct Delayed {
        let deadline: ContinuousClock.Instant
        let body: @Sendable () -> Void
    }

    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var entries: [Entry] = []
    private var delayed: [Delayed] = []
    private var isClosed = false
    private var thread: pthread_t?

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

    var isOnThread: Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false
    }

    func append(_ body: @escaping @Sendable () -> Void, at deadline: ContinuousClock.Instant) {
        pthread_mutex_lock(mutex)
        delayed.append(Delayed(deadline: deadline, body: body))
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
        pthread_mutex_lock(mutex)
        thread = pthread_self()
        pthread_mutex_unlock(mutex)
        while true {
            pthread_mutex_lock(mutex)
            var due = takeDue()
            while entries.isEmpty && due.isEmpty && !isClosed {
                wait()
                due = takeDue()
            }
            swap(&batch, &entries)
            let ends = isClosed && batch.isEmpty && due.isEmpty
            pthread_mutex_unlock(mutex)
            if ends { return }
            for one in due { one.body() }
            for entry in batch { entry.job.runSynchronously(on: entry.executor) }
            batch.removeAll(keepingCapacity: true)
        }
    }

    /// What is closed has nobody left who would want what is not due yet.
    private func takeDue() -> [Delayed] {
        guard !delayed.isEmpty else { return [] }
        let now = ContinuousClock.now
        let due = delayed.filter { $0.deadline <= now }
        if isClosed { delayed = [] } else if !due.isEmpty { delayed.removeAll { $0.deadline <= now } }
        return due
    }

    /// Until there may be something to do.
    private func wait() {
        guard let soonest = delayed.map(\.deadline).min() else {
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
