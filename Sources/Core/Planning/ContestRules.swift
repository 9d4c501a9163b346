public import VolumeModel

/// Flap damping: what somebody keeps undoing is repaired again ever more slowly, and people are told who it is.
///
/// The first time it is repaired at once: anybody can err. From the second on the pauses grow from ``Policy/contestBase`` by
/// ``Policy/contestFactor`` up to ``Policy/contestCap``; what has stood for ``Policy/contestLasting`` is a matter of the past.
public enum ContestRules {
    /// What is known after the volume was attached by Hawser, or read to be attached where Hawser attached it.
    public static func standing(_ contest: Contest?, on machine: MachineID, at now: Instant) -> Contest {
        guard var contest, contest.machine == machine else { return Contest(machine: machine, stoodSince: now) }
        guard contest.undoneAt != nil else { return contest }
        contest.undoneAt = nil
        contest.stoodSince = now
        return contest
    }

    /// What is known after an exact read showed it attached elsewhere or nowhere, although Hawser has not taken it away.
    public static func undone(_ contest: Contest, at now: Instant, policy: Policy) -> Contest {
        guard contest.undoneAt == nil else { return contest }
        var contest = contest
        contest.times = now - contest.stoodSince < policy.contestLasting ? contest.times + 1 : 1
        contest.undoneAt = now
        return contest
    }

    /// When it may be repaired again; `nil` for at once.
    public static func pause(_ contest: Contest, policy: Policy) -> Instant? {
        guard let undoneAt = contest.undoneAt, contest.times > 1 else { return nil }
        var pause = policy.contestBase
        for _ in 0..<min(contest.times - 2, 64) where pause < policy.contestCap { pause *= policy.contestFactor }
        return undoneAt + min(pause, policy.contestCap)
    }

    /// Whether somebody fights for it: it was undone twice or more in a row, and has not lasted since.
    public static func isContested(_ contest: Contest, at now: Instant, policy: Policy) -> Bool {
        contest.times > 1 && (contest.undoneAt != nil || now - contest.stoodSince < policy.contestLasting)
    }

    /// What becomes of a decision while the pause lasts: the repair waits, and so do reads for it; CloudStack's events are
    /// read once for each time that it was undone.
    static func damp(_ decision: Decision, _ view: VolumeView, at now: Instant, policy: Policy) -> Decision {
        guard let contest = view.contest?.value, let volume = view.volume, let until = pause(contest, policy: policy),
            now < until, view.cloud.value?.attachedTo != contest.machine, isRepair(decision, of: contest)
        else { return decision }
        let cause = Cause.contested(contention(contest, view, volume: volume), until: until)
        if contest.events.asked < contest.undoneAt ?? .distantPast {
            return .look(.events(volume), cause: cause)
        }
        return .hold(cause, until: until)
    }

    /// Whether a decision leads to what is undone, or reads for that.
    private static func isRepair(_ decision: Decision, of contest: Contest) -> Bool {
        switch decision {
        case .act(.attach(_, let machine, _), _): machine == contest.machine
        case .act(.detach(_, let machine), _): machine != contest.machine
        case .look(let look, _): look.isCloud
        case .act, .settled, .departed, .hold: false
        }
    }

    private static func contention(_ contest: Contest, _ view: VolumeView, volume: VolumeID) -> Contention {
        let round = round(contest.events.value ?? [], times: contest.times)
        return Contention(
            repair: Step.attach(volume, to: contest.machine, as: view.desired.role).summary, object: view.desired.name,
            ourUser: round.ourUser, times: contest.times, parties: round.parties)
    }

    /// Who undid it the last so many times, and by which name Hawser repaired it.
    ///
    /// An undoing lies between two attaches, so the detaches are counted down to as many attaches as were undone: what was
    /// detached before is another story, Hawser's own detaches among it. No two clocks are compared.
    static func round(
        _ events: [VolumeEvent], times: Int
    ) -> (parties: [Contention.Party], ourUser: String?) {
        let failed = Set(events.filter(\.isFailure).map { $0.parent ?? $0.id })
        var seen: Set<UUIDValue> = []
        var parties: [Contention.Party] = []
        var ourUser: String?
        var attaches = 0
        for event in events {
            let action = event.parent ?? event.id
            guard !failed.contains(action), seen.insert(action).inserted else { continue }
            switch event.kind {
            case .attach:
                ourUser = ourUser ?? event.user
                attaches += 1
            case .detach:
                guard let user = event.user else { break }
                if let known = parties.firstIndex(where: { $0.user == user && $0.account == event.account }) {
                    parties[known].times += 1
                } else {
                    parties.append(
                        Contention.Party(user: user, account: event.account, times: 1, last: event.created))
                }
            case .other: break
            }
            if attaches == times { break }
        }
        return (parties, ourUser)
    }
}
