public import VolumeModel
public import YAML

/// One object that somebody wrote down, checked, with the place where it stands.
public struct Manifest: Sendable, Equatable {
    public var name: ObjectName
    public var labels: [String: String]
    public var volume: VolumeReference
    public var machine: MachineReference
    public var export: DesiredExport?
    public var detach: DetachPolicy
    public var mode: ReconcileMode
    /// What the volume is at least to have; also that of a template.
    public var wantedSizeInBytes: Int64?
    public var role: DiskRole
    public var deletion: DeletionPolicy
    public var place: Place
}

/// A file and a position in it.
public struct Place: Sendable, Equatable, Hashable, CustomStringConvertible {
    /// As the person named it; `-` is the standard input.
    public var file: String
    public var mark: Mark

    public init(file: String, mark: Mark) {
        self.file = file
        self.mark = mark
    }

    /// `file:line:column`.
    public var description: String { "\(file):\(mark)" }
}

/// What is wrong at one place, and what to write instead.
public struct ManifestProblem: Error, Sendable, Equatable, CustomStringConvertible {
    public var place: Place
    public var message: String

    public init(_ message: String, at place: Place) {
        self.message = message
        self.place = place
    }

    public var description: String { "\(place): \(message)" }
}
