import ControlAPIClient
import ControlAPIModel

/// What hawserd has answered for one list: the overview, and what else the list is made of.
struct Readings: Sendable {
    enum Source: Sendable {
        case objects, world, events, operations, daemon, protections
    }

    var overview: WireOverview
    var objects: [WireObject] = []
    var world: WireWorld?
    /// Newest first.
    var events: [WireEvent] = []
    /// Newest first.
    var operations: [WireOperation] = []
    var daemon: WireVersion?
    var protections: [WireProtect] = []

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
}

/// Which attachment something belongs to. Made once for a list, so that a long list costs what its lines cost.
struct Owners {
    private let objects: [String: WireObject]
    private let byVolume: [String: String]
    private let byDevice: [String: String]
    private let byID: [String: String]

    init(_ readings: Readings) {
        let items = readings.overview.items
        objects = Dictionary(readings.objects.map { ($0.name, $0) }) { first, _ in first }
        byVolume = Dictionary(items.compactMap { item in item.volume.map { ($0, item.name) } }) { first, _ in first }
        byDevice = Dictionary(items.filter(\.isHere).map { ($0.device, $0.name) }) { first, _ in first }
        byID = Dictionary(items.map { ($0.id, $0.name) }) { first, _ in first }
    }

    /// Desired state as it was written down; `nil` when it was not read, or makes no sense.
    func object(_ name: String) -> WireObject? { objects[name] }

    func labels(of name: String?) -> [String: String] { name.flatMap { objects[$0]?.labels } ?? [:] }

    func name(ofVolume volume: String?) -> String? { volume.flatMap { byVolume[$0] } }

    func name(ofDevice kernelName: String) -> String? { byDevice[kernelName] }

    func name(ofAttachment id: String) -> String? { byID[id] }
}
