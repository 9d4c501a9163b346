import Glibc
public import Reconciliation
import SQL
public import VolumeModel

extension SQLiteStore: Examinable {
    /// Whether the file is sound, and how much room there is beside it.
    public nonisolated func examine() async -> [Finding] {
        [await reader.integrity(), room()]
    }

    /// Below this a ledger entry may soon not be written, and then no step is taken.
    private static let scarceBytes: UInt64 = 64 << 20

    private nonisolated func room() -> Finding {
        let subject = "room for the store"
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else {
            return Finding(subject, .warning, "cannot be told for \(directory)")
        }
        let free = UInt64(status.f_bavail) * UInt64(status.f_frsize)
        let text = "\(free >> 20) MiB are free in \(directory)"
        guard free < Self.scarceBytes else { return Finding(subject, .good, text) }
        return Finding(subject, .bad, text, remedy: "make room: without it no step can be recorded, and none is taken")
    }
}
