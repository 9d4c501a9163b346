public import VolumeModel

/// An outside system that can be looked over for what is wrong with it, for a person: `hawser doctor`.
///
/// Nothing is changed, and what cannot be told is a finding, too.
public protocol Examinable: Sendable {
    func examine() async -> [Finding]
}
