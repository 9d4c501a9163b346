import Glibc
import Testing

@testable import ActorThreads

/// An actor that lives on a thread of its own and tells which one that is.
private actor Confined {
    private let executor = ThreadExecutor(name: "confined-test")
    private var count = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func thread() -> UInt { UInt(pthread_self()) }

    /// - Returns: on which threads it went on after a pause, and whether that was not too early.
    func threads(pausing pauses: [Duration]) async -> (threads: Set<UInt>, isLongEnough: Bool) {
        var threads: Set<UInt> = []
        let start = ContinuousClock.now
        for pause in pauses {
            await executor.pause(for: pause)
            threads.insert(UInt(pthread_self()))
        }
        return (threads, ContinuousClock.now - start >= pauses.reduce(.zero, +))
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

    @Test func `a job goes on on its thread after a pause, and others run meanwhile`() async {
        let actor = Confined()
        let thread = await actor.thread()
        await withTaskGroup(of: Void.self) { group in
            for microseconds in [0, 50, 3_000] {
                group.addTask {
                    let paused = await actor.threads(pausing: [.zero, .microseconds(microseconds), .milliseconds(1)])
                    #expect(paused.threads == [thread] && paused.isLongEnough)
                }
            }
            for _ in 0..<100 { group.addTask { _ = await actor.increment() } }
        }
        #expect(await actor.increment() == 101)
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
