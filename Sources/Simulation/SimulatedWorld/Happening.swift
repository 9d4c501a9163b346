import CloudStackModel
import CloudStackModel
import Reconciliation
import VolumeModel

/// One incarnation of one hawserd: a process from its start to its death.
struct ProcessID: Sendable, Hashable {
    /// Which of those that were started for the appliance.
    var daemon: Int
    var incarnation: Int

    var name: String { "\(daemon).\(incarnation)" }
}

/// A call on its way from a process to a system, and back.
struct CallInFlight: Sendable {
    var from: ProcessID
    var number: Int
    var call: SystemCall
    /// By the clock of the node that sent it.
    var sentAt: Instant
    /// By no clock but the world's.
    var leftAt: Instant
}

/// What falls due at some time.
enum Happening: Sendable {
    /// A call has arrived where it has its effect.
    case arrives(CallInFlight)
    case answered(CallInFlight, SystemAnswer)
    case told(ProcessID, Told)
    /// A hawserd is started, as its service manager does.
    case starts(Int)
    /// CloudStack has something to do.
    case cloudIsDue
    /// The hypervisor carries out an order.
    case hypervisor(HypervisorOrder)
    /// CloudStack is told that the hypervisor is done.
    case hypervisorEnded(job: String, VolumeID)
    /// udev is done with a change of this kernel name.
    case udev(name: String)
    case act(Act)
    case client(Int)
    case pauseEnds(Int)
    /// A hawserd that was told to stop ends, as soon as it has nothing under way or after the deadline.
    case stops(ProcessID, deadline: Instant, seconds: Int)
    case faultIsOver(Fault)
    case serverBack
    case storeBack
    case listingMended
    /// The daemon's new listener has read the entries.
    case reloaded
}

/// What a process is told without having asked.
enum Told: Sendable {
    case woken(Instant)
    case device(DeviceEvent)
    case enumerate
    case desired
    case exports
}

/// What falls due when: a binary heap, earliest first, and in the order of being added within one time.
struct Calendar: Sendable {
    /// The heap moves these about; what happens stays in its place.
    private struct Key: Sendable {
        var at: Instant
        var order: Int
        var place: Int

        func isBefore(_ other: Key) -> Bool { (at, order) < (other.at, other.order) }
    }

    private var heap: [Key] = []
    private var places: [Happening?] = []
    private var freePlaces: [Int] = []
    private var lastOrder = 0

    var soonest: Instant? { heap.first?.at }
    var next: Happening? { heap.first.flatMap { places[$0.place] } }

    /// In no order.
    var happenings: some Sequence<Happening> { places.lazy.compactMap { $0 } }

    mutating func add(_ happening: Happening, at instant: Instant) {
        lastOrder += 1
        let place: Int
        if let free = freePlaces.popLast() {
            place = free
            places[place] = happening
        } else {
            place = places.count
            places.append(happening)
        }
        heap.append(Key(at: instant, order: lastOrder, place: place))
        var child = heap.count - 1
        while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeFirst() -> (at: Instant, happening: Happening)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard let happening = places[first.place].take() else { preconditionFailure("a key without a happening") }
        freePlaces.append(first.place)
        guard !heap.isEmpty else { return (first.at, happening) }
        heap[0] = last
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < heap.count else { break }
            let child = left + 1 < heap.count && heap[left + 1].isBefore(heap[left]) ? left + 1 : left
            guard heap[child].isBefore(heap[parent]) else { break }
            heap.swapAt(child, parent)
            parent = child
        }
        return (first.at, happening)
    }

    /// Drops what is no longer to happen.
    mutating func removeAll(where isObsolete: (Happening) -> Bool) {
        var kept: [Key] = []
        for key in heap {
            guard let happening = places[key.place], isObsolete(happening) else {
                kept.append(key)
                continue
            }
            places[key.place] = nil
            freePlaces.append(key.place)
        }
        // What is sorted is a heap.
        heap = kept.sorted { $0.isBefore($1) }
    }
}
