import Planning
import VolumeModel

/// A world in which everything agrees; each test changes what its claim is about.
enum Fixture {
    static let here = MachineID(UUIDValue(high: 0xA, low: 1))
    static let other = MachineID(UUIDValue(high: 0xA, low: 2))
    static let zone = ZoneID(UUIDValue(high: 0xB, low: 1))
    static let volume = VolumeID(UUIDValue(high: 0x0123_4567_89AB_CDEF, low: 0x0123 << 48))
    static let twin = VolumeID(UUIDValue(high: 0x0123_4567_89AB_CDEF, low: 0x0123 << 48 | 1))
    static let attachment = AttachmentID(UUIDValue(high: 0xD, low: 0xABCD))
    static let now = Instant(nanoseconds: 1_000_000_000_000_000)
    static let policy = Policy()

    static let name = ExportName("one").unsafelyUnwrapped
    static let object = ObjectName("one").unsafelyUnwrapped
    static let template = VolumeTemplate(
        name: "made", sizeInBytes: 1 << 30, offering: .named("custom"), zone: .id(zone))
    static let job = JobID(UUIDValue(high: 0xE, low: 1))
    static let intent = IntentID(UUIDValue(high: 0xF, low: 1))

    static var device: DeviceRecord { device(sizeInBytes: 1 << 30) }

    static func device(sizeInBytes: Int64) -> DeviceRecord {
        DeviceRecord(
            kernelName: "vdb", number: DeviceNumber(major: 254, minor: 16), path: "/dev/vdb",
            byIDLinks: ["/dev/disk/by-id/virtio-\(DiskSerial(of: volume))"], serial: DiskSerial(of: volume),
            diskSequence: 7, sizeInBytes: sizeInBytes, isReadOnly: false)
    }

    static var record: VolumeRecord { record(sizeInBytes: 1 << 30) }

    static func record(sizeInBytes: Int64) -> VolumeRecord {
        VolumeRecord(
            id: volume, name: "data", zone: zone, state: .ready, kind: .data, sizeInBytes: sizeInBytes, attachedTo: here
        )
    }

    static func machine(_ id: MachineID, _ state: MachineState = .running) -> MachineRecord {
        MachineRecord(id: id, name: "m", zone: zone, state: state)
    }

    static var entry: ExportEntry {
        ExportEntry(
            name: name, isReadOnly: false, owner: .hawser(volume),
            target: .device(device.number, diskSequence: device.diskSequence), liveness: .live, clients: .known(0))
    }

    /// Read for the act, just now.
    static func exact<Value>(_ fact: Fact<Value>, at instant: Instant = now) -> Sighting<Value> {
        Sighting(fact, asked: instant, answered: instant, proof: .exact)
    }

    /// Seen in a listing, a while ago.
    static func listed<Value>(_ fact: Fact<Value>) -> Sighting<Value> {
        Sighting(fact, asked: now - .seconds(30), answered: now - .seconds(30), proof: .listed)
    }

    /// Ready: attached here, the right device, exported, live.
    static func view(_ change: (inout VolumeView) -> Void = { _ in }) -> VolumeView {
        let desired = DesiredAttachment(
            id: attachment, name: object, volume: .id(volume), machine: .thisMachine,
            export: DesiredExport(name: name), source: .row)
        var view = VolumeView(desired: desired, here: here, now: now - .seconds(10))
        view.volume = volume
        view.target = .present(here)
        view.cloud = listed(.present(record))
        view.targetMachine = listed(.present(machine(here)))
        view.devices = .present([device])
        view.devicesChangedAt = now - .seconds(20)
        view.matched = device.identity
        view.server = .running
        view.knowsAllExports = true
        view.export = exact(.present(entry), at: now - .seconds(5))
        change(&view)
        return view
    }

    /// Attached nowhere, freshly read: ready to be attached.
    static func detached(_ change: (inout VolumeView) -> Void = { _ in }) -> VolumeView {
        view { view in
            var record = record
            record.attachedTo = nil
            view.cloud = exact(.present(record))
            view.devices = .absent
            view.export = exact(.absent, at: now - .seconds(5))
            change(&view)
        }
    }

    /// Deleted by its owner, and idle: sessions and use were just read.
    static func departing(_ change: (inout VolumeView) -> Void = { _ in }) -> VolumeView {
        view { view in
            view.desired.isDeparting = true
            view.cloud = exact(.present(record))
            view.sessions = exact(.present(.known(0)))
            view.use = exact(.present(DeviceUse(witnesses: [], undetermined: [])))
            change(&view)
        }
    }

    /// Deleted with its data: attached nowhere, the grace period over.
    static func deletable(_ change: (inout VolumeView) -> Void = { _ in }) -> VolumeView {
        detached { view in
            view.desired.volume = .created(template)
            view.desired.deletion = DeletionPolicy(data: .delete, grace: .seconds(60))
            view.desired.isDeparting = true
            view.desired.departingSince = now - .seconds(61)
            var record = record
            record.attachedTo = nil
            record.name = VolumeRules.tokenName(of: template, for: attachment)
            view.cloud = exact(.present(record))
            change(&view)
        }
    }

    static func outstanding(_ report: Sighting<JobReport>, isAccepted: Bool = false) -> OutstandingEffect {
        OutstandingEffect(
            intent: intent, action: .attachVolume(volume, to: here), job: job, isAccepted: isAccepted,
            isBeingSent: false, sentAt: now - .seconds(10), report: report)
    }

    static func decide(_ view: VolumeView) -> Decision { Planner(policy: policy).decide(view, at: now) }
}

extension VolumeView {
    /// Where the name leads that the view shows.
    var shownTarget: ExportTarget { self.export.fact.value?.target ?? .nothing }
}

extension Decision {
    /// The step that is taken; `nil` for anything else.
    var step: Step? { if case .act(let step, _) = self { step } else { nil } }
    var look: Look? { if case .look(let look, _) = self { look } else { nil } }
    var cause: Cause? {
        switch self {
        case .look(_, let cause), .hold(let cause, _): cause
        case .settled, .departed, .act: nil
        }
    }
}
