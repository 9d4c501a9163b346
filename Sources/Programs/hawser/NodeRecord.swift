import ControlAPIModel

/// What is known of the node that hawserd serves.
struct NodeRecord: Encodable, Sendable {
    var machine: String
    var version: String
    var startedAt: Timestamp?
    var isReady: Bool
    var attachments: Int
    var readyAttachments: Int
    var exportServer: String
    var writableURI: String
    var readOnlyURI: String
    var volumesListedAt: Timestamp?
    /// What is wrong with the node as a whole.
    var causes: [WireCause]

    init(_ readings: Readings) {
        let overview = readings.overview
        machine = overview.here
        version = readings.daemon?.version ?? "?"
        startedAt = readings.daemon?.startedAt
        isReady = overview.nodeCauses.isEmpty
        attachments = overview.items.count
        readyAttachments = overview.items.count { $0.isReady }
        exportServer = readings.world?.exportServer ?? "?"
        writableURI = readings.world?.writableURI ?? ""
        readOnlyURI = readings.world?.readOnlyURI ?? ""
        volumesListedAt = readings.world?.volumesListedAt
        causes = overview.nodeCauses
    }
}
