import ControlAPIClient
import ControlAPIModel
import Glibc
import LinuxCalls
import MariaDB
import NBD
import Rig
import Testing

/// An appliance as the old volume daemon left it: volumes attached in CloudStack, files in nbd-server's include directory, rows in its
/// tables, and clients that write.
struct OldInstallation {
    static let appliance = "aaaa0000-0000-4000-8000-000000000001"

    let world: DemoWorld
    let directory: String
    let server: DemoNBDServer
    let volumes: [String]
    let database: OldDaemonDatabase
    /// The file that names the database.
    var addressFile: String { "\(directory)/old-daemon.env" }
    var includeDirectory: String { "\(directory)/nbd-server/conf.d" }
    let writers: [StampWriter]

    /// With characters that an address could be misread at.
    static let password = "s3cr:t@/word"

    static func export(_ volume: String) -> String { "migration-vol-\(volume)" }
    func file(_ volume: String) -> String { "\(includeDirectory)/\(Self.export(volume)).conf" }
    func link(_ volume: String) -> String {
        "\(directory)/devices/by-id/virtio-\(volume.filter { $0 != "-" }.prefix(20))"
    }

    /// The disk's own path, which is not by-id.
    func disk(_ volume: String) -> String {
        "\(directory)/disks/\(volume)/\(volume.filter { $0 != "-" }.prefix(20)).img"
    }

    /// - Parameters:
    ///   - count: how many volumes, each with an export.
    ///   - change: what is otherwise in the old tables and files.
    static func run(
        _ server: DemoNBDServer, volumes count: Int,
        change: (OldInstallation) async throws -> Void = { _ in }, _ body: (OldInstallation) async throws -> Void
    ) async throws {
        let temporary = try TemporaryDirectory(prefix: "hawser-old-")
        let directory = temporary.path
        let volumes = (0..<count).map { "a7f226a7-95a0-43b6-9\($0 + 100)-acc909ef0c08" }
        try writeFile("\(directory)/world.yaml", bytes: Array(seed(volumes).utf8))
        let world = DemoWorld(
            directory: directory, hasRealDevices: false, seedFile: "\(directory)/world.yaml", nbd: server)
        let address = try await ThrowAwayMariaDB.shared().freshDatabase()
        do {
            try await world.startSimulator()
            let old = OldInstallation(
                world: world, directory: directory, server: server, volumes: volumes,
                database: try OldDaemonDatabase(at: address),
                writers: volumes.map { StampWriter(volume: $0, places: 256) })
            try await old.prepare(socket: try await ThrowAwayMariaDB.shared().socket)
            try await change(old)
            try await body(old)
            // No secret in a log.
            #expect(try !readTextFile("\(directory)/hawserd.log").contains(password))
        } catch {
            await world.stop()
            throw error
        }
        await world.stop()
    }

    private static func seed(_ volumes: [String]) -> String {
        let rows = volumes.enumerated().map { index, id in
            "  - {id: \(id), name: Disk \(index), sizeInMiB: 1, machine: \(appliance)}"
        }
        return """
            machines:
              - {id: \(appliance), name: appliance, appliance: true}
              - {id: aaaa0000-0000-4000-8000-000000000002, name: app-server}
            diskOfferings:
              - {id: 0ff00000-0000-4000-8000-000000000001, name: Custom}
            volumes:
            \(rows.joined(separator: "\n"))
            jobDelayMs: 50
            dataDiskLimit: 64
            """
    }

    private func prepare(socket: String) async throws {
        try createDirectories(includeDirectory)
        try createDirectories("\(directory)/exports")
        let port = try FreePort.find()
        try writeFile("\(directory)/exports/port-nbd-server", bytes: Array("\(port)\n".utf8))
        let listening = server == .nbdServerDaemon ? "port = \(port)" : "port = 0"
        let main = """
            [generic]
            \(listening)
            listenaddr = 127.0.0.1
            allowlist = true
            includedir = \(includeDirectory)
            [dummy]
            exportname = /dev/null
            readonly = true

            """
        try writeFile("\(directory)/nbd-server/config", bytes: Array(main.utf8))
        let account = try await world.account()
        try database.configure(
            endpoint: account.endpoint, apiKey: account.apiKey, secretKey: account.secretKey,
            appliance: account.appliance)
        for volume in volumes {
            try await wait(for: "\(link(volume)) to be there") { access(link(volume), F_OK) == 0 }
            try writeFile(
                file(volume),
                bytes: Array(OldDaemonDatabase.exportFile(of: Self.export(volume), path: link(volume)).utf8))
            try database.attach(
                volume, to: Self.appliance, path: link(volume), sizeInBytes: 1 << 20, port: Int64(port),
                file: file(volume))
        }
        let name = database.address.database
        try MariaDBConnection(database.address).execute(
            """
            CREATE USER '\(name)'@'localhost' IDENTIFIED BY '\(Self.password)';
            GRANT SELECT, INSERT, UPDATE, DELETE ON \(name).* TO '\(name)'@'localhost'
            """)
        let lines = "# of the old unit\nDATABASE_DSN=\(name):\(Self.password)@unix(\(socket))/\(name)?parseTime=true\n"
        try writeFile(addressFile, bytes: Array(lines.utf8), mode: 0o600)
    }

    /// Starts the server as the old daemon's unit did, outside of hawserd.
    func startOldServer() async throws {
        let started = try await ChildProcess.run(
            .init("nbd-server", ["-C", "\(directory)/nbd-server/config", "-p", "\(directory)/nbd-server.pid"]))
        try #require(started.status.isSuccess, "\(started.errors)")
        try await wait(for: "the old server to listen") { try await world.hasNBDServer() }
    }

    /// Runs while every export has a client that writes; afterwards all that was acknowledged is compared.
    func whileClientsWrite(_ body: () async throws -> Void) async throws {
        let address = try await world.exportAddress()
        let sessions = writers.map { writer in
            Task {
                // One session for the whole time: one that ends before is counted as broken.
                await writer.session(export: Self.export(writer.volume), at: address, writes: .max, flushes: false)
            }
        }
        do {
            try await untilAllHaveWritten(more: 20)
            try await body()
            try await untilAllHaveWritten(more: 20)
        } catch {
            for session in sessions { session.cancel() }
            throw error
        }
        for writer in writers { writer.endSession() }
        for session in sessions { _ = await session.value }
        for writer in writers {
            #expect(writer.figures.breaks == 0 && writer.figures.refusals == 0 && writer.figures.sessions == 1)
            await writer.compareAll(
                with: try await world.contents(
                    of: writer.volume, serial: String(writer.volume.filter { $0 != "-" }.prefix(20))))
            #expect(writer.figures.wrong == [])
        }
    }

    func untilAllHaveWritten(more count: Int) async throws {
        let before = writers.map(\.figures.writes)
        _ = try await waitForValue(
            "every client to write",
            lastSeen: {
                writers.map {
                    "\($0.figures.writes) writes, \($0.figures.refusals) refused, \($0.figures.breaks) broken"
                        + ($0.figures.lastTrouble.map { " (\($0))" } ?? "")
                }
                .joined(separator: "; ")
            }
        ) { () -> Bool? in
            zip(writers, before).allSatisfy { writer, earlier in writer.figures.writes >= earlier + count } ? true : nil
        }
    }

    /// Which process listens for clients. The daemon is told by Hawser's note of it: whoever negotiates holds its socket, too.
    func listener() async throws -> String {
        server == .nbdServerDaemon
            ? try readTextFile("\(directory)/exports/daemon") : try await "\(world.exportListeners())"
    }

    /// Until hawserd has listed and seen everything.
    func untilObserved() async throws {
        try await wait(for: "\(volumes.count) exports to be live") {
            try await world.control.world().exports.count { $0.liveness == "live" && $0.targetDevice != nil }
                == volumes.count
        }
        try await wait(for: "CloudStack to be listed") {
            try await world.control.world().volumes.count { $0.type == "DATADISK" } == volumes.count
        }
    }

    /// A configuration file for hawserd that names the old database.
    func configuration() throws -> String {
        let path = "\(directory)/hawserd.yaml"
        let url = try readTextFile(addressFile).split(separator: "\n")[1].dropFirst("DATABASE_DSN=".count)
        try writeFile(path, bytes: Array("legacy:\n  url: '\(url)'\n".utf8), mode: 0o600)
        return path
    }

    func importLegacy(_ arguments: String...) async throws -> ChildProcess.Outcome {
        try await ChildProcess.run(
            .init(
                try BuiltPrograms.path(of: "hawser"),
                ["import", "legacy", "--dsn-file", addressFile, "--socket", world.socket] + arguments))
    }

    /// All rows, and of all files names, bytes, and when they were written.
    func state() throws -> [String] {
        try database.contents()
            + directoryEntries(includeDirectory).sorted().map { name in
                var status = stat()
                lstat("\(includeDirectory)/\(name)", &status)
                let text = try readTextFile("\(includeDirectory)/\(name)")
                return "\(name), \(status.st_ino), \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec): \(text)"
            }
    }
}
