import Planning
import VolumeModel

/// A read under way: which call it takes, and what the answer tells the loop.
struct LookCourse: Sendable {
    let ticket: LookTicket
    /// When the question was sent.
    let asked: Instant

    func begin() -> SystemCall {
        switch ticket.look {
        case .volume(let id): .readVolume(id)
        case .machine(let id): .readMachine(id)
        case .job(let id): .report(of: id)
        case .volumesNamed(_, let zone): .zone(zone)
        case .use(let identity): .use(of: identity)
        case .mismatch(let identity): .mismatch(of: identity)
        case .disks(let serial): .disks(with: serial)
        case .sessions(let identity): .sessions(on: identity.number)
        case .export(let name): .readExport(name)
        case .events(let id): .recentEvents(of: id)
        }
    }

    func take(_ answer: SystemAnswer) -> Progress<LookAnswer> {
        switch answer {
        case .volume(let read): .ended(.volume(fact(of: read)))
        case .machine(let read): .ended(.machine(fact(of: read)))
        case .job(let report): .ended(.job(report))
        case .zone(.found(let zone)): find(in: zone)
        case .zone(.removed), .zone(.neverExisted): .ended(.nameMissing("no zone \(zoneText)"))
        case .found(let volumes): .ended(.volumesNamed(volumes))
        case .events(let events): .ended(.events(events))
        case .use(let use): .ended(.use(use))
        case .mismatch(let text): .ended(.mismatch(text))
        case .disks(let search): .ended(.disks(search))
        case .sessions(let count): .ended(.sessions(count))
        case .export(let fact): .ended(.export(fact))
        case .cloudFailed(let error): .ended(.failed(error))
        case .volumes, .machines, .offering, .accepted, .exports, .desired, .done, .deviceFailed, .exportFailed,
            .storeFailed, .lease, .leaseStands, .overruled, .tooLate:
            unexpected(answer, to: "reading \(ticket.look.summary)")
        }
    }

    private func find(in zone: ZoneID) -> Progress<LookAnswer> {
        guard case .volumesNamed(let name, _) = ticket.look else {
            preconditionFailure("a zone is no answer to reading \(ticket.look.summary)")
        }
        return .call(.findVolumes(named: name, in: zone))
    }

    private var zoneText: String {
        guard case .volumesNamed(_, let zone) = ticket.look else { return "" }
        return switch zone {
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
