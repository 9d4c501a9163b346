public import VolumeModel

/// One attachment that a client applies: the manifest's shape, after the client has checked it.
public struct WireObject: Sendable, Equatable, Codable {
    public struct Volume: Sendable, Equatable, Codable {
        public struct Template: Sendable, Equatable, Codable {
            public var name: String
            public var sizeInBytes: Int64?
            public var diskOffering: String
        }

        public var id: String?
        public var name: String?
        /// Id or name.
        public var zone: String?
        /// What an existing volume is at least to have.
        public var sizeInBytes: Int64?
        public var template: Template?
    }

    public struct Export: Sendable, Equatable, Codable {
        public var name: String
        public var readOnly: Bool
    }

    public var name: String
    public var labels: [String: String]
    public var volume: Volume
    /// `self`, or a machine's id or name.
    public var vm: String
    public var export: Export?
    public var detachWhenInUse: String
    /// `Enforce` or `Observe`; absent for the standard, as are the next three.
    public var mode: String?
    /// `Data` or `Root`.
    public var attachAs: String?
    /// `Retain` or `Delete`.
    public var deletionPolicy: String?
    public var deletionGraceSeconds: Int64?
    /// Where the object was written down.
    public var file: String
    /// The generation that the client saw; absent to change whatever is there.
    public var expectedGeneration: Int64?
    /// Set by hawserd.
    public var generation: Int64?
    public var id: String?
}

extension WireObject {
    public init(
        name: ObjectName, labels: [String: String], volume: VolumeReference, machine: MachineReference,
        export: DesiredExport?, detach: DetachPolicy, mode: ReconcileMode = .enforce, wantedSizeInBytes: Int64? = nil,
        role: DiskRole = .data, deletion: DeletionPolicy = DeletionPolicy(), file: String,
        expectedGeneration: Int64? = nil
    ) {
        self.name = name.text
        self.labels = labels
        switch volume {
        case .id(let id): self.volume = Volume(id: id.description, sizeInBytes: wantedSizeInBytes)
        case .named(let name, let zone):
            self.volume = Volume(name: name, zone: zone.text, sizeInBytes: wantedSizeInBytes)
        case .created(let template):
            self.volume = Volume(
                zone: template.zone.text,
                template: .init(
                    name: template.name, sizeInBytes: template.sizeInBytes, diskOffering: template.offering.text))
        }
        switch machine {
        case .thisMachine: vm = "self"
        case .id(let id): vm = id.description
        case .named(let name): vm = name
        }
        self.export = export.map { Export(name: $0.name.text, readOnly: $0.isReadOnly) }
        detachWhenInUse = detach.whenInUse.rawValue
        self.mode = mode == .enforce ? nil : mode.rawValue
        attachAs = role == .data ? nil : role.rawValue
        deletionPolicy = deletion.data == .retain ? nil : deletion.data.rawValue
        deletionGraceSeconds = deletion.grace == DeletionPolicy.standardGrace ? nil : deletion.grace.components.seconds
        self.file = file
        self.expectedGeneration = expectedGeneration
    }

    /// What is wrong with the object, as a sentence; the server checks everything again.
    public struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
        public let description: String
    }

    public func objectName() throws(Refusal) -> ObjectName {
        guard let name = ObjectName(name) else {
            throw Refusal(description: "'\(name)' is no name for an object: \(ObjectName.rule)")
        }
        return name
    }

    public func checkedLabels() throws(Refusal) -> [String: String] {
        for (key, value) in labels.sorted(by: { $0.key < $1.key }) {
            if let problem = Labels.problem(key: key, value: value) {
                throw Refusal(description: "'\(name)': \(problem)")
            }
        }
        return labels
    }

    public func volumeReference() throws(Refusal) -> VolumeReference {
        guard [volume.id != nil, volume.name != nil, volume.template != nil].filter({ $0 }).count == 1 else {
            throw Refusal(description: "'\(name)': the volume takes one of: an id; a name; a template")
        }
        try refuseEmpty("volume's name", volume.name)
        try refuseEmpty("volume's zone", volume.zone)
        try refuseEmpty("template's name", volume.template?.name)
        try refuseEmpty("template's disk offering", volume.template?.diskOffering)
        if let text = volume.id {
            guard let id = VolumeID(text) else { throw Refusal(description: "'\(name)': volume '\(text)' is no UUID") }
            return .id(id)
        }
        guard let zone = volume.zone.map(ZoneReference.init(text:)) else {
            throw Refusal(description: "'\(name)': the volume has neither an id nor a zone")
        }
        if let template = volume.template {
            return .created(
                VolumeTemplate(
                    name: template.name, sizeInBytes: template.sizeInBytes,
                    offering: DiskOfferingReference(text: template.diskOffering), zone: zone))
        }
        guard let volumeName = volume.name else {
            throw Refusal(description: "'\(name)': the volume has no id, no name and no template")
        }
        return .named(volumeName, zone: zone)
    }

    private func refuseEmpty(_ field: String, _ text: String?) throws(Refusal) {
        if text == "" { throw Refusal(description: "'\(name)': the \(field) is empty") }
    }

    public func machineReference() throws(Refusal) -> MachineReference {
        try refuseEmpty("vm", vm)
        if vm == "self" { return .thisMachine }
        return MachineID(vm).map { .id($0) } ?? .named(vm)
    }

    public func desiredExport() throws(Refusal) -> DesiredExport? {
        guard let export else { return nil }
        guard let exportName = ExportName(export.name) else {
            throw Refusal(description: "'\(name)': '\(export.name)' is no export name: \(ExportName.rule)")
        }
        return DesiredExport(name: exportName, isReadOnly: export.readOnly)
    }

    public func detachPolicy() throws(Refusal) -> DetachPolicy {
        guard let whenInUse = DetachPolicy.WhenInUse(rawValue: detachWhenInUse) else {
            throw Refusal(description: "'\(name)': detach.whenInUse is Wait, not '\(detachWhenInUse)'")
        }
        return DetachPolicy(whenInUse: whenInUse)
    }
}

extension WireObject {
    /// CloudStack makes and grows volumes by whole GiB.
    public func wantedSizeInBytes() throws(Refusal) -> Int64? {
        guard let size = volume.template == nil ? volume.sizeInBytes : volume.template?.sizeInBytes else { return nil }
        guard size > 0, size % (1 << 30) == 0 else {
            throw Refusal(description: "'\(name)': \(size) bytes are no whole number of GiB")
        }
        return size
    }

    public func reconcileMode() throws(Refusal) -> ReconcileMode { try word("mode", mode, standard: .enforce) }

    public func diskRole() throws(Refusal) -> DiskRole {
        let role: DiskRole = try word("attachAs", attachAs, standard: .data)
        if role == .root, vm == "self" {
            throw Refusal(description: "'\(name)': a root disk belongs to another, stopped machine: vm cannot be self")
        }
        return role
    }

    public func deletion() throws(Refusal) -> DeletionPolicy {
        var policy = DeletionPolicy(data: try word("deletionPolicy", deletionPolicy, standard: .retain))
        if let deletionGraceSeconds {
            guard deletionGraceSeconds >= 0 else {
                throw Refusal(description: "'\(name)': the deletion's grace period cannot be negative")
            }
            policy.grace = .seconds(deletionGraceSeconds)
        }
        if policy.data == .delete, volume.template == nil {
            throw Refusal(
                description: "'\(name)': deletionPolicy Delete is only for a volume that Hawser makes from a template")
        }
        return policy
    }

    private func word<Word: RawRepresentable & CaseIterable>(
        _ field: String, _ text: String?, standard: Word
    ) throws(Refusal) -> Word where Word.RawValue == String {
        guard let text else { return standard }
        guard let word = Word(rawValue: text) else {
            let words = Word.allCases.map(\.rawValue).joined(separator: " or ")
            throw Refusal(description: "'\(name)': \(field) is \(words), not '\(text)'")
        }
        return word
    }
}

extension ZoneReference {
    fileprivate var text: String {
        switch self {
        case .id(let id): id.description
        case .named(let name): name
        }
    }

    fileprivate init(text: String) {
        self = ZoneID(text).map { .id($0) } ?? .named(text)
    }
}

extension DiskOfferingReference {
    fileprivate var text: String {
        switch self {
        case .id(let id): id.description
        case .named(let name): name
        }
    }

    fileprivate init(text: String) {
        self = DiskOfferingID(text).map { .id($0) } ?? .named(text)
    }
}
