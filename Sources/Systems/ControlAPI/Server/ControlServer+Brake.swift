import ControlAPIModel
import Reconciliation
import VolumeModel

/// The removals that are on hold, and a person's word for them (BRAKE).
extension ControlServer {
    func brake() async -> WireBrake { WireBrake(await controller.removals()) }

    func approve(_ request: WireApproval) async throws -> WireAck {
        let held = await controller.removals()
        guard let batch = held.batch else { throw Self.conflict("no removal is on hold: there is nothing to approve") }
        guard batch == request.batch else {
            let count = held.items.count
            throw Self.conflict(
                "cannot approve batch '\(request.batch)': what is on hold is now batch '\(batch)' of \(count) "
                    + "removal\(count == 1 ? "" : "s"); 'hawser brake' shows it")
        }
        let generations = Dictionary(held.items.map { ($0.attachment, $0.generation) }) { first, _ in first }
        try await store.approveRemovals(generations)
        return WireAck(message: "batch/\(batch) approved: \(held.items.map(\.name.text).joined(separator: ", "))")
    }

    private static func conflict(_ detail: String) -> WireProblem {
        WireProblem(title: "not what is on hold", status: 409, detail: detail)
    }

    static func approval(_ count: Int?, isPrune: Bool = false) -> RemovalApproval {
        count.map { .upTo($0) } ?? (isPrune ? .none : .one)
    }
}

extension WireBrake {
    init(_ held: HeldRemovals) {
        self.init(
            batch: held.batch,
            items: held.items.map {
                Item(name: $0.name.text, volume: $0.volume?.description, reason: $0.reason)
            }, allowed: held.allowed, volumes: held.volumes, windowSeconds: held.window.components.seconds)
    }
}
