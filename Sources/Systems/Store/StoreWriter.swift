import ActorThreads
import Reconciliation
import SQL
import VolumeModel

/// Whatever is written, over a connection and on a thread of its own. Every call returns when what it wrote is on the disk.
///
/// A store that several share has two: one for the loop and its lease, and one for people, whose edits may have to wait for
/// rows that others hold locked.
actor StoreWriter {
    private let connection: StoreConnection
    private let engine: any StoreEngine
    /// Whose lease it is about.
    private let node: String
    /// Under which holding the loop writes; nil where nobody asked for one.
    private(set) var holding: LeaseToken?
    private let executor: ThreadExecutor

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Parameter opened: a connection that was opened already, and is nobody else's from now on.
    init(
        _ engine: any StoreEngine, for use: ConnectionUse, node: String, thread: String,
        opened: sending (any SQLConnection)? = nil
    ) {
        self.engine = engine
        self.node = node
        connection = StoreConnection(engine, for: use, opened: opened)
        executor = ThreadExecutor(name: thread)
    }

    func migrate() throws(StoreError) {
        let engine = engine
        try connection.write { try engine.migrate($0) }
    }

    // MARK: What people write

    /// Carries out an edit, all or none of it. What the tables refuse is a conflict: waiting does not help.
    func edit<Result: Sendable>(
        _ body: @Sendable (DesiredEditing) throws -> Result
    ) throws(StoreError) -> Result {
        try connection.transaction { database in
            do {
                return try body(DesiredEditing(database: database, engine: engine))
            } catch let error as SQLError where error.kind == .constraint {
                throw StoreError.conflict("cannot write: \(error.message)")
            }
        }
    }

    /// Takes lines out of the log of changes that are of no use any more: those of more than an hour ago, but for the last
    /// 100,000.
    func trimChanges() throws(StoreError) {
        while try connection.transaction({ try ChangeLog.trim($0, now: engine.now) }) {}
    }

    /// Tells people of objects that are gone from the tables although nobody has deleted them.
    func recordVanishing(of objects: [AttachmentID]) throws(StoreError) {
        try connection.transaction { database in
            let now = try database.run("SELECT \(engine.now)").first?.first?.integer ?? 0
            for object in objects {
                let name = try database.run("SELECT name FROM status WHERE attachment = ?", [.text(object.description)])
                // Of one that was forgotten in the meantime there is nothing to tell.
                guard let name = name.first?.first?.text else { continue }
                try LoopWriting(database: database).record([
                    EventRecord(
                        at: Instant(nanoseconds: now), attachment: object, name: name, severity: .warning,
                        reason: "Vanished",
                        message: "its row vanished without being deleted (TRUNCATE, or a table that was loaded anew); "
                            + "its attachment and its export are left as they are")
                ])
            }
        }
    }

    // MARK: What the loop writes

    /// Writes for the loop, under its lease.
    func write(_ body: @Sendable (LoopWriting) throws -> Void) throws(StoreError) {
        try connection.transaction { database in
            if let holding, try !LeaseRow.stands(holding, of: node, in: database, engine) { throw StoreError.leaseLost }
            try body(LoopWriting(database: database))
        }
    }

    /// Adds a line to the ledger, and touches the lease: where transactions are certified and not locked (Galera), the line and
    /// a take-over that looked at the row before cannot both commit.
    func append(_ entry: LedgerEntry) throws(StoreError) {
        try connection.transaction { database in
            try touchLease(in: database)
            try LoopWriting(database: database).append(entry)
        }
    }

    /// Adds the line with which a step begins, unless the object has changed; see ``StateStore/intend(_:generation:)``.
    func intend(_ entry: LedgerEntry, generation: Int64) throws(StoreError) -> Bool {
        try connection.transaction { database in
            try touchLease(in: database)
            let writing = LoopWriting(database: database)
            guard try writing.isStill(entry.attachment, of: generation, engine) else { return false }
            try writing.append(entry)
            return true
        }
    }

    private func touchLease(in database: any SQLConnection) throws {
        guard let holding, try !LeaseRow.raiseBeat(holding, of: node, in: database, engine) else { return }
        throw StoreError.leaseLost
    }

    // MARK: The lease

    func lease() throws(StoreError) -> LeaseRecord? {
        try connection.read { try LeaseRow.read(of: node, in: $0) }
    }

    func takeLease(_ record: LeaseRecord, replacing seen: LeaseRecord?) throws(StoreError) -> Bool {
        // From here on: when the answer is lost, the row may be ours.
        holding = record.token
        return try connection.write { try LeaseRow.put(record, replacing: seen, of: node, in: $0, engine) }
    }

    func renewLease(_ token: LeaseToken) throws(StoreError) -> Bool {
        try connection.write { try LeaseRow.renew(token, of: node, in: $0, engine) }
    }

    func releaseLease(_ token: LeaseToken) throws(StoreError) {
        try connection.write { try LeaseRow.release(token, of: node, in: $0) }
    }
}
