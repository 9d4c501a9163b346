import Glibc
import LinuxCalls
import Rig
import Testing

/// NBD servers that are killed while a client writes: what they had acknowledged is there.
struct KilledServerTests {
    private static let orders = "a7f226a7-95a0-43b6-942e-acc909ef0c08"
    private static let kinds = [DemoNBDServer.nbdkit, .nbdServerDaemon]

    @Test(arguments: kinds.filter(\.missingPrograms.isEmpty))
    func `DURABLE: what a killed server has acknowledged is on the disk, and served again`(
        _ server: DemoNBDServer
    ) async throws {
        try await AppliedDemo.run(nbd: server) { demo in
            let writer = StampWriter(volume: Self.orders, places: 512)
            let address = try await demo.world.exportAddress()
            let session = Task {
                while !Task.isCancelled {
                    // A server that is gone refuses at once; a cancelled sleep ends the loop.
                    if await !writer.session(export: "orders", at: address, writes: .max) {
                        try? await Task.sleep(for: .milliseconds(20))
                    }
                }
            }
            for _ in 0..<2 {
                let before = writer.figures.writes
                try await wait(for: "the client to write") { writer.figures.writes > before + 100 }
                try await demo.world.killNBDServers()
                // Until then there is nobody to be killed once more.
                try await wait(for: "a server to listen") { try await demo.world.hasNBDServer() }
            }
            let before = writer.figures.writes
            try await wait(for: "the client to write") { writer.figures.writes > before + 100 }
            session.cancel()
            await session.value
            _ = try await demo.world.untilAllReady()
            try await writer.compareAll(export: "orders", at: address)
            await writer.compareAll(
                with: try await demo.world.contents(of: Self.orders, serial: "a7f226a795a043b6942e"))
            #expect(writer.figures.wrong == [])
            #expect(writer.figures.compared >= 2 * 500)
            // nbd-server's sessions are processes of their own.
            if server == .nbdkit { #expect(writer.figures.breaks > 0) }
        }
    }
}
