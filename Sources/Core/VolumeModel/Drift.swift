/// A difference between what is wanted and what one of the observed worlds shows.
public struct Drift: Sendable, Equatable, Hashable {
    /// Which world differs.
    public enum World: String, Sendable, Equatable, Hashable, CaseIterable {
        case cloudStack = "cloudstack"
        case device
        case export
    }

    /// In what way. Closed, so that programs can count kinds.
    public enum Kind: String, Sendable, Equatable, Hashable, CaseIterable {
        case volumeMissing = "VolumeMissing"
        case notAttached = "NotAttached"
        case attachedElsewhere = "AttachedElsewhere"
        case stillAttached = "StillAttached"
        case sizeDiffers = "SizeDiffers"
        case deviceMissing = "DeviceMissing"
        case deviceWrong = "DeviceWrong"
        case deviceLingers = "DeviceLingers"
        case exportMissing = "ExportMissing"
        case exportOnWrongDisk = "ExportOnWrongDisk"
        case exportModeWrong = "ExportModeWrong"
        case exportNotLive = "ExportNotLive"
        case exportUnwanted = "ExportUnwanted"
        case serverDown = "ServerDown"
    }

    public var world: World
    public var kind: Kind
    public var wanted: String
    public var observed: String

    public init(world: World, kind: Kind, wanted: String, observed: String) {
        self.world = world
        self.kind = kind
        self.wanted = wanted
        self.observed = observed
    }
}

/// Something in an observed world that no desired state names: it is reported and never touched (MINE-ONLY).
public struct Unmanaged: Sendable, Equatable, Hashable {
    public var world: Drift.World
    public var name: String
    public var detail: String

    public init(world: Drift.World, name: String, detail: String) {
        self.world = world
        self.name = name
        self.detail = detail
    }
}
