import LinuxCalls
import VolumeModel

@testable import NBDExports

extension FuzzTarget {
    /// A file of nbd-server's: as the main file, and as one of the include directory.
    static let nbdServerFiles = FuzzTarget(name: "nbd-server-files") { bytes in
        let directory = try TemporaryDirectory(prefix: "hawser-fuzz-nbd-server")
        let records = try SessionRecords(directory: "/tmp", writableFor: nil)
        try writeFile("\(directory.path)/config", bytes: bytes)
        try check(try MainFile(reading: "\(directory.path)/config"))
        try check(IncludeDirectory.File(name: "orders.conf", bytes: bytes), records)
    }

    private static func check(_ main: MainFile) throws(Broken) {
        _ = (main.exportGroups, main.listsForAll, main.user, main.isHawsers)
        guard let before = KeyFile(main.text)?.groups else { return }
        let changed = main.text(changing: [("includedir", "/here"), ("user", nil)])
        guard let after = KeyFile(changed)?.groups, after.map(\.name) == before.map(\.name) else {
            throw Broken(description: "\(changed) has the sections of\n\(main.text)")
        }
        for (old, new) in zip(before, after) {
            var wanted = old.values
            if old.name == "generic" {
                wanted["includedir"] = "/here"
                wanted["user"] = nil
            }
            try hold("[\(old.name)] of\n\(main.text)\nbecomes \(wanted), not \(new.values)", new.values == wanted)
        }
    }

    private static func check(_ file: IncludeDirectory.File, _ records: SessionRecords) throws(Broken) {
        let definitions = ExportDefinition.all(in: file, records: records)
        if let own = ExportFile(text: file.text, records: records) {
            try hold("what is read is what is written", own.text == file.text && file.isHawsers)
        }
        for definition in definitions {
            if case .hawser = definition.owner { try hold("\(definition) has the marker", file.isHawsers) }
        }
    }
}
