import Glibc
import Testing

@testable import ActorThreads

/// An actor that lives on a thread of its own and tells which one that is.
private actor Confined {
    private let executor = ThreadExecutor(name: "confined-test")
    private var count = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func thread() -> UInt { UInt(pthread_self()) }

    /// Adds one after a pause, on whichever thread that is.
    func increment(after pause: Duration, _ done: @escaping @Sendable (_ thread: UInt, _ count: Int) -> Void) {
        executor.run(after: pause) { [weak self] in
            self?.assumeIsolated { done(UInt(pthread_self()), $0.increment()) }
        }
    }

    func increment() -> Int {
        count += 1
        return count
    }
}

@Suite struct ThreadExecutorTests {
    @Test func `every call of an actor runs on the one thread of its executor`() async {
        let actor = Confined()
        var threads: Set<UInt> = []
        for _ in 0..<200 { threads.insert(await actor.thread()) }
        #expect(threads.count == 1)
        #expect(!threads.contains(UInt(pthread_self())))
    }

    @Test func `calls from many tasks are served one by one`() async {
        let actor = Confined()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<500 { group.addTask { _ = await actor.increment() } }
        }
        #expect(await actor.increment() == 501)
    }

    @Test func `what is delayed runs on the thread, when its time has come, and others run meanwhile`() async {
        let actor = Confined()
        let thread = await actor.thread()
        let start = ContinuousClock.now
        let (events, continuation) = AsyncStream.makeStream(of: (thread: UInt, count: Int, time: Duration).self)
        for milliseconds in [20, 0, 5] {
            await actor.increment(after: .milliseconds(milliseconds)) {
                continuation.yield(($0, $1, ContinuousClock.now - start))
            }
        }
        var seen = events.makeAsyncIterator()
        for (count, milliseconds) in [(1, 0), (2, 5), (3, 20)] {
            let event = await seen.next()
            #expect(event?.thread == thread && event?.count == count)
            #expect(event.map { $0.time >= .milliseconds(milliseconds) } == true)
        }
        #expect(await actor.increment() == 4)
    }

    @Test func `a lock admits one at a time`() async {
        let total = Lock(0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { for _ in 0..<1_000 { total.withLock { $0 += 1 } } }
            }
        }
        #expect(total.withLock { $0 } == 8_000)
    }
}
