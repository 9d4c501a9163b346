import Planning
public import VolumeModel

/// BRAKE: removals that nobody has approved are counted before any of them is begun.
extension ReconcileLoop {
    /// What was held stays held over a restart, and what was begun counts for as long as it would have.
    mutating func recallBrake(_ statuses: [SavedStatus], _ removals: [AttachmentID: Instant]) {
        var held: [AttachmentID: Int64] = [:]
        for status in statuses where status.code == CauseKind.braked.rawValue {
            guard let slot = index[status.attachment.value] else { continue }
            held[status.attachment] = rows[slot]?.view.desired.generation
        }
        brake.recall(held: held, begun: removals)
        if brake.isEngaged { announcedBrake = brake.changes }
    }

    /// Takes in what all rows that something happened to lead to, before anything is decided for one of them: many that
    /// come at once are many from the first on.
    mutating func weighRemovals(_ slots: [Int], now: Instant) {
        for slot in slots {
            guard let row = rows[slot] else { continue }
            let removal = row.isInvalid ? .absent : BrakeRules.removal(row.view, at: now, policy: policy)
            brake.note(removal, of: row.view.desired.id, generation: row.view.desired.generation)
        }
        judgeBrake(now: now)
    }

    /// Says so when removals go on hold, and when none is any more.
    mutating func announceBrake(now: Instant, events: inout [EventRecord]) {
        guard brake.isEngaged || announcedBrake != nil, announcedBrake != brake.changes else { return }
        revision += 1
        let wasEngaged = announcedBrake != nil
        announcedBrake = brake.isEngaged ? brake.changes : nil
        guard wasEngaged != brake.isEngaged else { return }
        events.append(
            EventRecord(
                at: now, attachment: nil, name: "", severity: brake.isEngaged ? .warning : .normal,
                reason: brake.isEngaged ? CauseKind.braked.rawValue : "BrakeReleased",
                message: brake.isEngaged ? brakeText : "no removal waits for approval any more"))
    }

    /// Also when nothing is left to be decided: the last one that was held can be the one that has gone.
    mutating func judgeBrake(now: Instant) { brake.judge(among: slotByName.count, at: now, policy: policy) }

    /// Why a step of an unapproved removal is not begun; `nil` when it may be.
    mutating func brakeHolds(_ step: Step, _ view: VolumeView, now: Instant) -> Cause? {
        brake.note(.present(step.summary), of: view.desired.id, generation: view.desired.generation)
        judgeBrake(now: now)
        return brake.isEngaged ? heldCause(step) : nil
    }

    func isHeldByBrake(_ step: Step, _ view: VolumeView) -> Bool {
        brake.isEngaged && !view.desired.isRemovalApproved && BrakeRules.isRemoval(step, of: view)
    }

    /// The same for as long as the step is, however the batch grows: which batch it is, the node tells.
    func heldCause(_ step: Step) -> Cause {
        .braked("would \(step.summary); more removals are wanted than are allowed without approval: see 'hawser brake'")
    }

    var brakeText: String {
        let count = brake.wanted.count
        return "\(count) removal\(count == 1 ? " is" : "s are") on hold, since more than "
            + "\(Brake.allowance(among: slotByName.count, policy: policy)) were wanted within "
            + "\(policy.brakeWindow.components.seconds) s: 'hawser brake' shows them, and "
            + "'hawser brake approve \(brake.batch)' lets them go"
    }

    /// The batch that is on hold, and what is allowed.
    public func removals(at now: Instant) -> HeldRemovals {
        let items =
            !brake.isEngaged
            ? []
            : brake.wanted.compactMap { attachment, generation -> HeldRemovals.Item? in
                guard let slot = index[attachment.value], let row = rows[slot] else { return nil }
                let reason = BrakeRules.removal(row.view, at: now, policy: policy).value
                return HeldRemovals.Item(
                    attachment: attachment, generation: generation, name: row.view.desired.name,
                    volume: row.view.volume,
                    reason: reason ?? "CloudStack has not been read yet")
            }
        return HeldRemovals(
            batch: brake.isEngaged ? brake.batch : nil, items: items.sorted { $0.name < $1.name },
            allowed: Brake.allowance(among: slotByName.count, policy: policy), volumes: slotByName.count,
            window: policy.brakeWindow)
    }
}

/// The removals that wait for a person's approval.
public struct HeldRemovals: Sendable, Equatable {
    public struct Item: Sendable, Equatable {
        public var attachment: AttachmentID
        public var generation: Int64
        public var name: ObjectName
        public var volume: VolumeID?
        /// What is to be taken away, and what that follows from.
        public var reason: String

        public init(
            attachment: AttachmentID, generation: Int64, name: ObjectName, volume: VolumeID?, reason: String
        ) {
            self.attachment = attachment
            self.generation = generation
            self.name = name
            self.volume = volume
            self.reason = reason
        }
    }

    /// The word by which just these are approved; `nil` when none is held.
    public var batch: String?
    public var items: [Item]
    /// How many of the volumes may be taken away within the window without approval.
    public var allowed: Int
    public var volumes: Int
    public var window: Duration

    public init(batch: String?, items: [Item], allowed: Int, volumes: Int, window: Duration) {
        self.batch = batch
        self.items = items
        self.allowed = allowed
        self.volumes = volumes
        self.window = window
    }
}
