import Glibc
import LinuxCalls
import VolumeModel

/// By which name a session came: a file for each session, `PID.NAME`, that holds the process's line of /proc/PID/stat.
///
/// nbd-server itself writes it: the `prerun` of an export's file is run by the session's own process before it opens the
/// disk, and $PPID of its shell is that process (system(3)). The moment of the start in the line tells whether the process
/// that has the number now is still the same.
struct SessionRecords: Hashable, Sendable {
    let directory: String

    /// - Parameter user: whom nbd-server becomes before it serves, and who has to be able to write; nil when it stays who it
    ///   is.
    init(directory: String, writableFor user: ServerUser?) throws(SystemCallError) {
        self.directory = directory
        try createDirectories(directory, mode: 0o755)
        if let user {
            try user.take(directory)
        } else if chmod(directory, 0o755) != 0 {
            throw SystemCallError("set the mode of", directory, errno: errno)
        }
    }

    /// Notes the session, and lets it go on also when that fails: then it cannot be proven to have strayed, no more.
    func command(noting name: ExportName) -> String {
        "read -r s </proc/$PPID/stat && echo \"$s\" >\(directory)/$PPID.\(name) || :"
    }

    /// The sessions that run now, by the name under which they came. What is left of others is removed.
    func running() throws(SystemCallError) -> [ExportName: [ProcessIdentity]] {
        var found: [ExportName: [ProcessIdentity]] = [:]
        for entry in try directoryEntries(directory) {
            guard let dot = entry.firstIndex(of: "."), let name = ExportName(entry[entry.index(after: dot)...]) else {
                continue
            }
            let path = "\(directory)/\(entry)"
            // One that is being written is read at the next look.
            guard let line = try? readTextFile(path, limit: 65_536), line.hasSuffix("\n") else { continue }
            if let process = ProcessIdentity(statLine: line), entry == "\(process.processID).\(name)", process.isRunning
            {
                found[name, default: []].append(process)
            } else {
                unlink(path)
            }
        }
        return found
    }
}
