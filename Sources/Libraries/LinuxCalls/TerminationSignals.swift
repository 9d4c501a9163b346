import Glibc

/// The signals that ask this process to end (SIGTERM, SIGINT, SIGHUP), as a stream instead of a sudden death.
///
/// A handler writes each signal's number into a pipe, and a thread of its own carries it into the stream. A blocked mask
/// with signalfd(2) would not do: threads of the cooperative pool may exist already, and do not have the mask.
public enum TerminationSignals {
    /// Takes these signals over for the rest of the process's life. Call it once, early.
    ///
    /// - Returns: the signals in the order in which they came. A second one tells of impatience: what to do is the
    ///   caller's choice.
    /// - Throws: ``SystemCallError`` when there is no pipe or no handler to be had.
    public static func stream() throws(SystemCallError) -> AsyncStream<Int32> {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw SystemCallError("make", "a pipe for signals", errno: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // A handler must never block: with a full pipe, this signal adds nothing to the many that wait.
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        signalPipe = ends[1]
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = carrySignal
            action.sa_flags = Int32(bitPattern: UInt32(SA_RESTART))
            guard sigaction(signal, &action, nil) == 0 else {
                throw SystemCallError("handle", "signal \(signal)", errno: errno)
            }
        }
        let (stream, continuation) = AsyncStream<Int32>.makeStream()
        let readEnd = ends[0]
        try onOwnThread(named: "signals") {
            var number: UInt8 = 0
            while retryingInterrupts({ read(readEnd, &number, 1) }) == 1 { continuation.yield(Int32(number)) }
            continuation.finish()
        }
        return stream
    }

    /// Lets writes to a closed pipe or socket fail with `EPIPE` instead of ending the process.
    public static func ignoreBrokenPipes() {
        signal(SIGPIPE, SIG_IGN)
    }
}

/// The pipe of the one handler. Written before the handler is installed, and afterwards only read, so there is no race.
nonisolated(unsafe) private var signalPipe: Int32 = -1

private let carrySignal: @convention(c) (Int32) -> Void = { signal in
    let kept = errno
    var number = UInt8(truncatingIfNeeded: signal)
    _ = write(signalPipe, &number, 1)
    errno = kept
}
