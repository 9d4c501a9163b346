import VolumeModel

/// What goes to the store about status, events and drift: one write after the other, in the order in which it came about.
///
/// A write that fails stays at the front until it succeeds, so that an outage of the store costs no status and no line of the
/// ledger. Meanwhile the queue does not grow with time: of each attachment the newest status counts, and of events the newest
/// ``mostEvents``.
struct WriteQueue: Sendable {
    static let mostEvents = 10_000

    private var waiting: [LoopEffect] = []
    /// Whether the first is being written.
    private(set) var isWriting = false

    var isEmpty: Bool { waiting.isEmpty }

    /// `isFailing`: the store is away, so that what waits is put together.
    mutating func add(_ write: LoopEffect, isFailing: Bool) {
        guard isFailing else { return waiting.append(write) }
        switch write {
        case .save(let details):
            let newer = Set(details.map(\.report.attachment))
            change { old in
                guard case .save(let older) = old else { return old }
                let rest = older.filter { !newer.contains($0.report.attachment) }
                return rest.isEmpty ? nil : .save(rest)
            }
        case .forget: change { $0 == write ? nil : $0 }
        default: break
        }
        waiting.append(write)
        var left = Self.mostEvents
        for position in waiting.indices.reversed() where !(position == 0 && isWriting) {
            guard case .recordEvents(let events) = waiting[position] else { continue }
            waiting[position] = .recordEvents(events.suffix(left))
            left -= min(left, events.count)
        }
    }

    /// Changes what waits, or leaves it out. The one that is being written stays as it is.
    private mutating func change(_ change: (LoopEffect) -> LoopEffect?) {
        let underWay = isWriting ? waiting.prefix(1) : []
        waiting = underWay + waiting.dropFirst(underWay.count).compactMap(change)
    }

    /// The next write, which is from now on being written; `nil` while one is, or when there is none.
    mutating func begin() -> LoopEffect? {
        guard !isWriting, let first = waiting.first else { return nil }
        isWriting = true
        return first
    }

    /// The write that was begun has ended.
    mutating func end(isDone: Bool) {
        isWriting = false
        if isDone, !waiting.isEmpty { waiting.removeFirst() }
    }
}
