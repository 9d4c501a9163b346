import Glibc
import LinuxCalls
import Reconciliation
import VolumeModel

/// The directories whose links are the exports.
///
///     ROOT/disks/<volume>     → the proven device
///     ROOT/rw/<export>        → ../disks/<volume>      served writable
///     ROOT/ro/<export>        → ../disks/<volume>      served read-only
///     ROOT/staging            where a link is made before it is renamed into its place
///     ROOT/set-aside          where foreign files go that had to be withdrawn; nothing is ever deleted but links
///
/// A link of the form `../disks/<volume>` is Hawser's own: that form is the marker. nbdkit serves whatever lies in `rw` and
/// `ro`, so nothing but finished links is ever put there. nbd-server's files name the same links, so that a name is
/// revoked by one unlink, also in the memory of a server that has read the file.
struct ExportDirectory: Sendable {
    enum Side: String, Sendable, CaseIterable {
        case writable = "rw"
        case readOnly = "ro"
    }

    let root: String

    init(root: String) throws(SystemCallError) {
        self.root = root
        for name in ["disks", "rw", "ro", "staging", "set-aside", "log"] {
            try createDirectories("\(root)/\(name)", mode: 0o755)
        }
    }

    /// Lets every user follow the links, whatever this process's umask is: for a server that runs as another.
    func openToEveryUser() throws(SystemCallError) {
        for path in [root, "\(root)/disks", self.path(.writable), self.path(.readOnly)] {
            guard chmod(path, 0o755) == 0 else { throw SystemCallError("set the mode of", path, errno: errno) }
        }
    }

    func path(_ side: Side) -> String { "\(root)/\(side.rawValue)" }
    func path(_ side: Side, _ name: ExportName) -> String { "\(path(side))/\(name)" }
    private func disk(_ volume: VolumeID) -> String { "\(root)/disks/\(volume)" }
    private func marker(_ volume: VolumeID) -> String { "../disks/\(volume)" }

    /// The names of one side; those that no manifest could name are left out, since nothing can ask for them.
    func names(_ side: Side) throws(SystemCallError) -> [ExportName] {
        try directoryEntries(path(side)).compactMap { ExportName($0) }
    }

    /// Who made an entry; nil when there is none.
    func owner(_ side: Side, _ name: ExportName) throws(SystemCallError) -> ExportOwner? {
        let path = path(side, name)
        guard exists(path) else { return nil }
        guard let target = try linkTarget(path), target.hasPrefix("../disks/"),
            let volume = VolumeID(target.dropFirst("../disks/".count)), target == marker(volume)
        else { return .foreign }
        return .hawser(volume)
    }

    /// Where a client that connects now would land.
    func target(_ side: Side, _ name: ExportName) -> ExportTarget { target(of: path(side, name)) }

    /// The same of any path.
    func target(of path: String) -> ExportTarget {
        guard let found = diskNumber(of: path) else {
            var status = stat()
            if stat(path, &status) != 0 { return .nothing }
            return .other(isDirectory(path) ? "a directory" : "something that is no disk")
        }
        let number = DeviceNumber(major: found.major, minor: found.minor)
        return .device(number, diskSequence: found.isPlainFile ? nil : diskSequence(of: number))
    }

    /// The same of a path that somebody else has written down: what leads to a layer of the old daemon's own making leads to
    /// the disk below it.
    func target(ofOthers path: String) -> ExportTarget {
        guard case .device(let number, _) = target(of: path), let below = OldLayer.below(number) else {
            return target(of: path)
        }
        return .device(below, diskSequence: diskSequence(of: below))
    }

    private func diskSequence(of number: DeviceNumber) -> UInt64? {
        // Kernels before 5.15 have none; a device that went away in the meantime has none either.
        guard let text = try? readTextFile("/sys/dev/block/\(number)/diskseq", limit: 64) else { return nil }
        return UInt64(text.prefix { $0.isNumber })
    }

    /// Where the volume's own link leads now; nil when it has none, or one that leads nowhere.
    func deviceNow(of volume: VolumeID) -> DeviceNumber? {
        diskNumber(of: disk(volume)).map { DeviceNumber(major: $0.major, minor: $0.minor) }
    }

    /// Makes the name lead to the device, unless it is somebody else's, another volume's or the other side's, or the volume
    /// would be moved to another device under a client.
    ///
    /// - Parameter sessions: who is connected to a device now.
    func publish(
        _ publication: ExportPublication, sessions: (DeviceNumber) -> ClientCount
    ) throws(ExportError) {
        do throws(SystemCallError) {
            try checkOwner(publication)
            // Whoever is connected to what the volume was before would be left behind unseen.
            if let before = deviceNow(of: publication.volume), before != publication.device.number {
                guard case .known(0) = sessions(before) else {
                    throw SystemCallError(
                        "move volume \(publication.volume) to another device", "clients are connected to \(before)",
                        errno: EBUSY)
                }
            }
            try place(publication)
        } catch {
            throw ExportError(error)
        }
    }

    /// Whether a client who comes by this name now lands where the publication said.
    func leads(_ publication: ExportPublication) -> Bool {
        let side: Side = publication.isReadOnly ? .readOnly : .writable
        guard case .device(let number, let sequence) = target(side, publication.name) else { return false }
        let wanted = publication.device
        return number == wanted.number
            && (sequence == nil || wanted.diskSequence == nil || sequence == wanted.diskSequence)
    }

    private func checkOwner(_ publication: ExportPublication) throws(SystemCallError) {
        for side in Side.allCases {
            switch try owner(side, publication.name) {
            case nil: continue
            case .foreign?:
                throw SystemCallError(
                    "publish", "\(publication.name): \(side.rawValue) has a foreign entry", errno: EEXIST)
            case .hawser(let volume)?:
                guard volume == publication.volume, (side == .readOnly) == publication.isReadOnly else {
                    throw SystemCallError("publish", "\(publication.name): it leads to volume \(volume)", errno: EEXIST)
                }
            }
        }
    }

    private func place(_ publication: ExportPublication) throws(SystemCallError) {
        try place(link: disk(publication.volume), target: devicePath(of: publication.device))
        let side: Side = publication.isReadOnly ? .readOnly : .writable
        try place(link: path(side, publication.name), target: marker(publication.volume))
    }

    /// A path that leads to this very plugging-in of the disk and can lead to no other: udev's link by disk sequence
    /// number. Where there is none, the kernel's node.
    private func devicePath(of device: DeviceRecord) -> String {
        if let sequence = device.diskSequence {
            let link = "/dev/disk/by-diskseq/\(sequence)"
            if let found = diskNumber(of: link),
                DeviceNumber(major: found.major, minor: found.minor) == device.number
            {
                return link
            }
        }
        return device.path
    }

    /// Puts a link in its place in one step, and makes that durable.
    private func place(link: String, target: String) throws(SystemCallError) {
        let staged = "\(root)/staging/\(getpid()).\(UInt64.random(in: 0 ... .max))"
        guard symlink(target, staged) == 0 else { throw SystemCallError("make link", staged, errno: errno) }
        guard rename(staged, link) == 0 else {
            let reason = errno
            unlink(staged)
            throw SystemCallError("rename \(staged) to", link, errno: reason)
        }
        try synchroniseDirectory(parentDirectory(of: link))
    }

    /// Takes a name away. What is not a link of Hawser's is moved aside and kept.
    func withdraw(_ side: Side, _ name: ExportName, owner: ExportOwner) throws(SystemCallError) {
        let path = path(side, name)
        switch owner {
        case .hawser(let volume):
            guard unlink(path) == 0 || errno == ENOENT else { throw SystemCallError("remove", path, errno: errno) }
            try synchroniseDirectory(self.path(side))
            try removeDiskIfUnused(volume)
        case .foreign:
            let aside = "\(root)/set-aside/\(name).\(UInt64.random(in: 0 ... .max))"
            guard rename(path, aside) == 0 || errno == ENOENT else {
                throw SystemCallError("move \(path) to", aside, errno: errno)
            }
            try synchroniseDirectory(self.path(side))
        }
    }

    /// A volume's own link goes with the last name that leads through it.
    private func removeDiskIfUnused(_ volume: VolumeID) throws(SystemCallError) {
        for side in Side.allCases {
            for name in try names(side) where try owner(side, name) == .hawser(volume) { return }
        }
        guard unlink(disk(volume)) == 0 || errno == ENOENT else {
            throw SystemCallError("remove", disk(volume), errno: errno)
        }
        try synchroniseDirectory("\(root)/disks")
    }
}

extension ExportError {
    /// A failure of the file system; that something is there already (`EEXIST`) means another owner.
    init(_ error: SystemCallError) {
        self = error.errorNumber == EEXIST ? .nameTaken(error.description) : .failed(error.description)
    }
}
