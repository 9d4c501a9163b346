import ControlAPIClient
import ControlAPIModel
import Glibc
import LinuxCalls
import MariaDB
import NBD
import Rig
import SQL
import Testing

/// Moving from the old daemon and back, with the built programs, a real MariaDB and a real nbd-server.
@Suite(
    .serialized,
    .enabled(if: ThrowAwayMariaDB.obstacle == nil, "needs a MariaDB server: \(ThrowAwayMariaDB.obstacle ?? "")"))
struct MigrationTests {
    private static let servers = [DemoNBDServer.nbdServer, .nbdServerDaemon].filter(\.missingPrograms.isEmpty)

    @Test(arguments: servers)
    func `eleven volumes move to Hawser and back while every export has a client that writes`(
        _ server: DemoNBDServer
    ) async throws {
        try await OldInstallation.run(server, volumes: 11) { old in
            let world = old.world
            // As a daemon the server is the old unit's, and its clients are older than hawserd.
            if server == .nbdServerDaemon { try await old.startOldServer() } else { try await world.startDaemon() }
            if server == .nbdServer { try await old.untilObserved() }
            try await old.whileClientsWrite {
                if server == .nbdServerDaemon { try await world.startDaemon() }
                try await old.untilObserved()
                // What another had started is replaced once, since nobody can tell what it has read.
                if server == .nbdServerDaemon {
                    try await wait(for: "the old server to be replaced") { exists("\(old.directory)/exports/daemon") }
                    try await old.untilObserved()
                }
                let before = try old.state()
                let listener = try await old.listener()

                let dry = try await old.importLegacy("--dry-run")
                #expect(dry.status.isSuccess && dry.errors.contains("11 volumes agree"), "\(dry.errors)")
                #expect(!dry.errors.contains("left alone") && !dry.errors.contains("note that"), "\(dry.errors)")
                #expect(try await world.control.objects().isEmpty)

                let done = try await old.importLegacy()
                #expect(done.status.isSuccess && done.output.contains("11 imported"), "\(done.output)\(done.errors)")
                _ = try await world.untilAllReady()
                let plan = try await world.said(by: ["plan"])
                #expect(plan.contains("0 to do"), "\(plan)")
                try await old.untilAllHaveWritten(more: 20)
                #expect(try old.state() == before)

                // Once more there is nothing to import, and a restart finds everything as it is.
                #expect(try await old.importLegacy().output.contains("0 imported"))
                await world.killDaemon()
                try await world.startDaemon()
                _ = try await world.untilAllReady()
                #expect(try await world.said(by: ["plan"]).contains("0 to do"))
                #expect(try await world.control.operations().isEmpty)

                let undone = try await old.importLegacy("--undo")
                #expect(undone.status.isSuccess, "\(undone.output)\(undone.errors)")
                #expect(undone.output.split(separator: "\n").count == 11, "\(undone.output)")
                #expect(try await world.control.overview().items.isEmpty)
                #expect(try await world.control.objects().isEmpty)
                try await old.untilAllHaveWritten(more: 20)
                #expect(try old.state() == before)
                #expect(try await old.listener() == listener, "no server was told, or replaced")
                #expect(try await world.control.operations().isEmpty)
                #expect(try await world.mutatingCalls() == 0)
                if server == .nbdServerDaemon { try await goBack(old) }
            }
        }
    }

    /// As docs/migrating.md has it: hawserd ends, the server that it started stops listening, and the old one listens again.
    private func goBack(_ old: OldInstallation) async throws {
        await old.world.stopDaemon()
        let note = try readTextFile("\(old.directory)/exports/daemon")
        let listening = try #require(note.split(separator: " ").first.flatMap { Int32($0) })
        kill(listening, SIGKILL)
        try await wait(for: "nobody to listen") { try await !old.world.hasNBDServer() }
        try await old.startOldServer()
        try await old.untilAllHaveWritten(more: 20)
        for volume in old.volumes {
            try NBDClient(
                export: OldInstallation.export(volume), at: try await old.world.exportAddress(), patience: .seconds(30)
            ).disconnect()
        }
    }

    /// Moves an imported volume.
    private func apply(
        _ old: OldInstallation, _ name: String, _ volume: String, vm: String, waits: Bool = true
    ) async throws {
        let text = """
            apiVersion: hawser/v1
            kind: VolumeAttachment
            metadata: {name: \(name), labels: {hawser/imported-from: legacy-daemon}}
            spec: {volume: {id: \(volume)}, vm: \(vm), export: {name: \(OldInstallation.export(volume))}}
            """
        try writeFile("\(old.directory)/moved.yaml", bytes: Array(text.utf8))
        let applied = try await old.world.hawser(
            ["apply", "-f", "\(old.directory)/moved.yaml"] + (waits ? ["--wait=60s"] : []), output: .discarded)
        let reports = try await old.world.said(by: ["status"])
        try #require(applied.isSuccess, "\(reports)")
    }

    @Test(arguments: servers)
    func
        `what disagrees is left alone; old paths are converted while idle; what moved since is given back as it is now`(
            _ server: DemoNBDServer
        ) async throws
    {
        try await OldInstallation.run(server, volumes: 3) { old in
            // The second has an old path; of the third the old daemon has forgotten that it is attached.
            let plain = old.disk(old.volumes[1])
            try writeFile(
                old.file(old.volumes[1]),
                bytes: Array(
                    OldDaemonDatabase.exportFile(of: OldInstallation.export(old.volumes[1]), path: plain).utf8))
            let connection = try MariaDBConnection(old.database.address)
            for table in ["device_mappings", "nbd_exports", "ossea_volumes"] {
                let key = table == "device_mappings" ? "volume_uuid" : "volume_id"
                try connection.run(
                    "UPDATE \(table) SET device_path = ? WHERE \(key) = ?", [.text(plain), .text(old.volumes[1])])
            }
            try connection.run("DELETE FROM device_mappings WHERE volume_uuid = ?", [.text(old.volumes[2])])
        } _: { old in
            let world = old.world
            try await world.startDaemon()
            try await old.untilObserved()
            let third = try readTextFile(old.file(old.volumes[2]))

            let done = try await old.importLegacy()
            #expect(done.output.contains("2 imported"), "\(done.output)\(done.errors)")
            #expect(done.errors.contains("volume \(old.volumes[2]): left alone"), "\(done.errors)")
            #expect(done.errors.contains("device_mappings: no row"), "\(done.errors)")
            let converting = OldInstallation.export(old.volumes[1])
            #expect(done.errors.contains("--convert \(converting)"), "\(done.errors)")
            _ = try await world.untilAllReady()
            #expect(try await world.said(by: ["plan"]).contains("0 to do"))

            // IN-USE: not while somebody is connected.
            let client = try NBDClient(export: converting, at: try await world.exportAddress(), patience: .seconds(30))
            try await wait(for: "the client to be counted") {
                try await world.control.world().exports.contains { $0.name == converting && $0.clients == 1 }
            }
            let refused = try await old.importLegacy("--convert", converting)
            #expect(refused.errors.contains("1 client is connected"), "\(refused.errors)")
            #expect(try readTextFile(old.file(old.volumes[1])).contains(old.disk(old.volumes[1])))
            client.disconnect()
            try await wait(for: "the client to be gone") {
                try await world.control.world().exports.contains { $0.name == converting && $0.clients == 0 }
            }
            let converted = try await old.importLegacy("--convert", converting)
            #expect(converted.output.contains("has become \(old.link(old.volumes[1]))"), "\(converted.errors)")
            #expect(
                try readTextFile(old.file(old.volumes[1]))
                    == OldDaemonDatabase.exportFile(of: converting, path: old.link(old.volumes[1])))
            #expect(try !old.database.contents().contains { $0.contains(old.disk(old.volumes[1])) })
            _ = try await world.untilAllReady()

            // A volume that goes to another machine and comes back is exported by Hawser's own file meanwhile.
            let name = try #require(
                try await world.control.objects().first { $0.volume.id == old.volumes[0] }?.name)
            let before = try readTextFile(old.file(old.volumes[0]))
            try await apply(old, name, old.volumes[0], vm: "app-server")
            #expect(access(old.file(old.volumes[0]), F_OK) != 0, "a file that was taken over goes with its export")
            try await apply(old, name, old.volumes[0], vm: "self", waits: false)
            // Only its people can say that a running machine does not need it any more.
            try await world.detachBehindTheBack(volume: old.volumes[0])
            _ = try await world.untilAllReady()
            #expect(try readTextFile(old.file(old.volumes[0])) != before)
            let connected = try NBDClient(
                export: OldInstallation.export(old.volumes[0]), at: try await world.exportAddress())
            let calls = try await world.mutatingCalls()
            let undone = try await old.importLegacy("--undo")
            #expect(undone.status.isSuccess, "\(undone.output)\(undone.errors)")
            #expect(try readTextFile(old.file(old.volumes[0])) == before)
            #expect(try readTextFile(old.file(old.volumes[2])) == third)
            try connected.write([1], at: 0)
            connected.disconnect()

            // The other way round: it is elsewhere when everything is given back.
            try await wait(for: "the old file to be live") {
                try await world.control.world().exports.allSatisfy { $0.liveness == "live" }
            }
            #expect(try await old.importLegacy().output.contains("2 imported"))
            _ = try await world.untilAllReady()
            #expect(try await world.mutatingCalls() == calls)
            try await apply(old, name, old.volumes[0], vm: "app-server")
            #expect(try await old.importLegacy("--undo").status.isSuccess)
            let row = try MariaDBConnection(old.database.address).run(
                "SELECT device_path, linux_state FROM device_mappings WHERE volume_uuid = ?", [.text(old.volumes[0])])
            #expect(row.first?[0].text?.hasPrefix("remote-vm-aaaa0000-0000-4000-8000-000000000002") == true, "\(row)")
            #expect(row.first?[1].text == "n/a")

            // What is on another machine is imported as that: its name stays reserved, and nothing is done.
            let moved = try await world.mutatingCalls()
            #expect(try await old.importLegacy().output.contains("2 imported"))
            _ = try await world.untilAllReady()
            #expect(try await world.said(by: ["plan"]).contains("0 to do"))
            let there = try await world.control.objects().first { $0.volume.id == old.volumes[0] }
            #expect(there?.vm == "aaaa0000-0000-4000-8000-000000000002")
            #expect(there?.export?.name == OldInstallation.export(old.volumes[0]))
            #expect(try await world.mutatingCalls() == moved)
        }
    }

    @Test func `what is missing or wrong is said, with what to write instead`() async throws {
        try await OldInstallation.run(.nbdServer, volumes: 1) { old in
            try await old.world.startDaemon()
            try await old.untilObserved()
            let program = try BuiltPrograms.path(of: "hawser")
            func said(_ arguments: [String], _ variable: String? = nil) async throws -> String {
                var environment = ["PATH": "/usr/bin:/bin"]
                environment["HAWSER_LEGACY_DSN"] = variable
                let outcome = try await ChildProcess.run(
                    .init(program, ["import"] + arguments + ["--socket", old.world.socket], environment: environment))
                #expect(!outcome.status.isSuccess)
                return outcome.errors
            }
            #expect(try await said(["legacy"]).contains("set legacy.url"))
            #expect(try await said(["modern"]).contains("'hawser import legacy'"))
            #expect(try await said(["legacy", "--dsn", "x"]).contains("write user:password@tcp(host:3306)/database"))
            #expect(try await said(["legacy"], "root:secret@tcp(127.0.0.1:1)/x").contains("see that the server runs"))
            #expect(try await !said(["legacy"], "root:secret@tcp(127.0.0.1:1)/x").contains("secret"))
            #expect(
                try await said(["legacy", "--dsn-file", old.addressFile, "--conf-dir", "conf.d"]).contains(
                    "begins with '/'"))
            #expect(try await said(["legacy", "--undo", "--convert", "x"]).contains("not both"))
            #expect(
                try await said(["legacy", "--dsn-file", old.addressFile, "--convert", "nobody"]).contains(
                    "nothing to convert"))
        }
    }

    @Test func `the tables that others read follow what Hawser does, and keep what others write`() async throws {
        try await OldInstallation.run(.nbdServer, volumes: 2) { old in
            let world = old.world
            let settings = ["--config", try old.configuration(), "--legacy-mirror", "yes"]
            try await world.startDaemon(settings)
            try await old.untilObserved()
            #expect(try await old.importLegacy().output.contains("2 imported"))
            _ = try await world.untilAllReady()
            let connection = try MariaDBConnection(old.database.address)
            func rows(_ sql: String, _ values: SQLValue...) throws -> [[SQLValue]] { try connection.run(sql, values) }
            func until(_ what: String, _ sql: String, _ values: SQLValue..., are wanted: [[SQLValue]]) async throws {
                _ = try await waitForValue(what, lastSeen: { (try? connection.run(sql, values)).map { "\($0)" } }) {
                    try connection.run(sql, values) == wanted ? true : nil
                }
            }
            let volume = SQLValue.text(old.volumes[0])
            let mapping =
                "SELECT vm_id, device_path, linux_state FROM device_mappings WHERE volume_uuid = ?"
            // What a client writes of the other volume stays.
            try connection.run(
                "UPDATE device_mappings SET operation_mode = 'failover' WHERE volume_uuid = ?", [.text(old.volumes[1])])
            let before = try old.state()
            let name = try #require(try await world.control.objects().first { $0.volume.id == old.volumes[0] }?.name)
            try await apply(old, name, old.volumes[0], vm: "app-server")
            let other = "aaaa0000-0000-4000-8000-000000000002"
            try await until(
                "the mapping to follow", mapping, volume,
                are: [[.text(other), .text("remote-vm-\(other)-\(old.volumes[0])"), .text("n/a")]])
            try await until(
                "the operations to be told",
                "SELECT type, status FROM volume_operations WHERE volume_id = ? ORDER BY created_at, type DESC", volume,
                are: [[.text("detach"), .text("completed")], [.text("attach"), .text("completed")]])
            let told = try rows(
                "SELECT json_value(request, '$.vm_id'), completed_at IS NOT NULL FROM volume_operations WHERE type = 'attach'"
            )
            #expect(told == [[.text(other), .integer(1)]])
            let history = try rows(
                """
                SELECT count(*) FROM volume_operation_history AS h JOIN volume_operations AS o ON o.id = h.operation_id
                WHERE h.new_status = 'completed'
                """)
            #expect(history == [[.integer(2)]])

            // Back here: the path is by-id again, and the export's row was there all the time.
            try await apply(old, name, old.volumes[0], vm: "self", waits: false)
            try await world.detachBehindTheBack(volume: old.volumes[0])
            try await until(
                "the mapping to be back", mapping, volume,
                are: [
                    [.text(OldInstallation.appliance), .text(old.link(old.volumes[0])), .text("detected")]
                ])
            #expect(try rows("SELECT count(*) FROM nbd_exports") == [[.integer(2)]])

            // A cascade takes the rows; what is true is written again.
            try connection.execute("DELETE FROM vm_replication_contexts WHERE context_id = 'ctx-\(old.volumes[0])'")
            try await world.control.reconcile(nil)
            try await until(
                "the mapping to be written again",
                "SELECT device_path, operation_mode FROM device_mappings WHERE volume_uuid = ?", volume,
                are: [[.text(old.link(old.volumes[0])), .text("oma")]])
            try await until(
                "the export to be written again", "SELECT status FROM nbd_exports WHERE volume_id = ?", volume,
                are: [[.text("active")]])

            // What is taken down is told, also by a hawserd that was started meanwhile.
            #expect(try await world.hawser(["delete", name], output: .discarded).isSuccess)
            try await until("the mapping to go", mapping, volume, are: [])
            let untouched = before.filter { $0.contains(old.volumes[1]) }
            #expect(
                try untouched.allSatisfy { try old.state().contains($0) }, "the other volume's rows stay as they are")
        }
    }

    @Test func `the active row of ossea_configs is the live source of CloudStack's keys`() async throws {
        try await OldInstallation.run(.nbdServer, volumes: 1) { old in
            let world = old.world
            try await world.startDaemon(
                ["--config", try old.configuration(), "--legacy-account", "yes"], tellsAccount: false)
            try await old.untilObserved()
            let connection = try MariaDBConnection(old.database.address)
            func log() throws -> String { try readTextFile("\(old.directory)/hawserd.log") }
            try await wait(for: "the keys to be told of") {
                try log().contains("CloudStack's keys are those of ossea_configs")
            }
            // What cannot be right is not taken.
            try connection.execute("UPDATE ossea_configs SET secret_key = 'never-was-one'")
            try await wait(for: "the wrong keys to be refused") {
                try log().contains("CloudStack's keys stay as they are")
            }
            try connection.execute("UPDATE ossea_configs SET is_active = 0")
            try await wait(for: "no row to be told of") { try log().contains("0 rows of ossea_configs are active") }
            #expect(try await old.importLegacy().output.contains("1 imported"))
            _ = try await world.untilAllReady()
            #expect(try !log().contains("never-was-one"))
        }
    }
}
