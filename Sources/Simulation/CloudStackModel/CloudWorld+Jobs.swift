import VolumeModel

/// Working jobs off.
extension CloudWorld {
    /// When something happens next without a call; `nil` when nothing does.
    public var nextDue: Int64? {
        [jobs.nextDue, stragglers.map(\.dueAt).min()].compactMap { $0 }.min()
    }

    /// Lets time pass: jobs run their checks, wait their turn and have their effects, each at the time at which it was due;
    /// old jobs are forgotten.
    public mutating func advance(to now: Int64) {
        while true {
            let straggler = stragglers.min { $0.dueAt < $1.dueAt }
            if let job = jobs.takeDue(by: min(now, straggler?.dueAt ?? now)) {
                if job.stage == .submitted { begin(job, now: job.dueAt) } else { work(job, now: job.dueAt) }
            } else if let straggler, straggler.dueAt <= now {
                run(straggler)
            } else {
                break
            }
        }
        jobs.forget(endedBefore: now - jobRetentionInMilliseconds)
        jobs.dropStale()
    }

    // MARK: The API job: checks, then the machine's queue

    private mutating func begin(_ job: Job, now: Int64) {
        let parameters = Parameters(command: job.command, values: job.parameters)
        note(.started, job.command, of: job.instance, by: job.account, parent: job.startEvent, now: now)
        do throws(APIError) {
            let machine = try check(job, parameters)
            var queued = job
            queued.stage = .queued
            queued.machine = machine
            queued.dueAt = Int64.max
            jobs[job.id] = queued
            if let machine { takeTurns(at: machine, now: now) } else { start(queued, now: now) }
        } catch {
            finish(job, error: error, now: now)
        }
    }

    /// Starts the first job in a machine's queue, unless it is under way. What may have changed while it waited is checked
    /// again: one that cannot start any more ends, and the next has its turn.
    private mutating func takeTurns(at machine: String, now: Int64) {
        while let head = jobs.head(of: machine), head.stage == .queued, head.dueAt == Int64.max {
            do throws(APIError) {
                switch head.command {
                case "attachVolume": try claim(head)
                case "resizeVolume":
                    if let id = head.instance, volumes[id]?.state == "Ready" { volumes[id]?.state = "Resizing" }
                case "startVirtualMachine", "stopVirtualMachine", "destroyVirtualMachine": setOut(head)
                default: break
                }
                start(head, now: now)
            } catch {
                end(head, error: error, now: now)
            }
        }
    }

    /// From now on it takes its time.
    private mutating func start(_ job: Job, now: Int64) {
        var started = job
        started.dueAt = now + jobDelayInMilliseconds
        jobs[job.id] = started
    }

    /// Checks 16 and 17, after which the volume is this job's until it ends.
    private mutating func claim(_ job: Job) throws(APIError) {
        guard let id = job.instance, let volume = volumes[id] else { throw .runtime("Failed to attach volume") }
        guard !volume.isRemoved else { throw .parameter("Unable to find volume with ID: \(volume.number)") }
        guard volume.machine == nil else { throw .runtime("This volume is already attached to a VM.") }
        switch volume.state {
        case "Ready": volumes[id]?.state = "Attaching"
        case "Allocated": volumes[id]?.state = "Creating"
        default:
            throw .runtime(
                "Volume: \(volume.number) is in \(volume.state). It should be in Ready or Allocated state")
        }
    }

    // MARK: The machine's turn

    private mutating func work(_ job: Job, now: Int64) {
        if let fault = strike(.jobFails, command: job.command, volume: job.instance) {
            settleState(of: job)
            finish(
                job,
                error: APIError(code: fault.code ?? 530, cloudStackCode: nil, text: fault.text ?? "simulated failure"),
                now: now)
            return
        }
        do throws(APIError) {
            try perform(job, now: now)
        } catch {
            settleState(of: job)
            finish(job, error: error, now: now)
        }
    }

    /// A job that failed leaves the volume, or the machine, as it found it.
    mutating func settleState(of job: Job) {
        guard let id = job.instance else { return }
        turnBack(job)
        switch (job.command, volumes[id]?.state) {
        case ("attachVolume", "Attaching"), ("resizeVolume", "Resizing"): volumes[id]?.state = "Ready"
        case ("attachVolume", "Creating"): volumes[id]?.state = "Allocated"
        default: break
        }
    }

    private mutating func perform(_ job: Job, now: Int64) throws(APIError) {
        let parameters = Parameters(command: job.command, values: job.parameters)
        switch job.command {
        case "attachVolume": try performAttach(job, parameters, now: now)
        case "detachVolume": try performDetach(job, parameters, now: now)
        case "resizeVolume": try performResize(job, parameters, now: now)
        case "destroyVolume":
            if let id = job.instance {
                if parameters.flag("expunge") == true { remove(id, now: now) } else { volumes[id]?.state = "Destroy" }
            }
            finish(job, error: nil, now: now)
        case "updateVolume":
            if let id = job.instance {
                if let name = parameters.text("name") { volumes[id]?.name = name }
                if let isProtected = parameters.flag("deleteprotection") { volumes[id]?.isProtected = isProtected }
            }
            finish(job, error: nil, now: now)
        case "createVolume":
            record("effect", command: job.command, job: job.id, volume: job.instance, detail: "created", now: now)
            finish(job, error: nil, now: now)
        case "createTags", "deleteTags":
            changeTags(parameters)
            finish(job, error: nil, now: now)
        case "deployVirtualMachine", "startVirtualMachine", "stopVirtualMachine", "destroyVirtualMachine":
            arrive(job, parameters)
            finish(job, error: nil, now: now)
        default: finish(job, error: nil, now: now)
        }
    }

    // MARK: The end of a job

    /// Ends a job, and lets the next in its queue have its turn.
    mutating func finish(_ job: Job, error: APIError?, now: Int64) {
        end(job, error: error, now: now)
        if let machine = job.machine { takeTurns(at: machine, now: now) }
    }

    private mutating func end(_ job: Job, error: APIError?, now: Int64) {
        var done = job
        done.stage = .done
        done.completed = now
        if let error {
            done.status = 2
            done.resultCode = error.code
            done.errorText = error.text
        } else {
            done.status = 1
            done.resultVolume = job.instance.flatMap { volumes[$0] }
        }
        if error == nil, let fault = strike(.jobWithoutResult, command: job.command, volume: job.instance) {
            done.status = 2
            done.resultCode = fault.code ?? 530
            done.hasResult = false
        }
        jobs[job.id] = done
        if strike(.jobLost, command: job.command, volume: job.instance) != nil { jobs[job.id] = nil }
        record(
            "outcome", command: job.command, job: job.id, volume: job.instance,
            detail: error.map { "failed: \($0.code) \($0.text)" } ?? "succeeded", now: now)
        note(
            error == nil ? .completed : .failed, job.command, of: job.instance, by: job.account,
            parent: job.startEvent, now: now)
    }
}
