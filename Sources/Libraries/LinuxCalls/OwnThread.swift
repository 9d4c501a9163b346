internal import CLinux
import Glibc

/// Runs `body` once on a thread of its own, for calls that block: the cooperative pool has too few threads to lend one.
///
/// - Parameter name: what the kernel shows for the thread; at most 15 bytes of it are kept.
func onOwnThread(named name: String, _ body: @escaping @Sendable () -> Void) throws(SystemCallError) {
    let work = Unmanaged.passRetained(ThreadWork(name: name, body: body))
    var thread = pthread_t()
    let result = pthread_create(&thread, nil, runThreadWork, work.toOpaque())
    guard result == 0 else {
        work.release()
        throw SystemCallError("start thread", name, errno: result)
    }
    pthread_detach(thread)
}

private final class ThreadWork: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

private let runThreadWork: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
    guard let context else { return nil }
    let work = Unmanaged<ThreadWork>.fromOpaque(context).takeRetainedValue()
    _ = hawser_name_this_thread(work.name)
    work.body()
    return nil
}
