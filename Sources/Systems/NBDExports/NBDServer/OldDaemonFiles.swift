import Glibc
import LinuxCalls
public import Reconciliation
public import VolumeModel

/// nbd-server's include directory as the old daemon left it.
public enum OldDaemonFiles {
    /// One section of a file.
    public struct Definition: Sendable, Equatable {
        /// As it stands there: it can be a name that is no export's for Hawser.
        public var export: String
        /// The file's path.
        public var file: String
        public var isReadOnly: Bool
        /// What clients would be served; nil when it is something other than one plain path.
        public var path: String?
        public var isHawsers: Bool
    }

    /// What all files define.
    public static func definitions(in directory: String) throws(ExportError) -> [Definition] {
        do throws(SystemCallError) {
            return try IncludeDirectory.files(in: directory).flatMap { file in
                (KeyFile(file.text)?.groups ?? []).map { group in
                    Definition(
                        export: group.name, file: "\(directory)/\(file.name)", isReadOnly: group.flag("readonly"),
                        path: ExportDefinition.plainPath(of: group), isHawsers: file.isHawsers)
                }
            }
        } catch {
            throw ExportError(error)
        }
    }

    /// The file of one export in the form in which the old daemon wrote it.
    static func text(_ name: ExportName, path: String, isReadOnly: Bool) -> String {
        """
        [\(name)]
        exportname = \(path)
        readonly = \(isReadOnly)
        multifile = false
        copyonwrite = false

        """
    }
}

// MARK: Taking over and giving back

extension NBDServerExports {
    /// Takes over the file of an export that somebody else made: Hawser may take it down from now on, when the export is to go and
    /// nobody uses it. The file stays as it is.
    ///
    /// - Returns: the file's path; nil when no single file of its own defines the name.
    public func takeOver(_ name: ExportName) throws(ExportError) -> String? {
        do throws(SystemCallError) {
            guard let file = try ownFile(of: name) else { return nil }
            try adopted.take(name, file.bytes)
            return "\(configuration.includeDirectory)/\(file.name)"
        } catch {
            throw ExportError(error)
        }
    }

    /// Has the file of an export that somebody else made name its disk by another path. Nothing else of the file changes, and
    /// clients find the same disk before and afterwards.
    ///
    /// - Throws: ``ExportError`` when the file says something else than `old`, the paths lead to different disks, or a client is
    ///   connected (IN-USE).
    public func convert(_ name: ExportName, from old: String, to new: String) throws(ExportError) {
        guard ServerPath.isSafe(new) else { throw .failed("\(name): \(ServerPath.rule)") }
        do throws(SystemCallError) {
            guard let file = try ownFile(of: name) else {
                throw SystemCallError("convert", "\(name): no single file of its own defines it", errno: ENOENT)
            }
            guard case .device(let number, _) = links.target(ofOthers: old),
                case .device(let wanted, _) = links.target(ofOthers: new), number == wanted
            else {
                throw SystemCallError("convert", "\(name): \(old) and \(new) lead to different disks", errno: EXDEV)
            }
            guard case .known(0) = sessions(on: number) else {
                throw SystemCallError("convert", "\(name): clients are connected", errno: EBUSY)
            }
            guard let text = KeyFile.text(file.text, replacing: "exportname", old, by: new) else {
                throw SystemCallError("convert", "\(name): its file does not say \(old)", errno: ESTALE)
            }
            try writeFileAtomically(
                "\(configuration.includeDirectory)/\(file.name)", bytes: Array(text.utf8), forEveryReader: true)
            if try adopted.copy(of: name) == file.bytes { try adopted.take(name, Array(text.utf8)) }
        } catch {
            throw ExportError(error)
        }
        wakeDaemon()
    }

    /// Puts the old daemon's form of a file in the place of Hawser's own, and forgets what was taken over. Whoever is connected
    /// goes on; who comes afterwards finds the same disk.
    ///
    /// - Parameters:
    ///   - path: the disk's by-id path; nil where the volume is not here, and only what was noted is forgotten.
    ///   - dryRun: only says what would be done.
    /// - Returns: the file that was written; nil when nothing had to be.
    public func giveBack(_ name: ExportName, path: String?, dryRun: Bool) throws(ExportError) -> String? {
        do throws(SystemCallError) {
            let file = try hawsersFile(of: name)
            guard let file, let path else {
                if !dryRun { try adopted.forget(name) }
                return nil
            }
            guard ServerPath.isSafe(path), case .device(let number, _) = links.target(of: path),
                case .device(number, _) = links.target(of: file.path)
            else {
                throw SystemCallError(
                    "give back", "\(name): \(path) does not lead to the disk that it serves", errno: EXDEV)
            }
            let target = "\(configuration.includeDirectory)/\(file.fileName)"
            guard !dryRun else { return target }
            let text = OldDaemonFiles.text(name, path: path, isReadOnly: file.isReadOnly)
            try writeFileAtomically(target, bytes: Array(text.utf8), forEveryReader: true)
            try removeLinks(of: name, file.volume)
            try adopted.forget(name)
            wakeDaemon()
            return target
        } catch {
            throw ExportError(error)
        }
    }

    /// The file that defines this name and nothing else, and is not Hawser's.
    func ownFile(of name: ExportName) throws(SystemCallError) -> IncludeDirectory.File? {
        let found = try files.files().filter { file in
            KeyFile(file.text)?.groups.contains { $0.name == name.text } == true
        }
        guard found.count == 1, let file = found.first, !file.isHawsers, KeyFile(file.text)?.groups.count == 1 else {
            return nil
        }
        return file
    }

    private func hawsersFile(of name: ExportName) throws(SystemCallError) -> ExportFile? {
        for file in try files.files() where file.name == "\(name).conf" {
            return ExportFile(text: file.text, records: files.records)
        }
        return nil
    }

    /// A client that negotiates takes milliseconds; who takes longer is taken not to come to an end.
    private static let negotiationPatience = Duration.seconds(10)

    /// Takes down a file that was taken over. A server that has read it could still open the disk for a client who negotiates at
    /// this moment: until none does, the name is not withdrawn.
    ///
    /// - Throws: ``ExportError`` when it was not taken over, or a client negotiates without end; the file is then in its place.
    func takeDown(_ name: ExportName) async throws(ExportError) {
        let path: String
        let bytes: [UInt8]
        do throws(SystemCallError) {
            guard let file = try ownFile(of: name), try adopted.copy(of: name) == file.bytes else {
                throw SystemCallError(
                    "withdraw", "\(name): it is defined by a file that Hawser did not make and did not take over",
                    errno: EEXIST)
            }
            path = "\(configuration.includeDirectory)/\(file.name)"
            bytes = file.bytes
            guard unlink(path) == 0 || errno == ENOENT else { throw SystemCallError("remove", path, errno: errno) }
            try synchroniseDirectory(configuration.includeDirectory)
        } catch {
            throw ExportError(error)
        }
        wakeDaemon()
        let deadline = ContinuousClock.now + Self.negotiationPatience
        while ContinuousClock.now < deadline {
            if await nobodyHasRead(fileName: path.split(separator: "/").last.map(String.init) ?? "") { return }
            // A cancelled sleep only makes it look again at once.
            try? await Task.sleep(for: .milliseconds(25))
        }
        do throws(SystemCallError) {
            if !exists(path) { try writeFileAtomically(path, bytes: bytes, forEveryReader: true) }
        } catch {
            throw ExportError(error)
        }
        wakeDaemon()
        throw .failed(
            "\(name): a client negotiates with the server and does not come to an end; the file is in its place")
    }

    /// Whether no server process is left that has read a file which is gone by now, and has not opened a disk yet.
    private func nobodyHasRead(fileName: String) async -> Bool {
        do throws(SystemCallError) {
            if configuration.style == .daemon {
                guard
                    let loaded = try LoadedFiles.ofListener(
                        on: address, root: links.root, records: files.records)
                else { return try ProcessInspection.owners(of: address.endpoint).isNobody }
                guard !exists("\(loaded.directory)/conf.d/\(fileName)") else { return false }
            }
            let connected = try ProcessInspection.connected(to: address.endpoint)
            guard connected.ownerlessSockets == 0 else { return false }
            for process in connected.processes {
                guard ProcessInspection.program(of: process)?.split(separator: "/").last == "nbd-server" else {
                    continue
                }
                do throws(SystemCallError) {
                    if try ProcessInspection.openDisks(of: process, withStandardStreams: false).isEmpty { return false }
                } catch {
                    // One that ended opens nothing any more.
                    if error.errorNumber != ENOENT { throw error }
                }
            }
            return true
        } catch {
            // What cannot be seen is not known to be over.
            return false
        }
    }
}
