import Glibc
import Reconciliation
import SQL

/// A connection that is opened when it is needed, and anew when it was lost.
///
/// Its owner is an actor with a thread of its own: every call waits for the database, for no longer than the time-outs of the
/// connection. While the database is away, calls fail at once with what it said last, and it is asked again after pauses that
/// grow.
final class StoreConnection {
    private static let shortestPause = Duration.milliseconds(50)
    private static let longestPause = Duration.seconds(5)
    /// After so long without use a connection is asked whether it is still there.
    private static let idleTime = Duration.seconds(5)
    /// How often a transaction is tried in which others were first, and for how long.
    private static let races = 20
    private static let patience = Duration.seconds(4)

    let engine: any StoreEngine
    private let use: ConnectionUse
    private var database: (any SQLConnection)?
    private var usedAt = ContinuousClock.now
    private var pause = Duration.zero
    private var retriesAt: ContinuousClock.Instant?
    private var reason = ""

    init(_ engine: any StoreEngine, for use: ConnectionUse, opened database: (any SQLConnection)? = nil) {
        self.engine = engine
        self.use = use
        self.database = database
    }

    /// Reads with statements that are each by themselves.
    func read<Result>(_ body: (any SQLConnection) throws -> Result) throws(StoreError) -> Result {
        try attempt(body) { true }
    }

    /// Writes with one statement by itself. After `unavailable` it may be on disk, when its answer was lost.
    func write<Result>(_ body: (any SQLConnection) throws -> Result) throws(StoreError) -> Result {
        try attempt(body) { false }
    }

    /// Runs `body` in one transaction: all of it is on disk when this returns, or none. After `unavailable` it may be, when the
    /// answer to the commit was lost.
    func transaction<Result>(
        for purpose: SQLTransactionPurpose = .writing, _ body: (any SQLConnection) throws -> Result
    ) throws(StoreError) -> Result {
        var mayBeCommitted = false
        return try attempt { database in
            try database.transaction(for: purpose) {
                let result = try body(database)
                mayBeCommitted = purpose == .writing
                return result
            } wrap: {
                $0
            }
        } mayRepeat: {
            !mayBeCommitted
        }
    }

    /// - Parameter mayRepeat: whether nothing was done by what the connection was lost in, so that it is done again with another
    ///   one: the server may have been restarted long ago.
    private func attempt<Result>(
        _ body: (any SQLConnection) throws -> Result, mayRepeat: () -> Bool
    ) throws(StoreError) -> Result {
        let begun = ContinuousClock.now
        var races = 0
        while true {
            let isFresh = database == nil
            let failure: any Error
            do { return try body(try opened()) } catch { failure = error }
            if let failure = failure as? StoreError { throw failure }
            guard let failure = failure as? SQLError else { throw .unavailable("\(failure)") }
            switch failure.kind {
            case .disconnected:
                database = nil
                if !isFresh, mayRepeat() { continue }
            case .lostRace where races < Self.races && begun.duration(to: .now) < Self.patience:
                races += 1
                // Two who were in each other's way do not come back at the same moment.
                usleep(UInt32.random(in: 200...(1_000 << UInt32(min(races, 6)))))
                continue
            case .lostRace, .constraint, .other: break
            }
            throw .unavailable(failure.description)
        }
    }

    private func opened() throws -> any SQLConnection {
        if let database, usedAt.duration(to: .now) > Self.idleTime {
            do throws(SQLError) { try database.check() } catch { self.database = nil }
        }
        usedAt = .now
        if let database { return database }
        if let retriesAt, retriesAt > .now { throw StoreError.unavailable(reason) }
        do throws(SQLError) {
            let opened = try engine.open(use)
            database = opened
            pause = .zero
            retriesAt = nil
            return opened
        } catch {
            reason = error.description
            pause = min(max(pause * 2, Self.shortestPause), Self.longestPause)
            retriesAt = .now + pause
            throw StoreError.unavailable(reason)
        }
    }
}
