import ActorThreads
import Glibc
import LinuxCalls
import NBD

/// Shows a set of files to the real nbd-server before anybody else's client meets them.
///
/// One file that nbd-server does not take stops the whole server, and what it takes depends on its version: so it is asked,
/// and not a parser of ours. It runs as for one client (`-d`, port 0), over a pair of sockets, in a directory of the trial's
/// own; it is asked for its list, for which it opens no disk.
struct Trial: Sendable {
    let program: String
    /// Where the trial's directories are made.
    let staging: String
    /// What was taken last: a server that is replaced is shown what a new file has just been tried with, and a trial takes half a
    /// second.
    private let taken = Lock<Question?>(nil)

    /// Everything that the verdict depends on.
    private struct Question: Equatable {
        let files: Set<IncludeDirectory.File>
        let main: String
        let program: FileVersion
    }

    init(program: String, staging: String) {
        self.program = program
        self.staging = staging
    }

    /// A file that nbd-server does not take.
    struct Objection: Sendable {
        let file: IncludeDirectory.File
        let reason: String
    }

    /// Why nbd-server does not take these files together; nil when it does, and lists each of Hawser's once.
    func objection(to files: [IncludeDirectory.File], main: MainFile) throws(SystemCallError) -> String? {
        let question = Question(files: Set(files), main: main.text, program: try FileVersion(ofProgram: program))
        if taken.withLock({ $0 == question }) { return nil }
        let directory = "\(staging)/trial.\(getpid()).\(UInt64.random(in: 0 ... .max))"
        try createDirectories("\(directory)/conf.d", mode: 0o700)
        // What is left behind is in the way of nobody.
        defer { try? removeTree(directory) }
        for file in files { try writeFile("\(directory)/conf.d/\(file.name)", bytes: file.bytes) }
        try writeFile("\(directory)/config", bytes: Array(configuration(main, directory).utf8))
        let objection = try run(directory, main: main, names: files.compactMap(Self.ownName))
        if objection == nil { taken.withLock { $0 = question } }
        return objection
    }

    /// The files among these that nbd-server does not take by themselves, found by halving.
    func objections(to files: [IncludeDirectory.File], main: MainFile) throws(SystemCallError) -> [Objection] {
        guard !files.isEmpty, let reason = try objection(to: files, main: main) else { return [] }
        guard files.count > 1 else {
            // A failure of the moment is no objection.
            return try objection(to: files, main: main) == nil ? [] : [Objection(file: files[0], reason: reason)]
        }
        let half = files.count / 2
        return try objections(to: Array(files[..<half]), main: main)
            + objections(to: Array(files[half...]), main: main)
    }

    /// The person's `[generic]`, save where and as whom it would listen, and an export of the trial's own: without any the
    /// server does not start.
    private func configuration(_ main: MainFile, _ directory: String) -> String {
        main.text(changing: [
            ("port", "0"), ("listenaddr", "127.0.0.1"), ("unixsock", nil), ("duallisten", nil), ("user", nil),
            ("group", nil), ("force_tls", nil), ("allowlist", "true"), ("includedir", "\(directory)/conf.d"),
        ]) + "[\(Self.ownSection)]\nexportname = /dev/null\nreadonly = true\n"
    }

    private static let ownSection = "hawser-trial"

    private static func ownName(_ file: IncludeDirectory.File) -> String? {
        file.isHawsers ? KeyFile(file.text)?.groups.first?.name : nil
    }

    private func run(_ directory: String, main: MainFile, names: [String]) throws(SystemCallError) -> String? {
        let sockets = try SocketPair()
        let child = try ChildProcess(
            starting: .init(
                program, ["-d", "-C", "\(directory)/config"], input: .descriptor(sockets.far.number),
                output: .discarded, errors: .appended(to: "\(directory)/errors"), startsSession: true))
        // It has opened no disk and serves nobody.
        defer { child.send(signal: SIGKILL) }
        // With its far end closed here, a server that ended is seen at once.
        let near = sockets.takeNear()
        do throws(NBDError) {
            let listed = try ExportListing.names(offeredOver: near.relinquish(), patience: .seconds(30))
            for name in names where listed.count(where: { $0 == name }) != 1 {
                return listed.contains(name)
                    ? "the name '\(name)' is defined more than once" : "it does not offer '\(name)'"
            }
            return nil
        } catch {
            // Only a server that ended of its own accord has judged the files. One that was slow, or was killed, has not.
            guard Self.hasGivenUp(child) else {
                throw SystemCallError("try files with", "\(program): \(error)", errno: error.errorNumber)
            }
            return words(in: "\(directory)/errors", directory) ?? "\(error)"
        }
    }

    /// Whether it ended by itself with a failure. That it ended is known a moment after its socket is closed.
    private static func hasGivenUp(_ child: ChildProcess) -> Bool {
        let deadline = ContinuousClock.now + .seconds(2)
        while child.isRunning, ContinuousClock.now < deadline { usleep(1_000) }
        if case .exited(let code)? = child.exitStatus { return code != 0 }
        return false
    }

    /// What the server complained of, with the paths that a person knows; nil when it said nothing of use. For lines that
    /// are no key file at all nbd-server 3.24 gives no reason.
    private func words(in file: String, _ directory: String) -> String? {
        // Without the file the reason is the listing's.
        guard let text = try? readTextFile(file, limit: 65_536) else { return nil }
        let warnings = text.split(separator: "\n").filter { $0.contains("WARNING **: ") }
        if let warning = warnings.last {
            // The words before are g_warning(3)'s: the process, the level, the time, and a path of the trial's.
            let words = warning.split(separator: " ").drop { $0 != "**:" }.dropFirst(2)
            return words.map { $0.split(separator: directory + "/").joined() }.joined(separator: " ")
        }
        return text.contains("No configured exports") ? "it is no key file that nbd-server can read" : nil
    }
}
