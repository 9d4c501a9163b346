import VolumeModel

/// Makes the calls on the outside systems: the one place where the controller waits.
struct SystemCaller: Sendable {
    let systems: OutsideSystems

    func make(_ call: SystemCall) async -> SystemAnswer {
        switch call {
        case .listVolumes, .listMachines, .readVolume, .readMachine, .findVolumes, .zone, .offering, .submit,
            .deleteVolume, .report, .recentEvents:
            do throws(CloudError) {
                return try await ask(cloud: call)
            } catch {
                return .cloudFailed(error)
            }
        case .use, .mismatch, .disks, .hold, .release:
            do throws(DeviceError) {
                return try await ask(devices: call)
            } catch {
                return .deviceFailed(error)
            }
        case .observeExports, .readExport, .sessions, .publish, .withdraw, .cutStrayedSessions:
            do throws(ExportError) {
                return try await ask(exports: call)
            } catch {
                return .exportFailed(error)
            }
        case .desiredDelta, .consumeOverride, .bind, .intend, .append, .save, .recordEvents, .recordDrifts, .forget,
            .readLease, .takeLease, .renewLease, .releaseLease:
            do throws(StoreError) {
                return try await ask(store: call)
            } catch {
                return .storeFailed(error)
            }
        }
    }

    private func ask(cloud call: SystemCall) async throws(CloudError) -> SystemAnswer {
        let cloud = systems.cloud
        switch call {
        case .listVolumes: return .volumes(try await cloud.listVolumes())
        case .listMachines: return .machines(try await cloud.listMachines())
        case .readVolume(let id): return .volume(try await cloud.readVolume(id))
        case .readMachine(let id): return .machine(try await cloud.readMachine(id))
        case .findVolumes(let name, let zone): return .found(try await cloud.findVolumes(named: name, in: zone))
        case .zone(let reference): return .zone(try await cloud.zone(reference))
        case .offering(let reference): return .offering(try await cloud.offering(reference))
        case .submit(let mutation, let job): return .accepted(try await cloud.submit(mutation, as: job))
        case .deleteVolume(let id):
            try await cloud.deleteVolume(id)
            return .done
        case .recentEvents(let volume): return .events(try await cloud.recentEvents(of: volume))
        case .report(let job): return .job(try await cloud.report(of: job))
        default: preconditionFailure("\(call) is not for CloudStack")
        }
    }

    private func ask(devices call: SystemCall) async throws(DeviceError) -> SystemAnswer {
        let devices = systems.devices
        switch call {
        case .use(let identity): return .use(await devices.use(of: identity))
        case .mismatch(let identity): return .mismatch(await devices.mismatch(of: identity))
        case .disks(let serial): return .disks(await devices.disks(with: serial))
        case .hold(let identity):
            try await devices.hold(identity)
            return .done
        case .release(let identity):
            await devices.release(identity)
            return .done
        default: preconditionFailure("\(call) is not about devices")
        }
    }

    private func ask(exports call: SystemCall) async throws(ExportError) -> SystemAnswer {
        let exports = systems.exports
        switch call {
        case .observeExports: return .exports(await exports.observe())
        case .readExport(let name): return .export(await exports.read(name))
        case .sessions(let device): return .sessions(await exports.sessions(on: device))
        case .publish(let publication):
            try await exports.publish(publication)
            return .done
        case .withdraw(let name, let owner, let target):
            try await exports.withdraw(name, of: owner, leadingTo: target)
            return .done
        case .cutStrayedSessions(let name, let device):
            _ = try await exports.cutStrayedSessions(of: name, provenOn: device)
            return .done
        default: preconditionFailure("\(call) is not about exports")
        }
    }

    /// Only a store that can be shared has a lease to ask for.
    private var leases: any LeaseStore {
        guard let leases = systems.leases else { preconditionFailure("there is no lease in a store of one process") }
        return leases
    }

    private func ask(store call: SystemCall) async throws(StoreError) -> SystemAnswer {
        let store = systems.store
        switch call {
        case .desiredDelta(let revision): return .desired(try await store.desiredDelta(since: revision))
        case .consumeOverride(let attachment): try await store.consumeOverride(of: attachment)
        case .bind(let attachment, let volume): try await store.bind(attachment, to: volume)
        case .intend(let entry, let generation):
            return try await store.intend(entry, generation: generation) ? .done : .overruled
        case .append(let entry): try await store.append(entry)
        case .save(let details): try await store.save(details)
        case .recordEvents(let events): try await store.record(events)
        case .recordDrifts(let drifts): try await store.record(drifts)
        case .forget(let attachment): try await store.forget(attachment)
        case .readLease: return .lease(try await leases.lease())
        case .takeLease(let record, let seen):
            return .leaseStands(try await leases.takeLease(record, replacing: seen))
        case .renewLease(let token): return .leaseStands(try await leases.renewLease(token))
        case .releaseLease(let token): try await leases.releaseLease(token)
        default: preconditionFailure("\(call) is not for the store")
        }
        return .done
    }
}
