public import ControlAPIModel

/// What the control API asks of whoever takes over from the old volume daemon, and gives back to it.
public protocol LegacyTakeover: Sendable {
    /// Compares the old daemon's tables and files with what is there. Nothing is changed anywhere.
    func survey(_ request: WireLegacyRequest) async throws(WireProblem) -> WireLegacySurvey

    /// Notes, beside Hawser's own links, which files of the old daemon's belong to imported exports: only these may Hawser take
    /// down when the export is to go. The files themselves stay as they are.
    func adopt(_ request: WireLegacyRequest) async throws(WireProblem) -> WireLegacyDeeds

    /// Turns the old paths of these exports into by-id paths, each only while nobody uses it.
    func convert(_ request: WireLegacyRequest) async throws(WireProblem) -> WireLegacyDeeds

    /// Lets go of the imported objects without touching what they name, and leaves tables and files as the old daemon expects
    /// them.
    func undo(_ request: WireLegacyRequest) async throws(WireProblem) -> WireLegacyDeeds
}
