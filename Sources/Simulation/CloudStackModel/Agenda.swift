/// What falls due when: a binary heap, earliest first, and by number within one time.
///
/// Nothing is ever taken out of its middle. Whoever takes the first entry looks whether it still holds.
struct Agenda: Sendable {
    struct Entry: Sendable, Equatable {
        var dueAt: Int64
        /// The tie-break.
        var number: Int64
        var id: String

        func isBefore(_ other: Entry) -> Bool { (dueAt, number) < (other.dueAt, other.number) }
    }

    private var heap: [Entry] = []

    var first: Entry? { heap.first }

    mutating func add(_ id: String, dueAt: Int64, number: Int64) {
        heap.append(Entry(dueAt: dueAt, number: number, id: id))
        var child = heap.count - 1
        while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeFirst() {
        guard let last = heap.popLast(), !heap.isEmpty else { return }
        heap[0] = last
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < heap.count else { return }
            let right = left + 1
            let child = right < heap.count && heap[right].isBefore(heap[left]) ? right : left
            guard heap[child].isBefore(heap[parent]) else { return }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
