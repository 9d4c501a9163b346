public import VolumeModel

/// JOB-BARRIER and NO-BLIND-REPEAT: what an effect that is not known to have ended means for the volume.
public enum LedgerRules {
    /// As long as an effect is outstanding, the only thing to do is to find out what became of it.
    public static func decide(_ view: VolumeView, now: Instant, policy: Policy) -> Decision? {
        guard let effect = view.outstanding else { return nil }
        if effect.isBeingSent { return .hold(.working(progress(of: effect.action)), until: nil) }
        guard let job = effect.job else {
            // There is nothing to ask for.
            let end = effect.sentAt + policy.requestInFlightBound
            return .hold(.answerLost(verb: effect.action.verb, since: effect.sentAt), until: end)
        }
        if let identity = unheld(effect, view, now: now) {
            return .act(.hold(identity), because: "a detach of it is under way, and nothing may begin to use it")
        }
        let cause = cause(of: effect, job: job)
        let dueAt = nextQuestion(about: effect, now: now, policy: policy)
        if dueAt <= now { return .look(.job(job), cause: cause) }
        return .hold(cause, until: dueAt)
    }

    /// What the ledger is to say now that CloudStack has told of the job; `nil` while its end is not known.
    ///
    /// "No such job" right after a lost answer proves nothing: the call may still be on its way. Only when the question
    /// was asked later than any call can be in flight does it mean that nothing arrived; and for a call that CloudStack
    /// had acknowledged it means that the job is forgotten, so that the volume itself has to tell. Of a call without a job,
    /// such as the deletion of a volume, the volume itself has to tell, when the call cannot arrive any more.
    public static func outcome(of effect: OutstandingEffect, at now: Instant, policy: Policy) -> LedgerOutcome? {
        guard !effect.isBeingSent else { return nil }
        if effect.job == nil { return now - effect.sentAt >= policy.requestInFlightBound ? .resolvedByReading : nil }
        guard let report = effect.report.fact.value else { return nil }
        switch report {
        case .running: return nil
        case .succeeded: return .succeeded
        case .failed(let failure): return .failed(failure.remedy, failure.text)
        case .notFound:
            if effect.isAccepted { return .resolvedByReading }
            guard effect.report.asked - effect.sentAt >= policy.requestInFlightBound else { return nil }
            return .neverArrived
        }
    }

    /// The device that a detach under way will take, when nobody holds it: the process that did has died.
    private static func unheld(_ effect: OutstandingEffect, _ view: VolumeView, now: Instant) -> DeviceIdentity? {
        guard case .detachVolume(_, view.here) = effect.action, view.held == nil,
            view.backoff.map({ $0.until <= now }) ?? true,
            case .right(_, let identity) = RightDiskRules.verdict(view)
        else { return nil }
        return identity
    }

    /// When the job is asked for next: at once, then ever more slowly up to ``Policy/jobPollInterval``, because most jobs
    /// are short.
    private static func nextQuestion(about effect: OutstandingEffect, now: Instant, policy: Policy) -> Instant {
        guard effect.report.answered != .distantPast else { return now }
        let age = effect.report.answered - effect.sentAt
        return effect.report.answered + min(policy.jobPollInterval, max(.milliseconds(100), age / 2))
    }

    private static func cause(of effect: OutstandingEffect, job: JobID) -> Cause {
        if effect.isAccepted || effect.report.fact == .present(.running) {
            return .waitingForJob(job, verb: effect.action.verb, since: effect.sentAt)
        }
        return .answerLost(verb: effect.action.verb, since: effect.sentAt)
    }

    private static func progress(of action: LedgerAction) -> String {
        switch action {
        case .createVolume(let name): "creating volume '\(name)'"
        case .attachVolume: "attaching"
        case .detachVolume: "detaching"
        case .resizeVolume(_, let size): "growing to \(size >> 30) GiB"
        case .deleteVolume: "deleting the volume"
        case .publishExport(let name, _): "exporting '\(name)'"
        case .withdrawExport(let name): "withdrawing export '\(name)'"
        }
    }
}
