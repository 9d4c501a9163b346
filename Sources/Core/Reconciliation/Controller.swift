public import Planning
public import VolumeModel

/// The one place where time passes: feeds what the outside systems tell into the loop, carries out what it wants, and
/// feeds the outcomes back.
///
/// It owns the loop and decides nothing. Reads and steps run side by side; what goes to the store about status, events
/// and drift is written by one task, in the order in which it came about.
public actor Controller {
    private var loop: ReconcileLoop
    private let systems: OutsideSystems
    private let looks: LookRunner
    private let steps: StepRunner
    /// What the loop wants done that is not a store write; `run` turns each into a task.
    private let work: AsyncStream<LoopEffect>
    private let workContinuation: AsyncStream<LoopEffect>.Continuation
    private let writes: AsyncStream<LoopEffect>
    private let writesContinuation: AsyncStream<LoopEffect>.Continuation
    private var armedWake: Instant?
    private var desiredRevision: Int64 = 0
    private var watchers: [Watcher] = []
    private var nextWatcher = 0
    private var storeIsFailing = false
    /// What the store knows has been read. Before that, an empty list would look like "there is nothing".
    private var isStarted = false
    private var startWaiters: [CheckedContinuation<Void, Never>] = []
    private var idleWaiters: [CheckedContinuation<Void, Never>] = []

    /// Somebody who waits for an overview newer than a revision.
    private struct Watcher {
        var id: Int
        var revision: Int64
        var continuation: CheckedContinuation<Void, Never>
    }

    /// `here` is this appliance's machine in CloudStack. The same `seed`, for ids and jitter, and the same world replay
    /// the same run.
    public init(here: MachineID, policy: Policy, systems: OutsideSystems, seed: UInt64) {
        self.systems = systems
        loop = ReconcileLoop(here: here, policy: policy, seed: seed, now: systems.time.now())
        looks = LookRunner(systems: systems)
        steps = StepRunner(systems: systems)
        (work, workContinuation) = AsyncStream.makeStream(of: LoopEffect.self)
        (writes, writesContinuation) = AsyncStream.makeStream(of: LoopEffect.self)
    }

    /// Reads what the store knows and then reconciles until the task is cancelled.
    ///
    /// - Throws: ``StoreError`` when the store cannot be read at the start; later failures are waited out.
    public func run() async throws(StoreError) {
        let started: LoopEvent
        do throws(StoreError) {
            started = try await readStore()
        } catch {
            // Those who wait for the start must not wait for ever.
            answerFromNowOn()
            throw error
        }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.followDesired() }
            group.addTask { await self.followDevices() }
            group.addTask { await self.followExports() }
            group.addTask { await self.writeInOrder() }
            deliver(started)
            answerFromNowOn()
            for await effect in work { group.addTask { await self.carryOut(effect) } }
            group.cancelAll()
        }
    }

    private func readStore() async throws(StoreError) -> LoopEvent {
        let desired = try await systems.store.desiredState()
        desiredRevision = desired.revision
        return .started(
            desired, bindings: try await systems.store.bindings(), openLedger: try await systems.store.openLedger(),
            openDrifts: try await systems.store.openDrifts(), statuses: try await systems.store.savedStatuses())
    }

    private func answerFromNowOn() {
        isStarted = true
        for waiter in startWaiters { waiter.resume() }
        startWaiters = []
    }

    /// Begins no further step and returns when every call under way has returned, or after `patience`. What is still
    /// under way then is found again from the ledger at the next start.
    public func stop(patience: Duration) async {
        deliver(.stopping)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.waitUntilIdle() }
            group.addTask { await self.systems.time.sleep(until: self.systems.time.now() + patience) }
            await group.next()
            group.cancelAll()
            releaseIdleWaiters()
        }
        writesContinuation.finish()
        workContinuation.finish()
    }

    private func waitUntilIdle() async {
        guard loop.stepsUnderWay > 0, !Task.isCancelled else { return }
        await withCheckedContinuation { idleWaiters.append($0) }
    }

    private func releaseIdleWaiters() {
        for waiter in idleWaiters { waiter.resume() }
        idleWaiters = []
    }

    // MARK: Events in

    private func deliver(_ event: LoopEvent) {
        let revision = loop.revision
        for effect in loop.handle(event, at: systems.time.now()) {
            switch effect {
            case .append, .save, .recordEvents, .recordDrifts, .forget: writesContinuation.yield(effect)
            case .wake(let instant): arm(instant)
            case .listCloud, .observeExports, .look, .perform: workContinuation.yield(effect)
            }
        }
        if loop.revision != revision { wakeWatchers() }
        if loop.stepsUnderWay == 0 { releaseIdleWaiters() }
    }

    /// Sleeps are never shortened: a nearer deadline gets a sleep of its own, and a wake that finds nothing due is idle.
    private func arm(_ instant: Instant) {
        if let armedWake, armedWake <= instant { return }
        armedWake = instant
        workContinuation.yield(.wake(at: instant))
    }

    private func followDesired() async {
        let changes = await systems.store.desiredChanges()
        // What was applied between the first read and this moment was announced to nobody.
        await reloadDesired()
        for await _ in changes { await reloadDesired() }
    }

    private func reloadDesired() async {
        do throws(StoreError) {
            let delta = try await systems.store.desiredDelta(since: desiredRevision)
            // Two reloads may have overlapped; the older one tells nothing new.
            guard delta.revision >= desiredRevision else { return }
            desiredRevision = delta.revision
            deliver(.desired(delta))
            reportStore(nil)
        } catch {
            reportStore("\(error)")
        }
    }

    private func followDevices() async {
        for await event in await systems.devices.events() { deliver(.device(event)) }
    }

    private func followExports() async {
        for await _ in await systems.exports.events() { await observeExports() }
    }

    // MARK: Effects out

    private func carryOut(_ effect: LoopEffect) async {
        switch effect {
        case .look(let ticket):
            let (answer, asked) = await looks.run(ticket.look)
            deliver(.looked(ticket, answer, asked: asked))
        case .perform(let ticket): deliver(.stepEnded(ticket, await steps.run(ticket)))
        case .listCloud: await listCloud()
        case .observeExports: await observeExports()
        case .wake(let instant):
            await systems.time.sleep(until: instant)
            guard !Task.isCancelled else { return }
            if armedWake == instant { armedWake = nil }
            deliver(.timer)
        case .append, .save, .recordEvents, .recordDrifts, .forget:
            preconditionFailure("\(effect) is written in order")
        }
    }

    /// One walk over all pages for each resync, machines after volumes.
    private func listCloud() async {
        do throws(CloudError) {
            let asked = systems.time.now()
            deliver(.volumesListed(try await systems.cloud.listVolumes(), asked: asked))
            let askedAgain = systems.time.now()
            deliver(.machinesListed(try await systems.cloud.listMachines(), asked: askedAgain))
        } catch {
            deliver(.listingFailed(error))
        }
    }

    private func observeExports() async {
        let asked = systems.time.now()
        deliver(.exports(await systems.exports.observe(), asked: asked))
    }

    private func writeInOrder() async {
        for await effect in writes {
            do throws(StoreError) {
                try await write(effect)
                reportStore(nil)
            } catch {
                reportStore("\(error)")
            }
        }
    }

    private func write(_ effect: LoopEffect) async throws(StoreError) {
        switch effect {
        case .append(let entry): try await systems.store.append(entry)
        case .save(let details): try await systems.store.save(details)
        case .recordEvents(let events): try await systems.store.record(events)
        case .recordDrifts(let drifts): try await systems.store.record(drifts)
        case .forget(let attachment):
            try await systems.store.forget(attachment)
            deliver(.forgotten(attachment))
        case .listCloud, .observeExports, .look, .perform, .wake:
            preconditionFailure("\(effect) is no write")
        }
    }

    private func reportStore(_ failure: String?) {
        if let failure {
            storeIsFailing = true
            deliver(.storeFailed(failure))
        } else if storeIsFailing {
            storeIsFailing = false
            deliver(.storeRecovered)
        }
    }

    /// Nothing is answered before what the store knows has been read.
    private func waitUntilStarted() async {
        guard !isStarted else { return }
        await withCheckedContinuation { startWaiters.append($0) }
    }

    /// What is wrong with the followed manifest directory; nil for nothing.
    public func note(manifestTrouble trouble: String?) async {
        await waitUntilStarted()
        deliver(.manifestsFollowed(trouble: trouble))
    }

    // MARK: Watchers

    private func wakeWatchers() {
        let revision = loop.revision
        let due = watchers.filter { $0.revision < revision }
        watchers.removeAll { $0.revision < revision }
        for watcher in due { watcher.continuation.resume() }
    }

    private func waitForChange(newerThan revision: Int64, id: Int) async {
        guard loop.revision <= revision, !Task.isCancelled else { return }
        await withCheckedContinuation { watchers.append(Watcher(id: id, revision: revision, continuation: $0)) }
    }

    private func stopWatching(_ id: Int) {
        let due = watchers.filter { $0.id == id }
        watchers.removeAll { $0.id == id }
        for watcher in due { watcher.continuation.resume() }
    }
}

extension Controller: Steering {
    public func overview() async -> Overview {
        await waitUntilStarted()
        return loop.overview(at: systems.time.now())
    }

    public func overview(newerThan revision: Int64, patience: Duration) async -> Overview {
        await waitUntilStarted()
        nextWatcher += 1
        let id = nextWatcher
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.waitForChange(newerThan: revision, id: id) }
            group.addTask { await self.systems.time.sleep(until: self.systems.time.now() + patience) }
            await group.next()
            group.cancelAll()
            stopWatching(id)
        }
        return loop.overview(at: systems.time.now())
    }

    public func detail(of name: ObjectName) async -> AttachmentDetail? {
        await waitUntilStarted()
        return loop.detail(of: name)
    }

    public func plan() async -> [PlanLine] {
        await waitUntilStarted()
        return loop.plan(at: systems.time.now())
    }

    public func observedWorld() async -> ObservedWorld {
        await waitUntilStarted()
        return loop.observedWorld
    }

    public func reconcile(_ names: [ObjectName]?) async -> [ObjectName] {
        await waitUntilStarted()
        guard let names else {
            deliver(.reconcile(nil))
            return []
        }
        let (found, unknown) = loop.attachments(named: names)
        deliver(.reconcile(found))
        return unknown
    }
}
