import ControlAPIModel
import Reconciliation
import VolumeModel

extension WireOverview {
    /// - Parameter items: what it is to hold of the reports, which may be made later, one by one.
    init(_ overview: Overview, items: [WireAttachment]) {
        self.init(
            revision: overview.revision, at: Timestamp(overview.at), here: overview.here.description,
            mode: overview.mode.rawValue, items: items,
            unmanaged: overview.unmanaged.map { WireUnmanaged($0) },
            nodeCauses: overview.nodeCauses.map { WireCause($0) })
    }
}

extension WirePlanLine {
    init(_ line: PlanLine) {
        switch line.outcome {
        case .action(let verb, let summary, let reason):
            self.init(name: line.name, kind: "action", verb: verb, summary: summary, reason: reason)
        case .look(let what): self.init(name: line.name, kind: "look", summary: what)
        case .hold(let cause): self.init(name: line.name, kind: "hold", summary: cause.message, reason: cause.code)
        case .settled: self.init(name: line.name, kind: "settled")
        }
        readsFirst = line.readsFirst.isEmpty ? nil : line.readsFirst
    }
}

extension WireWorld {
    init(_ world: ObservedWorld) {
        let server =
            switch world.exports?.server {
            case .running?: "running"
            case .down(let text)?: "down: \(text)"
            case .unknown?, nil: "not asked yet"
            }
        self.init(
            volumes: world.volumes.map { WireVolume($0) }, volumesListedAt: world.volumesListedAt.map(Timestamp.init),
            devices: world.devices.map { WireDevice($0) },
            exports: (world.exports?.entries ?? []).map { WireExport($0) },
            exportServer: server, writableURI: world.exports?.writableURI ?? "",
            readOnlyURI: world.exports?.readOnlyURI ?? "")
    }
}

extension WireFinding {
    init(_ finding: Finding) {
        self.init(
            subject: finding.subject, verdict: finding.verdict.rawValue, message: finding.message,
            remedy: finding.remedy)
    }
}

extension WireChange {
    init(_ edit: AppliedEdit) {
        self.init(
            name: edit.name.text, change: edit.change.rawValue, generation: edit.generation,
            differences: edit.differences, isRemoval: edit.isRemoval ? true : nil)
    }
}

extension DesiredSource {
    /// The file that `hawser apply` was given; empty for what has another source.
    var file: String {
        switch self {
        case .manifest(let file): file
        case .directory, .row: ""
        }
    }
}
