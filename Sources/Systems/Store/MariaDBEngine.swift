import ActorThreads
import MariaDB
import SQL
import VolumeModel

/// The shared store: a database of a MariaDB server, or of a Galera cluster.
struct MariaDBEngine: StoreEngine {
    let address: MariaDBAddress
    let options: MariaDBOptions
    let binaryLog = BinaryLogStanding()
    var lateness = Duration.seconds(600)
    var patienceWithMissing = Duration.seconds(2)

    init(_ address: MariaDBAddress, _ options: MariaDBOptions) {
        self.address = address
        self.options = options
    }

    /// Numbers of the log of changes are given out when a row is written, and seen when its transaction commits.
    var commitsInOrder: Bool { false }
    /// TRUNCATE, what foreign keys do, and exchanged partitions pass them by (mariadb.com/kb/en/trigger-limitations).
    var triggersSeeAll: Bool { false }
    var lockingRead: String { " LOCK IN SHARE MODE" }
    var exclusiveRead: String { " FOR UPDATE" }
    var now: String { MariaDBSchema.now }

    func open(_ use: ConnectionUse) throws(SQLError) -> any SQLConnection {
        var options = options
        // The lease waits behind what the loop writes.
        if use == .loop { options.lockWait = min(options.lockWait, .seconds(1)) }
        return try MariaDBConnection(address, options)
    }

    func migrate(_ database: any SQLConnection) throws { try MariaDBSchema.migrate(database) }

    func commitMark(_ database: any SQLConnection) throws(SQLError) -> Int64? {
        try database.run("SELECT max(revision) FROM desired_changes").first?.first?.integer
    }

    // MARK: Following

    /// The greatest number of the log is asked for again and again: 14 to 70 µs of the server's time each. Where the binary log
    /// tells of commits, that is the net under it.
    private enum Pause {
        static let whileBusy = Duration.milliseconds(20)
        static let whileIdle = Duration.milliseconds(50)
        static let whileTold = Duration.seconds(1)
    }
    /// After a commit more of them are likely for so long.
    private static let busyTime = Duration.seconds(5)

    func follow(with reader: StoreReader) async {
        await withDiscardingTaskGroup { group in
            group.addTask { await poll(reader) }
            group.addTask { await followBinaryLog(reader) }
        }
    }

    private func poll(_ reader: StoreReader) async {
        var changedAt = ContinuousClock.now
        var pause = Pause.whileBusy
        // A cancelled sleep ends the loop.
        while (try? await Task.sleep(for: pause)) != nil {
            if await reader.look() { changedAt = .now }
            pause =
                binaryLog.isFollowed
                ? Pause.whileTold
                : changedAt.duration(to: .now) < Self.busyTime ? Pause.whileBusy : Pause.whileIdle
        }
    }

    /// After so long it is tried again to follow a log that was lost.
    private static let pauseAfterLoss = Duration.seconds(2)

    private func followBinaryLog(_ reader: StoreReader) async {
        let follower = BinaryLogFollower(address, options)
        while !Task.isCancelled {
            switch await follower.open() {
            case .unusable(let reason):
                binaryLog.note(.unusable(reason))
                return
            case .disconnected(let reason): binaryLog.note(.lost(reason))
            case .following(let interrupter):
                binaryLog.note(.followed)
                await withTaskCancellationHandler {
                    // For what was committed before.
                    await reader.look(hasReason: true)
                    await hear(follower, reader)
                } onCancel: {
                    interrupter.interrupt()
                }
            }
            // A cancelled sleep ends the loop.
            try? await Task.sleep(for: Self.pauseAfterLoss)
        }
    }

    private func hear(_ follower: BinaryLogFollower, _ reader: StoreReader) async {
        while true {
            switch await follower.next() {
            case .change: await reader.look(hasReason: true)
            case .statement:
                await reader.suspect()
                await reader.look(hasReason: true)
            case .ended(let reason):
                binaryLog.note(.lost(reason))
                return
            }
        }
    }
}

/// Whether the server's binary log tells of commits.
final class BinaryLogStanding: Sendable {
    enum Standing: Sendable, Equatable {
        /// Nobody has wanted to know of commits yet.
        case untried
        case followed
        /// Somebody has to change something first.
        case unusable(String)
        /// It is tried again.
        case lost(String)
    }

    private let state = Lock(Standing.untried)

    var standing: Standing { state.withLock { $0 } }
    var isFollowed: Bool { standing == .followed }

    func note(_ standing: Standing) { state.withLock { $0 = standing } }
}

/// Waits for the server's binary log, on a thread of its own.
actor BinaryLogFollower {
    enum Opening: Sendable {
        case following(MariaDBBinlog.Interrupter)
        case unusable(String)
        case disconnected(String)
    }

    enum News: Sendable {
        /// Somebody committed a change of desired state.
        case change
        /// A statement was carried out that no trigger may have seen, of whatever table.
        case statement
        case ended(String)
    }

    private let address: MariaDBAddress
    private let options: MariaDBOptions
    private let changes: MariaDBTable
    private let executor = ThreadExecutor(name: "store-binlog")
    private var log: MariaDBBinlog?

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(_ address: MariaDBAddress, _ options: MariaDBOptions) {
        self.address = address
        self.options = options
        changes = MariaDBTable(database: address.database, name: "desired_changes")
    }

    func open() -> Opening {
        log = nil
        // Followers of one number throw each other out; servers have small ones.
        let number = UInt32.random(in: 0x4000_0000 ... .max)
        switch MariaDBBinlog.open(address, serverID: number, options) {
        case .following(let log):
            self.log = log
            return .following(log.interrupter)
        case .unusable(let reason): return .unusable(reason)
        case .disconnected(let error): return .disconnected(error.description)
        }
    }

    func next() -> News {
        while let log {
            switch log.next() {
            case .committed(let tables) where tables.contains(changes): return .change
            case .committed: continue
            case .statement: return .statement
            case .ended(.interrupted):
                self.log = nil
                return .ended("it was interrupted")
            case .ended(.lost(let error)):
                self.log = nil
                return .ended(error.description)
            }
        }
        return .ended("it was not opened")
    }
}
