import ActorThreads
import Glibc
@testable import Reconciliation
import Rig
@testable import Store
import Testing
import VolumeModel

/// LEASE, as two daemons of one node have it: each with its own state machine, on one database.
@Suite(.disabled(if: ThrowAwayMariaDB.obstacle != nil, "no MariaDB here"), .timeLimit(.minutes(5)))
struct TwoNodesTests {
    /// As much of a daemon as asks for the lease and writes under it.
    private struct Daemon {
        let store: SQLStore
        var keeper: LeaseKeeper
        private var generator = SystemRandomNumberGenerator()

        init(_ name: String, lifetime: Duration, on store: SQLStore) {
            self.store = store
            keeper = LeaseKeeper(.shared(holder: name, lifetime: lifetime), now: Self.now)
        }

        static var now: Instant {
            var time = timespec()
            clock_gettime(CLOCK_BOOTTIME, &time)
            return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
        }

        /// Asks what is to be asked by now.
        ///
        /// - Returns: whether the lease was taken or lost by it.
        mutating func step() async throws -> LeaseKeeper.News {
            let asked = Self.now
            var call = keeper.due(at: asked, using: &generator)
            var news = LeaseKeeper.News.none
            while let made = call {
                let answer: SystemAnswer
                do throws(StoreError) { answer = try await carryOut(made) } catch { answer = .storeFailed(error) }
                (news, call) = keeper.take(answer, asked: asked, at: Self.now, using: &generator)
            }
            return news
        }

        private func carryOut(_ call: SystemCall) async throws(StoreError) -> SystemAnswer {
            switch call {
            case .readLease: return .lease(try await store.lease())
            case .takeLease(let record, let seen):
                return .leaseStands(try await store.takeLease(record, replacing: seen))
            case .renewLease(let token): return .leaseStands(try await store.renewLease(token))
            case .releaseLease(let token):
                try await store.releaseLease(token)
                return .done
            default: preconditionFailure("\(call) is not about the lease")
            }
        }
    }

    private func pause() async throws { try await Task.sleep(for: .milliseconds(2)) }

    @Test
    func
        `of two daemons of one node one works and the other waits; it follows on whom is silent, who then writes nothing`()
        async throws
    {
        let it = try await StoreFixture(.mariaDB)
        let lifetime = Duration.milliseconds(500)
        var first = Daemon("first", lifetime: lifetime, on: try await it.open())
        var second = Daemon("second", lifetime: lifetime, on: try await it.open())
        while try await first.step() != .acquired { try await pause() }
        // For several lifetimes.
        let begun = ContinuousClock.now
        while begun.duration(to: .now) < lifetime * 4 {
            #expect(try await first.step() == .none && first.keeper.isHolding)
            #expect(try await second.step() == .none && !second.keeper.isHolding)
            try await first.store.append(line(1))
            try await pause()
        }
        #expect(second.keeper.standing(at: Daemon.now) == .awaited(holder: "first"))
        #expect(try await first.store.lease()?.token.epoch == 1)
        // The first is given no more time. Until it has been silent for its lifetime nobody follows on it.
        let silentSince = ContinuousClock.now
        while try await second.step() != .acquired { try await pause() }
        #expect(silentSince.duration(to: .now) > lifetime)
        #expect(try await second.store.lease()?.token.epoch == 2)
        try await second.store.append(line(2))
        // When it is given time again, it believes in nothing, and its writing is refused.
        #expect(first.keeper.standing(at: Daemon.now) == .unproven)
        await #expect(throws: StoreError.leaseLost) { try await first.store.append(line(3)) }
        #expect(try await first.step() == .lost)
        #expect(try await second.store.openLedger().count == 2)
    }

    @Test func `who took it without hearing so works, once it has read the row`() async throws {
        let address = try await ThrowAwayMariaDB.shared().freshDatabase()
        let wire = try CuttableLine(to: address)
        var daemon = Daemon("first", lifetime: .seconds(2), on: try await SQLStore.shared(at: wire.address, node: "n"))
        // The reading comes first, and then the taking.
        let statements = Lock(0)
        wire.cut(.beforeItsAnswer) { packet in
            guard packet.first == 23 else { return false }
            return statements.withLock { count in
                count += 1
                return count == 2
            }
        }
        #expect(try await daemon.step() == .none)
        #expect(wire.cuts == 1 && !daemon.keeper.isHolding)
        while try await daemon.step() != .acquired { try await pause() }
        try await daemon.store.append(line(1))
        #expect(try await daemon.store.lease()?.token.epoch == 1)
    }

    /// Whoever is first when it is back; the other knows it, or finds out at its next writing.
    @Test func `when the server was away for longer than the lease lives, one of the two works`() async throws {
        let server = try await ThrowAwayMariaDB()
        let address = try await server.freshDatabase()
        let lifetime = Duration.milliseconds(500)
        var daemons: [Daemon] = []
        for name in ["first", "second"] {
            daemons.append(Daemon(name, lifetime: lifetime, on: try await SQLStore.shared(at: address, node: "n")))
        }
        while try await daemons[0].step() != .acquired { try await pause() }
        #expect(try await daemons[1].step() == .none)
        await server.kill()
        let begun = ContinuousClock.now
        while begun.duration(to: .now) < lifetime * 2 {
            for index in daemons.indices { #expect(try await daemons[index].step() == .none) }
            #expect(!daemons[1].keeper.isHolding)
            try await pause()
        }
        #expect(daemons[0].keeper.standing(at: Daemon.now) == .unproven)
        try await server.start()
        var news: [LeaseKeeper.News] = []
        var isProven = false
        while !isProven {
            for index in daemons.indices { news.append(try await daemons[index].step()) }
            isProven = daemons.contains { if case .held = $0.keeper.standing(at: Daemon.now) { true } else { false } }
            try await pause()
        }
        var successes: [Bool] = []
        for (number, daemon) in daemons.enumerated() {
            successes.append((try? await daemon.store.append(line(UInt64(number) + 1))) != nil)
        }
        #expect(successes.filter(\.self).count == 1, "\(news.filter { $0 != .none })")
        try await server.remove()
    }

    @Test func `what was given back is taken at once`() async throws {
        let it = try await StoreFixture(.mariaDB)
        // Longer than a busy machine keeps anybody waiting.
        let lifetime = Duration.seconds(20)
        var first = Daemon("first", lifetime: lifetime, on: try await it.open())
        var second = Daemon("second", lifetime: lifetime, on: try await it.open())
        while try await first.step() != .acquired { try await pause() }
        #expect(try await second.step() == .none)
        guard case .releaseLease(let token)? = first.keeper.release() else {
            Issue.record("nothing was given back")
            return
        }
        try await first.store.releaseLease(token)
        let begun = ContinuousClock.now
        while try await second.step() != .acquired { try await pause() }
        #expect(begun.duration(to: .now) < lifetime, "nobody waits for what was given back to end")
    }
}
