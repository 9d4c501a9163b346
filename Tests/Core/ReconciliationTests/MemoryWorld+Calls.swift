import Planning
import VolumeModel

@testable import Reconciliation

/// The reads and steps that the loop wants: where it looks, and what is had of it.
extension MemoryWorld {
    func answer(_ look: Look) -> LookAnswer {
        switch look {
        case .volume(let id):
            if exactReadsFail {
                return .failed(CloudError(remedy: .retryLater, effect: .none, command: "listVolumes", text: "time-out"))
            }
            return .volume(volumes[id].map { .present($0) } ?? .absent)
        case .machine(let id): return .machine(machines[id].map { .present($0) } ?? .absent)
        case .job(let id): return .job(jobs[id]?.report ?? .notFound)
        case .volumesNamed(let name, _):
            return .volumesNamed(nothingIsFoundByName ? [] : volumes.values.filter { $0.name == name })
        case .use(let identity): return .use(localUse[identity.serial] ?? DeviceUse(witnesses: [], undetermined: []))
        case .disks(let serial):
            let names = devices.values.filter { $0.serial == serial }.map(\.kernelName)
            return .disks(names.isEmpty ? .none : .found(names))
        case .mismatch(let identity):
            let found = devices.values.first { $0.number == identity.number }?.identity
            return .mismatch(found == identity ? nil : "another disk")
        case .sessions(let identity):
            let names = links.values.filter {
                $0.target == .device(identity.number, diskSequence: identity.diskSequence)
            }
            return .sessions(
                .known(names.reduce(0) { $0 + clients[$1.name, default: 0] } + lingering[identity.number, default: 0]))
        case .export(let name):
            if exportsAreUnreadable { return .export(.unknown) }
            return .export(links[name].map { .present(shown($0)) } ?? .absent)
        case .events:
            eventsAsked += 1
            if eventsAreRefused {
                return .failed(CloudError(remedy: .notAllowed, effect: .none, command: "listEvents", text: "401"))
            }
            return .events(cloudEvents.reversed())
        }
    }

    func perform(_ ticket: StepTicket) {
        if storeFails {
            schedule(after: .milliseconds(1)) { self.deliver(.stepEnded(ticket, .notStarted("disk full"))) }
            return
        }
        if ticket.consumesOverride {
            overridesUsed += 1
            change(ticket.attachment) { $0.inUseOverride = nil }
        }
        if let action = ticket.step.ledgerAction {
            append(
                LedgerEntry(
                    intent: ticket.intent, attachment: ticket.attachment, action: action, job: ticket.job,
                    phase: .intended, at: now, evidence: ticket.evidence, countsAsRemoval: ticket.countsAsRemoval))
        }
        schedule(after: .milliseconds(10)) { self.act(ticket) }
    }

    private func act(_ ticket: StepTicket) {
        let outcome: StepOutcome
        switch ticket.step {
        case .bind(let volume):
            bindings[ticket.attachment] = volume
            outcome = .done
        case .hold(let identity):
            held.insert(identity.serial)
            outcome = .done
        case .release(let identity):
            held.remove(identity.serial)
            outcome = .done
        case .createVolume(let name, let template):
            let id = VolumeID(UUIDValue(high: 0xCCCC, low: UInt64(self.volumes.count) << 48))
            outcome = submit(ticket, "create \(name)", volume: id) {
                self.volumes[id] = VolumeRecord(
                    id: id, name: name, zone: Self.zone, state: .allocated, kind: .data,
                    sizeInBytes: template.sizeInBytes ?? 1 << 30)
                return .succeeded
            }
        case .resize(let volume, let size):
            outcome = submit(ticket, "resize \(volume) \(size >> 30)") {
                self.volumes[volume]?.sizeInBytes = size
                self.growDevice(volume)
                return .succeeded
            }
        case .deleteVolume(let volume):
            if let lost = loseNextAnswer {
                loseNextAnswer = nil
                if lost.isAfterEffect { remove(volume) }
                outcome = .answerLost("connection reset")
            } else {
                remove(volume)
                outcome = .done
            }
        case .attach(let volume, let machine, let role):
            outcome = submit(ticket, "attach \(volume) \(machine == Self.here ? "here" : "other")") {
                guard self.volumes[volume]?.attachedTo == nil else {
                    return .failed(JobFailure(remedy: .lookAgain, text: "already attached"))
                }
                self.note(.attach, by: "hawser")
                self.plug(volume, into: machine)
                if role == .root { self.volumes[volume]?.kind = .root }
                return .succeeded
            }
        case .detach(let volume, _):
            outcome = submit(ticket, "detach \(volume)") {
                self.note(.detach, by: "hawser")
                self.unplug(volume)
                self.volumes[volume]?.kind = .data
                return .succeeded
            }
        case .publish(let name, let volume, let device, let isReadOnly):
            deeds.append("export \(name)")
            links[name] = ExportEntry(
                name: name, isReadOnly: isReadOnly, owner: .hawser(volume),
                target: .device(device.number, diskSequence: device.diskSequence), liveness: .live, clients: .known(0))
            outcome = .done
        case .withdraw where withdrawalsFail:
            outcome = .failed(remedy: .retryLater, text: "read-only file system", retryAfter: nil)
        case .withdraw(let name, _, _):
            deeds.append("unexport \(name)")
            if case .device(let number, _)? = links[name]?.target { lingering[number] = clients[name] }
            links[name] = nil
            outcome = .done
        case .cutStrayedSessions(let name, _):
            deeds.append("cut \(name)")
            links[name]?.strayedSessions = 0
            outcome = .done
        }
        if let action = ticket.step.ledgerAction, let phase = outcome.phase {
            append(
                LedgerEntry(
                    intent: ticket.intent, attachment: ticket.attachment, action: action, job: ticket.job, phase: phase,
                    at: now, evidence: ""))
        }
        deliver(.stepEnded(ticket, outcome))
    }
}

extension StepOutcome {
    fileprivate var phase: LedgerPhase? {
        switch self {
        case .done: .ended(.succeeded)
        case .accepted: .accepted
        case .failed(let remedy, let text, _): .ended(.failed(remedy, text))
        case .answerLost, .notStarted: nil
        }
    }
}
