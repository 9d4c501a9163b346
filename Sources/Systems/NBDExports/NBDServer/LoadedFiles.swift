import LinuxCalls
import NBD
import VolumeModel

/// What a running nbd-server of the daemon style has in its memory: the copies that it was started on, which stay as long
/// as it runs.
///
///     ROOT/daemon                      which process, and the name of its directory
///     ROOT/generations/<number>/config      its main file: the person's, over the directory below
///                              /conf.d      the files that it read
///                              /rejected    those that it was not shown, because it would not have started
///                              /main        the person's main file as it was
struct LoadedFiles: Sendable {
    let directory: String
    private let records: SessionRecords

    init(directory: String, records: SessionRecords) {
        self.directory = directory
        self.records = records
    }

    private static func note(_ root: String) -> String { "\(root)/daemon" }

    /// Of the process that listens now; nil when Hawser did not start it, so that nothing is known of its memory.
    static func ofListener(
        on address: NBDAddress, root: String, records: SessionRecords
    ) throws(SystemCallError) -> LoadedFiles? {
        guard exists(note(root)) else { return nil }
        let words = try readTextFile(note(root), limit: 4096).split { $0 == " " || $0 == "\n" }
        guard words.count == 3, let number = Int32(words[0]), let ticks = UInt64(words[1]), UInt64(words[2]) != nil,
            ProcessIdentity(processID: number, startTicks: ticks).isRunning,
            try ProcessInspection.listeners(on: address.endpoint).contains(number)
        else { return nil }
        return LoadedFiles(directory: "\(root)/generations/\(words[2])", records: records)
    }

    /// Notes that this process was started on this directory, and removes the directories of earlier ones.
    func note(_ process: ProcessIdentity, root: String) throws(SystemCallError) {
        let own = directory.split(separator: "/").last.map(String.init) ?? ""
        try writeFileAtomically(
            Self.note(root), bytes: Array("\(process.processID) \(process.startTicks) \(own)\n".utf8))
        for other in try directoryEntries("\(root)/generations") where other != own {
            try removeTree("\(root)/generations/\(other)")
        }
    }

    /// Writes the directory for a server that is to be started.
    static func make(
        root: String, main: MainFile, accepted: [IncludeDirectory.File], rejected: [IncludeDirectory.File],
        records: SessionRecords
    ) throws(SystemCallError) -> LoadedFiles {
        let directory = "\(root)/generations/\(UInt64.random(in: 0 ... .max))"
        try createDirectories("\(directory)/conf.d", mode: 0o755)
        try createDirectories("\(directory)/rejected", mode: 0o700)
        for file in accepted { try writeFile("\(directory)/conf.d/\(file.name)", bytes: file.bytes) }
        for file in rejected { try writeFile("\(directory)/rejected/\(file.name)", bytes: file.bytes) }
        try writeFile("\(directory)/main", bytes: Array(main.text.utf8))
        var config = main.text(changing: [("includedir", "\(directory)/conf.d")])
        // Without any export the server does not start.
        if main.exportGroups.isEmpty { config += "[dummy]\nexportname = /dev/null\nreadonly = true\n" }
        try writeFile("\(directory)/config", bytes: Array(config.utf8))
        return LoadedFiles(directory: directory, records: records)
    }

    /// For one on which no server was started.
    func remove() throws(SystemCallError) { try removeTree(directory) }

    /// Whether all that is there now was there, byte for byte, when the server started.
    func covers(_ files: [IncludeDirectory.File], main: MainFile) throws(SystemCallError) -> Bool {
        guard try readTextFile("\(directory)/main") == main.text else { return false }
        var seen: Set<IncludeDirectory.File> = []
        for part in ["conf.d", "rejected"] {
            for name in try directoryEntries("\(directory)/\(part)") {
                seen.insert(IncludeDirectory.File(name: name, bytes: try readFile("\(directory)/\(part)/\(name)")))
            }
        }
        return seen == Set(files)
    }

    /// Whether the server read this file as it is now.
    func holds(_ name: String, of files: IncludeDirectory) throws(SystemCallError) -> Bool {
        let loaded = "\(directory)/conf.d/\(name)"
        return exists(loaded) ? try readFile(loaded) == readFile("\(files.path)/\(name)") : false
    }

    /// Whether what the server knows under this name is a file of Hawser's, and so a link that Hawser can revoke.
    func isHawsers(_ name: ExportName) -> Bool {
        // A name that only another file defines is not.
        guard let text = try? readTextFile("\(directory)/conf.d/\(name).conf") else { return false }
        return ExportFile(text: text, records: records)?.name == name
    }
}
