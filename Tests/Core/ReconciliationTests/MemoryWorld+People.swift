import Planning
import VolumeModel

@testable import Reconciliation

/// What people want, make and undo.
extension MemoryWorld {
    @discardableResult
    func want(
        _ name: String, volume: VolumeReference, machine: MachineReference = .thisMachine, export: String? = nil,
        isReadOnly: Bool = false
    ) -> AttachmentID {
        guard let object = ObjectName(name) else { preconditionFailure("bad name \(name)") }
        let id =
            desired.values.first { $0.name == object }?.id
            ?? AttachmentID(UUIDValue(high: 0xDDDD, low: UInt64(desired.count + 1)))
        revision += 1
        let generation = (desired[id]?.generation ?? 0) + 1
        desired[id] = DesiredAttachment(
            id: id, name: object, generation: generation, volume: volume, machine: machine,
            export: export.flatMap { ExportName($0) }.map { DesiredExport(name: $0, isReadOnly: isReadOnly) },
            source: .manifest(file: "test.yaml"), isRemovalApproved: desired[id] != nil)
        announce(id)
        return id
    }

    func delete(_ name: String) {
        edit(name) { object in
            object.isDeparting = true
            object.departingSince = now
            object.generation += 1
            object.isRemovalApproved = true
        }
    }

    /// Changes objects in one go, by no person's word for any of them.
    func editInBulk(_ names: [String], _ change: (inout DesiredAttachment) -> Void) {
        let objects = desired.values.filter { names.contains($0.name.text) }.sorted { $0.name < $1.name }
        for var object in objects {
            change(&object)
            object.generation += 1
            desired[object.id] = object
        }
        revision += 1
        let changed = objects.compactMap { desired[$0.id] }.map { DesiredEntry.valid($0) }
        deliver(
            .desired(DesiredDelta(changed: changed, removed: [], protections: protections, revision: revision)))
    }

    func deleteInBulk(_ names: [String]) {
        let now = now
        editInBulk(names) { object in
            object.isDeparting = true
            object.departingSince = now
        }
    }

    /// A person approves just what is on hold.
    func approve(_ held: HeldRemovals) {
        for item in held.items where desired[item.attachment]?.generation == item.generation {
            change(item.attachment) { $0.isRemovalApproved = true }
        }
    }

    /// Changes an object, or what is kept beside it.
    func edit(_ name: String, _ change: (inout DesiredAttachment) -> Void) {
        guard let id = desired.values.first(where: { $0.name.text == name })?.id else { return }
        self.change(id, change)
    }

    func change(_ id: AttachmentID, _ change: (inout DesiredAttachment) -> Void) {
        guard var object = desired[id] else { return }
        change(&object)
        desired[id] = object
        revision += 1
        announce(id)
    }

    private func announce(_ id: AttachmentID) {
        guard let object = desired[id] else { return }
        deliver(
            .desired(
                DesiredDelta(changed: [.valid(object)], removed: [], protections: protections, revision: revision)))
    }

    @discardableResult
    func makeVolume(_ number: UInt64, sizeInGiB: Int64 = 1, attachedTo machine: MachineID? = nil) -> VolumeID {
        let id = VolumeID(UUIDValue(high: 0xC0FF_EE00_0000_0000 + number, low: number << 48))
        volumes[id] = VolumeRecord(
            id: id, name: "volume-\(number)", zone: Self.zone, state: .ready, kind: .data, sizeInBytes: sizeInGiB << 30)
        if let machine { plug(id, into: machine) }
        return id
    }

    /// Somebody else takes a volume away; Hawser hears of it by the next listing.
    func detach(_ volume: VolumeID, by user: String) {
        guard volumes[volume]?.attachedTo != nil else { return }
        note(.detach, by: user)
        unplug(volume)
    }
}
