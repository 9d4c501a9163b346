import Reconciliation
import Testing
import VolumeModel

extension ExportServer {
    /// Withdraws a name as the loop does: from the owner that was seen last.
    func withdrawAsSeen(_ name: ExportName) async throws {
        guard let entry = await read(name).value else { return }
        try await withdraw(name, of: entry.owner, leadingTo: entry.target)
    }

    /// Expects that a name is not taken away by one who has seen it lead elsewhere.
    func expectToKeep(_ name: ExportName, of owner: ExportOwner) async {
        for seen in [ExportTarget.nothing, .device(DeviceNumber(major: 259, minor: 4_000), diskSequence: nil)] {
            await #expect(throws: ExportError.self) { try await withdraw(name, of: owner, leadingTo: seen) }
        }
    }
}
