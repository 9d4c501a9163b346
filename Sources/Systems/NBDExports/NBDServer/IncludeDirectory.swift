import Glibc
import LinuxCalls
import VolumeModel

/// nbd-server's include directory: one file for each export, Hawser's and other people's beside each other.
///
/// Hawser writes, replaces and removes only files that carry its marker (MINE-ONLY). A file gets there by a rename, under a
/// name that nbd-server does not read before.
struct IncludeDirectory: Sendable {
    let path: String
    /// Where files go that Hawser made and nbd-server does not take.
    let setAside: String
    let records: SessionRecords

    /// One file that nbd-server reads.
    struct File: Hashable, Sendable {
        let name: String
        let bytes: [UInt8]

        var text: String { String(decoding: bytes, as: UTF8.self) }
        var isHawsers: Bool { ExportFile.volume(markedIn: text) != nil }
    }

    /// What nbd-server reads: plain files, no links, whose name ends in `.conf` (`do_cfile_dir` of nbd-server.c, 3.24).
    func files() throws(SystemCallError) -> [File] { try Self.files(in: path) }

    /// The same of any directory.
    static func files(in path: String) throws(SystemCallError) -> [File] {
        var files: [File] = []
        for name in try directoryEntries(path) where name.hasSuffix(".conf") {
            var status = stat()
            guard lstat("\(path)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            do throws(SystemCallError) {
                files.append(File(name: name, bytes: try readFile("\(path)/\(name)", limit: 1 << 20)))
            } catch {
                // One that went away since it was listed is not there.
                if error.errorNumber != ENOENT { throw error }
            }
        }
        return files
    }

    /// Puts a file in its place in one step. Another's file of that name is never replaced.
    func place(_ file: ExportFile) throws(SystemCallError) {
        let target = "\(path)/\(file.fileName)"
        if exists(target), ExportFile.volume(markedIn: try readTextFile(target, limit: 1 << 20)) == nil {
            throw SystemCallError("write", "\(target): Hawser did not make it", errno: EEXIST)
        }
        try writeFileAtomically(target, bytes: Array(file.text.utf8), forEveryReader: true)
    }

    /// Removes a file of Hawser's.
    func remove(_ name: String) throws(SystemCallError) {
        let target = "\(path)/\(name)"
        guard exists(target) else { return }
        guard ExportFile.volume(markedIn: try readTextFile(target, limit: 1 << 20)) != nil else {
            throw SystemCallError("remove", "\(target): Hawser did not make it", errno: EEXIST)
        }
        guard unlink(target) == 0 || errno == ENOENT else { throw SystemCallError("remove", target, errno: errno) }
        try synchroniseDirectory(path)
    }

    /// Keeps a file of Hawser's that nbd-server does not take where nbd-server does not read it.
    func setAside(_ file: File) throws(SystemCallError) {
        let kept = "\(setAside)/\(file.name).\(UInt64.random(in: 0 ... .max))"
        try writeFileAtomically(kept, bytes: file.bytes, mode: 0o600)
        try remove(file.name)
    }
}
