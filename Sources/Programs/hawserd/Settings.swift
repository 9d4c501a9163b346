import Arguments
import Glibc
import LinuxCalls
import YAML

/// One thing that can be set: in the configuration file under its key, in the environment, by an option; the later wins.
struct Setting: Sendable {
    let key: String
    let help: String
    /// What holds when nobody sets it.
    let standard: String?
    /// The option's placeholder; nil for what must not stand on a command line, which every user can read.
    let option: String?
    let isSecret: Bool

    init(_ key: String, _ option: String?, standard: String? = nil, isSecret: Bool = false, help: String) {
        self.key = key
        self.option = option
        self.standard = standard
        self.isSecret = isSecret
        self.help = help
    }

    /// `cloudstack.endpoint` is `--cloudstack-endpoint` and `HAWSER_CLOUDSTACK_ENDPOINT`.
    var optionName: String {
        key.map { $0 == "." ? "-" : $0.isUppercase ? "-" + $0.lowercased() : String($0) }.joined()
    }

    var environmentName: String { "HAWSER_" + optionName.uppercased().map { $0 == "-" ? "_" : $0 } }

    static let all: [Setting] = [
        Setting("self", "UUID", help: "this appliance's id in CloudStack (the machine's DMI product UUID)"),
        Setting("cloudstack.endpoint", "URL", help: "such as https://cloud.example/client/api; required"),
        Setting("cloudstack.apiKey", "KEY", help: "the account's API key; required"),
        Setting("cloudstack.secretKey", nil, isSecret: true, help: "the account's secret key"),
        Setting("cloudstack.secretKeyFile", "FILE", help: "a file that holds the secret key"),
        Setting("cloudstack.caFile", "FILE", help: "certificates to trust instead of the system's"),
        Setting("cloudstack.callsPerSecond", "N", standard: "24", help: "at most so many calls in any second"),
        Setting("mode", "MODE", standard: "Enforce", help: "Enforce, or Observe to report and touch nothing"),
        Setting("manifests", "DIR", help: "a directory of manifests that is followed"),
        Setting("store.path", "FILE", standard: "/var/lib/hawser/hawser.db", help: "the SQLite file"),
        Setting(
            "store.url", nil, isSecret: true,
            help: "a database instead of the file, as mariadb://USER@HOST/NAME; docs/high-availability.md"),
        Setting("store.passwordFile", "FILE", help: "a file that holds the database user's password"),
        Setting(
            "legacy.url", nil, isSecret: true,
            help: "the old daemon's database, for 'hawser import legacy'; docs/migrating.md"),
        Setting("legacy.passwordFile", "FILE", help: "a file that holds that database user's password"),
        Setting("legacy.mirror", "YES|NO", standard: "no", help: "yes: the old daemon's tables are kept up to date"),
        Setting(
            "legacy.account", "YES|NO", standard: "no",
            help: "yes: CloudStack's endpoint and keys are those of the old daemon's active ossea_configs row"),
        Setting(
            "legacy.encryptionKeyFile", "FILE",
            help: "a file that holds the old daemon's key of stored credentials (MIGRATEKIT_CRED_ENCRYPTION_KEY)"),
        Setting(
            "lease.lifetime", "TIME", standard: "2s",
            help: "how long another hawserd for this node waits for one that is silent"),
        Setting("devices.buses", "LIST", standard: "virtio,scsi", help: "of virtio, scsi, loop-by-rule"),
        Setting("devices.directory", "DIR", help: "plain files there play the part of devices"),
        Setting(
            "nbd.kind", "KIND", standard: "nbdkit",
            help: "nbdkit, nbd-server-per-connection or nbd-server-daemon; docs/nbd-servers.md compares them"),
        Setting("nbd.root", "DIR", standard: "/var/lib/hawser/exports", help: "where the directories of links are"),
        Setting(
            "nbd.mode", "MODE", standard: "external",
            help: "supervised: hawserd starts the NBD server; external: somebody else does"),
        Setting("nbd.program", "PATH", help: "the NBD server's program (nbdkit or nbd-server, after nbd.kind)"),
        Setting(
            "nbd.listen", "ADDRESS", standard: "127.0.0.1:10809",
            help: "where clients connect: HOST:PORT or a socket's path; of nbdkit the writable exports"),
        Setting("nbd.listenReadOnly", "ADDRESS", standard: "127.0.0.1:10810", help: "nbdkit's read-only exports"),
        Setting("nbd.configFile", "FILE", standard: "/etc/nbd-server/config", help: "nbd-server's main file"),
        Setting(
            "nbd.includeDirectory", "DIR", standard: "/etc/nbd-server/conf.d",
            help: "nbd-server's includedir, with one file for each export"),
        Setting(
            "nbd.activator", "PATH", standard: "systemd-socket-activate",
            help: "what listens for nbd-server-per-connection in supervised mode"),
        Setting("control.socket", "PATH", standard: "/run/hawser/control.sock", help: "the control API's socket"),
        Setting("control.group", "GID", help: "whose members may use the socket, too"),
        Setting(
            "metrics.listen", "ADDRESS", help: "HOST:PORT where GET /metrics is answered, and nothing else; off without"
        ),
        Setting(
            "metrics.remote", "WORD", standard: "no",
            help: "yes: metrics.listen may be an address that other machines reach"),
        Setting("policy.resync", "TIME", standard: "60s", help: "how often everything is looked at"),
        Setting("policy.jobPoll", "TIME", standard: "1s", help: "how often a running job is asked for"),
        Setting("policy.revisit", "TIME", standard: "5s", help: "how often what changes by itself is read again"),
        Setting("policy.deviceDeadline", "TIME", standard: "60s", help: "how long a device may take to appear"),
        Setting("policy.requestInFlight", "TIME", standard: "30s", help: "how long a lost call may still arrive"),
        Setting(
            "contest.base", "TIME", standard: "10s",
            help: "the pause before what somebody undid is repaired for the second time; then it doubles"),
        Setting("contest.cap", "TIME", standard: "10m", help: "the longest of these pauses"),
        Setting("contest.lasting", "TIME", standard: "10m", help: "what stood so long is no longer contested"),
        Setting(
            "brake.volumes", "N", standard: "1",
            help: "how many volumes may be taken away within the window without a person's approval"),
        Setting("brake.percent", "N", standard: "1", help: "or so many percent of all volumes, whichever is more"),
        Setting("brake.window", "TIME", standard: "10m", help: "the window in which removals are counted"),
        Setting("log.calls", "WORD", standard: "no", help: "yes: a line for each call on an outside system"),
        Setting("log.format", "FORMAT", standard: "text", help: "text or json"),
    ]
}

/// The values of all settings, from the file, the environment and the command line.
struct SettingValues: Sendable {
    private var values: [String: String] = [:]
    /// What somebody has set, whatever the standard is.
    private var set: Set<String> = []
    /// Variables of other programs' making that are understood, too.
    private(set) var outside: [String: String] = [:]

    private static let outsideNames = [
        "DATABASE_DSN", "DB_HOST", "DB_PORT", "DB_USER", "DB_PASSWORD", "DB_NAME", "CREDENTIALS_DIRECTORY",
        "MIGRATEKIT_CRED_ENCRYPTION_KEY",
    ]

    /// - Parameter environment: looks a variable up.
    init(_ parsed: ParsedCommand, environment: (String) -> String?) throws {
        for setting in Setting.all { values[setting.key] = setting.standard }
        for name in Self.outsideNames {
            if let value = environment(name), !value.isEmpty { outside[name] = value }
        }
        if let file = parsed.value("config") ?? environment("HAWSER_CONFIG") { try read(file) }
        for setting in Setting.all {
            if let value = environment(setting.environmentName) { take(value, for: setting.key) }
            if setting.option != nil, let value = parsed.value(setting.optionName) { take(value, for: setting.key) }
        }
    }

    private mutating func read(_ file: String) throws {
        let documents: [Node]
        do throws(YAMLError) { documents = try YAMLReader().documents(try Self.contents(file)) } catch {
            throw UsageError("\(file):\(error)")
        }
        for document in documents { try take(document, prefix: "", file: file) }
    }

    private static func contents(_ file: String) throws(YAMLError) -> [UInt8] {
        do { return try readFile(file) } catch {
            throw YAMLError(mark: Mark(line: 1, column: 1), message: error.description)
        }
    }

    private mutating func take(_ node: Node, prefix: String, file: String) throws(UsageError) {
        guard case .map(let entries) = node.value else {
            if prefix.isEmpty, node.value == .null { return }
            throw UsageError("\(file):\(node.mark): write a map here, not \(node.kind)")
        }
        for entry in entries {
            let key = prefix + entry.key
            if Setting.all.contains(where: { $0.key == key }) {
                switch entry.value.value {
                case .list(let items): take(items.map(\.source).joined(separator: ","), for: key)
                case .map: throw UsageError("\(file):\(entry.value.mark): \(key) is one value, not a map")
                case .text(let text): take(text, for: key)
                case .null: values[key] = nil
                case .flag, .integer, .real: take(entry.value.source, for: key)
                }
            } else if Setting.all.contains(where: { $0.key.hasPrefix(key + ".") }) {
                try take(entry.value, prefix: key + ".", file: file)
            } else {
                let hint =
                    Spelling.nearest(to: key, among: Setting.all.map(\.key)).map { "; did you mean '\($0)'?" } ?? ""
                throw UsageError("\(file):\(entry.keyMark): there is no setting '\(key)'\(hint)")
            }
        }
    }

    private mutating func take(_ value: String, for key: String) {
        values[key] = value
        set.insert(key)
    }

    /// Whether somebody has set it, and the standard does not just hold.
    func isSet(_ key: String) -> Bool { set.contains(key) && self[key] != nil }

    subscript(_ key: String) -> String? { values[key].flatMap { $0.isEmpty ? nil : $0 } }

    func required(_ key: String) throws(UsageError) -> String {
        guard let value = self[key] else {
            let setting = Setting.all.first { $0.key == key }
            throw UsageError(
                "\(key) is not set: write it into the configuration file or set \(setting?.environmentName ?? "")")
        }
        return value
    }

    func duration(_ key: String) throws(UsageError) -> Duration {
        let text = try required(key)
        guard let duration = Durations.parse(text) else {
            throw UsageError("\(key) is a time such as 500ms, 30s or 5m, not '\(text)'")
        }
        return duration
    }

    func flag(_ key: String) throws(UsageError) -> Bool {
        switch try required(key) {
        case "yes": true
        case "no": false
        case let other: throw UsageError("\(key) is yes or no, not '\(other)'")
        }
    }

    /// What holds, for people: secrets are only said to be there.
    var lines: [String] {
        Setting.all.map { setting in
            let value = self[setting.key].map { setting.isSecret ? "(set)" : $0 } ?? ""
            return "\(setting.key): \(value)"
        }
    }
}
