import Reconciliation
import SQL
import VolumeModel

/// Reads rows of `wanted_volume_attachments`, with what is kept beside them, as what they want: whoever wrote them, by the
/// same rules.
///
/// There can be very many: a row is read from where the database's library has it, and what many rows have in common is kept once.
struct DesiredReading {
    /// Where each column stands in a ``selection(of:)``.
    private enum Column: Int, CaseIterable {
        case id, name, volumeID, volumeName, volumeZone, volumeSize, templateName, templateSize, templateOffering
        case templateZone, machine, role, exportName, exportReadOnly, whenInUse, mode, deletionPolicy, deletionGrace
        case labels, source, departing, departingSince, generation, removalApproved
        case suspensionReason, suspensionUntil, overrideVolume, overrideDisk, overrideReason, overrideExpiry

        /// As it is called in a table of objects, or beside it.
        var sql: String {
            switch self {
            case .id: "id"
            case .name: "name"
            case .volumeID: "volume_id"
            case .volumeName: "volume_name"
            case .volumeZone: "volume_zone"
            case .volumeSize: "volume_size_in_bytes"
            case .templateName: "template_name"
            case .templateSize: "template_size_in_bytes"
            case .templateOffering: "template_disk_offering"
            case .templateZone: "template_zone"
            case .machine: "vm"
            case .role: "attach_as"
            case .exportName: "export_name"
            case .exportReadOnly: "export_read_only"
            case .whenInUse: "detach_when_in_use"
            case .mode: "mode"
            case .deletionPolicy: "deletion_policy"
            case .deletionGrace: "deletion_grace_seconds"
            case .labels: "labels"
            case .source: "source"
            case .departing: "departing"
            case .departingSince: "departing_since"
            case .generation: "generation"
            case .removalApproved: "removal_approved"
            case .suspensionReason: "s.reason"
            case .suspensionUntil: "s.until"
            case .overrideVolume: "o.volume"
            case .overrideDisk: "o.disk_sequence"
            case .overrideReason: "o.reason"
            case .overrideExpiry: "o.expires_at"
            }
        }

        func sql(in table: Table) -> String {
            switch (self, table) {
            case (.departing, .desired): "0"
            case (.departing, .departing): "1"
            case (.departingSince, .desired): "NULL"
            case (.suspensionReason, _), (.suspensionUntil, _), (.overrideVolume, _), (.overrideDisk, _),
                (.overrideReason, _), (.overrideExpiry, _):
                sql
            default: "w.\(sql)"
            }
        }
    }

    /// Where objects stand. Each is read by itself: both engines sort and join one table by its index, and not a view of two.
    enum Table: String, CaseIterable {
        case desired = "desired_volume_attachments"
        case departing = "departing_volume_attachments"
    }

    /// Rows, and what is kept beside each.
    enum Choice: CaseIterable {
        /// By name.
        case all
        /// What a stretch of the log names, in the order in which it changed last; a row of NULL for an object that is not in the
        /// table. Behind the columns comes the id by which the log names it.
        case changed
        /// The one of an id.
        case identified
        /// The one of a name.
        case named

        fileprivate func source(_ table: Table) -> String {
            switch self {
            case .all, .identified, .named: "\(table.rawValue) AS w"
            case .changed:
                """
                (SELECT attachment, max(revision) AS last FROM desired_changes WHERE revision BETWEEN ? AND ?
                    GROUP BY attachment) AS c LEFT JOIN \(table.rawValue) AS w ON w.id = c.attachment
                """
            }
        }

        fileprivate var condition: String {
            switch self {
            case .all: "ORDER BY w.name"
            case .changed: "ORDER BY c.last"
            case .identified: "WHERE w.id = ?"
            case .named: "WHERE w.name = ?"
            }
        }
    }

    private struct Selection: Hashable {
        var choice: Choice
        var table: Table
    }

    private static let selections: [Selection: String] = {
        var texts: [Selection: String] = [:]
        for choice in Choice.allCases {
            for table in Table.allCases {
                let columns = Column.allCases.map { $0.sql(in: table) } + (choice == .changed ? ["c.attachment"] : [])
                texts[Selection(choice: choice, table: table)] = """
                    SELECT \(columns.joined(separator: ", "))
                    FROM \(choice.source(table)) LEFT JOIN suspensions AS s ON s.attachment = w.id
                        LEFT JOIN in_use_overrides AS o ON o.attachment = w.id
                    \(choice.condition)
                    """
            }
        }
        return texts
    }()

    static func selection(of choice: Choice, in table: Table) -> String {
        selections[Selection(choice: choice, table: table)] ?? ""
    }

    /// Reads the rows of one table that a stretch of the log names.
    ///
    /// - Parameter missing: is told of what it names and the table has not.
    mutating func forEachChange(
        in lines: SeenChanges.Lines, of table: Table, of database: any SQLConnection,
        missing: (AttachmentID) -> Void, _ body: (DesiredEntry, borrowing SQLRow) -> Void
    ) throws(SQLError) {
        let bounds = [SQLValue.integer(lines.lowerBound), .integer(lines.upperBound)]
        try database.forEachRow(Self.selection(of: .changed, in: table), bounds) { row in
            if let entry = entry(row) {
                body(entry, row)
            } else if row.isNull(Column.id.rawValue), let object = row.uuid(Column.allCases.count) {
                missing(AttachmentID(object))
            }
        }
    }

    /// Reads rows of one table.
    mutating func forEachEntry(
        _ choice: Choice, _ values: [SQLValue], in table: Table, of database: any SQLConnection,
        _ body: (DesiredEntry, borrowing SQLRow) -> Void
    ) throws(SQLError) {
        try database.forEachRow(Self.selection(of: choice, in: table), values) { row in
            if let entry = entry(row) { body(entry, row) }
        }
    }

    /// What tells whether a row is still as it was, in this process.
    static func fingerprint(_ row: borrowing SQLRow) -> Int {
        var hasher = Hasher()
        for column in Column.allCases.indices {
            if let number = row.integer(column) {
                hasher.combine(number)
            } else {
                let isText: Void? = row.withTextBytes(column) { bytes in
                    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
                }
                hasher.combine(isText != nil)
            }
        }
        return hasher.finalize()
    }

    private var labels: [String: [String: String]] = [:]
    private var sources: [String: DesiredSource] = [:]

    /// What the row wants; nil for a row whose id is none, which only a person with a SQL client can make.
    mutating func entry(_ row: borrowing SQLRow) -> DesiredEntry? {
        guard let attachment = row.uuid(Column.id.rawValue).map({ AttachmentID($0) }) else { return nil }
        var problems: [SpecProblem] = []
        let rawName = text(row, .name) ?? ""
        let name = ObjectName(rawName)
        if name == nil {
            problems.append(SpecProblem(field: "name", message: "'\(rawName)' is no name: \(ObjectName.rule)"))
        }
        let volume = volume(row, &problems)
        let export = export(row, &problems)
        let policy = word(row, .whenInUse, DetachPolicy.WhenInUse.self, &problems)
        let mode = word(row, .mode, ReconcileMode.self, &problems)
        let machine = machine(row)
        let role = role(row, machine, &problems)
        let deletion = deletion(row, of: volume, &problems)
        let generation = integer(row, .generation) ?? 0
        guard problems.isEmpty, let name, let volume, let policy, let mode, let role, let deletion else {
            return .invalid(
                id: attachment, name: rawName, generation: generation, problems: problems,
                isDeparting: integer(row, .departing) == 1)
        }
        return .valid(
            DesiredAttachment(
                id: attachment, name: name, generation: generation, labels: labels(row), volume: volume,
                machine: machine, export: export, detach: DetachPolicy(whenInUse: policy), mode: mode,
                wantedSizeInBytes: integer(row, .volumeSize) ?? integer(row, .templateSize), role: role,
                deletion: deletion, source: source(row), isDeparting: integer(row, .departing) == 1,
                departingSince: instant(row, .departingSince), suspension: suspension(row),
                inUseOverride: inUseOverride(row), isRemovalApproved: integer(row, .removalApproved) == 1))
    }

    // MARK: Columns

    private func text(_ row: borrowing SQLRow, _ column: Column) -> String? { row.text(column.rawValue) }

    private func integer(_ row: borrowing SQLRow, _ column: Column) -> Int64? { row.integer(column.rawValue) }

    private func instant(_ row: borrowing SQLRow, _ column: Column) -> Instant? {
        integer(row, column).map { Instant(nanoseconds: $0) }
    }

    /// A column that takes one of a few words.
    private func word<Word: RawRepresentable & CaseIterable>(
        _ row: borrowing SQLRow, _ column: Column, _: Word.Type, _ problems: inout [SpecProblem]
    ) -> Word? where Word.RawValue == String {
        let text = text(row, column) ?? ""
        if let word = Word(rawValue: text) { return word }
        let words = Word.allCases.map(\.rawValue).joined(separator: " or ")
        problems.append(SpecProblem(field: column.sql, message: "write \(words), not '\(text)'"))
        return nil
    }

    // MARK: What they mean

    private func role(
        _ row: borrowing SQLRow, _ machine: MachineReference, _ problems: inout [SpecProblem]
    ) -> DiskRole? {
        guard let role = word(row, .role, DiskRole.self, &problems) else { return nil }
        if role == .root, machine == .thisMachine {
            problems.append(
                SpecProblem(field: "attach_as", message: "a root disk belongs to another, stopped machine, not to self")
            )
        }
        return role
    }

    private func deletion(
        _ row: borrowing SQLRow, of volume: VolumeReference?, _ problems: inout [SpecProblem]
    ) -> DeletionPolicy? {
        guard let data = word(row, .deletionPolicy, DeletionPolicy.Data.self, &problems) else { return nil }
        if data == .delete, let volume {
            guard case .created = volume else {
                problems.append(
                    SpecProblem(
                        field: "deletion_policy",
                        message: "Delete is only for a volume that Hawser made from a template; write Retain"))
                return nil
            }
        }
        return DeletionPolicy(data: data, grace: .seconds(integer(row, .deletionGrace) ?? 86_400))
    }

    private func volume(_ row: borrowing SQLRow, _ problems: inout [SpecProblem]) -> VolumeReference? {
        refuseBrokenSize(row, .volumeSize, &problems)
        if !row.isNull(Column.volumeID.rawValue) {
            if let id = row.uuid(Column.volumeID.rawValue) { return .id(VolumeID(id)) }
            problems.append(
                SpecProblem(field: "volume_id", message: "'\(text(row, .volumeID) ?? "")' is no UUID"))
            return nil
        }
        if let name = text(row, .volumeName) {
            if let zone = text(row, .volumeZone) { return .named(name, zone: Self.zone(zone)) }
            problems.append(SpecProblem(field: "volume_zone", message: "a volume that is named needs its zone"))
            return nil
        }
        if let offering = text(row, .templateOffering), let zone = text(row, .templateZone) {
            refuseBrokenSize(row, .templateSize, &problems)
            return .created(
                VolumeTemplate(
                    name: text(row, .templateName) ?? text(row, .name) ?? "", sizeInBytes: integer(row, .templateSize),
                    offering: DiskOfferingID(offering).map { .id($0) } ?? .named(offering), zone: Self.zone(zone)))
        }
        problems.append(
            SpecProblem(
                field: "volume_id",
                message: "write volume_id; or volume_name and volume_zone; or template_disk_offering and template_zone")
        )
        return nil
    }

    private func refuseBrokenSize(
        _ row: borrowing SQLRow, _ column: Column, _ problems: inout [SpecProblem]
    ) {
        guard let size = integer(row, column), size % (1 << 30) != 0 else { return }
        problems.append(SpecProblem(field: column.sql, message: "\(size) is no whole number of GiB"))
    }

    private static func zone(_ text: String) -> ZoneReference { ZoneID(text).map { .id($0) } ?? .named(text) }

    private func machine(_ row: borrowing SQLRow) -> MachineReference {
        if let id = row.uuid(Column.machine.rawValue) { return .id(MachineID(id)) }
        let text = text(row, .machine) ?? "self"
        return text == "self" ? .thisMachine : .named(text)
    }

    private func export(_ row: borrowing SQLRow, _ problems: inout [SpecProblem]) -> DesiredExport? {
        guard let text = text(row, .exportName) else { return nil }
        guard let name = ExportName(text) else {
            problems.append(
                SpecProblem(field: "export_name", message: "'\(text)' is no export name: \(ExportName.rule)"))
            return nil
        }
        return DesiredExport(name: name, isReadOnly: integer(row, .exportReadOnly) == 1)
    }

    private mutating func labels(_ row: borrowing SQLRow) -> [String: String] {
        let text = text(row, .labels) ?? ""
        if let known = labels[text] { return known }
        // By bytes: a value can begin with a sign that makes one character with what stands before it.
        let pairs = text.utf8.split(separator: UInt8(ascii: "\n")).compactMap { line -> (String, String)? in
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            return (String(Substring(line[..<equals])), String(Substring(line[line.index(after: equals)...])))
        }
        let read = Dictionary(pairs) { _, last in last }
        labels[text] = read
        return read
    }

    private mutating func source(_ row: borrowing SQLRow) -> DesiredSource {
        let text = text(row, .source) ?? "row"
        if let known = sources[text] { return known }
        let read = DesiredSource(text: text)
        sources[text] = read
        return read
    }

    private func suspension(_ row: borrowing SQLRow) -> Suspension? {
        text(row, .suspensionReason).map { Suspension(reason: $0, until: instant(row, .suspensionUntil)) }
    }

    private func inUseOverride(_ row: borrowing SQLRow) -> InUseOverride? {
        guard let volume = row.uuid(Column.overrideVolume.rawValue), let expires = instant(row, .overrideExpiry) else {
            return nil
        }
        return InUseOverride(
            volume: VolumeID(volume), diskSequence: integer(row, .overrideDisk).map { UInt64(bitPattern: $0) },
            reason: text(row, .overrideReason) ?? "", expiresAt: expires)
    }
}

extension DesiredSource {
    /// As the column `source` has it.
    init(text: String) {
        if text.hasPrefix("manifest:") {
            self = .manifest(file: String(text.dropFirst("manifest:".count)))
        } else if text.hasPrefix("directory:") {
            self = .directory(file: String(text.dropFirst("directory:".count)))
        } else {
            self = .row
        }
    }
}

extension SQLRow {
    /// `nil` for a column that holds no UUID.
    func uuid(_ column: Int) -> UUIDValue? { withTextBytes(column) { UUIDValue(utf8: $0) }.flatMap { $0 } }
}
