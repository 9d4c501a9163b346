import Glibc
import LinuxCalls
import VolumeModel

/// Files of somebody else's that an import has taken over: only these may Hawser take down with their export.
///
///     ROOT/adopted/NAME.conf      a copy, byte for byte, of the file that was taken over
///
/// As long as the file itself is what the copy is, nothing is written there. A file that was changed since is its writer's again.
struct AdoptedFiles: Sendable {
    let directory: String

    init(root: String) throws(SystemCallError) {
        directory = "\(root)/adopted"
        try createDirectories(directory, mode: 0o755)
    }

    private func path(_ name: ExportName) -> String { "\(directory)/\(name).conf" }

    /// Takes a file over, or does so again.
    func take(_ name: ExportName, _ bytes: [UInt8]) throws(SystemCallError) {
        if try copy(of: name) == bytes { return }
        try writeFileAtomically(path(name), bytes: bytes, mode: 0o600)
    }

    /// The file as it was taken over; nil when none was.
    func copy(of name: ExportName) throws(SystemCallError) -> [UInt8]? {
        exists(path(name)) ? try readFile(path(name), limit: 1 << 20) : nil
    }

    func forget(_ name: ExportName) throws(SystemCallError) {
        guard unlink(path(name)) == 0 || errno == ENOENT else {
            throw SystemCallError("remove", path(name), errno: errno)
        }
    }
}
