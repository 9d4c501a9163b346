import Planning
import Reconciliation
import VolumeModel

/// What one process has asked and was told, of what its acts have to rest on: the oracle's own notes, apart from what the
/// controller believes. All times are by the clock of the process's node.
struct Evidence: Sendable {
    /// When each volume was last asked for alone, of the questions that were answered.
    private(set) var readAt: [VolumeID: Instant] = [:]
    /// When the process heard that its last job about a volume has ended.
    private(set) var jobEndedAt: [VolumeID: Instant] = [:]
    private var volumeOfJob: [JobID: VolumeID] = [:]
    /// The disks that udev has told the process of and has not taken back, by kernel name, and since when.
    private(set) var disks: [String: (serial: DiskSerial, since: Instant)] = [:]

    /// The names that the process was told objects want, and until when.
    private var wishes: [AttachmentID: ExportName] = [:]
    private var formerWishes: [(id: AttachmentID, name: ExportName, until: Instant)] = []

    mutating func noteSent(_ call: SystemCall) {
        if case .submit(let mutation, let job) = call, let volume = mutation.volume { volumeOfJob[job] = volume }
    }

    mutating func noteAnswered(_ flight: CallInFlight, _ answer: SystemAnswer, now: Instant) {
        switch (flight.call, answer) {
        case (.readVolume(let volume), .volume): noteRead(volume, asked: flight.sentAt)
        case (.findVolumes, .found(let records)):
            for record in records { noteRead(record.id, asked: flight.sentAt) }
        case (.report(let job), .job(let report)) where report != .running:
            if let volume = volumeOfJob[job] { jobEndedAt[volume] = now }
        case (.desiredDelta, .desired(let delta)): noteTold(delta.changed, without: delta.removed, now: now)
        default: break
        }
    }

    /// Answers come in any order.
    private mutating func noteRead(_ volume: VolumeID, asked: Instant) {
        readAt[volume] = max(readAt[volume] ?? asked, asked)
    }

    /// One that cannot be read wants what it wanted when it could.
    mutating func noteTold(_ entries: [DesiredEntry], without removed: [AttachmentID] = [], now: Instant) {
        func note(_ id: AttachmentID, _ name: ExportName?) {
            if let old = wishes[id], old != name { formerWishes.append((id, old, now)) }
            wishes[id] = name
        }
        for case .valid(let object) in entries { note(object.id, object.export?.name) }
        for id in removed { note(id, nil) }
        formerWishes.removeAll { now - $0.until > .seconds(60) }
    }

    /// Whether the process knew, at a moment that is not long ago, of an object that wants the name, other than these.
    func isWanted(_ name: ExportName, byOthersThan own: Set<AttachmentID>, at moment: Instant) -> Bool {
        wishes.contains { $0.value == name && !own.contains($0.key) }
            || formerWishes.contains { $0.name == name && !own.contains($0.id) && $0.until >= moment }
    }

    mutating func noteTold(_ event: DeviceEvent, now: Instant) {
        func note(_ record: DeviceRecord) {
            guard let serial = record.serial, disks[record.kernelName]?.serial != serial else { return }
            disks[record.kernelName] = (serial, now)
        }
        switch event {
        case .present(let record): note(record)
        case .gone(let name): disks[name] = nil
        case .lost: disks = [:]
        case .enumerated(let records):
            let names = Set(records.map(\.kernelName))
            disks = disks.filter { names.contains($0.key) }
            for record in records { note(record) }
        }
    }
}

extension CloudMutation {
    /// The volume that it changes; none yet for one that creates it.
    var volume: VolumeID? {
        switch self {
        case .createVolume: nil
        case .attachVolume(let volume, _, _), .detachVolume(let volume), .resizeVolume(let volume, _): volume
        }
    }
}

extension World {
    /// LIVE-PROOF: what is changed was read alone just before, after all that the process itself had done to it; ONE-HOLDER: and
    /// its disk is not still here.
    mutating func judgeEvidence(_ flight: CallInFlight) {
        let volume: VolumeID
        switch flight.call {
        case .submit(let mutation, _):
            guard let changed = mutation.volume else { return }
            volume = changed
        case .deleteVolume(let id): volume = id
        default: return
        }
        let evidence = daemons[flight.from.daemon].evidence
        judgeReading(of: volume, evidence, at: flight.sentAt)
        guard case .submit(.attachVolume, _) = flight.call else { return }
        let lingering = evidence.disks.first { $0.value.serial == DiskSerial(of: volume) }
        let known = flight.sentAt - policy.decisionLifetime - .seconds(1)
        if let (name, disk) = lingering, disk.since < known {
            oracle.report("ONE-HOLDER", "volume \(volume) is attached while its disk is still here as \(name)")
        }
    }

    private mutating func judgeReading(of volume: VolumeID, _ evidence: Evidence, at now: Instant) {
        guard let readAt = evidence.readAt[volume] else {
            return oracle.report("LIVE-PROOF", "volume \(volume) is changed, and was never read")
        }
        if let endedAt = evidence.jobEndedAt[volume], readAt < endedAt {
            oracle.report("LIVE-PROOF", "volume \(volume) is changed, and was not read after what was done to it last")
        }
        // How long a question may take, how old its answer may be, and how old what is decided on it.
        let limit =
            policy.requestInFlightBound + policy.evidenceLifetime + policy.decisionLifetime + .seconds(1)
        if now - readAt > limit {
            oracle.report("LIVE-PROOF", "volume \(volume) is changed, and was last read \(now - readAt) ago")
        }
    }
}
