import Arguments
import LinuxCalls
import NBD
import NBDExports
import Testing

@testable import hawserd

@Suite struct SettingsTests {
    @Test(arguments: [
        ("cloudstack.endpoint", "cloudstack-endpoint", "HAWSER_CLOUDSTACK_ENDPOINT"),
        ("nbd.listenReadOnly", "nbd-listen-read-only", "HAWSER_NBD_LISTEN_READ_ONLY"), ("self", "self", "HAWSER_SELF"),
    ])
    func `one key gives the option and the variable`(_ key: String, _ option: String, _ variable: String) throws {
        let setting = try #require(Setting.all.first { $0.key == key })
        #expect(setting.optionName == option)
        #expect(setting.environmentName == variable)
    }

    @Test func `no setting forces anything in general`() {
        for word in ["force", "override", "ignore", "unsafe"] {
            #expect(!Setting.all.contains { $0.key.lowercased().contains(word) })
        }
    }

    @Test(arguments: Setting.all.map(\.key)) func `every setting is documented, with its standard`(key: String) throws {
        let root = #filePath.split(separator: "/").dropLast(4).reduce(into: "") { $0 += "/" + $1 }
        let line = try readTextFile("\(root)/docs/configuration.md").split(separator: "\n").first {
            $0.hasPrefix("| `") && $0.split(separator: "|").first?.contains("`\(key)`") == true
        }
        let found = try #require(line, "docs/configuration.md has no line for \(key)")
        let setting = try #require(Setting.all.first { $0.key == key })
        guard let standard = setting.standard, standard != "/etc/nbd-server/conf.d" else { return }
        #expect(found.contains(standard), "\(found)")
    }

    @Test func `a secret has no option, and never shows`() throws {
        for setting in Setting.all where setting.isSecret { #expect(setting.option == nil) }
    }

    private func nbd(_ settings: [String: String]) throws -> ExportServerChoice {
        let parsed = try CommandDescription("", summary: "", discussion: "", options: []).parse([])
        return try ExportServerChoice(
            SettingValues(parsed) { name in settings.first { "HAWSER_NBD_\($0.key)" == name }?.value })
    }

    @Test func `without a word about it nbdkit serves the exports`() throws {
        guard case .nbdkit(let configuration) = try nbd([:]) else {
            Issue.record("not nbdkit")
            return
        }
        #expect(configuration.supervision == .external)
        #expect(
            try nbd(["MODE": "supervised"])
                == .nbdkit(
                    NBDKitConfiguration(
                        root: "/var/lib/hawser/exports", supervision: .supervised(program: "nbdkit"),
                        writable: .tcp(host: "127.0.0.1", port: 10809), readOnly: .tcp(host: "127.0.0.1", port: 10810)))
        )
    }

    @Test(arguments: [
        ("nbd-server-per-connection", "external", NBDServerConfiguration.Style.perConnection),
        ("nbd-server-per-connection", "supervised", .perConnectionActivated(by: "systemd-socket-activate")),
        ("nbd-server-daemon", "supervised", .daemon),
    ])
    func `nbd-server finds the old daemon's places by itself`(
        _ kind: String, _ mode: String, _ style: NBDServerConfiguration.Style
    ) throws {
        #expect(
            try nbd(["KIND": kind, "MODE": mode])
                == .nbdServer(
                    NBDServerConfiguration(
                        root: "/var/lib/hawser/exports", configFile: "/etc/nbd-server/config",
                        includeDirectory: "/etc/nbd-server/conf.d", style: style, program: "nbd-server",
                        address: .tcp(host: "127.0.0.1", port: 10809))))
    }

    @Test func `a daemon that somebody else runs cannot be chosen, nor a server that is not known`() {
        #expect(throws: UsageError.self) { try nbd(["KIND": "nbd-server-daemon"]) }
        #expect(throws: UsageError.self) { try nbd(["KIND": "nbd-server"]) }
    }

    @Test func `the example of a configuration names every setting of the NBD server, and can be read`() throws {
        let root = #filePath.split(separator: "/").dropLast(4).reduce(into: "") { $0 += "/" + $1 }
        let file = "\(root)/deploy/systemd/hawserd.yaml"
        let lines = try readTextFile(file).split(separator: "\n").map { $0.drop { $0 == " " || $0 == "#" } }
        for setting in Setting.all where setting.key.hasPrefix("nbd.") {
            let key = setting.key.dropFirst("nbd.".count)
            #expect(lines.contains { $0.hasPrefix("\(key):") }, "\(setting.key)")
        }
        let parsed = try CommandDescription("", summary: "", discussion: "", options: []).parse([])
        let values = try SettingValues(parsed) { $0 == "HAWSER_CONFIG" ? file : nil }
        #expect(try ExportServerChoice(values) == nbd(["MODE": "supervised"]))
    }
}

/// Where scrapers connect.
@Suite struct MetricsListenerTests {
    private func listener(_ listen: String?, remote: String? = nil) throws -> MetricsListener? {
        let parsed = try CommandDescription("", summary: "", discussion: "", options: []).parse([])
        return try MetricsListener(
            SettingValues(parsed) { ["HAWSER_METRICS_LISTEN": listen, "HAWSER_METRICS_REMOTE": remote][$0] ?? nil })
    }

    @Test func `nothing listens unless somebody says where`() throws {
        #expect(try listener(nil) == nil)
        #expect(try listener(nil, remote: "yes") == nil)
        #expect(try listener("127.0.0.1:9750")?.port == 9750)
        #expect(try listener("127.8.0.1:0")?.host == "127.8.0.1")
    }

    @Test(arguments: ["0.0.0.0:9750", "192.0.2.1:9750", "appliance:9750", ":9750", "[::1]:9750"])
    func `an address that others may reach needs a word of its own`(address: String) throws {
        let error = #expect(throws: UsageError.self) { try listener(address) }
        #expect(error?.description.contains("metrics.remote: yes") == true)
        #expect(throws: UsageError.self) { try listener(address, remote: "no") }
        #expect(try listener(address, remote: "yes") != nil)
    }

    @Test(arguments: ["127.0.0.1", "9750", "127.0.0.1:65536", "127.0.0.1:x"])
    func `what is no address is refused`(address: String) {
        #expect(throws: UsageError.self) { try listener(address, remote: "yes") }
        #expect(throws: UsageError.self) { try listener("127.0.0.1:1", remote: "perhaps") }
    }
}
