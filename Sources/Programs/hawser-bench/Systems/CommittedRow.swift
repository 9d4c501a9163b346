import Glibc
import LinuxCalls
import MariaDB
import Planning
import Reconciliation
import Rig
import SQL
import SQLite
import Store
import VolumeModel

extension Benchmark {
    static let committedRow = Benchmark(
        name: "row", summary: "from another process's commit of a row to the decision what follows"
    ) {
        let directory = try TemporaryDirectory(prefix: "hawser-bench")
        let path = "\(directory.path)/hawser.db"
        let delays = try await CommittedRow.measure(rows: 500, in: try SQLStore.embedded(path: path), at: path)
        return [
            Figure("row committed to decision: median", delays.median, .seconds, target: .atMost(0.2e-3)),
            Figure(
                "row committed to decision: 99th percentile", delays.percentile(0.99), .seconds, target: .atMost(2e-3)),
        ]
    }

    static let committedSharedRow = Benchmark(
        name: "row-mariadb", summary: "the same with MariaDB on this machine, by its binary log and by asking"
    ) {
        if let obstacle = ThrowAwayMariaDB.obstacle { throw LeftOut(description: obstacle) }
        let server = try await ThrowAwayMariaDB(.init(keepsBinaryLog: true))
        var figures: [Figure] = []
        for (words, target, mayReadLog) in [("by the binary log", 10e-3, true), ("by asking", 100e-3, false)] {
            var address = try await server.freshDatabase()
            _ = try await SQLStore.shared(at: address, node: "bench")
            if !mayReadLog {
                let administrator = try MariaDBConnection(address)
                try administrator.execute("CREATE USER poor; GRANT ALL ON \(address.database).* TO poor")
                address.user = "poor"
            }
            let url = "mariadb://\(address.user)@/\(address.database)?socket=\(server.socket)"
            let store = try await SQLStore.shared(at: address, node: "bench")
            let delays = try await CommittedRow.measure(rows: 500, in: store, at: url)
            figures += [
                Figure("row in MariaDB to decision, \(words): median", delays.median, .seconds),
                Figure(
                    "row in MariaDB to decision, \(words): 99th percentile", delays.percentile(0.99), .seconds,
                    target: .atMost(target)),
            ]
        }
        try await server.remove()
        return figures
    }
}

/// Another process inserts rows with SQL; the real store and controller decide that each volume has to be read by its
/// id. The moment of the decision is that in which CloudStack is asked.
enum CommittedRow {
    static let word = "--write-rows"

    /// - Parameter place: the file, or the address of the database, for the other process.
    static func measure(rows: Int, in store: SQLStore, at place: String) async throws -> Samples {
        let world = SilentWorld()
        let controller = Controller(
            here: MachineID(UUIDValue(high: 0xA, low: 1)), policy: Policy(),
            systems: OutsideSystems(cloud: world, devices: world, exports: world, store: store, time: world), seed: 1)
        let running = Task { try await controller.run() }
        let commits = try await write(rows: rows, to: place)
        try await wait(until: rows, in: world)
        let asked = await world.journal.asked
        running.cancel()
        return Samples(
            commits.compactMap { volume, committed in asked[volume].map { Double($0 - committed) / 1e9 } })
    }

    private static func write(rows: Int, to place: String) async throws -> [VolumeID: Int64] {
        let writer = try await ChildProcess.run(.init(try ownProgramPath(), [word, place, "\(rows)"]))
        var commits: [VolumeID: Int64] = [:]
        for line in writer.output.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, let volume = VolumeID(words[0]), let time = Int64(words[1]) { commits[volume] = time }
        }
        guard commits.count == rows else { throw Broken("the writer said: \(writer.errors)") }
        return commits
    }

    private static func wait(until rows: Int, in world: SilentWorld) async throws {
        for _ in 0..<500 {
            if await world.journal.asked.count >= rows { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw Broken("only \(await world.journal.asked.count) of \(rows) rows were decided on")
    }

    /// What the other process does: commits row after row, each a while after the one before, and says when each commit
    /// had returned.
    static func writeRows(_ count: Int, to place: String) throws {
        let database: any SQLConnection =
            place.hasPrefix("/")
            ? try SQLiteConnection(path: place) : try MariaDBConnection(MariaDBAddress(parsing: place))
        // Whoever follows the store has begun to by then.
        usleep(500_000)
        for number in 0..<count {
            let volume = Installation.volume(number)
            try database.run(
                "INSERT INTO desired_volume_attachments (name, volume_id) VALUES (?, ?)",
                [.text("row-\(number)"), .text("\(volume)")])
            print("\(volume) \(MonotonicTime.now().nanoseconds)")
            usleep(UInt32(10_000 + number % 7 * 1_000))
        }
    }
}

/// The kernel's monotonic clock: the same for all processes.
enum MonotonicTime {
    static func now() -> Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}

/// A world in which there is nothing, and which notes what CloudStack is asked about.
private struct SilentWorld: CloudService, DeviceObserver, ExportServer, TimeSource {
    /// When each volume was first read.
    actor Journal {
        private(set) var asked: [VolumeID: Int64] = [:]

        func note(_ volume: VolumeID, at time: Int64) {
            if asked[volume] == nil { asked[volume] = time }
        }
    }

    let journal = Journal()
    private let refusal = CloudError(remedy: .retryLater, effect: .none, command: "", text: "there is nothing")

    func listVolumes() throws(CloudError) -> CloudListing<VolumeRecord> { CloudListing(records: [], isComplete: true) }
    func listMachines() throws(CloudError) -> CloudListing<MachineRecord> {
        CloudListing(records: [], isComplete: true)
    }
    func readVolume(_ id: VolumeID) async throws(CloudError) -> ExactRead<VolumeRecord> {
        let time = MonotonicTime.now().nanoseconds
        await journal.note(id, at: time)
        return .removed
    }
    func readMachine(_ id: MachineID) throws(CloudError) -> ExactRead<MachineRecord> { .removed }
    func findVolumes(named name: String, in zone: ZoneID) throws(CloudError) -> [VolumeRecord] { [] }
    func zone(_ reference: ZoneReference) throws(CloudError) -> ExactRead<ZoneID> { .neverExisted }
    func offering(_ reference: DiskOfferingReference) throws(CloudError) -> ExactRead<DiskOfferingRecord> {
        .neverExisted
    }
    func submit(_ mutation: CloudMutation, as job: JobID) throws(CloudError) -> CloudReceipt { throw refusal }
    func deleteVolume(_ id: VolumeID) throws(CloudError) { throw refusal }
    func recentEvents(of volume: VolumeID) throws(CloudError) -> [VolumeEvent] { [] }
    func report(of job: JobID) throws(CloudError) -> JobReport { .notFound }

    func events() async -> AsyncStream<DeviceEvent> {
        AsyncStream { $0.yield(.enumerated([])) }
    }
    func use(of identity: DeviceIdentity) -> DeviceUse { DeviceUse(witnesses: [], undetermined: []) }
    func mismatch(of identity: DeviceIdentity) -> String? { nil }
    func disks(with serial: DiskSerial) -> DiskSearch { .none }
    func hold(_ identity: DeviceIdentity) throws(DeviceError) {}
    func release(_ identity: DeviceIdentity) {}

    var capabilities: ExportCapabilities {
        ExportCapabilities(
            kind: "none", appliesWithoutReload: true, supportsReadOnlyPerExport: true, countsClients: true,
            cutsSingleSessions: true, opensDeviceAtConnect: true)
    }
    func events() async -> AsyncStream<ExportEvent> { AsyncStream { _ in } }
    func observe() -> ExportObservation {
        ExportObservation(server: .running, entries: [], isComplete: true, writableURI: "", readOnlyURI: "")
    }
    func read(_ name: ExportName) -> Fact<ExportEntry> { .absent }
    func sessions(on device: DeviceNumber) -> ClientCount { .known(0) }
    func publish(_ publication: ExportPublication) throws(ExportError) {}
    func withdraw(_ name: ExportName, of owner: ExportOwner, leadingTo target: ExportTarget) throws(ExportError) {}
    func cutStrayedSessions(of name: ExportName, provenOn device: DeviceNumber) throws(ExportError) -> Int { 0 }

    func now() -> Instant { MonotonicTime.now() }
    func sleep(until deadline: Instant) async {
        // A cancelled sleep ends early, as it should.
        try? await Task.sleep(for: deadline - MonotonicTime.now())
    }
}
