/// All jobs that are known, and what follows from them: what is due, whose turn it is at each machine, which have not
/// ended, and which ended first.
///
/// All of that is made anew when the jobs are read back. It remembers which jobs were changed or forgotten since they were
/// last taken for keeping.
public struct JobTable: Sendable {
    private var rows: [String: Job] = [:]
    private var agenda = Agenda()
    /// By machine, the jobs in its queue (`VmWorkJobQueue.<id>`) in the order of their turns.
    private var queues: [String: [String]] = [:]
    /// By volume or machine, the jobs about it that have not ended.
    private var pendingByInstance: [String: Set<String>] = [:]
    private var pending: Set<String> = []
    /// In the order in which they ended; those before `firstEnded` are forgotten.
    private var ended: [(id: String, at: Int64)] = []
    private var firstEnded = 0
    private var changed: Set<String> = []

    public subscript(id: String) -> Job? {
        get { rows[id] }
        set { put(newValue, as: id) }
    }

    public var count: Int { rows.count }

    /// Those that have not ended, oldest first.
    var unfinished: [Job] {
        pending.compactMap { rows[$0] }.sorted { $0.number < $1.number }
    }

    /// The oldest job about a volume or a machine that has not ended.
    func pendingJob(about instance: String) -> String? {
        guard let ids = pendingByInstance[instance] else { return nil }
        guard ids.count > 1 else { return ids.first }
        return ids.compactMap { rows[$0] }.min { $0.number < $1.number }?.id
    }

    /// Whose turn it is at a machine.
    func head(of machine: String) -> Job? { queues[machine]?.first.flatMap { rows[$0] } }

    func jobs(at machine: String) -> [Job] { (queues[machine] ?? []).compactMap { rows[$0] } }

    /// The time at which the next job is due; `nil` when none is by itself.
    var nextDue: Int64? {
        // Looked up and not taken: entries that no longer hold are dropped by `takeDue`.
        agenda.first?.dueAt
    }

    /// The first job that is due by then.
    mutating func takeDue(by now: Int64) -> Job? {
        while let entry = agenda.first, entry.dueAt <= now {
            agenda.removeFirst()
            if let job = rows[entry.id], Self.waitsForTime(job), job.dueAt == entry.dueAt { return job }
        }
        return nil
    }

    /// Drops what no longer holds from the front, so that ``nextDue`` tells the truth.
    mutating func dropStale() {
        while let entry = agenda.first {
            if let job = rows[entry.id], Self.waitsForTime(job), job.dueAt == entry.dueAt { return }
            agenda.removeFirst()
        }
    }

    /// Forgets the jobs that ended before a time.
    mutating func forget(endedBefore limit: Int64) {
        while firstEnded < ended.count, ended[firstEnded].at <= limit {
            let (id, at) = ended[firstEnded]
            if rows[id]?.completed == at { self[id] = nil }
            firstEnded += 1
        }
        if firstEnded > 1_000, firstEnded > ended.count / 2 {
            ended.removeFirst(firstEnded)
            firstEnded = 0
        }
    }

    private static func waitsForTime(_ job: Job) -> Bool {
        (job.stage == .submitted || job.stage == .queued) && job.dueAt != Int64.max
    }

    /// The machine in whose queue a job stands.
    private static func queue(of job: Job) -> String? {
        job.stage == .queued || job.stage == .working ? job.machine : nil
    }

    private mutating func put(_ job: Job?, as id: String) {
        let old = rows[id]
        rows[id] = job
        changed.insert(id)
        let oldQueue = old.flatMap(Self.queue(of:))
        let newQueue = job.flatMap(Self.queue(of:))
        if oldQueue != newQueue {
            if let oldQueue {
                queues[oldQueue]?.removeAll { $0 == id }
                if queues[oldQueue]?.isEmpty == true { queues[oldQueue] = nil }
            }
            if let newQueue { queues[newQueue, default: []].append(id) }
        }
        if let job, Self.waitsForTime(job), old.map({ $0.dueAt != job.dueAt || !Self.waitsForTime($0) }) ?? true {
            agenda.add(id, dueAt: job.dueAt, number: job.number)
        }
        if let job, job.stage == .done, old?.stage != .done, let completed = job.completed {
            ended.append((id, completed))
        }
        follow(id, from: old, to: job)
    }

    private mutating func follow(_ id: String, from old: Job?, to new: Job?) {
        let wasPending = old?.status == 0
        let isPending = new?.status == 0
        if isPending { pending.insert(id) } else { pending.remove(id) }
        guard wasPending != isPending || old?.instance != new?.instance else { return }
        if wasPending, let instance = old?.instance {
            pendingByInstance[instance]?.remove(id)
            if pendingByInstance[instance]?.isEmpty == true { pendingByInstance[instance] = nil }
        }
        if isPending, let instance = new?.instance { pendingByInstance[instance, default: []].insert(id) }
    }

    // MARK: Keeping

    var hasChanges: Bool { !changed.isEmpty }

    /// What was changed since the last time: the jobs as they are now, and the ids of those that are gone.
    mutating func takeChanged() -> (jobs: [Job], forgotten: [String]) {
        defer { changed = [] }
        let ids = changed.sorted()
        return (ids.compactMap { rows[$0] }, ids.filter { rows[$0] == nil })
    }

    /// Puts back jobs that were kept, in the order in which they took their turns and in which they ended.
    mutating func restore(_ jobs: some Sequence<Job>) {
        let inOrder = jobs.sorted { one, other in
            (one.completed ?? Int64.max, one.number) < (other.completed ?? Int64.max, other.number)
        }
        for job in inOrder { put(job, as: job.id) }
        changed = []
    }
}

/// As an object by id.
extension JobTable: Codable {
    public init(from decoder: any Decoder) throws {
        restore(try decoder.singleValueContainer().decode([String: Job].self).values)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rows)
    }
}
