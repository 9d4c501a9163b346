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
            kind: kind, status: judged.status, reason: judged.reason, message: judged.message(), since: since)
    }

    private struct Judgement {
        var status: Condition.Status
        var reason: String
        /// Made when somebody wants to read it: the loop asks for the status alone, at each change.
        var message: () -> String

        init(_ status: Condition.Status, _ reason: String, _ message: @escaping @autoclosure () -> String) {
            self.status = status
            self.reason = reason
            self.message = message
        }
    }

    private static func judgement(
        of kind: Condition.Kind, _ view: VolumeView, readiness: AttachmentReport.Readiness
    ) -> Judgement {
        switch kind {
        case .bound:
            guard let volume = view.volume else {
                return Judgement(.no, "NotBound", "no volume is tied to the object yet")
            }
            return Judgement(.yes, "Bound", "volume \(volume)")
        case .attached: return attached(view)
        case .devicePresent: return devicePresent(view)
        case .exported: return exported(view)
        case .ready:
            switch readiness {
            case .ready: return Judgement(.yes, "Ready", "desired and observed agree")
            case .departed: return Judgement(.no, "Departed", "everything the object asked for is gone")
            case .notReady(let cause): return Judgement(.no, cause.code, cause.message)
            }
        }
    }

    private static func attached(_ view: VolumeView) -> Judgement {
        switch view.cloud.fact {
        case .unknown: return Judgement(.unknown, "NotRead", "CloudStack's record has not been read")
        case .absent: return Judgement(.no, "VolumeGone", "CloudStack has no such volume")
        case .present(let volume):
            guard let holder = volume.attachedTo else { return Judgement(.no, "NotAttached", "attached nowhere") }
            switch view.target {
            case .unknown: return Judgement(.unknown, "MachineNotKnown", "attached to \(holder)")
            case .present(let target) where target == holder:
                return Judgement(.yes, "Attached", "attached to \(holder)")
            case .present, .absent: return Judgement(.no, "AttachedElsewhere", "attached to \(holder)")
            }
        }
    }

    private static func devicePresent(_ view: VolumeView) -> Judgement {
        switch RightDiskRules.verdict(view) {
        case .unknown: Judgement(.unknown, "NotEnumerated", "the devices have not been enumerated")
        case .missing: Judgement(.no, "NoDevice", "no device has the volume's serial")
        case .refused(let cause): Judgement(.no, cause.code, cause.message)
        case .right(let device, _): Judgement(.yes, "DevicePresent", "\(device.path), proven by serial and size")
        }
    }

    private static func exported(_ view: VolumeView) -> Judgement {
        guard let wanted = view.desired.export else { return Judgement(.no, "NotWanted", "no export is wanted") }
        switch view.export.fact {
        case .unknown: return Judgement(.unknown, "NotRead", "the NBD server has not been asked for '\(wanted.name)'")
        case .absent: return Judgement(.no, "NotExported", "there is no export '\(wanted.name)'")
        case .present(let entry):
            switch entry.liveness {
            case .unknown: return Judgement(.unknown, "ServerSilent", "the NBD server does not answer")
            case .notListed: return Judgement(.no, "NotLive", "the NBD server does not offer '\(wanted.name)'")
            case .live: break
            }
            guard case .right(let device, _) = RightDiskRules.verdict(view), entry.leads(to: device) else {
                return Judgement(.no, "WrongDisk", "'\(wanted.name)' does not lead to the volume's device")
            }
            return Judgement(.yes, "Exported", "'\(wanted.name)' is live" + (entry.isReadOnly ? ", read-only" : ""))
        }
    }
}
