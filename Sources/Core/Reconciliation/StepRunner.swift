import Planning
import VolumeModel

/// Carries out steps: the intention goes into the ledger, then the effect is had, then the outcome goes into the ledger.
///
/// It decides nothing and repeats nothing. A crash at any point leaves lines from which the loop finds out what became
/// of the effect by looking.
struct StepRunner: Sendable {
    let systems: OutsideSystems

    func run(_ ticket: StepTicket) async -> StepOutcome {
        guard let action = ticket.step.ledgerAction else { return await prepare(ticket) }
        do throws(StoreError) {
            if ticket.consumesOverride { try await systems.store.consumeOverride(of: ticket.attachment) }
            try await write(.intended, action, ticket, evidence: ticket.evidence)
        } catch {
            return .notStarted("\(error)")
        }
        let outcome = await act(ticket)
        return await record(outcome, action, ticket)
    }

    // MARK: The ledger

    private func write(
        _ phase: LedgerPhase, _ action: LedgerAction, _ ticket: StepTicket, job: JobID? = nil, evidence: String
    ) async throws(StoreError) {
        try await systems.store.append(
            LedgerEntry(
                intent: ticket.intent, attachment: ticket.attachment, action: action, job: job ?? ticket.job,
                phase: phase, at: systems.time.now(), evidence: evidence))
    }

    /// Writes how the call ended. When that cannot be written the outcome stands all the same: after a restart the
    /// effect is found by its job id or by looking.
    private func record(_ outcome: StepOutcome, _ action: LedgerAction, _ ticket: StepTicket) async -> StepOutcome {
        do throws(StoreError) {
            switch outcome {
            case .done: try await write(.ended(.succeeded), action, ticket, evidence: "the call returned")
            case .accepted(let receipt):
                try await write(.accepted, action, ticket, job: receipt.job, evidence: "CloudStack took the call")
            case .failed(let remedy, let text, _):
                try await write(.ended(.failed(remedy, text)), action, ticket, evidence: text)
            case .answerLost, .notStarted: break
            }
        } catch {
            return outcome
        }
        return outcome
    }

    // MARK: The effects

    /// Steps that leave nothing behind after a crash.
    private func prepare(_ ticket: StepTicket) async -> StepOutcome {
        switch ticket.step {
        case .bind(let volume):
            do throws(StoreError) {
                try await systems.store.bind(ticket.attachment, to: volume)
                return .done
            } catch {
                return .notStarted("\(error)")
            }
        case .hold(let identity):
            do throws(DeviceError) {
                try await systems.devices.hold(identity)
                return .done
            } catch {
                return .failed(remedy: .retryLater, text: "\(error)", retryAfter: nil)
            }
        case .release(let identity):
            await systems.devices.release(identity)
            return .done
        case .cutStrayedSessions(let name, let device):
            return await changeExports { () async throws(ExportError) in
                _ = try await systems.exports.cutStrayedSessions(of: name, provenOn: device)
            }
        case .createVolume, .attach, .detach, .resize, .deleteVolume, .publish, .withdraw:
            preconditionFailure("\(ticket.step) is recorded in the ledger")
        }
    }

    private func act(_ ticket: StepTicket) async -> StepOutcome {
        switch ticket.step {
        case .createVolume(let name, let template): return await create(name, template, ticket)
        case .attach(let volume, let machine, let role):
            return await submit(.attachVolume(volume, to: machine, as: role), ticket)
        case .detach(let volume, _): return await submit(.detachVolume(volume), ticket)
        case .resize(let volume, let size): return await submit(.resizeVolume(volume, sizeInBytes: size), ticket)
        case .deleteVolume(let volume): return await delete(volume)
        case .publish(let name, let volume, let device, let isReadOnly):
            return await publish(name, volume: volume, device: device, isReadOnly: isReadOnly)
        case .withdraw(let name, let evenForeign):
            return await changeExports { () async throws(ExportError) in
                try await systems.exports.withdraw(name, evenForeign: evenForeign)
            }
        case .bind, .hold, .release, .cutStrayedSessions:
            preconditionFailure("\(ticket.step) is not recorded in the ledger")
        }
    }

    private func submit(_ mutation: CloudMutation, _ ticket: StepTicket) async -> StepOutcome {
        guard let job = ticket.job else { preconditionFailure("\(ticket.step) has no job id") }
        do throws(CloudError) {
            return .accepted(try await systems.cloud.submit(mutation, as: job))
        } catch {
            switch error.effect {
            case .none: return .failed(remedy: error.remedy, text: error.text, retryAfter: error.retryAfter)
            case .unknown: return .answerLost(error.text)
            }
        }
    }

    private func delete(_ volume: VolumeID) async -> StepOutcome {
        do throws(CloudError) {
            try await systems.cloud.deleteVolume(volume)
            return .done
        } catch {
            switch error.effect {
            case .none: return .failed(remedy: error.remedy, text: error.text, retryAfter: error.retryAfter)
            case .unknown: return .answerLost(error.text)
            }
        }
    }

    /// Names are turned into ids first; those reads have no effect, so their failure is the step's, with none.
    private func create(_ name: String, _ template: VolumeTemplate, _ ticket: StepTicket) async -> StepOutcome {
        do throws(CloudError) {
            guard case .found(let zone) = try await systems.cloud.zone(template.zone) else {
                return .failed(remedy: .wrongRequest, text: "the zone does not exist", retryAfter: nil)
            }
            guard case .found(let offering) = try await systems.cloud.offering(template.offering) else {
                return .failed(remedy: .wrongRequest, text: "the disk offering does not exist", retryAfter: nil)
            }
            if offering.isCustomized, template.sizeInBytes == nil {
                return .failed(
                    remedy: .wrongRequest, text: "disk offering '\(offering.name)' needs a size", retryAfter: nil)
            }
            let size = offering.isCustomized ? template.sizeInBytes : nil
            return await submit(
                .createVolume(name: name, sizeInBytes: size, offering: offering.id, zone: zone), ticket)
        } catch {
            return .failed(remedy: error.remedy, text: error.text, retryAfter: error.retryAfter)
        }
    }

    /// The device is checked on its open descriptor once more, in the same breath as the publication (RIGHT-DISK).
    private func publish(
        _ name: ExportName, volume: VolumeID, device: DeviceRecord, isReadOnly: Bool
    ) async -> StepOutcome {
        guard let identity = device.identity else {
            return .failed(remedy: .lookAgain, text: "\(device.kernelName) has no serial", retryAfter: nil)
        }
        if let mismatch = await systems.devices.mismatch(of: identity) {
            return .failed(remedy: .lookAgain, text: mismatch, retryAfter: nil)
        }
        return await changeExports { () async throws(ExportError) in
            try await systems.exports.publish(
                ExportPublication(name: name, volume: volume, isReadOnly: isReadOnly, device: device))
        }
    }

    private func changeExports(_ change: () async throws(ExportError) -> Void) async -> StepOutcome {
        do throws(ExportError) {
            try await change()
            return .done
        } catch {
            return .failed(remedy: .retryLater, text: "\(error)", retryAfter: nil)
        }
    }
}
