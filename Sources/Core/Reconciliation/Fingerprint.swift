import Planning
import VolumeModel

/// Sixty-four bits that stand for the state of one attachment: one for what is wanted, one for what is seen. They are
/// equal when desired and observed agree, so that comparing all attachments is comparing two columns of numbers.
///
/// Both sides are made by this one function of the same terms. A comparison that finds them equal by chance (2⁻⁶⁴) is
/// put right at the row's next event.
enum Fingerprint {
    /// What agreement is made of.
    private struct Terms {
        var volume: UUIDValue
        var machine: UUIDValue
        var isHere: Bool
        var exportName: String?
        var isReadOnly: Bool
        /// The size that is wanted, when it is; 0 when any will do.
        var sizeInBytes: Int64
        var isRoot: Bool
    }

    /// Stands for "not known", and never equals a wanted fingerprint.
    static let unknown: UInt64 = 0

    static func wanted(_ view: VolumeView) -> UInt64 {
        guard !view.desired.isDeparting, let volume = view.volume, let machine = view.target.value else { return 1 }
        let isHere = machine == view.here
        return hash(
            Terms(
                volume: volume.value, machine: machine.value, isHere: isHere,
                exportName: isHere ? view.desired.export?.name.text : nil,
                isReadOnly: isHere && view.desired.export?.isReadOnly ?? false,
                sizeInBytes: view.desired.wantedSizeInBytes ?? 0, isRoot: view.desired.role == .root))
    }

    static func seen(_ view: VolumeView) -> UInt64 {
        guard let volume = view.cloud.fact.value, let machine = volume.attachedTo, !view.isNominatedAbsent,
            view.outstanding == nil, !view.isHolderNominatedAbsent, view.staleExports.isEmpty, view.held == nil
        else { return unknown }
        let isHere = machine == view.here
        switch RightDiskRules.verdict(view) {
        case .unknown, .refused: return unknown
        case .missing: if isHere { return unknown }
        case .right(let device, _): if !isHere || RightDiskRules.isOversized(device, volume) { return unknown }
        }
        guard RightDiskRules.guardExports(view) == nil else { return unknown }
        let entry = view.export.fact.value
        if view.desired.export != nil, case .unknown = view.export.fact { return unknown }
        if let entry, entry.liveness != .live || !isOurs(entry, view, volume) { return unknown }
        guard GrowthRules.isSettled(view, volume: volume) else { return unknown }
        return hash(
            Terms(
                volume: volume.id.value, machine: machine.value, isHere: isHere, exportName: entry?.name.text,
                isReadOnly: entry?.isReadOnly ?? false, sizeInBytes: view.desired.wantedSizeInBytes ?? 0,
                isRoot: volume.kind == .root))
    }

    /// Made by Hawser for this volume, or by somebody else and adopted because it leads to the right disk.
    private static func isOurs(_ entry: ExportEntry, _ view: VolumeView, _ volume: VolumeRecord) -> Bool {
        switch entry.owner {
        case .hawser(let owner): owner == volume.id
        case .foreign:
            if case .right(let device, _) = RightDiskRules.verdict(view) {
                entry.leads(to: device)
            } else {
                false
            }
        }
    }

    /// FNV-1a over the terms' bytes, with a final mix. The lowest bit is set, so that no state hashes to ``unknown``.
    private static func hash(_ terms: Terms) -> UInt64 {
        var state: UInt64 = 0xCBF2_9CE4_8422_2325
        func add(_ word: UInt64) { state = (state ^ word) &* 0x0000_0100_0000_01B3 }
        add(terms.volume.high)
        add(terms.volume.low)
        add(terms.machine.high)
        add(terms.machine.low)
        add((terms.isRoot ? 4 : 0) | (terms.isHere ? 2 : 0) | (terms.isReadOnly ? 1 : 0))
        add(UInt64(bitPattern: terms.sizeInBytes))
        if let name = terms.exportName { for byte in name.utf8 { add(UInt64(byte)) } }
        state ^= state >> 33
        state = state &* 0xFF51_AFD7_ED55_8CCD
        state ^= state >> 33
        return state | 2
    }
}
