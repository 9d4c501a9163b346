/// The outside systems that one controller works with.
public struct OutsideSystems: Sendable {
    public var cloud: any CloudService
    public var devices: any DeviceObserver
    public var exports: any ExportServer
    public var store: any StateStore
    /// Where the store can be shared: who may act. `nil` for a store of one process.
    public var leases: (any LeaseStore)?
    public var time: any TimeSource

    public init(
        cloud: any CloudService, devices: any DeviceObserver, exports: any ExportServer, store: any StateStore,
        leases: (any LeaseStore)? = nil, time: any TimeSource
    ) {
        self.cloud = cloud
        self.devices = devices
        self.exports = exports
        self.store = store
        self.leases = leases
        self.time = time
    }
}
