import CloudStackModel
import Planning
import Reconciliation
public import VolumeModel

/// What a person does who reads a status and acts on it: the catalogue's remedies, carried out.
extension World {
    /// The objects that are not as they are wanted, and why.
    public var unsettled: [(name: String, cause: Cause)] {
        guard let core else { return [] }
        return core.loop.overview(at: now + clockError).reports.compactMap { report in
            if case .notReady(let cause) = report.readiness { (report.name, cause) } else { nil }
        }
    }

    /// Does for every object what its cause says that a person must do.
    ///
    /// - Returns: the causes that nobody can act on.
    mutating func actOnCauses() -> [String] {
        var helpless: [String] = []
        for (name, cause) in unsettled {
            guard let index = Int(name.split(separator: "-").last ?? ""), isRemedied(cause, index: index) else {
                helpless.append("\(name): \(cause.kind.rawValue): \(cause.message)")
                continue
            }
            note("  because of \(cause.kind.rawValue) of object \(index): \(cause.message)")
        }
        return helpless
    }

    /// - Returns: whether there is something that a person does about it.
    private mutating func isRemedied(_ cause: Cause, index: Int) -> Bool {
        let volume = volume(ofObject: index)
        switch cause {
        case .suspended: carryOut(.resume(index))
        case .observeOnly: carryOut(.observe(index, false))
        case .protected: carryOut(.protect(index, false))
        case .invalidSpec: carryOut(.garble(index, false))
        case .cannotShrink:
            let size = volume.flatMap { cloud.volume($0)?.sizeInBytes } ?? 1 << 30
            carryOut(.size(index, gibibytes: size >> 30))
        // Destroyed with its disk here, it can be recovered.
        case .volumeUnusable where store.desired[object(index)]?.isDeparting == true,
            .volumeGone where store.desired[object(index)]?.isDeparting == true:
            carryOut(.setState(index, "Ready"))
        case .volumeNotFound, .volumeGone, .volumeUnusable, .volumeNameAmbiguous, .rootVolume, .rootHere:
            carryOut(.delete(index))
        case .claimedTwice: carryOut(.delete(index))
        case .serialShared:
            // One of the two goes, and is taken out by hand: Hawser cannot tell which disk is which.
            putRight(index)
            carryOut(.delete(index))
        case .braked: carryOut(.approveHeld)
        case .notMadeHere:
            // Somebody has taken the volume over: it stays.
            let id = object(index)
            editStore { store in store.edit(id) { $0.deletion.data = .retain } }
        case .machineNotFound, .machineUnusable, .zoneMismatch, .machineNotStopped, .machineHasRoot:
            // Wanted here already: then it is not to be had at all.
            let isHere = store.desired[object(index)]?.machine == .thisMachine
            carryOut(isHere ? .delete(index) : .move(index, to: 0))
        case .heldElsewhere, .holderMissing:
            guard let volume, let holder = cloud.volume(volume)?.machine else { return true }
            let milliseconds = CloudFace.milliseconds(now)
            cloud.change { $0.detachByHand(volume.description, now: milliseconds) }
            note("  from \(holder)")
            followCloud()
        case .deviceLingers, .recordsDisagree:
            putRight(index)
            // The disk that is still here can be the twin's, which nobody wants any more.
            if plan.hasTwins, index < 2 { putRight(1 - index) }
        case .requestRefused
        where (plan.objects[index].offering != "Custom" || plan.objects[index].zone != "zone-1")
            && store.desired[object(index)]?.isDeparting == false:
            carryOut(.delete(index))
        case .deviceMissing, .backingOff, .requestRefused, .limitReached:
            putRight(index)
        case .volumeTransitional: carryOut(.setState(index, "Ready"))
        case .growthMissing:
            guard let volume, let size = cloud.volume(volume)?.sizeInBytes else { return false }
            for disk in kernel.disks(of: volume) {
                kernel.change(disk.name) { disk in
                    disk.sizeInBytes = size
                    disk.cutAt = nil
                }
                askUdev(disk.name)
            }
        case .serialSeenTwice:
            putRight(index)
            if plan.hasTwins { carryOut(.delete(index)) }
        case .deviceMismatch: putRight(index)
        case .inUseLocally: carryOut(.unmount(index))
        case .exportNameTaken(let name, _): exports.removeForeign(name)
        case .inUseByClients:
            for client in clients.keys.sorted() { disconnect(client) }
        // The other side has given up.
        case .contested: carryOut(.reconcile)
        // Over by itself, however late.
        case .notAllowed, .deletionGrace: break
        default: return false
        }
        return true
    }

    /// An operator of CloudStack detaches the volume, makes all hypervisors agree with the record, and says so to Hawser.
    private mutating func putRight(_ index: Int) {
        let id = object(index)
        defer { editStore { $0.touch(id) } }
        guard let volume = volume(ofObject: index) else { return }
        let milliseconds = CloudFace.milliseconds(now)
        let unplugged = cloud.change { world in
            world.detachByHand(volume.description, now: milliseconds)
            return world.dropStrayHolders()
        }
        followCloud()
        for id in unplugged { VolumeID(id).map { unplug($0, by: nil) } }
        unplug(volume, by: nil)
    }
}
