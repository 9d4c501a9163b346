/// One of the volumes of a run.
struct ChaosVolume: Sendable, Hashable {
    static let count = 10
    static let all = (0..<count).map(ChaosVolume.init)
    static let sizeInMiB = 16

    static let appliance = "aaaa0000-0000-4000-8000-000000000001"
    static let otherMachine = "aaaa0000-0000-4000-8000-000000000002"

    let number: Int

    /// Each has a serial of its own: the first 20 digits differ.
    var id: String { "c4a05000-000\(number)-4000-8000-000000000000" }
    var serial: String { String(id.filter { $0 != "-" }.prefix(20)) }
    /// Of the object, and of its export.
    var name: String { "disk-\(number)" }

    /// The simulator's world at the start. The other machine is stopped: from one that runs Hawser takes nothing away.
    static var seedFile: String {
        """
        machines:
          - {id: \(appliance), name: appliance, appliance: true}
          - {id: \(otherMachine), name: app-server, state: Stopped}
        diskOfferings:
          - {id: 0ff00000-0000-4000-8000-000000000001, name: Custom}
        volumes:
        \(all.map { "  - {id: \($0.id), name: data-\($0.number), sizeInMiB: \(sizeInMiB)}" }.joined(separator: "\n"))
        jobDelayMs: 200

        """
    }
}
