import ControlAPIClient
import ControlAPIModel

/// What hawserd has answered for one list: the overview, and what else the list is made of.
struct Readings: Sendable {
    enum Source: Sendable {
        case objects, world, events, operations, daemon, protections
    }

    var overview: WireOverview
    var objects: [WireObject] = [] {
        didSet { objectByName = Dictionary(objects.map { ($0.name, $0) }) { first, _ in first } }
    }
    private(set) var objectByName: [String: WireObject] = [:]
    private let nameByVolume: [String: String]
    var world: WireWorld?
    /// Newest first.
    var events: [WireEvent] = []
    /// Newest first.
    var operations: [WireOperation] = []
    var daemon: WireVersion?
    var protections: [WireProtect] = []

    init(overview: WireOverview) {
        self.overview = overview
        nameByVolume = Dictionary(overview.items.compactMap { item in item.volume.map { ($0, item.name) } }) {
            first, _ in
            first
        }
    }

    /// - Parameter historyLimit: at most so many events and operations, the newest; nil for as many as hawserd thinks fit.
    static func read(
        _ sources: Set<Source>, _ overview: WireOverview, _ client: ControlClient, historyLimit: Int? = nil
    ) async throws(ControlError) -> Readings {
        var readings = Readings(overview: overview)
        if sources.contains(.objects) { readings.objects = try await client.objects() }
        if sources.contains(.world) { readings.world = try await client.world() }
        if sources.contains(.events) { readings.events = try await client.events(limit: historyLimit) }
        if sources.contains(.operations) {
            readings.operations = try await client.operations(limit: historyLimit)
        }
        if sources.contains(.daemon) { readings.daemon = try await client.daemon() }
        if sources.contains(.protections) { readings.protections = try await client.protections() }
        return readings
    }

    /// The labels that an attachment was given.
    func labels(of name: String?) -> [String: String] {
        guard let name else { return [:] }
        return objectByName[name]?.labels ?? [:]
    }

    /// Which attachment a volume belongs to.
    func attachment(ofVolume volume: String?) -> String? {
        volume.flatMap { nameByVolume[$0] }
    }
}
