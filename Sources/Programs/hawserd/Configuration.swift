import Arguments
import CloudStack
import LinuxCalls
import LinuxDevices
import Planning
import VolumeModel

/// What hawserd runs with: settings, checked.
struct Configuration: Sendable {
    enum Devices: Sendable {
        case udev(Set<DiskBus>)
        case directory(String)
    }

    var here: MachineID
    var cloudStack: CloudStackConfiguration
    var store: StoreChoice
    /// The old daemon, where there is one.
    var legacy: LegacyChoice
    /// A directory of manifests that is followed.
    var manifests: String?
    var devices: Devices
    var nbd: ExportServerChoice
    var controlSocket: String
    var controlGroup: UInt32?
    /// Where a scraper is answered, where that is wanted.
    var metrics: MetricsListener?
    var policy: Policy
    var logsJSON: Bool
    var logsCalls: Bool

    init(_ values: SettingValues) throws {
        here = try Self.thisMachine(values)
        legacy = try LegacyChoice(values)
        var cloud = CloudStackConfiguration(endpoint: "", apiKey: "", secretKey: "")
        // With the old daemon's row they may be left out: it is then read before anything else.
        if !legacy.givesAccount || values["cloudstack.endpoint"] != nil {
            cloud = CloudStackConfiguration(
                endpoint: try values.required("cloudstack.endpoint"), apiKey: try values.required("cloudstack.apiKey"),
                secretKey: try Self.secretKey(values))
        }
        cloud.certificateAuthorityFile = values["cloudstack.caFile"]
        guard let rate = Double(try values.required("cloudstack.callsPerSecond")), (0.001...1e6).contains(rate) else {
            throw UsageError("cloudstack.callsPerSecond is a number from 0.001 to 1000000")
        }
        cloud.callsPerSecond = rate
        cloudStack = cloud
        store = try StoreChoice(values)
        manifests = values["manifests"]
        if let directory = values["devices.directory"] {
            devices = .directory(directory)
        } else {
            let words = try values.required("devices.buses").split(separator: ",").map(String.init)
            devices = .udev(
                Set(
                    try words.map { word throws(UsageError) in
                        guard let bus = DiskBus(configurationName: word) else {
                            throw UsageError("devices.buses takes virtio, scsi and loop-by-rule, not '\(word)'")
                        }
                        return bus
                    }))
        }
        nbd = try ExportServerChoice(values)
        controlSocket = try values.required("control.socket")
        if let text = values["control.group"] {
            guard let group = UInt32(text) else { throw UsageError("control.group is a group's number, not '\(text)'") }
            controlGroup = group
        }
        metrics = try MetricsListener(values)
        policy = Policy()
        guard let mode = ReconcileMode(rawValue: try values.required("mode")) else {
            throw UsageError("mode is Enforce or Observe, not '\(try values.required("mode"))'")
        }
        policy.mode = mode
        policy.resyncInterval = try values.duration("policy.resync")
        policy.jobPollInterval = try values.duration("policy.jobPoll")
        policy.revisitInterval = try values.duration("policy.revisit")
        policy.deviceDeadline = try values.duration("policy.deviceDeadline")
        policy.requestInFlightBound = try values.duration("policy.requestInFlight")
        policy.contestBase = try values.duration("contest.base")
        policy.contestCap = try values.duration("contest.cap")
        policy.contestLasting = try values.duration("contest.lasting")
        (policy.brakeVolumes, policy.brakePercent) = try Self.brake(values)
        policy.brakeWindow = try values.duration("brake.window")
        logsCalls = try values.flag("log.calls")
        switch try values.required("log.format") {
        case "text": logsJSON = false
        case "json": logsJSON = true
        case let other: throw UsageError("log.format is text or json, not '\(other)'")
        }
    }

    private static func brake(_ values: SettingValues) throws -> (volumes: Int, percent: Double) {
        guard let volumes = Int(try values.required("brake.volumes")), volumes >= 0 else {
            throw UsageError(
                "brake.volumes is how many volumes, such as 1, not '\(try values.required("brake.volumes"))'")
        }
        guard let percent = Double(try values.required("brake.percent")), (0...100).contains(percent) else {
            throw UsageError("brake.percent is a number from 0 to 100, not '\(try values.required("brake.percent"))'")
        }
        return (volumes, percent)
    }

    /// KVM gives a CloudStack machine its own id as the DMI product UUID.
    private static func thisMachine(_ values: SettingValues) throws -> MachineID {
        if let text = values["self"] {
            guard let id = MachineID(text) else { throw UsageError("self is a UUID, not '\(text)'") }
            return id
        }
        let file = "/sys/class/dmi/id/product_uuid"
        // Unreadable or not there: either way this machine does not tell who it is.
        guard let text = try? readTextFile(file, limit: 256),
            let id = MachineID(text.prefix { !$0.isWhitespace }.lowercased())
        else {
            throw UsageError(
                "\(file) does not tell which machine this is: set self to this appliance's id in CloudStack")
        }
        return id
    }

    private static func secretKey(_ values: SettingValues) throws -> String {
        if let key = values["cloudstack.secretKey"] { return key }
        let text = try readTextFile(try values.required("cloudstack.secretKeyFile"), limit: 65_536)
        return String(text.prefix { !$0.isNewline })
    }
}
