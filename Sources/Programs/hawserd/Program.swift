import Arguments
import FoundationEssentials
import Glibc
import HTTPServer
import LinuxCalls
import Reconciliation
import Systemd

/// The daemon. It reads its settings, joins the parts, and runs until it is asked to end.
@main
enum Main {
    private static let command = CommandDescription(
        "", summary: "Keeps CloudStack volumes attached and exported as manifests say.",
        discussion:
            "Every setting can stand in the configuration file, in the environment (HAWSER_…) or here; the later wins.",
        options: [
            CommandOption("config", value: .required("FILE"), help: "the configuration file (HAWSER_CONFIG)"),
            CommandOption("check-config", help: "check the settings, and end"),
            CommandOption("print-config", help: "show the settings without secrets, and end"),
            CommandOption("print-ready-json", help: "print one line of JSON on stdout when the control API answers"),
            CommandOption("version", help: "show the version"), CommandOption("help", "h", help: "show this"),
        ]
            + Setting.all.filter { $0.option != nil }.map { setting in
                CommandOption(
                    setting.optionName, value: .required(setting.option ?? ""),
                    help: setting.help + (setting.standard.map { " (\($0))" } ?? ""))
            })

    static func main() async {
        FreedMemory.keepTogether()
        TerminationSignals.ignoreBrokenPipes()
        do {
            exit(try await run(try command.parse(Array(CommandLine.arguments.dropFirst()))))
        } catch let error as UsageError {
            complain("\(error.description); see hawserd --help")
            exit(64)
        } catch {
            complain("\(error)")
            exit(1)
        }
    }

    private static func run(_ parsed: ParsedCommand) async throws -> Int32 {
        if parsed.has("help") {
            print(command.help(program: "hawserd"), terminator: "")
            return 0
        }
        if parsed.has("version") {
            print("hawserd \(Version.text)")
            return 0
        }
        let values = try SettingValues(parsed) { name in getenv(name).map { String(cString: $0) } }
        if parsed.has("print-config") {
            for line in values.lines { print(line) }
            return 0
        }
        let configuration = try Configuration(values)
        if parsed.has("check-config") {
            print("the configuration is valid")
            return 0
        }
        let log = Log(isJSON: configuration.logsJSON)
        let signals = try TerminationSignals.stream()
        let assembly = try await Assembly(configuration, log: log)
        log.write(.notice, "started", ["version": Version.text, "node": "\(configuration.here)"])
        if parsed.has("print-ready-json") { try announce(configuration, assembly, await assembly.exports.observe()) }
        try await assembly.run(signals, log: log)
        log.write(.notice, "stopped")
        return 0
    }

    private struct Ready: Encodable {
        var pid: Int32
        var controlSocket: String
        var exportsRoot: String
        /// Where NBD clients connect.
        var writableURI: String
        var readOnlyURI: String
        /// Where scrapers connect; absent when they cannot.
        var metricsPort: UInt16?
    }

    private static func announce(
        _ configuration: Configuration, _ assembly: Assembly, _ exports: ExportObservation
    ) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let ready = Ready(
            pid: getpid(), controlSocket: configuration.controlSocket, exportsRoot: configuration.nbd.root,
            writableURI: exports.writableURI, readOnlyURI: exports.readOnlyURI,
            metricsPort: assembly.metrics?.port)
        print(String(decoding: try encoder.encode(ready), as: UTF8.self))
        fflush(nil)
    }

    private static func complain(_ text: String) {
        let bytes = Array("hawserd: \(text)\n".utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }
}

/// This program's version.
enum Version {
    static let text = "0.1.0"
}
