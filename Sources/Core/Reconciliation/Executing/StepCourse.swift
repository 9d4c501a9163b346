import Planning
import VolumeModel

/// A step under way: the intention goes into the ledger, then the effect is had, then the outcome goes into the ledger.
///
/// It decides nothing and repeats nothing. A crash at any point leaves lines from which the loop finds out what became
/// of the effect by looking. Each call is one such point.
struct StepCourse: Sendable {
    private enum Phase: Sendable {
        /// The override of IN-USE that the step consumes is being used up.
        case consuming
        /// The intention is being written.
        case intending
        /// Names are being turned into ids; that has no effect.
        case findingZone
        case findingOffering(ZoneID)
        /// The device is being checked on its open descriptor (RIGHT-DISK).
        case checkingDevice
        /// The effect is being had.
        case acting
        /// How it ended is being written.
        case recording(StepOutcome)
    }

    let ticket: StepTicket
    private var phase = Phase.acting
    /// What createVolume is to be sent with, once its names are ids.
    private var creation: CloudMutation?

    init(_ ticket: StepTicket) {
        self.ticket = ticket
    }

    mutating func begin(at now: Instant) -> Progress<StepOutcome> {
        guard ticket.step.ledgerAction != nil else { return act(at: now) }
        if case .createVolume(_, let template) = ticket.step {
            // Names are turned into ids first; nothing is intended before there is something to send.
            phase = .findingZone
            return .call(.zone(template.zone))
        }
        guard ticket.consumesOverride else { return intend(at: now) }
        phase = .consuming
        return .call(.consumeOverride(of: ticket.attachment))
    }

    /// - Parameter isOverruled: whether the step would not be decided on any more.
    mutating func take(_ answer: SystemAnswer, isOverruled: Bool, at now: Instant) -> Progress<StepOutcome> {
        switch phase {
        case .consuming:
            if case .storeFailed(let error) = answer { return .ended(.notStarted("\(error)")) }
            return intend(at: now)
        case .intending:
            switch answer {
            case .storeFailed(let error) where !ticket.isGuard: return .ended(.notStarted("\(error)"))
            // There is no line in the ledger to be closed.
            case .overruled: return .ended(.failed(remedy: .lookAgain, text: Self.overruled, retryAfter: nil))
            default: break
            }
            return objection(isOverruled: isOverruled, at: now) ?? act(at: now)
        case .findingZone: return takeZone(answer)
        case .findingOffering(let zone): return takeOffering(answer, zone: zone, at: now)
        case .checkingDevice:
            guard case .mismatch(let mismatch) = answer else { unexpected(answer, to: ticket.step.summary) }
            if let mismatch {
                return record(.failed(remedy: .lookAgain, text: mismatch, retryAfter: nil), at: now)
            }
            return objection(isOverruled: isOverruled, at: now) ?? publish()
        case .acting:
            if case .tooLate = answer { return recordLateness(at: now) }
            return record(outcome(of: answer), at: now)
        // When the outcome cannot be written it stands all the same: after a restart the effect is found by its job id or
        // by looking.
        case .recording(let outcome): return .ended(outcome)
        }
    }

    // MARK: The ledger

    private mutating func intend(at now: Instant) -> Progress<StepOutcome> {
        guard let entry = entry(.intended, at: now, evidence: ticket.evidence) else { return act(at: now) }
        phase = .intending
        // Whose disk a name leads to does not depend on what is wanted.
        return .call(ticket.isGuard ? .append(entry) : .intend(entry, generation: ticket.generation))
    }

    private func entry(
        _ ledgerPhase: LedgerPhase, job: JobID? = nil, at now: Instant, evidence: String
    ) -> LedgerEntry? {
        ticket.step.ledgerAction.map {
            LedgerEntry(
                intent: ticket.intent, attachment: ticket.attachment, action: $0, job: job ?? ticket.job,
                phase: ledgerPhase, at: now, evidence: evidence,
                countsAsRemoval: ticket.countsAsRemoval && ledgerPhase == .intended)
        }
    }

    private mutating func record(_ outcome: StepOutcome, at now: Instant) -> Progress<StepOutcome> {
        let line: LedgerEntry? =
            switch outcome {
            case .done: entry(.ended(.succeeded), at: now, evidence: "the call returned")
            case .accepted(let receipt):
                entry(.accepted, job: receipt.job, at: now, evidence: "CloudStack took the call")
            case .failed(let remedy, let text, _): entry(.ended(.failed(remedy, text)), at: now, evidence: text)
            case .answerLost, .notStarted: nil
            }
        guard let line else { return .ended(outcome) }
        phase = .recording(outcome)
        return .call(.append(line))
    }

    /// Why nothing is done after all, although it was intended.
    private mutating func objection(isOverruled: Bool, at now: Instant) -> Progress<StepOutcome>? {
        if now > ticket.notAfter { return recordLateness(at: now) }
        guard isOverruled else { return nil }
        return record(.failed(remedy: .lookAgain, text: Self.overruled, retryAfter: nil), at: now)
    }

    private static let overruled =
        "what is wanted, or what it was decided on, has changed before it could be done; looking again"

    /// Nothing was done, for what the step was decided on has become too old.
    private mutating func recordLateness(at now: Instant) -> Progress<StepOutcome> {
        let late = (now - ticket.notAfter).wholeNanoseconds / 1_000_000
        let text =
            "what it was decided on, or the lease, carried it until \(late) ms before it could be done; looking again"
        return record(.failed(remedy: .lookAgain, text: text, retryAfter: nil), at: now)
    }

    // MARK: The effects

    private mutating func act(at now: Instant) -> Progress<StepOutcome> {
        phase = .acting
        switch ticket.step {
        case .bind(let volume): return .call(.bind(ticket.attachment, to: volume))
        case .hold(let identity): return .call(.hold(identity))
        case .release(let identity): return .call(.release(identity))
        case .cutStrayedSessions(let name, let device):
            return .call(.cutStrayedSessions(of: name, provenOn: device))
        case .createVolume:
            guard let creation else { preconditionFailure("\(ticket.step) has no offering") }
            return submit(creation)
        case .attach(let volume, let machine, let role):
            return submit(.attachVolume(volume, to: machine, as: role))
        case .detach(let volume, _): return submit(.detachVolume(volume))
        case .resize(let volume, let size): return submit(.resizeVolume(volume, sizeInBytes: size))
        case .deleteVolume(let volume): return .call(.deleteVolume(volume))
        case .publish(_, _, let device, _):
            guard let identity = device.identity else {
                let text = "\(device.kernelName) has no serial"
                return record(.failed(remedy: .lookAgain, text: text, retryAfter: nil), at: now)
            }
            phase = .checkingDevice
            return .call(.mismatch(of: identity))
        case .withdraw(let name, let owner, let target):
            return .call(.withdraw(name, of: owner, leadingTo: target))
        }
    }

    private mutating func submit(_ mutation: CloudMutation) -> Progress<StepOutcome> {
        guard let job = ticket.job else { preconditionFailure("\(ticket.step) has no job id") }
        phase = .acting
        return .call(.submit(mutation, as: job))
    }

    /// The device was checked on its open descriptor once more; the publication follows in the same breath (RIGHT-DISK).
    private mutating func publish() -> Progress<StepOutcome> {
        guard case .publish(let name, let volume, let device, let isReadOnly) = ticket.step else {
            preconditionFailure("\(ticket.step) publishes nothing")
        }
        phase = .acting
        return .call(
            .publish(ExportPublication(name: name, volume: volume, isReadOnly: isReadOnly, device: device)))
    }

    private mutating func takeZone(_ answer: SystemAnswer) -> Progress<StepOutcome> {
        guard case .createVolume(_, let template) = ticket.step else {
            preconditionFailure("\(ticket.step) needs no zone")
        }
        switch answer {
        case .zone(.found(let zone)):
            phase = .findingOffering(zone)
            return .call(.offering(template.offering))
        case .zone: return refuse("the zone does not exist")
        default: return .ended(outcome(of: answer))
        }
    }

    private mutating func takeOffering(
        _ answer: SystemAnswer, zone: ZoneID, at now: Instant
    ) -> Progress<StepOutcome> {
        guard case .createVolume(let name, let template) = ticket.step else {
            preconditionFailure("\(ticket.step) needs no offering")
        }
        switch answer {
        case .offering(.found(let offering)):
            if offering.isCustomized, template.sizeInBytes == nil {
                return refuse("disk offering '\(offering.name)' needs a size")
            }
            let size = offering.isCustomized ? template.sizeInBytes : nil
            creation = .createVolume(name: name, sizeInBytes: size, offering: offering.id, zone: zone)
            return intend(at: now)
        case .offering: return refuse("the disk offering does not exist")
        default: return .ended(outcome(of: answer))
        }
    }

    private func refuse(_ text: String) -> Progress<StepOutcome> {
        .ended(.failed(remedy: .wrongRequest, text: text, retryAfter: nil))
    }

    // MARK: How the call ended

    private func outcome(of answer: SystemAnswer) -> StepOutcome {
        switch answer {
        case .done: return .done
        case .accepted(let receipt): return .accepted(receipt)
        case .cloudFailed(let error):
            switch effect(of: error) {
            case .none: return .failed(remedy: error.remedy, text: error.text, retryAfter: error.retryAfter)
            case .unknown: return .answerLost(error.text)
            }
        case .exportFailed(let error): return .failed(remedy: .retryLater, text: "\(error)", retryAfter: nil)
        case .deviceFailed(let error): return .failed(remedy: .retryLater, text: "\(error)", retryAfter: nil)
        case .storeFailed(let error): return .notStarted("\(error)")
        case .volumes, .machines, .volume, .machine, .found, .zone, .offering, .job, .events, .use, .mismatch, .disks,
            .exports,
            .export,
            .sessions, .desired, .lease, .leaseStands, .overruled, .tooLate:
            unexpected(answer, to: ticket.step.summary)
        }
    }

    /// Turning names into ids is reading: however that failed, nothing was done.
    private func effect(of error: CloudError) -> CloudError.Effect {
        switch phase {
        case .findingZone, .findingOffering: .none
        case .consuming, .intending, .checkingDevice, .acting, .recording: error.effect
        }
    }
}
