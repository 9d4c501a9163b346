import ControlAPIModel
import VolumeModel

/// What happened to one volume, in the order of time: events, operations with their evidence, drifts and their repairs.
struct Story {
    struct Entry: Equatable {
        var at: Timestamp
        /// `event`, the verb of an operation, `drift` or `repair`.
        var what: String
        var text: String
        /// Whether a person should look at it.
        var isWarning = false

        var line: String {
            "\(at)  \(what)\(String(repeating: " ", count: max(1, 10 - what.count)))\(text)"
        }
    }

    private(set) var entries: [Entry] = []

    init(events: [WireEvent], operations: [WireOperation], drifts: [WireDriftRecord]) {
        for event in events.reversed() {
            entries.append(
                Entry(
                    at: event.at, what: "event", text: "\(event.reason): \(event.message)",
                    isWarning: event.severity == "Warning"))
        }
        for operation in operations.reversed() { add(operation) }
        for drift in drifts.reversed() { add(drift) }
        // Of one moment, what was seen comes before what was done.
        entries = entries.enumerated().sorted { left, right in
            (left.element.at, left.offset) < (right.element.at, right.offset)
        }.map(\.element)
    }

    private mutating func add(_ operation: WireOperation) {
        let job = operation.job.map { ", job \($0)" } ?? ""
        entries.append(
            Entry(at: operation.startedAt, what: operation.verb, text: "begun\(job): \(operation.because)"))
        guard operation.phase != "intended" else { return }
        let took = Ages.took(operation.changedAt.instant - operation.startedAt.instant)
        entries.append(
            Entry(
                at: operation.changedAt, what: operation.verb,
                text: "\(operation.phase) after \(took)\(job): \(operation.evidence)",
                isWarning: operation.phase == "failed"))
    }

    private mutating func add(_ record: WireDriftRecord) {
        let drift = record.drift
        entries.append(
            Entry(
                at: record.seenAt, what: "drift",
                text: "\(drift.kind) (\(drift.world)): wanted \(drift.wanted), observed \(drift.observed)",
                isWarning: true))
        guard let ended = record.endedAt else { return }
        let took = Ages.took(ended.instant - record.seenAt.instant)
        let cause = record.repairedBy.isEmpty ? "by itself" : "by \(record.repairedBy)"
        entries.append(Entry(at: ended, what: "repair", text: "\(drift.kind) gone after \(took), \(cause)"))
    }

    /// Leaves the entries of a time, and of these the last few.
    mutating func keep(since: Instant?, last count: Int?) {
        if let since { entries.removeAll { $0.at.instant < since } }
        if let count { entries = Array(entries.suffix(count)) }
    }
}
