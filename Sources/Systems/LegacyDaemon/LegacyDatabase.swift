import ActorThreads
public import MariaDB
import SQL

/// The old daemon's database.
///
/// Its layout is looked up each time (`information_schema`), and what a layout lacks is read as absent. All tables are read in
/// one transaction. Connecting and reading block: it has a thread of its own.
public actor LegacyDatabase {
    private let address: MariaDBAddress
    private let executor = ThreadExecutor(name: "legacy-tables")
    private var connection: MariaDBConnection?

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    public init(_ address: MariaDBAddress) {
        self.address = address
    }

    /// - Throws: ``LegacyError`` with what to do about it; no secret is in it.
    public func tables() throws(LegacyError) -> LegacyTables {
        var found: LegacyTables?
        do throws(SQLError) {
            let connection = try open()
            try connection.transaction(for: .reading) { () throws(SQLError) in
                found = try LegacyReader(connection, try Self.layout(connection)).tables()
            } wrap: {
                $0
            }
        } catch {
            throw LegacyError(error)
        }
        guard let found else { preconditionFailure("a transaction that succeeded has run") }
        guard found.layout.has(.mappings) || found.layout.has(.exports) else {
            throw LegacyError(
                "database '\(address.database)' has no tables of the old daemon: neither device_mappings nor nbd_exports"
                    + (found.layout.strangers.isEmpty ? "" : " (\(found.layout.strangers.joined(separator: "; ")))")
                    + ". Name the database at the end of the address: user:password@tcp(host:3306)/database")
        }
        return found
    }

    /// The active row of `ossea_configs`.
    ///
    /// - Throws: ``LegacyError`` when there is none, or several.
    public func activeConfig() throws(LegacyError) -> LegacyTables.Config {
        let rows: [LegacyTables.Config]
        do throws(SQLError) {
            let connection = try open()
            rows = try LegacyReader(connection, try Self.layout(connection)).configs().filter(\.isActive)
        } catch {
            throw LegacyError(error)
        }
        guard rows.count == 1, let row = rows.first else {
            throw LegacyError("\(rows.count) rows of ossea_configs are active; set is_active to 1 in just one")
        }
        return row
    }

    /// Writes all of these, or none.
    public func write(_ changes: [LegacyChange]) throws(LegacyError) {
        guard !changes.isEmpty else { return }
        do throws(SQLError) {
            let connection = try open()
            let layout = try Self.layout(connection)
            let statements = changes.compactMap { $0.statement(layout) }
            try connection.transaction { () throws(SQLError) in
                for statement in statements { try connection.run(statement.sql, statement.values) }
            } wrap: {
                $0
            }
        } catch {
            throw LegacyError(error)
        }
    }

    /// Writes how these operations stand, and each change of a status once into the history.
    public func write(_ operations: [LegacyOperation]) throws(LegacyError) {
        guard !operations.isEmpty else { return }
        do throws(SQLError) {
            let connection = try open()
            let layout = try Self.layout(connection)
            guard layout.has(.operations) else { return }
            try connection.transaction { () throws(SQLError) in
                for operation in operations { try Self.write(operation, connection, layout) }
            } wrap: {
                $0
            }
        } catch {
            throw LegacyError(error)
        }
    }

    private static func write(
        _ operation: LegacyOperation, _ connection: MariaDBConnection, _ layout: LegacyLayout
    ) throws(SQLError) {
        let found = try connection.run(
            "SELECT status FROM volume_operations WHERE id = ? FOR UPDATE", [.text(operation.id)]
        ).first
        let previous = found?.first?.text
        guard previous != operation.status else { return }
        var rows = [
            LegacyChange(
                kind: found == nil ? .insert : .update, table: .operations, key: "id", keyValue: operation.id,
                values: operation.values)
        ]
        if layout.has(.operationHistory) {
            rows.append(
                LegacyChange(
                    kind: .insert, table: .operationHistory, key: "operation_id", keyValue: operation.id,
                    values: operation.transition(from: previous)))
        }
        for statement in rows.compactMap({ $0.statement(layout) }) {
            try connection.run(statement.sql, statement.values)
        }
    }

    private func open() throws(SQLError) -> MariaDBConnection {
        if let connection, connection.isAlive {
            do throws(SQLError) {
                try connection.check()
                return connection
            } catch {
                // It went away while nobody used it.
                self.connection = nil
            }
        }
        var options = MariaDBOptions()
        options.programName = "hawser (old daemon's tables)"
        let made = try MariaDBConnection(address, options)
        connection = made
        return made
    }

    private static func layout(_ connection: MariaDBConnection) throws(SQLError) -> LegacyLayout {
        let names = LegacyLayout.Table.allCases
        let rows = try connection.run(
            """
            SELECT table_name, column_name FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name IN (\(names.map { _ in "?" }.joined(separator: ", ")))
            """, names.map { .text($0.rawValue) })
        var columns: [LegacyLayout.Table: Set<String>] = [:]
        for row in rows {
            guard let table = row[0].text.flatMap({ LegacyLayout.Table(rawValue: $0.lowercased()) }),
                let column = row[1].text
            else { continue }
            columns[table, default: []].insert(column.lowercased())
        }
        return LegacyLayout(columns)
    }
}

/// Why the old daemon's database or files cannot be read or written.
public struct LegacyError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    public init(_ text: String) {
        description = "cannot use the old daemon's database: \(text)"
    }

    init(_ error: SQLError) {
        switch error.kind {
        case .disconnected:
            self.init("\(error.message); see that the server runs and that the address, user and password are right")
        case .constraint, .lostRace, .other: self.init(error.description)
        }
    }
}
