import ActorThreads
import MariaDB
import Reconciliation
import Rig
import SQL
@testable import Store
import Testing
import VolumeModel

/// Connections to a shared store that are lost at the worst moments: just before a commit arrives, and just before its answer.
@Suite(.disabled(if: ThrowAwayMariaDB.obstacle != nil, "no MariaDB here"), .timeLimit(.minutes(5)))
struct CutConnectionTests {
    private let address: MariaDBAddress
    private let wire: CuttableLine

    init() async throws {
        address = try await ThrowAwayMariaDB.shared().freshDatabase()
        wire = try CuttableLine(to: address)
    }

    private func open() async throws -> SQLStore { try await SQLStore.shared(at: wire.address, node: "n") }

    private func client() throws -> any SQLConnection { try MariaDBConnection(address) }

    private func count(_ table: String) throws -> Int64? {
        try client().run("SELECT count(*) FROM \(table)")[0][0].integer
    }

    private func expectUnavailable(_ body: () async throws -> Void) async {
        let error = await #expect(throws: StoreError.self) { try await body() }
        guard case .unavailable? = error else {
            Issue.record("\(error as Any)")
            return
        }
    }

    // MARK: What people write

    @Test
    func
        `DURABLE: a change whose commit never arrived is nowhere, is told to nobody, and is made when it is wanted again`()
        async throws
    {
        let store = try await open()
        let start = try await store.desiredState().revision
        wire.cutAtCommit(.beforeItArrives)
        await expectUnavailable { _ = try await store.apply([edit("one")], dryRun: false) }
        #expect(wire.cuts == 1)
        #expect(try count("desired_volume_attachments") == 0 && count("desired_changes") == 0)
        #expect(try await store.desiredDelta(since: start).changed.isEmpty)
        #expect(try await store.apply([edit("one")], dryRun: false).map(\.change) == [.created])
        #expect(try await store.desiredDelta(since: start).changed.map { try object($0).name.text } == ["one"])
    }

    @Test func `DURABLE: a change whose commit was not answered is told once, and writing it again changes nothing`()
        async throws
    {
        let store = try await open()
        let start = try await store.desiredState().revision
        wire.cutAtCommit(.beforeItsAnswer)
        await expectUnavailable { _ = try await store.apply([edit("one")], dryRun: false) }
        #expect(wire.cuts == 1)
        #expect(try count("desired_volume_attachments") == 1)
        let delta = try await store.desiredDelta(since: start)
        #expect(try delta.changed.map { try object($0).name.text } == ["one"] && delta.removed.isEmpty)
        #expect(try await store.apply([edit("one")], dryRun: false).map(\.change) == [.unchanged])
        let after = try await store.desiredDelta(since: delta.revision)
        #expect(after.changed.isEmpty && after.revision == delta.revision)
        #expect(try count("desired_changes") == 1)
    }

    /// Nothing was done yet, so that nobody has to hear of it.
    @Test func `a change that lost its connection before it was committed is made all the same, once`() async throws {
        let store = try await open()
        _ = try await store.apply([edit("one")], dryRun: false)
        let start = try await store.desiredState().revision
        for number in 1...4 {
            for moment in CuttableLine.Moment.allCases {
                wire.cutAtStatement(moment)
                let name = "\(moment)-\(number)".lowercased()
                _ = try await store.apply([edit(name, volume: UInt64(wire.cuts + 2), export: name)], dryRun: false)
            }
        }
        #expect(wire.cuts == 8)
        #expect(try count("desired_volume_attachments") == 9 && count("desired_changes") == 9)
        #expect(try await store.desiredDelta(since: start).changed.count == 8)
    }

    // MARK: What is read

    @Test(arguments: CuttableLine.Moment.allCases)
    func `however far a reading had come when its connection was lost, it tells all there is, once`(
        _ moment: CuttableLine.Moment
    ) async throws {
        let store = try await open()
        var revision = try await store.desiredState().revision
        let client = try client()
        try client.run(
            "INSERT INTO desired_volume_attachments (name, volume_name, volume_zone) VALUES ('one', 'v', 'z')")
        // The statements of a reading are prepared when it is made for the first time.
        revision = try await store.desiredDelta(since: revision).revision
        var cuts = 0
        for step in 1... {
            try client.run("UPDATE desired_volume_attachments SET vm = 'machine-\(step)'")
            let statements = Lock(0)
            wire.cut(moment) { packet in
                guard packet.first == 23 else { return false }
                return statements.withLock { count in
                    count += 1
                    return count == step
                }
            }
            let delta = try await store.desiredDelta(since: revision)
            #expect(try delta.changed.map { try object($0).machine } == [.named("machine-\(step)")], "step \(step)")
            #expect(try await store.desiredDelta(since: delta.revision).changed.isEmpty)
            revision = delta.revision
            // A reading has no more steps than this.
            guard wire.cuts > cuts else {
                #expect(step > 2)
                break
            }
            cuts = wire.cuts
        }
    }

    @Test func `a listener hears of what was committed while its connection was cut`() async throws {
        let store = try await open()
        let changes = await store.desiredChanges()
        var revision = try await store.desiredState().revision
        let client = try client()
        var told: [String] = []
        for moment in CuttableLine.Moment.allCases {
            for number in 1...3 {
                wire.cutAtStatement(moment)
                try client.run(
                    "INSERT INTO desired_volume_attachments (name, volume_name, volume_zone) VALUES (?, ?, 'z')",
                    Array(repeating: .text("\(moment)-\(number)".lowercased()), count: 2))
                for await _ in changes {
                    // A reading of its own may meet the cut, too: it is told again.
                    guard let delta = try? await store.desiredDelta(since: revision) else { continue }
                    revision = delta.revision
                    told += try delta.changed.map { try object($0).name.text }
                    if !delta.changed.isEmpty { break }
                }
            }
        }
        #expect(
            told == CuttableLine.Moment.allCases.flatMap { moment in (1...3).map { "\(moment)-\($0)".lowercased() } })
    }

    // MARK: What the loop writes

    @Test(arguments: CuttableLine.Moment.allCases)
    func `what the loop wrote when its connection was cut is there once when it is written again`(
        _ moment: CuttableLine.Moment
    ) async throws {
        let store = try await open()
        let one = AttachmentID(UUIDValue(high: 0, low: 1))
        let event = EventRecord(
            at: Instant(nanoseconds: 7), attachment: one, name: "one", severity: .normal, reason: "r", message: "m")
        let drift = DriftRecord(
            attachment: one, name: "one",
            drift: Drift(world: .export, kind: .exportMissing, wanted: "a", observed: "b"),
            seenAt: Instant(nanoseconds: 5), endedAt: nil, repairedBy: "")
        let writes: [@Sendable () async throws -> Void] = [
            { try await store.append(line(1)) }, { try await store.append(line(1, .ended(.succeeded), at: 2)) },
            { try await store.save([detail(device: nil)]) }, { try await store.record([event]) },
            { try await store.record([drift]) },
            { try await store.bind(one, to: VolumeID(UUIDValue(high: 1, low: 1))) },
        ]
        for write in writes {
            wire.cutAtCommit(moment)
            await expectUnavailable(write)
            try await write()
        }
        #expect(wire.cuts == writes.count)
        #expect(try count("ledger") == 2 && count("open_intents") == 0)
        #expect(try count("status") == 1 && count("bindings") == 1)
        #expect(try await store.events(of: nil, limit: 9) == [event])
        #expect(try await store.openDrifts() == [drift])
    }

    // MARK: The lease

    private func record(_ epoch: Int64, _ nonce: UInt64) -> LeaseRecord {
        LeaseRecord(
            token: LeaseToken(epoch: epoch, nonce: UUIDValue(high: 1, low: nonce)), holder: "process \(nonce)",
            lifetime: .seconds(2))
    }

    /// Prepares the statements, so that the next one that is carried out is the one that matters.
    private func warmUp(_ store: SQLStore) async throws {
        #expect(try await store.takeLease(record(1, 1), replacing: nil))
        #expect(try await store.renewLease(record(1, 1).token))
        let seen = try #require(try await store.lease())
        #expect(try await store.takeLease(record(2, 1), replacing: seen))
    }

    @Test
    func
        `LEASE: who took it without hearing so finds it to be its own, and nobody else takes it on what was read before`()
        async throws
    {
        let (store, other) = (try await open(), try await open())
        try await warmUp(store)
        let seen = try #require(try await store.lease())
        wire.cutAtStatement(.beforeItsAnswer)
        await expectUnavailable { _ = try await store.takeLease(record(3, 1), replacing: seen) }
        #expect(wire.cuts == 1)
        #expect(try await !other.takeLease(record(3, 2), replacing: seen))
        #expect(try await store.lease()?.token == record(3, 1).token)
        try await store.append(line(1))
        #expect(try await store.renewLease(record(3, 1).token))
    }

    @Test func `LEASE: who asked for it in vain has it not, and writes nothing`() async throws {
        let (store, other) = (try await open(), try await open())
        try await warmUp(store)
        let seen = try #require(try await store.lease())
        wire.cutAtStatement(.beforeItArrives)
        await expectUnavailable { _ = try await store.takeLease(record(3, 1), replacing: seen) }
        #expect(wire.cuts == 1)
        #expect(try await store.lease() == seen)
        await #expect(throws: StoreError.leaseLost) { try await store.append(line(1)) }
        #expect(try await other.takeLease(record(3, 2), replacing: seen))
        #expect(try await !store.renewLease(record(3, 1).token))
        #expect(try count("ledger") == 0)
    }

    /// It beat, though its holder does not know.
    @Test(arguments: CuttableLine.Moment.allCases)
    func `LEASE: a renewal whose answer was lost leaves the lease where it is`(_ moment: CuttableLine.Moment)
        async throws
    {
        let (store, other) = (try await open(), try await open())
        try await warmUp(store)
        let seen = try #require(try await store.lease())
        wire.cutAtStatement(moment)
        await expectUnavailable { _ = try await store.renewLease(record(2, 1).token) }
        #expect(try await store.lease()?.beat == (moment == .beforeItsAnswer ? 1 : 0))
        #expect(try await store.renewLease(record(2, 1).token))
        #expect(try await !other.takeLease(record(3, 2), replacing: seen))
    }

    /// A line of the ledger that was committed without an answer, and a take-over: one of them was first, and that one stands.
    @Test func `LEASE: a line whose answer was lost is not written again by who was succeeded meanwhile`() async throws
    {
        let (store, other) = (try await open(), try await open())
        try await warmUp(store)
        wire.cutAtCommit(.beforeItArrives)
        await expectUnavailable { try await store.append(line(1)) }
        let seen = try #require(try await other.lease())
        #expect(try await other.takeLease(record(3, 2), replacing: seen))
        await #expect(throws: StoreError.leaseLost) { try await store.append(line(1)) }
        #expect(try count("ledger") == 0)
    }
}
