public import VolumeModel

/// Turns a view and the decision made on it into what people and programs see.
public enum ReportRules {
    /// The report of one attachment; `since` is when the readiness became what it is, and is kept by the loop.
    public static func report(
        _ view: VolumeView, decision: Decision, restraint: Restraint?, since: Instant
    ) -> AttachmentReport {
        report(
            view, readiness: readiness(of: decision), restraint: restraint, since: since, next: next(decision),
            nextAt: nextAt(decision))
    }

    /// The same with what became of the decision.
    public static func report(
        _ view: VolumeView, readiness: AttachmentReport.Readiness, restraint: Restraint?, since: Instant,
        next: String?, nextAt: Instant?
    ) -> AttachmentReport {
        AttachmentReport(
            attachment: view.desired.id, name: view.desired.name.text, generation: view.desired.generation,
            volume: view.volume, machine: view.target.value, isHere: view.target.value == view.here,
            isDeparting: view.desired.isDeparting, restraint: restraint, readiness: readiness, since: since,
            cloudWord: cloudWord(view), deviceWord: deviceWord(view), exportWord: exportWord(view),
            clients: clients(view), drifts: DriftRules.drifts(view), next: next, nextAt: nextAt)
    }

    public static func readiness(of decision: Decision) -> AttachmentReport.Readiness {
        switch decision {
        case .settled: .ready
        case .departed: .departed
        case .act(let step, _): .notReady(.working(step.summary))
        case .look(_, let cause), .hold(let cause, _): .notReady(cause)
        }
    }

    private static func next(_ decision: Decision) -> String? {
        switch decision {
        case .settled, .departed: nil
        case .act(let step, let reason): "\(step.summary), because \(reason)"
        case .look(let look, _): "read \(look.summary)"
        case .hold(let cause, _): cause.next
        }
    }

    private static func nextAt(_ decision: Decision) -> Instant? {
        switch decision {
        case .hold(_, let until): until
        case .settled, .departed, .act, .look: nil
        }
    }

    private static func cloudWord(_ view: VolumeView) -> String {
        guard view.volume != nil else { return "-" }
        switch view.cloud.fact {
        case .unknown: return "?"
        case .absent: return "gone"
        case .present(let volume):
            if case .transitional(let word) = volume.state { return word.lowercased() }
            guard let holder = volume.attachedTo else { return "detached" }
            if let target = view.target.value, holder != target { return "elsewhere" }
            return "attached"
        }
    }

    private static func deviceWord(_ view: VolumeView) -> String {
        guard view.volume != nil else { return "-" }
        return switch RightDiskRules.verdict(view) {
        case .unknown: "?"
        case .missing: "-"
        case .refused: "refused"
        case .right(let device, _): device.kernelName
        }
    }

    private static func exportWord(_ view: VolumeView) -> String {
        guard view.desired.export != nil else { return "none" }
        switch view.export.fact {
        case .unknown: return "?"
        case .absent:
            guard let isWanted = DriftRules.isWantedHere(view) else { return "-" }
            return isWanted || view.desired.isDeparting ? "-" : "reserved"
        case .present(let entry):
            switch entry.liveness {
            case .live: return entry.isReadOnly ? "live (ro)" : "live"
            case .notListed: return "not live"
            case .unknown: return "?"
            }
        }
    }

    private static func clients(_ view: VolumeView) -> ClientCount? {
        view.export.fact.value?.clients
    }
}
