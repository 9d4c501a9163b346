import ControlAPIClient
import ControlAPIModel
import Glibc
import LinuxCalls
import NBD
import Rig
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
            }
        }
    }
}
