import Planning
import Reconciliation
import VolumeModel

/// The controller's own state machine with a world of any size around it, in which everything agrees: twenty volumes are
/// on this appliance and exported, the others are on other machines, twenty-five on each.
///
/// It is the real ``ReconcileLoop``; only the facts are made up.
struct LoopWorld {
    static let here = MachineID(UUIDValue(high: 0xA, low: 1))
    private static let zone = ZoneID(UUIDValue(high: 0xB, low: 1))
    private static let volumesHere = 20
    private static let volumesPerMachine = 25

    let count: Int
    private(set) var loop: ReconcileLoop
    private(set) var now = Instant(nanoseconds: 1_700_000_000_000_000_000)
    private let policy: Policy

    init(volumes count: Int) throws {
        self.count = count
        var policy = Policy()
        // What is timed is deciding, and not waiting behind a limit.
        policy.stepsInAll = 1_000_000
        policy.stepsPerMachine = 1_000_000
        policy.looksInAll = 1_000_000
        self.policy = policy
        loop = ReconcileLoop(here: Self.here, policy: policy, seed: 1, now: now)
        let entries = (0..<count).map { DesiredEntry.valid(desired($0)) }
        deliver(
            .started(DesiredState(entries: entries, revision: 1), bindings: [:], openLedger: [], openDrifts: []))
        let volumesHere = 0..<min(count, Self.volumesHere)
        deliver(.device(.enumerated(volumesHere.map(device))))
        deliver(.exports(observation(of: volumesHere.map(entry)), asked: now))
        deliver(.volumesListed(CloudListing(records: (0..<count).map { record($0) }, isComplete: true), asked: now))
        listMachines()
        let unready = loop.overview(at: now).reports.first { $0.readiness != .ready }
        if let unready { throw Broken("the made-up world is not ready: \(unready)") }
    }

    @discardableResult
    mutating func deliver(_ event: LoopEvent) -> [LoopEffect] { loop.handle(event, at: now) }

    mutating func listMachines() {
        deliver(.machinesListed(CloudListing(records: machines, isComplete: true), asked: now))
    }

    mutating func pass(_ duration: Duration) { now = now + duration }

    /// What the loop says of one volume, for the message when something is broken.
    func report(_ number: Int) -> AttachmentReport? { loop.detail(of: Self.name("volume", number), at: now)?.report }

    // MARK: What is wanted

    private func desired(_ number: Int) -> DesiredAttachment {
        DesiredAttachment(
            id: AttachmentID(Self.identity(number, kind: 3)), name: Self.name("volume", number),
            volume: .id(volume(number)),
            machine: number < Self.volumesHere ? .thisMachine : .id(Self.machine(of: number)),
            export: Self.exportName(number).map { DesiredExport(name: $0) }, source: .manifest(file: "bench.yaml"))
    }

    private static func name(_ word: String, _ number: Int) -> ObjectName {
        guard let name = ObjectName("\(word)-\(number)") else { preconditionFailure("\(word)-\(number) is no name") }
        return name
    }

    private static func exportName(_ number: Int) -> ExportName? { ExportName("export-\(number)") }

    // MARK: What is seen

    func volume(_ number: Int) -> VolumeID { VolumeID(Self.identity(number, kind: 1)) }

    /// The machine that a volume is on.
    static func machine(of number: Int) -> MachineID {
        number < volumesHere ? here : MachineID(identity(number / volumesPerMachine, kind: 2))
    }

    func record(_ number: Int, isAttached: Bool = true) -> VolumeRecord {
        VolumeRecord(
            id: volume(number), name: "volume-\(number)", zone: Self.zone, state: .ready, kind: .data,
            sizeInBytes: 10 << 30, attachedTo: isAttached ? Self.machine(of: number) : nil)
    }

    private var machines: [MachineRecord] {
        let others = (0...count / Self.volumesPerMachine).map { number in
            machine(MachineID(Self.identity(number, kind: 2)))
        }
        return [machine(Self.here)] + others
    }

    func machine(_ id: MachineID) -> MachineRecord {
        MachineRecord(id: id, name: "machine-\(id)", zone: Self.zone, state: .running)
    }

    private func device(_ number: Int) -> DeviceRecord {
        let serial = DiskSerial(of: volume(number))
        return DeviceRecord(
            kernelName: "vd\(number)", number: DeviceNumber(major: 254, minor: UInt64(16 * number)),
            path: "/dev/vd\(number)", byIDLinks: ["/dev/disk/by-id/virtio-\(serial)"], serial: serial,
            diskSequence: UInt64(number + 1), sizeInBytes: 10 << 30, isReadOnly: false)
    }

    private func entry(_ number: Int) -> ExportEntry? {
        Self.exportName(number).map {
            ExportEntry(
                name: $0, isReadOnly: false, owner: .hawser(volume(number)),
                target: .device(device(number).number, diskSequence: device(number).diskSequence), liveness: .live,
                clients: .known(0))
        }
    }

    private func observation(of entries: [ExportEntry?]) -> ExportObservation {
        ExportObservation(
            server: .running, entries: entries.compactMap { $0 }, isComplete: true, writableURI: "", readOnlyURI: "")
    }

    /// A UUID that looks random and is the same in every run: the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
    private static func identity(_ number: Int, kind: UInt64) -> UUIDValue {
        func mixed(_ value: UInt64) -> UInt64 {
            var mixed = value &* 0x9E37_79B9_7F4A_7C15
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
        return UUIDValue(high: mixed(UInt64(number) << 8 | kind), low: mixed(UInt64(number) << 8 | kind | 128))
    }
}
