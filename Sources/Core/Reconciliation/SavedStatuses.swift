import VolumeModel

/// What the store had of each row at the start, until something is known of the row that lasts. By slot: at a start it is asked
/// for of every row, and soon nothing is left.
struct SavedStatuses: Sendable {
    private var statuses: [SavedStatus?] = []
    private var left = 0

    /// - Parameter slot: where the row of an attachment is.
    init(_ saved: [SavedStatus] = [], slot: (AttachmentID) -> Int? = { _ in nil }) {
        for status in saved {
            guard let slot = slot(status.attachment) else { continue }
            while statuses.count <= slot { statuses.append(nil) }
            if statuses[slot] == nil { left += 1 }
            statuses[slot] = status
        }
    }

    subscript(slot: Int) -> SavedStatus? { slot < statuses.count ? statuses[slot] : nil }

    /// What was saved no longer holds, or the slot is another row's from now on.
    mutating func forget(_ slot: Int) {
        guard slot < statuses.count, statuses[slot] != nil else { return }
        statuses[slot] = nil
        left -= 1
        if left == 0 { statuses = [] }
    }
}
