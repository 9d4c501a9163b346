public import VolumeModel

/// BRAKE: counts the removals that nobody has approved, and puts all of them on hold when they are too many.
///
/// What is wanted now counts, and what was begun within the window. Once engaged it stays so until none is wanted any more:
/// each was approved, or is wanted no longer. Time alone never releases it.
public struct Brake: Sendable, Equatable {
    /// The objects whose removal is wanted and not approved, with the generation that wants it.
    public private(set) var wanted: [AttachmentID: Int64] = [:]
    /// When the last step of an unapproved removal was begun.
    private var begun: [AttachmentID: Instant] = [:]
    public private(set) var isEngaged = false
    /// Goes up with every change of what is wanted.
    public private(set) var changes = 0

    public init() {}

    /// How many volumes may be taken away within the window without a person's approval.
    public static func allowance(among volumes: Int, policy: Policy) -> Int {
        max(policy.brakeVolumes, Int(Double(volumes) * policy.brakePercent / 100))
    }

    /// How many count now.
    public func count(at now: Instant, policy: Policy) -> Int {
        wanted.count + begun.filter { now - $0.value < policy.brakeWindow && wanted[$0.key] == nil }.count
    }

    // MARK: What the loop tells

    /// What the store knew when the process began: an engaged brake stays engaged.
    public mutating func recall(held: [AttachmentID: Int64], begun: [AttachmentID: Instant]) {
        wanted.merge(held) { old, _ in old }
        self.begun.merge(begun) { max($0, $1) }
        isEngaged = !wanted.isEmpty
    }

    /// Takes in whether an object leads to an unapproved removal. While that is unknown it stays what it was.
    public mutating func note(_ removal: Fact<String>, of attachment: AttachmentID, generation: Int64) {
        switch removal {
        case .unknown: break
        case .absent: forget(attachment)
        case .present:
            guard wanted.updateValue(generation, forKey: attachment) != generation else { return }
            changes += 1
        }
    }

    /// Judges anew, after all that has changed at once was noted.
    public mutating func judge(among volumes: Int, at now: Instant, policy: Policy) {
        if isEngaged {
            isEngaged = !wanted.isEmpty
        } else if !wanted.isEmpty {
            isEngaged = count(at: now, policy: policy) > Self.allowance(among: volumes, policy: policy)
        }
    }

    /// A step of an unapproved removal is begun.
    public mutating func begin(_ attachment: AttachmentID, at now: Instant, policy: Policy) {
        begun = begun.filter { now - $0.value < policy.brakeWindow }
        begun[attachment] = now
    }

    public mutating func forget(_ attachment: AttachmentID) {
        guard !wanted.isEmpty, wanted.removeValue(forKey: attachment) != nil else { return }
        changes += 1
    }

    // MARK: The batch

    /// A short word that stands for just what is held now: which objects, and what is wanted of each.
    public var batch: String {
        // FNV-1a, which stays the same from one process to the next, as `Hasher` does not.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for (attachment, generation) in wanted.sorted(by: { $0.key < $1.key }) {
            for word in [attachment.value.high, attachment.value.low, UInt64(bitPattern: generation)] {
                for shift in stride(from: UInt64(0), to: 64, by: 8) {
                    hash = (hash ^ (word >> shift & 0xFF)) &* 0x0000_0100_0000_01B3
                }
            }
        }
        let digits = String(hash, radix: 16)
        return String((String(repeating: "0", count: 16 - digits.count) + digits).suffix(10))
    }
}
