import Glibc
import LinuxCalls
import NBD
import Reconciliation

/// nbd-server's main file, with the section `[generic]`. It is a person's; only where there is none does Hawser make one.
struct MainFile: Sendable {
    let path: String
    let text: String

    private static let marker = "# Made by Hawser. It is written anew when hawserd's settings change.\n"

    var isHawsers: Bool { text.hasPrefix(Self.marker) }

    init(reading path: String) throws(SystemCallError) {
        self.path = path
        text = try readTextFile(path)
    }

    /// Reads the file, or makes it, and checks that it says what hawserd's settings say.
    init(preparing configuration: NBDServerConfiguration, address: NBDAddress) throws(ExportError) {
        path = configuration.configFile
        let wanted = Self.text(configuration, address)
        do throws(SystemCallError) {
            var found = exists(path) ? try readTextFile(path) : ""
            if found.isEmpty || (found.hasPrefix(Self.marker) && found != wanted) {
                try createDirectories(parentDirectory(of: path), mode: 0o755)
                try writeFileAtomically(path, bytes: Array(wanted.utf8), forEveryReader: true)
                found = wanted
            }
            text = found
        } catch {
            throw .failed(error.description)
        }
        if let objection = objection(to: configuration, address) { throw .failed("\(path): \(objection)") }
    }

    /// The section `[dummy]` is there because nbd-server does not start without any export.
    private static func text(_ configuration: NBDServerConfiguration, _ address: NBDAddress) -> String {
        let listening: String
        switch (configuration.style, address) {
        case (.daemon, .tcp(let host, let port)): listening = "port = \(port)\nlistenaddr = \(host)"
        case (.daemon, .unix(let path)): listening = "unixsock = \(path)"
        // Port 0 means that the client is on the standard input. It listens all the same, on some port, in vain.
        case (.perConnection, _), (.perConnectionActivated, _): listening = "port = 0\nlistenaddr = 127.0.0.1"
        }
        return marker + """
            [generic]
            \(listening)
            allowlist = true
            includedir = \(configuration.includeDirectory)
            [dummy]
            exportname = /dev/null
            readonly = true

            """
    }

    /// What in a person's file contradicts hawserd's settings; nil when nothing does.
    private func objection(to configuration: NBDServerConfiguration, _ address: NBDAddress) -> String? {
        guard let generic = KeyFile(text)?.groups.first, generic.name == "generic" else {
            return "the first section has to be [generic]"
        }
        if generic.values["includedir"] != configuration.includeDirectory {
            return "it has to say includedir = \(configuration.includeDirectory), as hawserd's settings do"
        }
        let port = generic.values["port"] ?? "10809"
        switch (configuration.style, address) {
        case (.perConnection, _), (.perConnectionActivated, _):
            return port == "0" ? nil : "it has to say port = 0, since each client gets a server of its own"
        case (.daemon, .tcp(_, let wanted)):
            return port == String(wanted) ? nil : "it says port = \(port), and hawserd's settings say \(wanted)"
        case (.daemon, .unix(let wanted)):
            return generic.values["unixsock"] == wanted ? nil : "it has to say unixsock = \(wanted)"
        }
    }

    /// Groups that define exports, beside those of the include directory.
    var exportGroups: [KeyFile.Group] { (KeyFile(text)?.groups ?? []).filter { $0.name != "generic" } }

    /// Whether clients may list the exports.
    var listsForAll: Bool { KeyFile(text)?.groups.first { $0.name == "generic" }?.flag("allowlist") == true }

    /// The user that the server becomes; nil when it stays who it is.
    var user: String? { KeyFile(text)?.groups.first { $0.name == "generic" }?.values["user"] }

    /// The same file with other lines in `[generic]`, in the place of what they set.
    ///
    /// - Parameter values: what is to be set; nil takes a key away.
    func text(changing values: [(key: String, value: String?)]) -> String {
        // What is no key file stays as it is, for nbd-server to say what is wrong with it.
        guard let groups = KeyFile(text)?.groups else { return text }
        return groups.map { group -> String in
            guard group.name == "generic" else { return section(group.name, group.lines.map(\.text)) }
            let kept = group.lines.filter { line in !values.contains { $0.key == line.key } }.map(\.text)
            return section("generic", kept + values.compactMap { pair in pair.value.map { "\(pair.key) = \($0)" } })
        }.joined()
    }

    private func section(_ name: String, _ lines: [String]) -> String {
        // Of what stands before the line's end, one carriage return is not read.
        "[\(name)]\n" + lines.map { $0 + ($0.utf8.last == UInt8(ascii: "\r") ? "\r\n" : "\n") }.joined()
    }
}
