import ActorThreads
import LinuxCalls
import NBD
import VolumeModel

/// Asks the running server what it offers. That can take half a second, so it has a thread of its own: a withdrawal does not
/// wait for it.
actor LiveServer {
    /// What it answered.
    struct Answer: Sendable {
        /// The names that it offers, or why it could not be asked.
        var offered: Result<Set<ExportName>, Silence>
        /// What a daemon has read; nil when that is not known, or each client's server reads anew.
        var loaded: LoadedFiles?
        /// Whether a daemon listens that Hawser did not start. It may let clients in by names that no file has any more.
        var isStranger: Bool

        var names: Set<ExportName>? { try? offered.get() }
    }

    struct Silence: Error {
        let reason: String
    }

    private let address: NBDAddress
    private let files: IncludeDirectory
    private let gate: TrialGate
    private let daemon: ReplaceableDaemon?
    private let root: String
    private let mainFile: String
    private let executor = ThreadExecutor(name: "export-listing")
    /// Why the files stop nbd-server, and the files of which that was found out.
    private var diagnosis: (files: [IncludeDirectory.File], reason: String?)?
    private var recent: RecentListing?

    /// A listing, and all that a server for each client makes its list of.
    private struct RecentListing {
        var files: [IncludeDirectory.File]
        var main: String
        var listeners: [ProcessIdentity]
        var names: Set<ExportName>
        var until: ContinuousClock.Instant

        func holds(for other: RecentListing) -> Bool {
            files == other.files && main == other.main && listeners == other.listeners && !listeners.isEmpty
                && ContinuousClock.now < until
        }
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(
        address: NBDAddress, root: String, mainFile: String, files: IncludeDirectory, gate: TrialGate,
        daemon: ReplaceableDaemon?
    ) {
        self.address = address
        self.root = root
        self.mainFile = mainFile
        self.files = files
        self.gate = gate
        self.daemon = daemon
    }

    /// - Parameter candidates: the names to ask for where the server lists for nobody.
    func answer(about candidates: [ExportName]) async -> Answer {
        for _ in 0..<200 {
            let wasReplacing = daemon?.isReplacing ?? false
            let answer = ask(candidates)
            // In the moment of its replacement by Hawser itself a daemon is not down, and a stranger is replaced soon.
            let isPassing = answer.isStranger || wasReplacing || daemon?.isReplacing == true
            guard isPassing, answer.names == nil || answer.loaded == nil else { return answer }
            // A cancelled sleep only makes it be asked at once.
            try? await Task.sleep(for: .milliseconds(50))
        }
        return ask(candidates)
    }

    private func ask(_ candidates: [ExportName]) -> Answer {
        var situation = situation()
        if let recent, let situation, recent.holds(for: situation) {
            return Answer(offered: .success(recent.names), loaded: nil, isStranger: false)
        }
        let offered: Result<Set<ExportName>, Silence>
        do throws(NBDError) {
            let names = try ExportListing.names(offeredBy: address, orKnownAmong: candidates.map(\.text))
            offered = .success(Set(names.compactMap { ExportName($0) }))
        } catch {
            offered = .failure(Silence(reason: whyItIsSilent() ?? error.description))
        }
        guard daemon != nil else {
            if case .success(let names) = offered {
                situation?.names = names
                recent = situation
            }
            return Answer(offered: offered, loaded: nil, isStranger: false)
        }
        do throws(SystemCallError) {
            let loaded = try LoadedFiles.ofListener(on: address, root: root, records: files.records)
            let isNobody = try ProcessInspection.owners(of: address.endpoint).isNobody
            return Answer(offered: offered, loaded: loaded, isStranger: loaded == nil && !isNobody)
        } catch {
            // What cannot be read is not known.
            return Answer(offered: offered, loaded: nil, isStranger: true)
        }
    }

    /// What a listing depends on where each client gets a server of its own: to ask costs as much as a client. So what was
    /// said of the very same files, by the same listener, holds for a few seconds more. nil where it does not apply: a daemon
    /// is asked each time, and one that lists for nobody was asked for other names.
    private func situation() -> RecentListing? {
        guard daemon == nil,
            // What cannot be read is asked for.
            let main = try? MainFile(reading: mainFile), main.listsForAll, let present = try? files.files(),
            let listeners = try? ProcessInspection.listeners(on: address.endpoint)
        else { return nil }
        return RecentListing(
            files: present, main: main.text, listeners: listeners.compactMap { ProcessIdentity(of: $0) }, names: [],
            until: .now + .seconds(5))
    }

    /// What in the files stops a server that is listened for; nil when that is not the reason.
    private func whyItIsSilent() -> String? {
        do throws(SystemCallError) {
            guard daemon == nil, try !ProcessInspection.owners(of: address.endpoint).isNobody else { return nil }
            let present = try files.files()
            if let diagnosis, diagnosis.files == present { return diagnosis.reason }
            let reason = try gate.clear(present)
            diagnosis = (try files.files(), reason)
            return reason
        } catch {
            return error.description
        }
    }
}
