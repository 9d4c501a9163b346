import Rig
import VolumeModel

/// Somebody who uses one volume: session after session, with pauses, in which the volume may be taken away.
actor Client {
    nonisolated let volume: ChaosVolume
    nonisolated let writer: StampWriter
    private let world: DemoWorld
    private var generator: SplitMix64
    private var isInSession = false
    private var keptAway = 0

    init(_ volume: ChaosVolume, world: DemoWorld, seed: UInt64) {
        self.volume = volume
        self.world = world
        writer = StampWriter(volume: volume.id, places: 4_096)
        generator = SplitMix64(seed: seed)
    }

    /// Until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            if keptAway == 0, let address = try? await world.exportAddress(), keptAway == 0 {
                isInSession = true
                await writer.session(
                    export: volume.name, at: address, writes: Int.random(in: 20...1_500, using: &generator),
                    pause: UInt32.random(in: 500...4_000, using: &generator), seed: generator.next())
                isInSession = false
            }
            // A cancelled sleep ends the loop.
            try? await Task.sleep(for: .milliseconds(Int.random(in: 50...2_500, using: &generator)))
        }
    }

    /// Runs `body` while this client has no session: what it does would take the disk from under it.
    func keepingAway(_ body: @Sendable () async throws -> Void) async throws {
        keptAway += 1
        defer { keptAway -= 1 }
        try await wait(for: "a session to end") {
            writer.endSession()
            return !isInSession
        }
        try await body()
    }
}
