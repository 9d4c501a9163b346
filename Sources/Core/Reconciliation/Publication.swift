import Planning
import VolumeModel

/// What was last said of a row. Its report is put together anew for who asks: what it was made from is in the row.
struct Publication: Sendable {
    /// What a report has beside what follows from the view.
    struct Outcome: Sendable, Equatable {
        var readiness = AttachmentReport.Readiness.ready
        var restraint: Restraint?
        var next: String?
        var nextAt: Instant?
    }

    /// `nil` for just being Ready, as most are.
    private let unusual: Shared<Outcome>?
    let since: Instant
    /// Stands for the whole report. Two that differ have the same by chance once in 2⁶⁴, and the next change tells.
    let digest: Int
    /// The same of what is worth writing down: what comes next, and when, aside.
    let lastingDigest: Int

    init(_ report: AttachmentReport) {
        let outcome = Outcome(
            readiness: report.readiness, restraint: report.restraint, next: report.next, nextAt: report.nextAt)
        unusual = outcome == Outcome() ? nil : Shared(outcome)
        since = report.since
        var hasher = Hasher()
        report.hashLasting(into: &hasher)
        lastingDigest = hasher.finalize()
        hasher = Hasher()
        hasher.combine(lastingDigest)
        hasher.combine(report.next)
        hasher.combine(report.nextAt)
        digest = hasher.finalize()
    }

    var readiness: AttachmentReport.Readiness { unusual?.value.readiness ?? .ready }

    var restraint: Restraint? { unusual?.value.restraint }

    var outcome: Outcome { unusual?.value ?? Outcome() }
}

extension AttachmentReport {
    /// All but what comes next, and when.
    fileprivate func hashLasting(into hasher: inout Hasher) {
        hasher.combine(attachment)
        hasher.combine(name)
        hasher.combine(generation)
        hasher.combine(volume)
        hasher.combine(machine)
        hasher.combine(isHere)
        hasher.combine(isDeparting)
        hasher.combine(restraint)
        hasher.combine(readiness)
        hasher.combine(since)
        hasher.combine(cloudWord)
        hasher.combine(deviceWord)
        hasher.combine(exportWord)
        hasher.combine(clients)
        hasher.combine(drifts)
    }
}

extension RowContents {
    /// What people see of the row; `nil` before anything was said of it.
    var report: AttachmentReport? {
        guard let publication else { return nil }
        let outcome = publication.outcome
        var report = ReportRules.report(
            view, readiness: outcome.readiness, restraint: outcome.restraint, since: publication.since,
            next: outcome.next, nextAt: outcome.nextAt)
        if isInvalid { report.drifts = [] }
        return report
    }
}
