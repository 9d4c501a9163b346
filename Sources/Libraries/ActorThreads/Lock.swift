import Glibc

/// A mutual-exclusion lock around a value: a pthread mutex, so that ThreadSanitizer sees it.
///
/// The standard library's `Mutex` waits on a futex by itself, which ThreadSanitizer does not follow: it then reports
/// races that are none. Hold a lock for a few fields only, and never over an `await`, a C call that can block, or a
/// callback.
///
/// `@unchecked Sendable` is sound because the value is reached only between `pthread_mutex_lock` and
/// `pthread_mutex_unlock` of the mutex that guards it.
public final class Lock<Value>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var value: Value

    public init(_ value: sending Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        let result = pthread_mutex_init(mutex, nil)
        precondition(result == 0, "pthread_mutex_init: \(result)")
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deinitialize(count: 1)
        mutex.deallocate()
    }

    /// Runs `body` with the value, alone.
    public func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }
}
