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
            drop {
                if case .save(let old) = $0 { .save(old.filter { !newer.contains($0.report.attachment) }) } else { $0 }
            }
        case .forget: drop { $0 == write ? .save([]) : $0 }
        default: break
        }
        waiting.append(write)
        var left = Self.mostEvents
        for position in waiting.indices.reversed() {
            guard case .recordEvents(let events) = waiting[position], position > 0 || !isWriting else { continue }
            waiting[position] = .recordEvents(events.suffix(left))
            left -= min(left, events.count)
        }
        drop { $0 }
    }

    /// Changes what waits, and leaves out what has become empty. The one that is being written is left as it is.
    private mutating func drop(_ change: (LoopEffect) -> LoopEffect) {
        var kept: [LoopEffect] = []
        for (position, write) in waiting.enumerated() {
            if position == 0, isWriting {
                kept.append(write)
                continue
            }
            switch change(write) {
            case .save([]), .recordEvents([]): break
            case let changed: kept.append(changed)
            }
        }
        waiting = kept
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
