import ActorThreads
import Reconciliation
import SQL
import VolumeModel

/// Whatever is only read, over a connection and on a thread of its own: nothing here waits for the disk behind the ledger.
actor StoreReader {
    private let connection: StoreConnection
    private let engine: any StoreEngine
    private let executor = ThreadExecutor(name: "store-reader")
    private let changes: ChangeNotice
    private var seen: SeenChanges
    /// What readers have been told of, where rows can change behind the log's back.
    private var told: ToldObjects?
    /// Objects that vanished, and of which nobody was told in words yet.
    private var vanished: [AttachmentID] = []
    private var isSuspicious = false
    /// Up to where listeners were told.
    private var announced: Int64 = 0
    /// What the database said when it was last asked whether there is anything new.
    private var seenMark: Int64?
    /// Somebody could not read what there was to read, and is to be told again.
    private var mustAnnounce = false
    private var pace = CommitFollowing.Pace()
    /// Which write is looked for; the looks for an earlier one end.
    private var round = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(_ engine: any StoreEngine, changes: ChangeNotice) {
        self.engine = engine
        self.changes = changes
        connection = StoreConnection(engine, for: .reading)
        seen = SeenChanges(lateness: engine.commitsInOrder ? .zero : engine.lateness)
    }

    func perform<Result>(_ body: (any SQLConnection) throws -> Result) throws(StoreError) -> Result {
        try connection.read(body)
    }

    // MARK: Desired state

    func desiredState() throws(StoreError) -> DesiredState {
        // Of one moment, so that no edit falls between the rows and their revision.
        try readDesired { database in
            let entries = try allEntries(database)
            return DesiredState(
                entries: entries, protections: try protections(database), revision: seen.revision)
        }
    }

    func desiredDelta(since revision: Int64) throws(StoreError) -> DesiredDelta {
        try readDesired { try delta($0, since: revision) }
    }

    private func readDesired<Result>(_ body: (any SQLConnection) throws -> Result) throws(StoreError) -> Result {
        do throws(StoreError) {
            let result = try connection.transaction(for: .reading) { database in
                try takeIn(database)
                return try body(database)
            }
            announceRest()
            return result
        } catch {
            mustAnnounce = true
            throw error
        }
    }

    /// By name. What departs are few.
    private func allEntries(_ database: any SQLConnection) throws -> [DesiredEntry] {
        if told != nil { try noteTold(database) }
        var reading = DesiredReading()
        var fingerprints: [AttachmentID: Int] = [:]
        let isCompared = !engine.triggersSeeAll
        var departing: [DesiredEntry] = []
        try reading.forEachEntry(.all, [], in: .departing, of: database) { entry, row in
            departing.append(entry)
            if isCompared { fingerprints[entry.id] = DesiredReading.fingerprint(row) }
        }
        var rest = departing[...]
        var entries: [DesiredEntry] = []
        try reading.forEachEntry(.all, [], in: .desired, of: database) { entry, row in
            while let next = rest.first, next.nameText < entry.nameText { entries.append(rest.removeFirst()) }
            entries.append(entry)
            if isCompared { fingerprints[entry.id] = DesiredReading.fingerprint(row) }
        }
        entries += rest
        if isCompared { compare(with: fingerprints) }
        return entries
    }

    private func delta(_ database: any SQLConnection, since revision: Int64) throws -> DesiredDelta {
        var delta = DesiredDelta(
            changed: [], removed: [], protections: try protections(database), revision: seen.revision)
        switch seen.news(since: revision) {
        case .everything:
            delta.changed = try allEntries(database)
            delta.revision = seen.revision
            let present = Set(delta.changed.map(\.id))
            delta.removed = Set(seen.gone(since: revision)).subtracting(present).sorted()
        case .some(let stretches, let objects):
            var found: Set<AttachmentID> = []
            var gone: Set<AttachmentID> = []
            var reading = DesiredReading()
            func take(_ entry: DesiredEntry, _ row: borrowing SQLRow) {
                if found.insert(entry.id).inserted { delta.changed.append(entry) }
                told?.note(entry.id, DesiredReading.fingerprint(row))
            }
            for lines in stretches {
                var missing: Set<AttachmentID> = []
                try reading.forEachChange(in: lines, of: .desired, of: database) {
                    missing.insert($0)
                } _: {
                    take($0, $1)
                }
                // Hardly ever.
                guard !missing.isEmpty else { continue }
                try reading.forEachChange(in: lines, of: .departing, of: database, missing: { _ in }) { entry, row in
                    missing.remove(entry.id)
                    take(entry, row)
                }
                gone.formUnion(missing)
            }
            for object in objects {
                for table in DesiredReading.Table.allCases {
                    try reading.forEachEntry(.identified, [.text(object.description)], in: table, of: database) {
                        take($0, $1)
                    }
                }
            }
            for object in gone { told?.forget(object) }
            delta.removed = gone.union(seen.gone(since: revision)).subtracting(found).sorted()
            if let until = told?.revision, until >= revision { told?.revision = seen.revision }
        }
        return delta
    }

    private func protections(_ database: any SQLConnection) throws(SQLError) -> [VolumeID: String] {
        var protections: [VolumeID: String] = [:]
        try database.forEachRow("SELECT volume, reason FROM protections") { row in
            if let volume = row.uuid(0) { protections[VolumeID(volume)] = row.text(1) ?? "" }
        }
        return protections
    }

    func directoryObjects(besides names: Set<ObjectName>) throws(StoreError) -> [ObjectName] {
        try perform { database in
            var others: [String] = []
            try database.forEachRow(
                "SELECT name FROM desired_volume_attachments WHERE \(StoreSchema.isFromDirectory) ORDER BY name"
            ) { row in
                if let text = row.text(0), let name = ObjectName(text), !names.contains(name) { others.append(text) }
            }
            // Nothing is done for an object that somebody has made unreadable, not even a removal.
            var readable: [ObjectName] = []
            var reading = DesiredReading()
            for name in others {
                try reading.forEachEntry(.named, [.text(name)], in: .desired, of: database) { entry, _ in
                    if case .valid(let object) = entry { readable.append(object.name) }
                }
            }
            return readable
        }
    }

    // MARK: The log of changes

    /// Looks what the log has that was not seen yet, in one moment with what is read then.
    ///
    /// - Parameter hasReason: whether something was committed just now, which may be a late line.
    private func takeIn(_ database: any SQLConnection, hasReason: Bool = true) throws(SQLError) {
        let now = ContinuousClock.now
        let known = seen.hasBegun ? seen.greatest : .max
        let row = try database.run(Self.looking, [.integer(known)]).first ?? []
        let newest = row.first?.integer ?? 0
        guard seen.hasBegun else {
            seen.begin(at: newest, recent: try recent(database, until: newest), now: now)
            announced = max(announced, seen.revision)
            return
        }
        if newest != seen.greatest {
            guard newest > seen.greatest, let oldest = row[1].integer, oldest <= seen.greatest else {
                // Somebody has emptied it, or this process was away for longer than lines are kept.
                seen.begin(at: newest, recent: try recent(database, until: newest), now: now)
                return
            }
            seen.take(until: newest, count: Int(row[2].integer ?? 0), now: now)
        }
        try takeInLate(database, now, hasReason: hasReason)
    }

    private static let looking = """
        SELECT (SELECT max(revision) FROM desired_changes), (SELECT min(revision) FROM desired_changes),
            (SELECT count(*) FROM desired_changes WHERE revision > ?)
        """

    private func takeInLate(
        _ database: any SQLConnection, _ now: ContinuousClock.Instant, hasReason: Bool
    ) throws(SQLError) {
        let due = seen.due(now, hasReason: hasReason)
        guard !due.isEmpty else { return }
        if try count(database, in: due.map(\.lines)) != due.reduce(0, { $0 + $1.count }) {
            for stretch in due {
                let count = try count(database, in: [stretch.lines])
                if count > stretch.count { seen.takeLate(stretch.lines, count: count) }
            }
        }
        seen.noteLook(at: due.map(\.lines), now: now)
    }

    /// The lines of so long ago that the transactions of their time have ended.
    private func recent(
        _ database: any SQLConnection, until newest: Int64
    ) throws(SQLError) -> (lines: SeenChanges.Lines, count: Int)? {
        guard !engine.commitsInOrder, newest > 0 else { return nil }
        let age = engine.lateness.components.seconds * 1_000_000_000
        let before = try database.run(
            "SELECT revision FROM desired_changes WHERE at < \(engine.now) - \(age) ORDER BY revision DESC LIMIT 1")
        let lines = min(before.first?.first?.integer ?? 0, newest - 1) + 1...newest
        return (lines, try count(database, in: [lines]))
    }

    /// How many are counted with one statement.
    private static let countedAtOnce = 8
    private static let counting =
        "SELECT count(*) FROM desired_changes WHERE "
        + Array(repeating: "revision BETWEEN ? AND ?", count: countedAtOnce).joined(separator: " OR ")

    private func count(_ database: any SQLConnection, in stretches: [SeenChanges.Lines]) throws(SQLError) -> Int {
        var rest = stretches[...]
        var count = 0
        while !rest.isEmpty {
            var bounds: [SQLValue] = []
            for lines in rest.prefix(Self.countedAtOnce) {
                bounds += [.integer(lines.lowerBound), .integer(lines.upperBound)]
            }
            // Nothing is between these.
            while bounds.count < 2 * Self.countedAtOnce { bounds += [.integer(0), .integer(-1)] }
            count += Int(try database.run(Self.counting, bounds).first?.first?.integer ?? 0)
            rest = rest.dropFirst(Self.countedAtOnce)
        }
        return count
    }

    // MARK: What is committed

    /// Looks whether somebody has committed something, and tells of it.
    ///
    /// - Parameter hasReason: whether somebody knows that something was committed.
    /// - Returns: whether anything was, since this was last asked.
    @discardableResult
    func look(hasReason: Bool = false) -> Bool {
        do {
            // Who knows that there is something does not ask whether there is.
            let mark = hasReason ? seenMark : try connection.read { try engine.commitMark($0) }
            let isLate = !seen.due(.now, hasReason: hasReason).isEmpty
            if mustAnnounce {
                mustAnnounce = false
                changes.announce()
            }
            guard hasReason || mark != seenMark || isLate || !seen.hasBegun else { return false }
            let (delta, since) = try readAlong(hasReason: hasReason)
            let isFound = mark != seenMark
            seenMark = mark
            if seen.revision > since { announce(delta, since: since) }
            return isFound
        } catch {
            // It is asked again; whoever uses it is told the reason.
            mustAnnounce = true
            return false
        }
    }

    /// How many lines are read along when listeners are told, since they ask for them next: that spares the way here and back.
    private static let readAlong: Int64 = 64

    private func readAlong(hasReason: Bool) throws(StoreError) -> (DesiredDelta?, since: Int64) {
        try connection.transaction(for: .reading) { database in
            let before = seen.greatest
            let isFirst = !seen.hasBegun
            try takeIn(database, hasReason: hasReason)
            let since = announced
            guard !isFirst, seen.revision > since, seen.greatest - before < Self.readAlong else { return (nil, since) }
            return (try delta(database, since: since), since)
        }
    }

    private func announce(_ delta: DesiredDelta?, since: Int64) {
        announced = seen.revision
        if let delta { changes.announce(delta, since: since) } else { changes.announce() }
    }

    /// Tells of what was found by somebody who read for another reason.
    private func announceRest() {
        guard seen.revision > announced else { return }
        announced = seen.revision
        changes.announce()
    }

    /// Something was written beside the database: looks for its commit, now and again.
    func lookForWrite() {
        pace.noteWrite()
        round += 1
        lookFor(round)
    }

    func lookNoMore() { round += 1 }

    private func lookFor(_ round: Int) {
        guard round == self.round else { return }
        if look() { pace.noteCommit() }
        guard let pause = pace.pause() else { return }
        executor.run(after: pause) { [weak self] in self?.assumeIsolated { $0.lookFor(round) } }
    }

    // MARK: What no trigger saw

    /// Reads all objects, and compares them with what readers were told.
    ///
    /// - Returns: objects that have vanished, each only once.
    func readAll() throws(StoreError) -> [AttachmentID] {
        isSuspicious = false
        try connection.transaction(for: .reading) { database in
            try takeIn(database)
            _ = try allEntries(database)
        }
        announceRest()
        defer { vanished = [] }
        return vanished
    }

    /// Somebody did something that no trigger may have seen.
    func suspect() { isSuspicious = true }

    /// Somebody may change tables of his own again and again.
    private static let timeBetweenSuspicions = Duration.seconds(30)

    /// Whether all objects are to be read again: because some are missing, and have to be missed once more before readers are
    /// told so, or because of a suspicion.
    ///
    /// - Parameter age: how long ago it was done last.
    func wantsReading(after age: Duration) -> Bool {
        told?.misses == true || isSuspicious && age >= Self.timeBetweenSuspicions
    }

    /// Takes note of what the log says, so that only what it does not say is left to be found.
    private func noteTold(_ database: any SQLConnection) throws {
        guard let revision = told?.revision, revision < seen.revision else { return }
        if case .everything = seen.news(since: revision) { return }
        _ = try delta(database, since: revision)
    }

    private func compare(with fingerprints: [AttachmentID: Int]) {
        guard var told else {
            self.told = ToldObjects(
                fingerprints, revision: seen.revision, patience: engine.patienceWithMissing)
            return
        }
        let (changed, gone) = told.compare(with: fingerprints, now: .now)
        seen.take(objects: changed, gone: gone)
        vanished += gone
        told.revision = seen.revision
        self.told = told
    }

    // MARK: Examination

    func findings() -> [Finding] {
        do {
            return try connection.read { engine.findings($0) }
        } catch {
            return [Finding("store", .bad, error.description, remedy: "hawserd tries again by itself")]
        }
    }

    /// Who may act for the node, and since when.
    ///
    /// - Parameter token: under which holding this process writes, if it asked for one.
    func leaseFinding(of node: String, held token: LeaseToken?) -> Finding {
        do {
            return try connection.read { try LeaseRow.finding(of: node, held: token, in: $0, engine) }
        } catch {
            return Finding(LeaseRow.subject, .bad, error.description)
        }
    }
}

extension DesiredEntry {
    var id: AttachmentID {
        switch self {
        case .valid(let object): object.id
        case .invalid(let id, _, _, _, _): id
        }
    }

    fileprivate var nameText: String {
        switch self {
        case .valid(let object): object.name.text
        case .invalid(_, let name, _, _, _): name
        }
    }
}
