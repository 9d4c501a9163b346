import ActorThreads
import CMariaDB
import Glibc

/// The threads that use the library.
///
/// Each must call `mysql_thread_end` before it ends (mysql_thread_end(3)). A destructor of thread-specific data
/// (pthread_key_create(3)) does so at the end of any thread that came by, whoever started it and whoever releases a
/// connection on it: no owner of a connection has to remember.
enum LibraryThread {
    /// Says that this thread is about to call the library. Cheap after the first time.
    ///
    /// - Returns: a number of this thread's own, from 1.
    @discardableResult
    static func enter() -> UInt {
        let key = key
        if let known = pthread_getspecific(key) { return UInt(bitPattern: known) }
        mysql_thread_init()
        let number = threads.withLock { threads in
            threads.last += 1
            threads.present.insert(threads.last)
            return threads.last
        }
        pthread_setspecific(key, UnsafeRawPointer(bitPattern: number))
        return number
    }

    /// Whether the thread of this number has not ended.
    static func isPresent(_ number: UInt) -> Bool { threads.withLock { $0.present.contains(number) } }

    private struct Threads {
        var last: UInt = 0
        var present: Set<UInt> = []
    }

    private static let threads = Lock(Threads())

    /// The library wants to be set up once, before a second thread uses it (mysql_library_init(3)); so is a Swift global. From then
    /// on the whole process ignores SIGPIPE (seen with libmariadb 3.3.20).
    private static let key: pthread_key_t = {
        let result = mysql_server_init(0, nil, nil)
        precondition(result == 0, "mysql_server_init: \(result)")
        var key = pthread_key_t()
        let made = pthread_key_create(&key) { number in
            mysql_thread_end()
            LibraryThread.threads.withLock { _ = $0.present.remove(UInt(bitPattern: number)) }
        }
        precondition(made == 0, "pthread_key_create: \(made)")
        return key
    }()
}
