import Glibc
import LinuxCalls
import NBD
import Reconciliation
import Testing
import VolumeModel

@testable import NBDExports

/// The two ways to run nbd-server that tests can run.
enum TestedStyle: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case perConnection = "per connection"
    case daemon = "as a daemon"

    var testDescription: String { rawValue }

    var style: NBDServerConfiguration.Style {
        switch self {
        case .perConnection: .perConnectionActivated(by: NBDServerFixture.activator)
        case .daemon: .daemon
        }
    }
}

/// A real nbd-server over directories of its own, on a port of its own, and disks that are plain files.
final class NBDServerFixture: Sendable {
    static let program = "/usr/bin/nbd-server"
    static let activator = "/usr/bin/systemd-socket-activate"
    static let isAvailable = access(program, X_OK) == 0 && access(activator, X_OK) == 0

    let directory: TemporaryDirectory
    let exports: NBDServerExports
    let root: String
    let style: TestedStyle
    private let events: Task<Void, Never>

    var includeDirectory: String { "\(directory.path)/conf.d" }
    var configFile: String { "\(directory.path)/config" }
    var address: NBDAddress {
        get throws {
            let text = try readTextFile("\(root)/port-nbd-server")
            return .tcp(host: "127.0.0.1", port: try #require(UInt16(text.prefix { $0.isNumber })))
        }
    }

    /// - Parameter prepare: makes files that are there before Hawser is; it is given the fixture's directory and a port.
    init(_ style: TestedStyle, prepare: (String, UInt16) throws -> Void = { _, _ in }) async throws {
        directory = try TemporaryDirectory(prefix: "hawser-nbd-server-test")
        self.style = style
        root = "\(directory.path)/exports"
        try createDirectories("\(directory.path)/conf.d")
        try createDirectories(root)
        let free = try StablePort.resolve(
            .tcp(host: "127.0.0.1", port: 0), rememberedIn: "\(root)/port-nbd-server")
        guard case .tcp(_, let port) = free else { preconditionFailure("\(free)") }
        try prepare(directory.path, port)
        exports = try Self.make(directory.path, style)
        let exports = exports
        events = Task { for await _ in await exports.events() {} }
        try await untilRunning()
    }

    static func make(_ directory: String, _ style: TestedStyle) throws -> NBDServerExports {
        try NBDServerExports(
            NBDServerConfiguration(
                root: "\(directory)/exports", configFile: "\(directory)/config",
                includeDirectory: "\(directory)/conf.d", style: style.style, program: program,
                address: .tcp(host: "127.0.0.1", port: 0)))
    }

    func finish() async throws {
        try await exports.stop()
        events.cancel()
    }

    /// Until a server runs that knows all files as they are, and will not be replaced.
    func untilRunning() async throws {
        let files = IncludeDirectory(path: includeDirectory, setAside: "\(root)/set-aside", records: try records())
        try await until {
            guard await exports.observe().server == .running else { return false }
            guard style == .daemon else { return true }
            return try loaded()?.covers(files.files(), main: MainFile(reading: configFile)) == true
        }
    }

    func loaded() throws -> LoadedFiles? {
        try LoadedFiles.ofListener(on: address, root: root, records: records())
    }

    private func records() throws -> SessionRecords {
        try SessionRecords(directory: "\(root)/sessions", writableFor: nil)
    }

    func until(_ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while try await !condition() {
            try #require(ContinuousClock.now < deadline, "waited in vain")
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    func disk(_ number: UInt64, filledWith byte: UInt8 = 1) throws -> (VolumeID, DeviceRecord) {
        try plainDisk(number, filledWith: byte, in: directory.path)
    }

    @discardableResult
    func publish(_ name: ExportName, _ number: UInt64, byte: UInt8 = 1, readOnly: Bool = false) async throws
        -> DeviceRecord
    {
        let (volume, device) = try disk(number, filledWith: byte)
        try await exports.publish(
            ExportPublication(name: name, volume: volume, isReadOnly: readOnly, device: device))
        return device
    }

    /// Until a client can connect by this name, and nothing more is to change.
    func untilLive(_ name: ExportName) async throws {
        try await untilRunning()
        try await until { await exports.read(name).value?.liveness == .live }
    }

    func connect(_ name: ExportName) throws -> NBDClient { try NBDClient(export: name.text, at: address) }

    /// The names that the live server offers, apart from the one that it needs to start at all.
    func listed() throws -> [String] { try ExportListing.names(offeredBy: address).filter { $0 != "dummy" } }
}
