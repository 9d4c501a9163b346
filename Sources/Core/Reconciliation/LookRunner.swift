import Planning
import VolumeModel

/// Carries out reads: asks the outside system that a ``Look`` is about.
struct LookRunner: Sendable {
    let systems: OutsideSystems

    /// - Returns: the answer, and when it was asked for.
    func run(_ look: Look) async -> (answer: LookAnswer, asked: Instant) {
        let asked = systems.time.now()
        do throws(CloudError) {
            return (try await answer(to: look), asked)
        } catch {
            return (.failed(error), asked)
        }
    }

    private func answer(to look: Look) async throws(CloudError) -> LookAnswer {
        switch look {
        case .volume(let id): .volume(fact(of: try await systems.cloud.readVolume(id)))
        case .machine(let id): .machine(fact(of: try await systems.cloud.readMachine(id)))
        case .job(let id): .job(try await systems.cloud.report(of: id))
        case .volumesNamed(let name, let zone): try await volumes(named: name, in: zone)
        case .use(let identity): .use(await systems.devices.use(of: identity))
        case .mismatch(let identity): .mismatch(await systems.devices.mismatch(of: identity))
        case .sessions(let identity): .sessions(await systems.exports.sessions(on: identity.number))
        case .export(let name): .export(await systems.exports.read(name))
        }
    }

    private func volumes(named name: String, in reference: ZoneReference) async throws(CloudError) -> LookAnswer {
        switch try await systems.cloud.zone(reference) {
        case .found(let zone): .volumesNamed(try await systems.cloud.findVolumes(named: name, in: zone))
        case .removed, .neverExisted: .nameMissing("no zone \(text(of: reference))")
        }
    }

    private func text(of reference: ZoneReference) -> String {
        switch reference {
        case .id(let id): "\(id)"
        case .named(let name): "named '\(name)'"
        }
    }

    private func fact<Record: Sendable>(of read: ExactRead<Record>) -> Fact<Record> {
        switch read {
        case .found(let record): .present(record)
        case .removed, .neverExisted: .absent
        }
    }
}
