import Crypto
import Reconciliation
import Testing
import VolumeModel

@testable import LegacyDaemon

/// A value that the test itself has written down.
func fixed<Value>(_ value: Value?) -> Value {
    guard let value else { preconditionFailure("a test's own value does not read back") }
    return value
}

/// An installation in which all sources agree, and what a test makes of it.
struct OldInstallation {
    static let here = fixed(MachineID("aaaa0000-0000-4000-8000-000000000001"))
    static let other = fixed(MachineID("aaaa0000-0000-4000-8000-000000000002"))
    static let volume = fixed(VolumeID("a7f226a7-95a0-43b6-942e-acc909ef0c08"))
    static let export = "migration-vol-a7f226a7-95a0-43b6-942e-acc909ef0c08"
    static let link = "/dev/disk/by-id/virtio-a7f226a795a043b6942e"
    static let device = DeviceNumber(major: 252, minor: 16)
    static let size: Int64 = 5 << 30

    var mappings = [
        LegacyTables.Mapping(
            volume: volume.description, machine: here.description, mode: "oma", devicePath: link,
            cloudStackState: "attached", linuxState: "detected", sizeInBytes: size, persistentName: nil,
            symlinkPath: nil)
    ]
    var exports = [
        LegacyTables.Export(
            id: 1, volume: volume.description, mapping: nil, name: export, port: 10_809, devicePath: link,
            configPath: "/etc/nbd-server/conf.d/\(export).conf", status: "active")
    ]
    var machineExports: [LegacyTables.MachineExport] = []
    var volumeRows = [
        LegacyTables.Volume(
            volume: volume.description, name: "pgtest3", devicePath: link, status: "attached", context: "c1")
    ]
    var configs: [LegacyTables.Config] = [config()]
    var records: [VolumeRecord]? = [record()]
    var devices = [
        DeviceRecord(
            kernelName: "vdb", number: device, path: "/dev/vdb", byIDLinks: [link], serial: DiskSerial(of: volume),
            diskSequence: 9, sizeInBytes: size, isReadOnly: false)
    ]
    var files = [LegacyExportFile(export: export, file: "/etc/nbd-server/conf.d/\(export).conf", path: link)]
    var entries = [
        ExportEntry(
            name: fixed(ExportName(export)), isReadOnly: false, owner: .foreign,
            target: .device(device, diskSequence: 9),
            liveness: .live, clients: .known(1))
    ]
    var places: [String: LegacyPlace] = [link: .device(device), "/dev/vdb": .device(device)]
    var wanted: [VolumeID: String] = [:]

    static func record(
        _ id: VolumeID = volume, on machine: MachineID? = here, state: String = "Ready", kind: VolumeKind = .data
    ) -> VolumeRecord {
        VolumeRecord(
            id: id, name: "PG test 3", zone: fixed(ZoneID("cccc0000-0000-4000-8000-000000000001")),
            state: VolumeState(word: state),
            kind: kind, sizeInBytes: size, attachedTo: machine)
    }

    static func config(machine: String = here.description) -> LegacyTables.Config {
        LegacyTables.Config(
            id: 1, name: "production", endpoint: "https://c", apiKey: LegacySecret("k"), secretKey: LegacySecret("s"),
            machine: machine, isActive: true)
    }

    func survey() throws -> LegacySurvey {
        let everything = Dictionary(
            uniqueKeysWithValues: LegacyLayout.Table.allCases.map { ($0, Set($0.needed.flatMap { $0 })) })
        var tables = LegacyTables(layout: LegacyLayout(everything))
        tables.mappings = mappings
        tables.exports = exports
        tables.machineExports = machineExports
        tables.volumes = volumeRows
        tables.configs = configs
        return try LegacyComparison.survey(
            tables,
            LegacyWorld(
                here: Self.here, volumes: records, devices: devices,
                exports: ExportObservation(
                    server: .running, entries: entries, isComplete: true, writableURI: "", readOnlyURI: ""),
                files: files, places: places, wanted: wanted, port: 10_809,
                credentials: try LegacyCredentials(Self.config(), encryptionKey: nil)))
    }
}

@Suite struct LegacyComparisonTests {
    private typealias Old = OldInstallation

    @Test func `where all agree the object wants just what is there`() throws {
        let survey = try Old().survey()
        #expect(
            survey.objects == [
                LegacySurvey.Object(
                    name: fixed(ObjectName("pg-test-3")), volume: Old.volume, machine: .thisMachine,
                    export: DesiredExport(name: fixed(ExportName(Old.export))))
            ])
        #expect(survey.disagreements.isEmpty, "\(survey.disagreements)")
        #expect(survey.conversions.isEmpty)
    }

    @Test func `a volume without an export is attached and no more`() throws {
        var old = Old()
        old.exports = []
        old.files = []
        old.entries = []
        let survey = try old.survey()
        #expect(survey.objects.map(\.export) == [nil])
        #expect(survey.disagreements.isEmpty)
    }

    @Test func `the mode that clients write says nothing of where a volume is`() throws {
        var old = Old()
        old.mappings[0].mode = "failover"
        #expect(try old.survey().objects.count == 1)
    }

    @Test func `a read-only export stays read-only`() throws {
        var old = Old()
        old.files[0].isReadOnly = true
        old.entries[0].isReadOnly = true
        #expect(try old.survey().objects.first?.export?.isReadOnly == true)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var change: @Sendable (inout OldInstallation) -> Void
        /// What has to be said, each in some sentence.
        var words: [String]
        var testDescription: String { name }

        init(_ name: String, _ words: [String], _ change: @escaping @Sendable (inout OldInstallation) -> Void) {
            self.name = name
            self.words = words
            self.change = change
        }
    }

    private static let elsewhere = Old.other.description

    static let heldBack: [Case] = [
        Case("attached nowhere", ["attached nowhere", "device_mappings: attached to machine"]) {
            $0.records = [Old.record(on: nil)]
        },
        Case("attached to another", ["attached to machine \(elsewhere)"]) { $0.records = [Old.record(on: Old.other)] },
        Case("not listed", ["sees no such volume"]) { $0.records = [] },
        Case("destroyed", ["its state is Expunged"]) { $0.records = [Old.record(state: "Expunged")] },
        Case("on its way", ["its state is Migrating"]) { $0.records = [Old.record(state: "Migrating")] },
        Case("a job works on it", ["job dddd0000-0000-4000-8000-000000000001 works on it"]) {
            $0.records?[0].pendingJob = JobID("dddd0000-0000-4000-8000-000000000001")
        },
        Case("no mapping", ["device_mappings: no row"]) { $0.mappings = [] },
        Case("two mappings", ["device_mappings: attached to machine"]) { $0.mappings.append($0.mappings[0]) },
        Case("mapping of another machine", ["attached to machine '\(elsewhere)'"]) {
            $0.mappings[0].machine = elsewhere
        },
        Case("mapping leads to another disk", ["'/dev/vdc', which leads to device 252:32", "vdb"]) {
            $0.mappings[0].devicePath = "/dev/vdc"
            $0.places["/dev/vdc"] = .device(DeviceNumber(major: 252, minor: 32))
        },
        Case("mapping leads nowhere", ["which leads to nothing"]) { $0.mappings[0].devicePath = "remote-vm-7" },
        Case("no device", ["no disk has its serial"]) { $0.devices = [] },
        Case("two devices", ["vdb, vdc has its serial"]) {
            var twin = $0.devices[0]
            twin.kernelName = "vdc"
            twin.number = DeviceNumber(major: 252, minor: 32)
            $0.devices.append(twin)
        },
        Case("two volumes of one serial", ["has the same serial"]) {
            $0.records?.append(Old.record(fixed(VolumeID("a7f226a7-95a0-43b6-942e-000000000000")), on: nil))
        },
        Case("a device that is too small", ["kernel: vdb has 1024 bytes"]) { $0.devices[0].sizeInBytes = 1_024 },
        Case("a file that leads elsewhere", ["it serves '/dev/vdc', which leads to nothing"]) {
            $0.files[0].path = "/dev/vdc"
        },
        Case("a file that is no plain path", ["it serves no one plain path"]) { $0.files[0].path = nil },
        Case("a row without a file", ["no file defines the export", "no export of this name"]) {
            $0.files = []
            $0.entries = []
        },
        Case("a row whose path leads elsewhere", ["nbd_exports: its path is '/dev/vdz'"]) {
            $0.exports[0].devicePath = "/dev/vdz"
        },
        Case("a name that is not offered", ["does not offer the name"]) { $0.entries[0].liveness = .notListed },
        Case("a name of which nothing is known", ["is not known"]) { $0.entries[0].liveness = .unknown },
        Case("a name that leads to another plugging-in", ["not to vdb"]) {
            $0.entries[0].target = .device(Old.device, diskSequence: 8)
        },
        Case("a name that is no export's", ["a name that Hawser takes for no export"]) {
            $0.exports[0].name = "two words\u{1B}[31m"
        },
    ]

    @Test(arguments: heldBack) func `what disagrees is listed, and the volume left alone`(given: Case) throws {
        var old = Old()
        given.change(&old)
        let survey = try old.survey()
        #expect(survey.objects.isEmpty)
        #expect(survey.conversions.isEmpty)
        let held = survey.disagreements.filter(\.isHeldBack)
        #expect(held.count == 1, "\(survey.disagreements)")
        let said = held.flatMap(\.seen).joined(separator: "\n")
        for words in given.words { #expect(said.contains(words), "\(said)") }
        #expect(held.allSatisfy { !$0.remedy.isEmpty })
        #expect(!said.contains("\u{1B}"))
    }

    static let remarks: [Case] = [
        Case("no row of the export", ["nbd_exports: no row"]) { $0.exports = [] },
        Case("a status that is late", ["its status is 'detached'"]) { $0.volumeRows[0].status = "detached" },
        Case("another port", ["its port is 10900", "listens on port 10809"]) { $0.exports[0].port = 10_900 },
        Case("another appliance's row", ["oma_vm_id is 'x'"]) { $0.configs = [Old.config(machine: "x")] },
        Case("no active row", ["0 rows are active"]) { $0.configs = [] },
        Case("another account", ["different accounts' keys"]) { $0.configs[0].apiKey = LegacySecret("other") },
        Case("a second export", ["also as 'migration-vm-7-disk0'"]) {
            var second = $0.entries[0]
            second.name = fixed(ExportName("migration-vm-7-disk0"))
            $0.entries.append(second)
            $0.files.append(LegacyExportFile(export: "migration-vm-7-disk0", file: "/x.conf", path: Old.link))
            $0.machineExports = [
                LegacyTables.MachineExport(
                    machine: "7", disk: 0, name: "migration-vm-7-disk0", devicePath: Old.link, isActive: true)
            ]
        },
        Case("a file that nobody knows", ["serves '/srv/image', which leads to nothing"]) {
            $0.files.append(LegacyExportFile(export: "somebody", file: "/etc/x.conf", path: "/srv/image"))
        },
        Case("a volume that the old daemon does not know", ["no table and no file knows it"]) {
            $0.records?.append(Old.record(fixed(VolumeID("bbbbbbbb-95a0-43b6-942e-000000000000"))))
        },
        Case("a row that is no volume's", ["which is no id of CloudStack's"]) {
            $0.mappings[0].volume += "x"; $0.mappings.append(Old().mappings[0])
        },
    ]

    @Test(arguments: remarks) func `what is of no consequence is said, and the volume imported`(given: Case) throws {
        var old = Old()
        given.change(&old)
        let survey = try old.survey()
        #expect(survey.objects.map(\.volume) == [Old.volume])
        #expect(survey.objects.first?.export?.name.text == Old.export)
        #expect(survey.disagreements.count >= 1)
        #expect(survey.disagreements.allSatisfy { !$0.isHeldBack })
        let said = survey.disagreements.flatMap(\.seen).joined(separator: "\n")
        for words in given.words { #expect(said.contains(words), "\(said)") }
    }

    @Test func `a volume on another machine keeps its name reserved there`() throws {
        var old = Old()
        old.records = [Old.record(on: Old.other)]
        old.mappings[0].machine = Old.other.description
        old.mappings[0].devicePath = "remote-vm-\(Old.other)"
        old.devices = []
        old.places = [:]
        old.entries = []
        let survey = try old.survey()
        #expect(survey.objects.map(\.machine) == [.id(Old.other)])
        #expect(survey.objects.first?.export?.name.text == Old.export)
        #expect(survey.objects.first?.role == .data)
        old.records = [Old.record(on: Old.other, kind: .root)]
        #expect(try old.survey().objects.first?.role == .root)
    }

    @Test func `a detached volume needs no object, and stays detached`() throws {
        var old = Old()
        old.records = [Old.record(on: nil)]
        old.mappings = []
        old.devices = []
        old.places = [:]
        old.entries = []
        let survey = try old.survey()
        #expect(survey.objects.isEmpty)
        #expect(survey.detached == [Old.volume])
    }

    @Test func `a name that leads to another disk than its detached volume is told of`() throws {
        var old = Old()
        old.records = [Old.record(on: nil)]
        old.mappings = []
        let survey = try old.survey()
        #expect(survey.objects.isEmpty)
        #expect(survey.disagreements.first?.isHeldBack == true)
    }

    @Test func `what an object names already is not proposed again`() throws {
        var old = Old()
        old.wanted = [Old.volume: "orders"]
        let survey = try old.survey()
        #expect(survey.objects.isEmpty)
        #expect(survey.alreadyWanted == [Old.volume])
        old.files[0].path = "/dev/vdb"
        #expect(try old.survey().conversions.map(\.from) == ["/dev/vdb"], "it can still be converted")
    }

    @Test(arguments: ["/dev/vdb", "/dev/mapper/vola7f226a7"])
    func `an old path is imported as it is, and its conversion proposed for when it is idle`(path: String) throws {
        var old = Old()
        if path != "/dev/vdb" {
            old.places[path] = .layer(name: "vola7f226a7", number: DeviceNumber(major: 253, minor: 0), over: Old.device)
            old.entries[0].target = .device(DeviceNumber(major: 253, minor: 0), diskSequence: 4)
        }
        old.files[0].path = path
        old.mappings[0].devicePath = path
        old.exports[0].devicePath = path
        var survey = try old.survey()
        #expect(survey.objects.count == 1)
        let conversion = try #require(survey.conversions.first)
        #expect(conversion.from == path)
        #expect(conversion.to == Old.link)
        #expect(conversion.export == Old.export)
        #expect(conversion.layer == (path == "/dev/vdb" ? nil : "vola7f226a7"))
        #expect(conversion.obstacle == "1 client is connected")
        old.entries[0].clients = .known(0)
        survey = try old.survey()
        #expect(survey.conversions.first?.obstacle == nil)
        old.entries[0].clients = .unknown("no rights")
        #expect(try old.survey().conversions.first?.obstacle?.contains("no rights") == true)
    }

    @Test func `an old path in the tables alone is proposed, too`() throws {
        var old = Old()
        old.mappings[0].devicePath = "/dev/vdb"
        let survey = try old.survey()
        #expect(survey.conversions.map(\.from) == ["/dev/vdb"])
        #expect(survey.conversions.first?.file == nil)
        #expect(survey.objects.count == 1)
    }

    @Test func `nothing is compared before CloudStack was listed and the exports were read`() {
        var old = Old()
        old.records = nil
        #expect(throws: LegacyError.self) { _ = try old.survey() }
    }
}
