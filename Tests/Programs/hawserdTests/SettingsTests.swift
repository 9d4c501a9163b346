import Arguments
import LinuxCalls
import MariaDB
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

    private func store(_ variables: [String: String]) throws -> StoreChoice {
        let parsed = try CommandDescription("", summary: "", discussion: "", options: []).parse([])
        return try StoreChoice(SettingValues(parsed) { variables[$0] })
    }

    @Test func `without a word about it the store is a file`() throws {
        guard case .embedded("/var/lib/hawser/hawser.db") = try store([:]) else {
            Issue.record("not the file")
            return
        }
    }

    @Test(arguments: [
        ["HAWSER_STORE_URL": "mariadb://u:p@127.0.0.1:3307/d"], ["DATABASE_DSN": "u:p@tcp(127.0.0.1:3307)/d"],
        ["DB_HOST": "127.0.0.1", "DB_PORT": "3307", "DB_USER": "u", "DB_PASSWORD": "p", "DB_NAME": "d"],
    ])
    func `a database is named by a URL, in Go's words, or by variables`(_ variables: [String: String]) throws {
        guard case .shared(let address, let lifetime) = try store(variables) else {
            Issue.record("not a database")
            return
        }
        #expect(address.endpoints == [.tcp(host: "127.0.0.1", port: 3307)])
        #expect(address.user == "u" && address.database == "d" && address.password == MariaDBPassword("p"))
        #expect(lifetime == .seconds(2))
    }

    @Test func `the password comes from a file, from the address, or from systemd`() throws {
        let directory = try TemporaryDirectory(prefix: "hawser-settings")
        try writeFile("\(directory.path)/own", bytes: Array("from the file\n".utf8))
        try writeFile("\(directory.path)/hawser-store-password", bytes: Array("from systemd\n".utf8))
        func password(_ url: String, _ variables: [String: String]) throws -> MariaDBPassword? {
            var all = variables
            all["HAWSER_STORE_URL"] = url
            all["CREDENTIALS_DIRECTORY"] = directory.path
            guard case .shared(let address, _) = try store(all) else { return nil }
            return address.password
        }
        let file = ["HAWSER_STORE_PASSWORD_FILE": "\(directory.path)/own"]
        #expect(try password("mariadb://u:url@127.0.0.1/d", file) == MariaDBPassword("from the file"))
        #expect(try password("mariadb://u:url@127.0.0.1/d", [:]) == MariaDBPassword("url"))
        #expect(try password("mariadb://u@127.0.0.1/d", [:]) == MariaDBPassword("from systemd"))
    }

    @Test(arguments: [
        (["HAWSER_STORE_URL": "mariadb://u:secret@127.0.0.1/d", "HAWSER_STORE_PATH": "/tmp/x"], "both set"),
        (["DATABASE_DSN": "u:secret@tcp(127.0.0.1)"], "DATABASE_DSN cannot be read"),
        (["DB_HOST": "127.0.0.1", "DB_PASSWORD": "secret"], "DB_USER is not set"),
        (
            ["HAWSER_STORE_URL": "mariadb://u:secret@127.0.0.1/d", "HAWSER_LEASE_LIFETIME": "1ms"],
            "lease.lifetime is from"
        ),
    ])
    func `what is wrong with a database's name is said, without its password`(
        _ variables: [String: String], _ words: String
    ) throws {
        let error = try #require(throws: UsageError.self) { try store(variables) }
        #expect("\(error)".contains(words), "\(error)")
        #expect(!"\(error)".contains("secret"))
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
