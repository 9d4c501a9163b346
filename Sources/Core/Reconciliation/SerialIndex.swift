import VolumeModel

/// From a disk's serial to the rows of the volumes that carry it: nearly always one.
struct SerialIndex: Sendable {
    /// The rows of one serial, in the order in which they came.
    struct Slots: Sequence, Sendable {
        var first: Int?
        var others: [Int] = []

        var isEmpty: Bool { first == nil }

        func makeIterator() -> Iterator { Iterator(slots: self) }

        struct Iterator: IteratorProtocol {
            fileprivate var slots: Slots
            private var position = -1

            fileprivate init(slots: Slots) { self.slots = slots }

            mutating func next() -> Int? {
                defer { position += 1 }
                if position < 0 { return slots.first }
                return position < slots.others.count ? slots.others[position] : nil
            }
        }
    }

    private var firsts = RowIndex()
    /// The rows beyond the first.
    private var others: [DiskSerial: [Int]] = [:]

    /// Makes room for so many serials at once.
    mutating func reserve(_ count: Int) { firsts.reserve(count) }

    subscript(serial: DiskSerial) -> Slots {
        Slots(first: firsts[key(serial)], others: others.isEmpty ? [] : others[serial] ?? [])
    }

    mutating func add(_ slot: Int, to serial: DiskSerial) {
        if firsts[key(serial)] == nil {
            firsts.set(key(serial), to: slot)
        } else {
            others[serial, default: []].append(slot)
        }
    }

    mutating func remove(_ slot: Int, from serial: DiskSerial) {
        var slots = Array(self[serial])
        slots.removeAll { $0 == slot }
        if let first = slots.first { firsts.set(key(serial), to: first) } else { firsts.remove(key(serial)) }
        others[serial] = slots.count > 1 ? Array(slots.dropFirst()) : nil
    }

    private func key(_ serial: DiskSerial) -> UUIDValue {
        UUIDValue(high: serial.high, low: UInt64(serial.low) << 48)
    }
}
