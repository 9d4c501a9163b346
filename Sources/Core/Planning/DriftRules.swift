public import VolumeModel

/// Every difference between what is wanted and what each observed world shows, world by world. What is unknown is no
/// difference.
public enum DriftRules {
    public static func drifts(_ view: VolumeView) -> [Drift] {
        cloud(view) + device(view) + export(view)
    }

    /// Whether the volume is wanted on this machine; `nil` when that is not known.
    static func isWantedHere(_ view: VolumeView) -> Bool? {
        if view.desired.isDeparting { return false }
        return switch view.target {
        case .unknown: nil
        case .absent: false
        case .present(let machine): machine == view.here
        }
    }

    private static func cloud(_ view: VolumeView) -> [Drift] {
        guard case .present(let target) = view.target else { return [] }
        func drift(_ kind: Drift.Kind, wanted: String, observed: String) -> [Drift] {
            [Drift(world: .cloudStack, kind: kind, wanted: wanted, observed: observed)]
        }
        guard view.volume != nil else {
            if view.desired.isDeparting { return [] }
            guard case .volumes(let volumes, _, _) = view.resolution, volumes.isEmpty else { return [] }
            return drift(.volumeMissing, wanted: "a volume", observed: "none")
        }
        switch view.cloud.fact {
        case .unknown: return []
        case .absent:
            guard !view.desired.isDeparting, view.cloud.proof == .exact else { return [] }
            return drift(.volumeMissing, wanted: "a volume", observed: "none")
        case .present(let volume):
            if view.desired.isDeparting {
                return volume.attachedTo == target
                    ? drift(.stillAttached, wanted: "detached", observed: "attached to \(target)") : []
            }
            guard let holder = volume.attachedTo else {
                return drift(.notAttached, wanted: "attached to \(target)", observed: "attached nowhere")
            }
            return holder == target
                ? size(view, volume)
                : drift(.attachedElsewhere, wanted: "attached to \(target)", observed: "attached to \(holder)")
        }
    }

    private static func size(_ view: VolumeView, _ volume: VolumeRecord) -> [Drift] {
        guard let wanted = view.desired.wantedSizeInBytes, !GrowthRules.isSatisfied(view, volume: volume) else {
            return []
        }
        return [
            Drift(
                world: .cloudStack, kind: .sizeDiffers, wanted: "\(wanted >> 30) GiB",
                observed: "\(volume.sizeInBytes >> 30) GiB")
        ]
    }

    private static func device(_ view: VolumeView) -> [Drift] {
        guard let isWanted = isWantedHere(view), view.volume != nil else { return [] }
        func drift(_ kind: Drift.Kind, wanted: String, observed: String) -> [Drift] {
            [Drift(world: .device, kind: kind, wanted: wanted, observed: observed)]
        }
        switch RightDiskRules.verdict(view) {
        case .unknown: return []
        case .missing: return isWanted ? drift(.deviceMissing, wanted: "a device", observed: "none") : []
        case .refused(let cause): return drift(.deviceWrong, wanted: "the volume's own device", observed: cause.message)
        case .right(let device, _):
            return isWanted ? [] : drift(.deviceLingers, wanted: "no device", observed: device.kernelName)
        }
    }

    private static func export(_ view: VolumeView) -> [Drift] {
        guard let isWanted = isWantedHere(view) else { return [] }
        func drift(_ kind: Drift.Kind, wanted: String, observed: String) -> Drift {
            Drift(world: .export, kind: kind, wanted: wanted, observed: observed)
        }
        var drifts = view.staleExports.map {
            drift(.exportUnwanted, wanted: "no export '\($0.name)'", observed: "exported")
        }
        guard let wanted = view.desired.export else { return drifts }
        switch view.export.fact {
        case .unknown: break
        case .absent:
            if isWanted {
                drifts.append(drift(.exportMissing, wanted: "export '\(wanted.name)'", observed: "none"))
            }
        case .present(let entry):
            if !isWanted {
                drifts.append(drift(.exportUnwanted, wanted: "'\(wanted.name)' reserved", observed: "exported"))
            } else if let found = wrongTarget(entry, view) {
                drifts.append(
                    drift(.exportOnWrongDisk, wanted: "'\(wanted.name)' on the volume's disk", observed: found))
            } else if entry.isReadOnly != wanted.isReadOnly {
                drifts.append(
                    drift(
                        .exportModeWrong, wanted: wanted.isReadOnly ? "read-only" : "writable",
                        observed: entry.isReadOnly ? "read-only" : "writable"))
            } else if entry.liveness == .notListed {
                drifts.append(drift(.exportNotLive, wanted: "'\(wanted.name)' live", observed: "not listed"))
            }
        }
        if isWanted, case .down(let text) = view.server {
            drifts.append(drift(.serverDown, wanted: "an NBD server", observed: text))
        }
        return drifts
    }

    private static func wrongTarget(_ entry: ExportEntry, _ view: VolumeView) -> String? {
        switch entry.target {
        case .nothing: return "leads to nothing"
        case .other(let text): return "leads to \(text)"
        case .device(let number, _):
            guard case .right(let device, _) = RightDiskRules.verdict(view), device.number == number else {
                return "leads to device \(number)"
            }
            guard entry.leads(to: device) else {
                return "leads to an earlier disk in the place of \(device.kernelName)"
            }
            return nil
        }
    }
}
