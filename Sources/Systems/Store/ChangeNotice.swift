import ActorThreads
import Reconciliation

/// Who wants to know that desired state has changed, and what has when that was read already.
final class ChangeNotice: Sendable {
    private struct State {
        var listeners: [AsyncStream<Void>.Continuation] = []
        var read: (delta: DesiredDelta, since: Int64)?
    }

    private let state = Lock(State())

    func stream() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        state.withLock { $0.listeners.append(continuation) }
        return stream
    }

    func announce() {
        for listener in state.withLock({ $0.listeners }) { listener.yield() }
    }

    func announce(_ delta: DesiredDelta, since revision: Int64) {
        state.withLock { $0.read = (delta, revision) }
        announce()
    }

    /// What has changed since a revision, when just that has been read and was not asked for before. What came after it is
    /// announced by itself.
    func takeDelta(since revision: Int64) -> DesiredDelta? {
        let read = state.withLock { state in
            defer { state.read = nil }
            return state.read
        }
        return read.flatMap { $0.since == revision ? $0.delta : nil }
    }

    func finish() {
        for listener in state.withLock({ $0.listeners }) { listener.finish() }
    }
}
