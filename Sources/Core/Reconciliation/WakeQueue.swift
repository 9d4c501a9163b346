import VolumeModel

/// Rows that are to be decided again at some time, soonest first: a binary heap.
struct WakeQueue: Sendable {
    private struct Entry {
        var at: Instant
        var attachment: AttachmentID
    }

    private var heap: [Entry] = []

    var soonest: Instant? { heap.first?.at }

    mutating func add(_ attachment: AttachmentID, at instant: Instant) {
        heap.append(Entry(at: instant, attachment: attachment))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].at < heap[parent].at else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes out every row whose time has come.
    mutating func due(at now: Instant) -> [AttachmentID] {
        var due: [AttachmentID] = []
        while let first = heap.first, first.at <= now {
            due.append(first.attachment)
            removeFirst()
        }
        return due
    }

    private mutating func removeFirst() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < heap.count else { return }
            let right = left + 1
            let child = right < heap.count && heap[right].at < heap[left].at ? right : left
            guard heap[child].at < heap[parent].at else { return }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
