public import Planning
public import VolumeModel

/// The one place where time passes: feeds what the outside systems tell into the ``ControllerCore``, makes the calls that it
/// orders, and feeds the answers back.
///
/// It decides nothing. Calls run side by side; the core says what waits for what.
public actor Controller {
    private var core: ControllerCore
    private let systems: OutsideSystems
    private let caller: SystemCaller
    private let rest: @Sendable () -> Void
    /// Something large was taken in since `rest` was last called.
    private var mustRest = true
    private let trace: (@Sendable (SystemCall, _ began: Instant, _ ended: Instant) -> Void)?
    /// What the core has ordered; `run` turns each order into a task.
    private let work: AsyncStream<ControllerCore.Order>
    private let workContinuation: AsyncStream<ControllerCore.Order>.Continuation
    private var watchers: [Watcher] = []
    private var nextWatcher = 0
    /// What the store knows has been read. Before that, an empty list would look like "there is nothing".
    private var isStarted = false
    private var startWaiters: [CheckedContinuation<Void, Never>] = []
    private var idleWaiters: [CheckedContinuation<Void, Never>] = []
    /// Why the work ended that nobody asked to end.
    private var failure: StoreError?

    /// Somebody who waits for an overview newer than a revision.
    private struct Watcher {
        var id: Int
        var revision: Int64
        var continuation: CheckedContinuation<Void, Never>
    }

    /// `here` is this appliance's machine in CloudStack. The same `seed`, for ids and jitter, and the same world replay
    /// the same run. `rest` is called when a pass, or a change of desired state, has led to whatever it leads to: what it
    /// took can be given back. `lease` is exclusive for a store of one process, and shared where the systems have one. `trace` is told of each call on an outside system when it has returned.
    public init(
        here: MachineID, policy: Policy, systems: OutsideSystems, lease: LeaseTerms = .exclusive, seed: UInt64,
        rest: @escaping @Sendable () -> Void = {},
        trace: (@Sendable (SystemCall, _ began: Instant, _ ended: Instant) -> Void)? = nil
    ) {
        self.systems = systems
        self.rest = rest
        self.trace = trace
        core = ControllerCore(here: here, policy: policy, lease: lease, seed: seed, now: systems.time.now())
        caller = SystemCaller(systems: systems)
        (work, workContinuation) = AsyncStream.makeStream(of: ControllerCore.Order.self)
    }

    /// Waits until this process may act, reads what the store knows, and then reconciles until the task is cancelled.
    ///
    /// - Throws: ``StoreError`` when the store cannot be read at the start, and ``StoreError/leaseLost`` when another process
    ///   has taken over; other failures are waited out.
    public func run() async throws(StoreError) {
        await withDiscardingTaskGroup { group in
            deliver(.opened)
            // One who waits says so.
            if core.isWaitingForLease { answerFromNowOn() }
            for await order in work {
                if case .begin = order {
                    await begin(in: &group)
                } else {
                    group.addTask { await self.carryOut(order) }
                }
            }
            group.cancelAll()
        }
        // Those who wait for the start must not wait for ever.
        answerFromNowOn()
        if let failure { throw failure }
    }

    private func begin(in group: inout DiscardingTaskGroup) async {
        do throws(StoreError) {
            let started = try await readStore()
            group.addTask { await self.followDesired() }
            group.addTask { await self.followDevices() }
            group.addTask { await self.followExports() }
            deliver(started)
            answerFromNowOn()
        } catch {
            end(error)
        }
    }

    private func end(_ error: StoreError) {
        failure = error
        workContinuation.finish()
    }

    private func readStore() async throws(StoreError) -> ControllerCore.Input {
        .started(
            try await systems.store.desiredState(), bindings: try await systems.store.bindings(),
            openLedger: try await systems.store.openLedger(), openDrifts: try await systems.store.openDrifts(),
            statuses: try await systems.store.savedStatuses(),
            removals: try await systems.store.countedRemovals(
                since: systems.time.now() - core.loop.policy.brakeWindow))
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
        workContinuation.finish()
    }

    private func waitUntilIdle() async {
        guard !core.isIdle, !Task.isCancelled else { return }
        await withCheckedContinuation { idleWaiters.append($0) }
    }

    private func releaseIdleWaiters() {
        for waiter in idleWaiters { waiter.resume() }
        idleWaiters = []
    }

    // MARK: Inputs

    private func deliver(_ input: ControllerCore.Input) {
        let revision = core.loop.revision
        for order in core.handle(input, at: systems.time.now()) { workContinuation.yield(order) }
        if core.loop.revision != revision { wakeWatchers() }
        if core.isIdle { releaseIdleWaiters() }
    }

    private func followDesired() async {
        let changes = await systems.store.desiredChanges()
        // What was applied between the first read and this moment was announced to nobody.
        deliver(.desiredMayHaveChanged)
        for await _ in changes { deliver(.desiredMayHaveChanged) }
    }

    private func followDevices() async {
        for await event in await systems.devices.events() { deliver(.device(event)) }
    }

    private func followExports() async {
        for await _ in await systems.exports.events() { deliver(.exportsMayHaveChanged) }
    }

    // MARK: Orders

    private func carryOut(_ order: ControllerCore.Order) async {
        switch order {
        case .begin: break
        case .end(let error): end(error)
        case .call(let number, let call, let notAfter):
            let began = systems.time.now()
            let answer = began <= notAfter ? await caller.make(call) : .tooLate
            trace?(call, began, systems.time.now())
            deliver(.answered(number, answer))
            switch call {
            case .listVolumes, .desiredDelta: mustRest = true
            default: break
            }
            if mustRest, core.isQuiet {
                mustRest = false
                rest()
            }
        case .wake(let instant):
            await systems.time.sleep(until: instant)
            guard !Task.isCancelled else { return }
            deliver(.woken(for: instant))
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
        let revision = core.loop.revision
        let due = watchers.filter { $0.revision < revision }
        watchers.removeAll { $0.revision < revision }
        for watcher in due { watcher.continuation.resume() }
    }

    private func waitForChange(newerThan revision: Int64, id: Int) async {
        guard core.loop.revision <= revision, !Task.isCancelled else { return }
        await withCheckedContinuation { watchers.append(Watcher(id: id, revision: revision, continuation: $0)) }
    }

    private func wait(for revision: Int64, patience: Duration) async {
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
    }

    /// The reports that changed after a revision, as soon as there are any; or none when the task is cancelled. What has been
    /// Ready, or not Ready for the same reason, since before `since` is left out, and what passes: after a start that is nearly
    /// everything.
    public func changes(after revision: Int64, since: Instant) async -> ReportChanges {
        await waitUntilStarted()
        nextWatcher += 1
        let id = nextWatcher
        await withTaskCancellationHandler {
            await waitForChange(newerThan: revision, id: id)
        } onCancel: {
            Task { await self.stopWatching(id) }
        }
        return core.loop.changes(after: revision, since: since, at: systems.time.now())
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
        return core.loop.overview(at: systems.time.now())
    }

    public func overview(newerThan revision: Int64, patience: Duration) async -> Overview {
        await wait(for: revision, patience: patience)
        return core.loop.overview(at: systems.time.now())
    }

    public func standing(newerThan revision: Int64, patience: Duration) async -> NodeStanding {
        await wait(for: revision, patience: patience)
        return core.loop.standing
    }

    public func detail(of name: ObjectName) async -> AttachmentDetail? {
        await waitUntilStarted()
        return core.loop.detail(of: name, at: systems.time.now())
    }

    public func plan() async -> [PlanLine] {
        await waitUntilStarted()
        return core.loop.plan(at: systems.time.now())
    }

    public func observedWorld() async -> ObservedWorld {
        await waitUntilStarted()
        return core.loop.observedWorld
    }

    public func removals() async -> HeldRemovals {
        await waitUntilStarted()
        return core.loop.removals(at: systems.time.now())
    }

    public func measurements() async -> Measurements {
        await waitUntilStarted()
        return core.measurements(at: systems.time.now())
    }

    public func reconcile(_ names: [ObjectName]?) async -> [ObjectName] {
        await waitUntilStarted()
        guard let names else {
            deliver(.reconcile(nil))
            return []
        }
        let (found, unknown) = core.loop.attachments(named: names)
        deliver(.reconcile(found))
        return unknown
    }
}
