import Arguments
import ControlAPIModel
import Glibc
import LinuxCalls
import Manifests
import VolumeModel

/// Something is wrong with what was given; every place is named.
struct InvalidManifests: Error, CustomStringConvertible {
    let problems: [ManifestProblem]

    var description: String {
        let lines = problems.map(\.description)
        return lines.count == 1 ? lines[0] : (["\(lines.count) problems:"] + lines).joined(separator: "\n")
    }
}

/// Reads the manifests that `-f` names.
enum ManifestFiles {
    static func read(_ parsed: ParsedCommand) throws -> [Manifest] {
        let names = parsed.values("filename")
        guard !names.isEmpty else { throw UsageError("name manifests by -f FILE, -f DIRECTORY or -f -") }
        var reader = ManifestReader()
        for name in names {
            for file in try files(name) { reader.read(try contents(file), file: file) }
        }
        reader.finish()
        guard reader.problems.isEmpty else { throw InvalidManifests(problems: reader.problems) }
        guard !reader.manifests.isEmpty else {
            throw UsageError("there is no manifest in \(names.joined(separator: ", "))")
        }
        return reader.manifests
    }

    private static func files(_ name: String) throws -> [String] {
        guard name != "-", isDirectory(name) else { return [name] }
        let base = name.hasSuffix("/") ? String(name.dropLast()) : name
        return try directoryEntries(name).filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.map {
            "\(base)/\($0)"
        }
    }

    private static func contents(_ name: String) throws -> [UInt8] {
        name == "-" ? try readFile("/dev/stdin") : try readFile(name)
    }
}

extension WireObject {
    init(_ manifest: Manifest) {
        self.init(
            name: manifest.name, labels: manifest.labels, volume: manifest.volume, machine: manifest.machine,
            export: manifest.export, detach: manifest.detach, mode: manifest.mode,
            wantedSizeInBytes: manifest.wantedSizeInBytes, role: manifest.role, deletion: manifest.deletion,
            file: manifest.place.file)
    }
}
