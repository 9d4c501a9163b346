public import VolumeModel

/// Which aspects of an attachment hold. They follow from the same facts as the plan and the drift.
public enum ConditionRules {
    /// The status alone, which is cheap: the loop keeps since when it holds.
    public static func status(
        of kind: Condition.Kind, _ view: VolumeView, readiness: AttachmentReport.Readiness
    ) -> Condition.Status {
        judgement(of: kind, view, readiness: readiness).status
    }

    public static func condition(
        _ kind: Condition.Kind, _ view: VolumeView, readiness: AttachmentReport.Readiness, since: Instant
    ) -> Condition {
        let judged = judgement(of: kind, view, readiness: readiness)
        return Condition(
            kind: kind, status: judged.status, reason: judged.reason, message: judged.message, since: since)
    }

    /// What was found of an aspect. The loop asks for the status alone, at each change: the words are made of it when somebody
    /// wants to read them.
    private enum Judgement {
        case bound(VolumeID), notBound
        case attached(to: MachineID), attachedElsewhere(MachineID), attachedSomewhere(MachineID)
        case notAttached, volumeGone, recordNotRead
        case device(path: String), deviceRefused(Cause), noDevice, notEnumerated
        case exported(ExportName, isReadOnly: Bool), onWrongDisk(ExportName), notLive(ExportName)
        case notExported(ExportName), serverSilent, serverNotAsked(ExportName), notWanted
        case ready, departed, notReady(Cause)

        var status: Condition.Status {
            switch self {
            case .bound, .attached, .device, .exported, .ready: .yes
            case .notBound, .attachedElsewhere, .notAttached, .volumeGone, .deviceRefused, .noDevice, .onWrongDisk,
                .notLive, .notExported, .notWanted, .departed, .notReady:
                .no
            case .attachedSomewhere, .recordNotRead, .notEnumerated, .serverSilent, .serverNotAsked: .unknown
            }
        }

        var reason: String {
            switch self {
            case .bound: "Bound"
            case .notBound: "NotBound"
            case .attached: "Attached"
            case .attachedElsewhere: "AttachedElsewhere"
            case .attachedSomewhere: "MachineNotKnown"
            case .notAttached: "NotAttached"
            case .volumeGone: "VolumeGone"
            case .recordNotRead, .serverNotAsked: "NotRead"
            case .device: "DevicePresent"
            case .deviceRefused(let cause), .notReady(let cause): cause.code
            case .noDevice: "NoDevice"
            case .notEnumerated: "NotEnumerated"
            case .exported: "Exported"
            case .onWrongDisk: "WrongDisk"
            case .notLive: "NotLive"
            case .notExported: "NotExported"
            case .serverSilent: "ServerSilent"
            case .notWanted: "NotWanted"
            case .ready: "Ready"
            case .departed: "Departed"
            }
        }

        var message: String {
            switch self {
            case .bound(let volume): "volume \(volume)"
            case .notBound: "no volume is tied to the object yet"
            case .attached(let holder), .attachedElsewhere(let holder), .attachedSomewhere(let holder):
                "attached to \(holder)"
            case .notAttached: "attached nowhere"
            case .volumeGone: "CloudStack has no such volume"
            case .recordNotRead: "CloudStack's record has not been read"
            case .device(let path): "\(path), proven by serial and size"
            case .deviceRefused(let cause), .notReady(let cause): cause.message
            case .noDevice: "no device has the volume's serial"
            case .notEnumerated: "the devices have not been enumerated"
            case .exported(let name, let isReadOnly): "'\(name)' is live" + (isReadOnly ? ", read-only" : "")
            case .onWrongDisk(let name): "'\(name)' does not lead to the volume's device"
            case .notLive(let name): "the NBD server does not offer '\(name)'"
            case .notExported(let name): "there is no export '\(name)'"
            case .serverSilent: "the NBD server does not answer"
            case .serverNotAsked(let name): "the NBD server has not been asked for '\(name)'"
            case .notWanted: "no export is wanted"
            case .ready: "desired and observed agree"
            case .departed: "everything the object asked for is gone"
            }
        }
    }

    private static func judgement(
        of kind: Condition.Kind, _ view: VolumeView, readiness: AttachmentReport.Readiness
    ) -> Judgement {
        switch kind {
        case .bound: view.volume.map { .bound($0) } ?? .notBound
        case .attached: attached(view)
        case .devicePresent: devicePresent(view)
        case .exported: exported(view)
        case .ready:
            switch readiness {
            case .ready: .ready
            case .departed: .departed
            case .notReady(let cause): .notReady(cause)
            }
        }
    }

    private static func attached(_ view: VolumeView) -> Judgement {
        switch view.cloud.fact {
        case .unknown: return .recordNotRead
        case .absent: return .volumeGone
        case .present(let volume):
            guard let holder = volume.attachedTo else { return .notAttached }
            switch view.target {
            case .unknown: return .attachedSomewhere(holder)
            case .present(let target) where target == holder: return .attached(to: holder)
            case .present, .absent: return .attachedElsewhere(holder)
            }
        }
    }

    private static func devicePresent(_ view: VolumeView) -> Judgement {
        switch RightDiskRules.verdict(view) {
        case .unknown: .notEnumerated
        case .missing: .noDevice
        case .refused(let cause): .deviceRefused(cause)
        case .right(let device, _): .device(path: device.path)
        }
    }

    private static func exported(_ view: VolumeView) -> Judgement {
        guard let wanted = view.desired.export else { return .notWanted }
        switch view.export.fact {
        case .unknown: return .serverNotAsked(wanted.name)
        case .absent: return .notExported(wanted.name)
        case .present(let entry):
            switch entry.liveness {
            case .unknown: return .serverSilent
            case .notListed: return .notLive(wanted.name)
            case .live: break
            }
            guard case .right(let device, _) = RightDiskRules.verdict(view), entry.leads(to: device) else {
                return .onWrongDisk(wanted.name)
            }
            return .exported(wanted.name, isReadOnly: entry.isReadOnly)
        }
    }
}
