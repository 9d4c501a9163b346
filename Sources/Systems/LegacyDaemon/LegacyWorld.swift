public import Reconciliation
public import VolumeModel

/// What is there now, beside the old daemon's tables: the other side of the comparison.
public struct LegacyWorld: Sendable {
    /// This appliance.
    public var here: MachineID
    /// CloudStack's volumes; nil before they were listed as a whole.
    public var volumes: [VolumeRecord]?
    public var devices: [DeviceRecord]
    /// What the live server offers, and who is connected.
    public var exports: ExportObservation?
    public var files: [LegacyExportFile]
    /// Where each path leads that stands in the tables or files; one that is missing leads to nothing.
    public var places: [String: LegacyPlace]
    /// Volumes that objects already name, with the object.
    public var wanted: [VolumeID: String]
    /// Names that objects have.
    public var objectNames: Set<String>
    /// Where clients of exports connect; nil for a server without a port.
    public var port: Int64?
    /// As which CloudStack account hawserd works; nil when that is not compared.
    public var credentials: LegacyCredentials?
    /// Opens the keys of `ossea_configs`, where they are sealed.
    public var encryptionKey: LegacySecret?

    public init(
        here: MachineID, volumes: [VolumeRecord]?, devices: [DeviceRecord] = [], exports: ExportObservation? = nil,
        files: [LegacyExportFile] = [], places: [String: LegacyPlace] = [:], wanted: [VolumeID: String] = [:],
        objectNames: Set<String> = [], port: Int64? = nil, credentials: LegacyCredentials? = nil,
        encryptionKey: LegacySecret? = nil
    ) {
        self.here = here
        self.volumes = volumes
        self.devices = devices
        self.exports = exports
        self.files = files
        self.places = places
        self.wanted = wanted
        self.objectNames = objectNames
        self.port = port
        self.credentials = credentials
        self.encryptionKey = encryptionKey
    }
}

/// One export as a file of nbd-server's include directory defines it.
public struct LegacyExportFile: Sendable, Equatable {
    public var export: String
    /// The file's path.
    public var file: String
    public var isReadOnly: Bool
    /// What clients would be served; nil when it is something other than one plain path.
    public var path: String?
    /// It carries Hawser's marker.
    public var isHawsers: Bool

    public init(export: String, file: String, isReadOnly: Bool = false, path: String?, isHawsers: Bool = false) {
        self.export = export
        self.file = file
        self.isReadOnly = isReadOnly
        self.path = path
        self.isHawsers = isHawsers
    }
}

/// Where a path leads now.
public enum LegacyPlace: Sendable, Equatable {
    case device(DeviceNumber)
    /// To a device-mapper layer of the old daemon's own making: `vol` and the first eight digits of the volume's id, over the
    /// whole of this one device.
    case layer(name: String, number: DeviceNumber, over: DeviceNumber)
    /// To something that is no disk.
    case other(String)
}

/// What an import would do, and what it would leave alone.
public struct LegacySurvey: Sendable, Equatable {
    /// What is true now, as desired state.
    public var objects: [Object] = []
    public var disagreements: [Disagreement] = []
    public var conversions: [Conversion] = []
    /// Volumes of the old daemon's that objects name already.
    public var alreadyWanted: [VolumeID] = []
    /// Volumes of the old daemon's that are attached nowhere, as its tables say: they need no object.
    public var detached: [VolumeID] = []

    public init() {}

    public struct Object: Sendable, Equatable {
        public var name: ObjectName
        public var volume: VolumeID
        public var machine: MachineReference
        public var role: DiskRole
        public var export: DesiredExport?

        public init(
            name: ObjectName, volume: VolumeID, machine: MachineReference, role: DiskRole = .data,
            export: DesiredExport?
        ) {
            self.name = name
            self.volume = volume
            self.machine = machine
            self.role = role
            self.export = export
        }
    }

    /// Two sources that say different things.
    public struct Disagreement: Sendable, Equatable {
        /// A volume, an export, a file or a row.
        public var about: String
        /// What was seen where, one sentence for each place.
        public var seen: [String]
        /// What a person can do about it.
        public var remedy: String
        /// Whether the volume is therefore not imported; else only this one thing is left as it is.
        public var isHeldBack: Bool

        public init(about: String, seen: [String], remedy: String, isHeldBack: Bool) {
            self.about = about
            self.seen = seen
            self.remedy = remedy
            self.isHeldBack = isHeldBack
        }
    }

    /// An old path that could be the volume's by-id path.
    public struct Conversion: Sendable, Equatable {
        public var volume: VolumeID
        /// Nil when only the tables have the old path.
        public var export: String?
        /// The file that is rewritten; nil when only the tables have the old path.
        public var file: String?
        public var from: String
        public var to: String
        /// The device that both lead to.
        public var device: DeviceNumber
        /// A layer of the old daemon's that is not needed afterwards.
        public var layer: String?
        /// Why it cannot be done at this moment; nil when it can.
        public var obstacle: String?
    }
}
