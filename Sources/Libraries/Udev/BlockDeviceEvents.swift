internal import CLinux
internal import CUdev
import Glibc

/// The block devices of this machine and what happens to them, told by udevd: one enumeration, then events, and never a
/// poll. When events were lost it enumerates again.
///
/// All of libudev happens on one thread that lives as long as somebody reads the stream.
public enum BlockDeviceEvents {
    /// - Parameter bufferSizeInBytes: of the netlink socket.
    /// - Throws: ``UdevError`` when the thread cannot be started; what fails later is told in the stream.
    public static func stream(bufferSizeInBytes: Int32 = 16 << 20) throws(UdevError) -> AsyncStream<UdevEvent> {
        let wake = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        guard wake >= 0 else { throw UdevError(operation: "make an eventfd", errorNumber: errno) }
        let (stream, continuation) = AsyncStream<UdevEvent>.makeStream()
        // The thread closes the descriptor, after it was woken by it and for the last time.
        continuation.onTermination = { _ in _ = eventfd_write(wake, 1) }
        let start = Unmanaged.passRetained(Start(wake: wake, buffer: bufferSizeInBytes, continuation: continuation))
        var thread = pthread_t()
        let result = pthread_create(&thread, nil, runMonitor, start.toOpaque())
        guard result == 0 else {
            start.release()
            throw UdevError(operation: "start a thread", errorNumber: result)
        }
        pthread_detach(thread)
        return stream
    }
}

/// What the thread is told.
private final class Start: Sendable {
    let wake: Int32
    let buffer: Int32
    let continuation: AsyncStream<UdevEvent>.Continuation

    init(wake: Int32, buffer: Int32, continuation: AsyncStream<UdevEvent>.Continuation) {
        self.wake = wake
        self.buffer = buffer
        self.continuation = continuation
    }
}

private let runMonitor: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
    guard let argument else { return nil }
    let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
    _ = hawser_name_this_thread("udev")
    do throws(UdevError) {
        try follow(start)
    } catch {
        start.continuation.yield(.failed(error))
    }
    start.continuation.onTermination = nil
    start.continuation.finish()
    close(start.wake)
    return nil
}

private func follow(_ start: Start) throws(UdevError) {
    let context = try UdevContext()
    // Listening begins before the enumeration, so that nothing falls between the two.
    let monitor = try context.monitor(bufferSizeInBytes: start.buffer)
    start.continuation.yield(.enumerated(try context.blockDevices()))
    var waiting = [
        pollfd(fd: monitor.descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: start.wake, events: Int16(POLLIN), revents: 0),
    ]
    while true {
        let count = poll(&waiting, nfds_t(waiting.count), -1)
        if count < 0 && errno == EINTR { continue }
        guard count >= 0 else { throw UdevError(operation: "wait for udev", errorNumber: errno) }
        if waiting[1].revents != 0 { return }
        var lost = false
        receiving: while true {
            switch monitor.receive() {
            case .event(let event): start.continuation.yield(event)
            case .other: continue
            case .eventsLost: lost = true
            case .nothing: break receiving
            }
        }
        if lost { start.continuation.yield(.enumerated(try context.blockDevices())) }
    }
}
