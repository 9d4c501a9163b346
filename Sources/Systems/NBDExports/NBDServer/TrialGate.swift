import ActorThreads
import LinuxCalls
import VolumeModel

/// What every new file has to pass: a trial before the real nbd-server, together with all that is there already.
///
/// A trial takes up to half a second, in which nbd-server makes its cryptographic parameters. So those who come while one
/// runs go into the next one together.
actor TrialGate {
    private let trial: Trial
    private let files: IncludeDirectory
    private let mainFile: String
    /// Whether the server is shown only what it takes, so that another's bad file stops nothing.
    private let leavesOutWhatStopsTheServer: Bool
    private let executor = ThreadExecutor(name: "export-trials")
    private var waiting: [(file: ExportFile, answer: CheckedContinuation<String?, Never>)] = []

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(trial: Trial, files: IncludeDirectory, mainFile: String, leavesOutWhatStopsTheServer: Bool) {
        self.trial = trial
        self.files = files
        self.mainFile = mainFile
        self.leavesOutWhatStopsTheServer = leavesOutWhatStopsTheServer
    }

    /// Why nbd-server does not take this file; nil when it does.
    func admit(_ file: ExportFile) async -> String? {
        await withCheckedContinuation { continuation in
            waiting.append((file, continuation))
            // Whoever else has called by now stands before this in the actor's queue.
            Task { self.tryAll() }
        }
    }

    private func tryAll() {
        let round = waiting
        waiting = []
        guard !round.isEmpty else { return }
        let candidates = round.map { IncludeDirectory.File(name: $0.file.fileName, bytes: Array($0.file.text.utf8)) }
        let reasons = verdicts(on: candidates)
        for (file, answer) in round { answer.resume(returning: reasons[file.fileName] ?? nil) }
    }

    /// The reasons against each of these; those that have none are taken.
    private func verdicts(on candidates: [IncludeDirectory.File]) -> [String: String] {
        do throws(SystemCallError) {
            let main = try MainFile(reading: mainFile)
            let names = Set(candidates.map(\.name))
            let present = try files.files().filter { !names.contains($0.name) }
            guard try trial.objection(to: present + candidates, main: main) != nil else { return [:] }
            // Somebody's: first those that are there, since no new file can be taken beside one that stops the server.
            let standing = try clear(present, main: main)
            if let standing, !leavesOutWhatStopsTheServer { return refusal(of: candidates, standing) }
            var reasons: [String: String] = [:]
            for objection in try trial.objections(to: candidates, main: main) {
                reasons[objection.file.name] = objection.reason
            }
            if standing != nil || !reasons.isEmpty { return reasons }
            // Each by itself is taken; what is against them is that they are together.
            let now = try files.files().filter { !names.contains($0.name) }
            return try trial.objection(to: now + candidates, main: main).map { refusal(of: candidates, $0) } ?? [:]
        } catch {
            return refusal(of: candidates, error.description)
        }
    }

    /// The files that are there and stop nbd-server; nothing is changed.
    nonisolated func objections() throws(SystemCallError) -> [Trial.Objection] {
        try trial.objections(to: files.files(), main: MainFile(reading: mainFile))
    }

    private func refusal(of candidates: [IncludeDirectory.File], _ reason: String) -> [String: String] {
        Dictionary(candidates.map { ($0.name, reason) }) { first, _ in first }
    }

    /// Sets those files aside that stop nbd-server and are Hawser's own.
    ///
    /// - Returns: what still stops it: another's file, or the main file; nil when nothing does.
    nonisolated func clear(_ present: [IncludeDirectory.File]) throws(SystemCallError) -> String? {
        try clear(present, main: try MainFile(reading: mainFile))
    }

    private nonisolated func clear(
        _ present: [IncludeDirectory.File], main: MainFile
    ) throws(SystemCallError) -> String? {
        if let reason = try trial.objection(to: [], main: main) { return "\(main.path): \(reason)" }
        var others: [String] = []
        for objection in try trial.objections(to: present, main: main) {
            if objection.file.isHawsers {
                try files.setAside(objection.file)
            } else {
                others.append("\(files.path)/\(objection.file.name) stops nbd-server: \(objection.reason)")
            }
        }
        return others.isEmpty ? nil : others.joined(separator: "; ")
    }
}
