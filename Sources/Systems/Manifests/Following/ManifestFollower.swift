import Glibc
import LinuxCalls
import Manifests
public import Reconciliation
import VolumeModel

/// Keeps desired state as a directory of manifests says, while people edit it.
///
/// The directory is taken over as a whole or not at all: a file that cannot be read, or that somebody still writes, changes
/// nothing, and what was taken over last stays in force. Objects that no file names any more are deleted when they stay away;
/// no person has approved that, so that many at once are held by the brake (BRAKE). A directory that is empty deletes nothing.
public struct ManifestFollower: Sendable {
    private let directory: String
    private let store: any StateStore
    private let report: @Sendable (_ trouble: String?) async -> Void

    /// How long an object has to be gone from the directory before it is deleted: an editor or a copy may be at work.
    static let settling = Duration.seconds(2)
    /// How long until a file that is being written is looked at again.
    static let writing = Duration.milliseconds(100)
    /// The net under lost events.
    static let rereading = Duration.seconds(60)

    /// - Parameter report: told after each reading what is wrong, nil for nothing.
    public init(
        directory: String, store: any StateStore, report: @escaping @Sendable (_ trouble: String?) async -> Void
    ) {
        self.directory = directory
        self.store = store
        self.report = report
    }

    /// Follows until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            do {
                try await follow(DirectoryChanges.stream(of: [directory], includingWrites: true))
            } catch {
                await report(error.description)
                // A cancelled sleep ends the loop.
                guard (try? await Task.sleep(for: Self.settling)) != nil else { return }
            }
        }
    }

    /// Reads at each change, and again when something is pending, until the directory is another one.
    private func follow(_ changes: AsyncStream<Void>) async throws(SystemCallError) {
        let followed = try DirectoryIdentity(directory)
        let (looks, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let watching = Task {
            for await _ in changes { continuation.yield() }
        }
        continuation.yield()
        var state = State()
        var timer: Task<Void, Never>?
        defer {
            watching.cancel()
            timer?.cancel()
        }
        for await _ in looks {
            timer?.cancel()
            let next = await look(&state)
            // A directory that was replaced is watched anew; one that is gone is said so there.
            guard let now = try? DirectoryIdentity(directory), now == followed else { return }
            timer = Task {
                if (try? await Task.sleep(for: next)) != nil { continuation.yield() }
            }
            if Task.isCancelled { return }
        }
    }

    /// What is remembered between two looks.
    private struct State {
        /// The objects that are gone from the directory, and since when just these.
        var missing: [ObjectName] = []
        var missingSince = ContinuousClock.now
    }

    /// - Returns: when to look again without an event.
    private func look(_ state: inout State) async -> Duration {
        do {
            let manifests = try read()
            try await apply(manifests)
            let next = try await removeMissing(manifests, &state)
            await report(nil)
            return next
        } catch let trouble as Trouble {
            await report(trouble.text)
            return trouble.isPassing ? Self.writing : Self.rereading
        } catch {
            await report("\(error)")
            return Self.settling
        }
    }

    private struct Trouble: Error {
        var text: String
        /// Over in a moment by itself.
        var isPassing = false
    }

    /// Everything in the directory, checked as a whole.
    private func read() throws -> [Manifest] {
        var reader = ManifestReader()
        let files = try directoryEntries(directory).filter {
            !$0.hasPrefix(".") && ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml"))
        }
        for name in files {
            let path = "\(directory)/\(name)"
            if try isOpenForWriting(path) == true { throw Trouble(text: "\(path) is being written", isPassing: true) }
            reader.read(try readFile(path), file: path)
        }
        reader.finish()
        if let first = reader.problems.first {
            let others = reader.problems.count - 1
            throw Trouble(text: "\(first)" + (others == 0 ? "" : ", and \(others) more"))
        }
        return reader.manifests
    }

    private func apply(_ manifests: [Manifest]) async throws {
        guard !manifests.isEmpty else { return }
        _ = try await store.apply(manifests.map(DesiredEdit.init), dryRun: false)
    }

    // MARK: What is gone

    private func removeMissing(_ manifests: [Manifest], _ state: inout State) async throws -> Duration {
        let named = Set(manifests.map(\.name))
        let missing = try await store.directoryObjects(besides: named)
        if missing != state.missing {
            state.missing = missing
            state.missingSince = .now
        }
        guard !missing.isEmpty else { return Self.rereading }
        guard !manifests.isEmpty else {
            let names = missing.prefix(5).map { "'\($0)'" }.joined(separator: ", ") + (missing.count > 5 ? ", …" : "")
            throw Trouble(
                text:
                    "\(directory) holds no manifest any more, and nothing is removed for that; to take \(names) down, "
                    + "leave another file there or use 'hawser delete' without --manifests")
        }
        let waited = state.missingSince.duration(to: .now)
        guard waited >= Self.settling else { return Self.settling - waited }
        _ = try await store.delete(missing, by: .directory, approving: .none, dryRun: false)
        return Self.rereading
    }
}

/// Which directory a path is now.
private struct DirectoryIdentity: Equatable {
    private let device: UInt64
    private let inode: UInt64

    init(_ path: String) throws(SystemCallError) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw SystemCallError("follow", path, errno: errno) }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }
}

extension DesiredEdit {
    fileprivate init(_ manifest: Manifest) {
        self.init(
            name: manifest.name, labels: manifest.labels, volume: manifest.volume, machine: manifest.machine,
            export: manifest.export, detach: manifest.detach, mode: manifest.mode,
            wantedSizeInBytes: manifest.wantedSizeInBytes, role: manifest.role, deletion: manifest.deletion,
            source: .directory(file: manifest.place.file))
    }
}
