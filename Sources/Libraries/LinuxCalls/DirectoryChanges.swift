internal import CLinux
import Glibc

/// Tells that something in a directory changed: an entry came, went or was renamed (inotify(7)). It does not tell what;
/// whoever is told looks. Changes that come close together are told once.
public enum DirectoryChanges {
    /// - Parameters:
    ///   - directories: must exist; what lies deeper is not watched.
    ///   - includingWrites: whether writing to a file in them is a change, too.
    /// - Throws: ``SystemCallError`` when a directory cannot be watched.
    public static func stream(
        of directories: [String], includingWrites: Bool = false
    ) throws(SystemCallError) -> AsyncStream<Void> {
        let number = inotify_init1(Int32(IN_CLOEXEC))
        guard number >= 0 else { throw SystemCallError("make", "an inotify instance", errno: errno) }
        let watcher = FileDescriptor(owning: number)
        let writes = includingWrites ? IN_MODIFY : 0
        let mask =
            writes | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF
        for directory in directories {
            guard inotify_add_watch(number, directory, UInt32(mask)) >= 0 else {
                throw SystemCallError("watch", directory, errno: errno)
            }
        }
        let wake = eventfd(0, Int32(EFD_CLOEXEC))
        guard wake >= 0 else { throw SystemCallError("make", "an eventfd", errno: errno) }
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        continuation.onTermination = { _ in _ = eventfd_write(wake, 1) }
        let descriptor = watcher.relinquish()
        try onOwnThread(named: "inotify") {
            let watcher = FileDescriptor(owning: descriptor)
            let waker = FileDescriptor(owning: wake)
            var waiting = [
                pollfd(fd: watcher.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: waker.number, events: Int16(POLLIN), revents: 0),
            ]
            while true {
                guard retryingInterrupts({ poll(&waiting, nfds_t(waiting.count), -1) }) > 0, waiting[1].revents == 0,
                    // What the events say is not read: an overflow says as much as an event.
                    (try? watcher.read(upTo: 65_536)) != nil
                else { break }
                continuation.yield()
            }
            continuation.onTermination = nil
            continuation.finish()
        }
        return stream
    }
}
