import ActorThreads
import Glibc
import LinuxCalls
import NBD
import Reconciliation
import Testing
import VolumeModel

@testable import NBDExports

/// Two clients write all the time while other exports come and go: no write is lost, no session cut, and in the end the
/// server offers what the files say and nothing else.
@Suite(
    .serialized,
    .enabled(
        if: NBDServerFixture.isAvailable, "needs nbd-server and systemd-socket-activate"))
struct TwentyChangesTests {
    /// Writes and reads back until it is asked to end, on a thread of its own.
    private actor Writer {
        private struct State {
            var isAsked = false
            nonisolated var writes = 0
            var failure: String?
            var hasEnded = false
        }

        private nonisolated let state = Lock(State())
        private let executor = ThreadExecutor(name: "writer")
        private let client: NBDClient
        private let seed: UInt8
        nonisolated let device: DeviceRecord

        nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

        init(_ client: NBDClient, on device: DeviceRecord, seed: UInt8) {
            self.client = client
            self.device = device
            self.seed = seed
            // It ends when it is asked to.
            Task { await self.run() }
        }

        private func run() {
            var round = 0
            do {
                while !state.withLock({ $0.isAsked }) {
                    try Self.writeAndRead(client, round, seed)
                    round += 1
                    state.withLock { $0.writes = round }
                    // Leaves the machine's few processors to those who make the changes.
                    usleep(2_000)
                }
                try client.flush()
            } catch {
                state.withLock { $0.failure = "after \(round) writes: \(error)" }
            }
            client.disconnect()
            state.withLock { $0.hasEnded = true }
        }

        private static let places = 200

        static func block(_ round: Int, _ seed: UInt8) -> [UInt8] {
            (0..<512).map { UInt8(truncatingIfNeeded: round &* 7 &+ $0) ^ seed }
        }

        private static func writeAndRead(_ client: NBDClient, _ round: Int, _ seed: UInt8) throws {
            let offset = Int64(round % places) * 512
            let bytes = block(round, seed)
            try client.write(bytes, at: offset)
            guard try client.read(count: bytes.count, at: offset) == bytes else { throw Lost(round: round) }
        }

        private struct Lost: Error { let round: Int }

        nonisolated var writes: Int { state.withLock { $0.writes } }
        nonisolated var failure: String? { state.withLock { $0.failure } }
        nonisolated var hasEnded: Bool { state.withLock { $0.hasEnded } }
        nonisolated func stop() { state.withLock { $0.isAsked = true } }

        /// Whether the disk itself has the last write of every place.
        nonisolated func isAllOnDisk(seed: UInt8) throws -> Bool {
            let disk = try readFile(device.path)
            let last = writes
            for round in max(0, last - Self.places)..<last {
                let offset = round % Self.places * 512
                if Array(disk[offset..<offset + 512]) != Self.block(round, seed) { return false }
            }
            return true
        }
    }

    @Test(arguments: TestedStyle.allCases)
    func `two writers go through 20 additions and 20 removals beside them`(_ style: TestedStyle) async throws {
        let fixture = try await NBDServerFixture(style)
        let names = try (0..<20).map { try #require(ExportName("change-\($0)")) }
        let first = try #require(ExportName("writer-1"))
        let second = try #require(ExportName("writer-2"))
        let firstDisk = try await fixture.publish(first, 101)
        let secondDisk = try await fixture.publish(second, 102)
        try await fixture.untilLive(first)
        try await fixture.untilLive(second)
        let writers = [
            Writer(try fixture.connect(first), on: firstDisk, seed: 0x55),
            Writer(try fixture.connect(second), on: secondDisk, seed: 0xAA),
        ]
        let sessions = try sessionProcesses(of: writers)
        #expect(sessions.count == 2)

        for (number, name) in names.enumerated() {
            let before = writers.map(\.writes)
            try await fixture.publish(name, UInt64(number + 1), byte: UInt8(number))
            // Each change has its effect, and both writers have written beside it, before the next.
            if style == .daemon { try await fixture.untilLive(name) }
            let client = try fixture.connect(name)
            #expect(try client.read(count: 1, at: 0) == [UInt8(number)])
            client.disconnect()
            try await fixture.until { zip(writers, before).allSatisfy { $0.writes > $1 || $0.failure != nil } }
        }
        #expect(try fixture.listed() == (names + [first, second]).map(\.text).sorted())
        #expect(await fixture.exports.observe().entries.map(\.liveness) == Array(repeating: .live, count: 22))

        for name in names {
            let before = writers.map(\.writes)
            try await fixture.exports.withdrawAsSeen(name)
            // At once: a daemon still lists the name, and lets nobody in.
            #expect(throws: NBDError.self) { try fixture.connect(name) }
            if style == .daemon { try await fixture.untilRunning() }
            try await fixture.until { zip(writers, before).allSatisfy { $0.writes > $1 || $0.failure != nil } }
        }

        #expect(await fixture.exports.observe().entries.map(\.name) == [first, second])
        #expect(try fixture.listed() == [first, second].map(\.text))
        #expect(try sessionProcesses(of: writers) == sessions)
        for writer in writers { writer.stop() }
        try await fixture.until { writers.allSatisfy(\.hasEnded) }
        #expect(writers.map(\.failure) == [nil, nil])
        #expect(try writers[0].isAllOnDisk(seed: 0x55))
        #expect(try writers[1].isAllOnDisk(seed: 0xAA))
        try await fixture.finish()
    }

    /// The processes that have the writers' disks open.
    private func sessionProcesses(of writers: [Writer]) throws -> Set<ProcessIdentity> {
        let wanted = Set(writers.map { "\($0.device.number)" })
        var found: Set<ProcessIdentity> = []
        for number in try ProcessInspection.processes(running: "nbd-server") {
            guard let disks = try? ProcessInspection.openDisks(of: number),
                disks.contains(where: { wanted.contains("\($0.major):\($0.minor)") })
            else { continue }
            if let process = ProcessIdentity(of: number) { found.insert(process) }
        }
        return found
    }
}
