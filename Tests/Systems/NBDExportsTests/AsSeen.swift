import Reconciliation
import VolumeModel

extension ExportServer {
    /// Withdraws a name as the loop does: from the owner that was seen last.
    func withdrawAsSeen(_ name: ExportName) async throws {
        guard let entry = await read(name).value else { return }
        try await withdraw(name, of: entry.owner, leadingTo: entry.target)
    }
}
