import LinuxCalls

/// Notices that another process has committed, soon after it has and without asking all the time.
///
/// The kernel tells that a file beside the database was written to. That comes *before* the commit can be seen: the writer
/// has yet to sync what it wrote, and then tells readers through shared memory, of which there is no event. So it is looked
/// for in quick succession for two milliseconds, and then ever more slowly for disks that take long to sync.
enum CommitFollowing {
    /// How long after the one before each of the quick looks comes.
    private static let quickLooks = Array(repeating: Duration.microseconds(100), count: 20)
    private static let lateLooks: [Duration] = [
        .milliseconds(5), .milliseconds(20), .milliseconds(100), .milliseconds(300), .milliseconds(500), .seconds(1),
        .seconds(2), .seconds(5),
    ]

    /// Where nothing tells of writes, it is looked for once a second; else now and then, for what nobody thought of.
    private static let periodWithoutEvents = Duration.seconds(1)
    private static let period = Duration.seconds(10)

    /// - Parameter look: says whether something was committed since it was last called.
    static func follow(_ directory: String, look: @escaping @Sendable () async -> Bool) async {
        let written = try? DirectoryChanges.stream(of: [directory], includingWrites: true)
        let (late, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        await withTaskGroup(of: Void.self) { group in
            if let written {
                group.addTask {
                    for await _ in written { if await !quickly(look) { continuation.yield() } }
                }
                group.addTask {
                    for await _ in late { await later(look) }
                }
            }
            let pause = written == nil ? periodWithoutEvents : period
            group.addTask {
                // A cancelled sleep ends the loop.
                while (try? await Task.sleep(for: pause)) != nil { _ = await look() }
            }
        }
    }

    /// What is written after the commit that is seen here is told anew.
    private static func quickly(_ look: @Sendable () async -> Bool) async -> Bool {
        if await look() { return true }
        for pause in quickLooks {
            // A cancelled sleep makes the looks follow at once: there are few.
            try? await Task.sleep(for: pause)
            if await look() { return true }
        }
        return false
    }

    /// Apart from the quick looks, which must not wait for these when the next writer comes.
    private static func later(_ look: @Sendable () async -> Bool) async {
        for pause in lateLooks {
            // As above.
            try? await Task.sleep(for: pause)
            if await look() { return }
        }
    }
}
