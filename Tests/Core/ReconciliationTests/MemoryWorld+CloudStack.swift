import Planning
import VolumeModel

@testable import Reconciliation

/// CloudStack: its lists, its jobs, and what its events tell.
extension MemoryWorld {
    func listCloud() {
        let asked = now
        schedule(after: .milliseconds(20)) {
            let records = self.listsAreEmpty ? [] : self.volumes.values.sorted { $0.id < $1.id }
            self.deliver(.volumesListed(CloudListing(records: records, isComplete: true), asked: asked))
            let machines = (self.machinesListed ?? Array(self.machines.values)).sorted { $0.id < $1.id }
            self.deliver(.machinesListed(CloudListing(records: machines, isComplete: true), asked: asked))
        }
    }

    func note(_ kind: VolumeEvent.Kind, by user: String) {
        cloudEvents.append(
            VolumeEvent(
                id: UUIDValue(high: 0xEEEE, low: UInt64(cloudEvents.count)), kind: kind, user: user, account: "owner",
                created: "at \(cloudEvents.count)"))
    }

    func remove(_ volume: VolumeID) {
        deeds.append("delete \(volume)")
        volumes[volume] = nil
    }

    func submit(
        _ ticket: StepTicket, _ deed: String, volume: VolumeID? = nil, effect: @escaping () -> JobReport
    ) -> StepOutcome {
        guard let id = ticket.job else { preconditionFailure("no job id") }
        if let lost = loseNextAnswer, !lost.isAfterEffect {
            loseNextAnswer = nil
            return .answerLost("connection reset")
        }
        deeds.append(deed)
        if forgetsJobs { return .accepted(CloudReceipt(job: id)) }
        jobsUnderWay += 1
        mostJobsUnderWay = max(mostJobsUnderWay, jobsUnderWay)
        let failure = failNextJob
        failNextJob = nil
        jobs[id] = Job(id: id, endsAt: now + jobDelay) { failure.map { .failed($0) } ?? effect() }
        schedule(after: jobDelay, inProcess: false) {
            self.jobsUnderWay -= 1
            if let job = self.jobs[id] { self.jobs[id]?.report = job.effect() }
        }
        if loseNextAnswer != nil {
            loseNextAnswer = nil
            return .answerLost("connection reset")
        }
        return .accepted(CloudReceipt(job: id, volume: tellsNewVolumes ? volume : nil))
    }
}
