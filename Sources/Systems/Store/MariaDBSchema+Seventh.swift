extension MariaDBSchema {
    /// The first version in this database: the numbers are those of the store's layout, whatever it lies in.
    static let seventh = tables + [view] + views + triggers

    // MARK: Tables

    private struct Column {
        var name: String
        var type: String
        var standard: String?
        var comment: String

        init(_ name: String, _ type: String, _ comment: String) {
            self.init(name, type, nil, comment)
        }

        init(_ name: String, _ type: String, _ standard: String?, _ comment: String) {
            self.name = name
            self.type = type
            self.standard = standard
            self.comment = comment
        }

        /// - Parameter hasStandard: whether a row may leave it out.
        func definition(hasStandard: Bool = true) -> String {
            let text = standard.map { hasStandard ? " DEFAULT \($0)" : "" } ?? ""
            return "\(name) \(type)\(text) COMMENT '\(comment)'"
        }
    }

    /// What people write, and what departs as it was written.
    private static let written = [
        Column("name", "VARCHAR(255) NOT NULL", "the name of the object: small letters, digits, - and ."),
        Column("volume_id", "VARCHAR(64)", "which volume: the id that CloudStack gave it"),
        Column(
            "volume_name", "VARCHAR(255)", "which volume: a name that is the only one in its zone; with volume_zone"),
        Column("volume_zone", "VARCHAR(255)", "the id or name of the zone of volume_name"),
        Column("volume_size_in_bytes", "BIGINT", "the volume is to have at least this size: whole GiB; it only grows"),
        Column("template_name", "VARCHAR(255)", "how a volume that is made is called; the name of the object if NULL"),
        Column("template_size_in_bytes", "BIGINT", "the size of a volume that is made: whole GiB"),
        Column(
            "template_disk_offering", "VARCHAR(255)",
            "a volume is made once: the id or name of its disk offering; with template_zone"),
        Column("template_zone", "VARCHAR(255)", "the id or name of the zone in which a volume is made"),
        Column("vm", "VARCHAR(255) NOT NULL", "'self'", "where it is attached: self, or the id or name of a machine"),
        Column("attach_as", "VARCHAR(16) NOT NULL", "'Data'", "Data or Root"),
        Column("export_name", "VARCHAR(255)", "the name that NBD clients use; NULL: it is only attached"),
        Column("export_read_only", "BOOLEAN NOT NULL", "0", "1: clients may not write"),
        Column("detach_when_in_use", "VARCHAR(16) NOT NULL", "'Wait'", "Wait: what is in use stays until it is idle"),
        Column("mode", "VARCHAR(16) NOT NULL", "'Enforce'", "Enforce, or Observe: what differs is only reported"),
        Column(
            "deletion_policy", "VARCHAR(16) NOT NULL", "'Retain'",
            "Retain, or Delete: the data of a volume that Hawser made goes with the object"),
        Column("deletion_grace_seconds", "BIGINT NOT NULL", "86400", "how long the data stays all the same"),
        Column("labels", "TEXT NOT NULL", "''", "texts of your own: lines of key=value"),
        Column("source", "TEXT NOT NULL", "'row'", "where it was written: row, manifest:FILE or directory:FILE"),
    ]

    private static let kept = [
        Column("removal_approved", "BOOLEAN NOT NULL", "0", "kept by Hawser: 1: somebody approved what is taken away"),
        Column("generation", "BIGINT NOT NULL", "1", "kept by triggers: goes up when what is wanted changes"),
        Column("updated_at", "BIGINT NOT NULL", now, "kept by triggers: nanoseconds since 1970 (UTC)"),
    ]

    private static let id = Column("id", "VARCHAR(36) NOT NULL", "(uuid())", "the object: a UUID, given by itself")

    private static func table(_ name: String, _ comment: String, _ parts: [String]) -> String {
        "CREATE TABLE IF NOT EXISTS \(name) (\n    \(parts.joined(separator: ",\n    "))\n) \(options) COMMENT '\(comment)'"
    }

    private static func table(_ name: String, _ comment: String, _ columns: [Column], _ keys: [String]) -> String {
        table(name, comment, columns.map { $0.definition() } + keys)
    }

    private static let attachment = Column("attachment", "VARCHAR(36) NOT NULL", "the id of the object")

    private static let tables = [
        table(
            "desired_volume_attachments", "what is wanted: a row for each volume attachment; write it as you like",
            ([id] + written + kept).map { $0.definition() } + [
                "PRIMARY KEY (id)",
                "UNIQUE KEY \"name is taken by another object\" (name)",
                "UNIQUE KEY \"volume_id is taken by another object\" (volume_id)",
                "UNIQUE KEY \"export_name is taken by another object\" (export_name)",
                "KEY by_source (source(32))",
                """
                CONSTRAINT "id is a UUID in small letters"
                        CHECK (id REGEXP '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')
                """,
                "CONSTRAINT \"volume_size_in_bytes is more than 0\" CHECK (volume_size_in_bytes > 0)",
                "CONSTRAINT \"template_size_in_bytes is more than 0\" CHECK (template_size_in_bytes > 0)",
                "CONSTRAINT \"attach_as is Data or Root\" CHECK (attach_as IN ('Data', 'Root'))",
                "CONSTRAINT \"export_read_only is 0 or 1\" CHECK (export_read_only IN (0, 1))",
                "CONSTRAINT \"detach_when_in_use is Wait\" CHECK (detach_when_in_use = 'Wait')",
                "CONSTRAINT \"mode is Enforce or Observe\" CHECK (mode IN ('Enforce', 'Observe'))",
                "CONSTRAINT \"deletion_policy is Retain or Delete\" CHECK (deletion_policy IN ('Retain', 'Delete'))",
                "CONSTRAINT \"deletion_grace_seconds is 0 or more\" CHECK (deletion_grace_seconds >= 0)",
                "CONSTRAINT \"removal_approved is 0 or 1\" CHECK (removal_approved IN (0, 1))",
            ]),
        table(
            "departing_volume_attachments", "what was deleted and is being taken down; only Hawser writes it",
            [id.definition(hasStandard: false)] + written.map { $0.definition(hasStandard: false) }
                + kept.map { $0.definition() } + [
                    "departing_since BIGINT NOT NULL COMMENT 'when it was deleted: nanoseconds since 1970 (UTC)'",
                    "PRIMARY KEY (id)", "KEY by_name (name)", "KEY by_volume (volume_id)",
                    "KEY by_export_name (export_name)",
                ]),
        table(
            "desired_changes", "what changed in desired state, in the order in which it was written; kept by triggers",
            [
                Column("revision", "BIGINT NOT NULL AUTO_INCREMENT", "the number of the change"),
                Column("attachment", "VARCHAR(36)", "the id of the object; NULL: something that is about no object"),
                Column("at", "BIGINT NOT NULL", now, "nanoseconds since 1970 (UTC)"),
            ], ["PRIMARY KEY (revision)"]),
        table(
            "suspensions", "objects that are set aside: what differs is reported, and nothing is touched",
            [
                attachment, Column("reason", "TEXT NOT NULL", "why"),
                Column("until", "BIGINT", "until when: nanoseconds since 1970 (UTC); NULL: until somebody resumes it"),
            ], ["PRIMARY KEY (attachment)"]),
        table(
            "in_use_overrides", "one removal each that a person allows although the volume is in use",
            [
                attachment, Column("volume", "VARCHAR(36) NOT NULL", "the volume"),
                Column("disk_sequence", "BIGINT", "the sequence number of the disk that was shown"),
                Column("reason", "TEXT NOT NULL", "why"),
                Column("expires_at", "BIGINT NOT NULL", "nanoseconds since 1970 (UTC)"),
            ], ["PRIMARY KEY (attachment)"]),
        table(
            "protections", "volumes whose data must not be deleted",
            [
                Column("volume", "VARCHAR(36) NOT NULL", "the id of the volume"),
                Column("reason", "TEXT NOT NULL", "why"),
            ], ["PRIMARY KEY (volume)"]),
        table(
            "bindings", "which volume an object has that does not name it by its id",
            [attachment, Column("volume", "VARCHAR(36) NOT NULL", "the id of the volume")], ["PRIMARY KEY (attachment)"]
        ),
        table(
            "ledger", "what Hawser did: each effect is written here before it is had, and when it has ended",
            [
                Column("line", "BIGINT NOT NULL AUTO_INCREMENT", "the order of the lines"),
                Column("intent", "VARCHAR(36) NOT NULL", "all lines of one effect share it"), attachment,
                Column("verb", "VARCHAR(32) NOT NULL", "what is done"),
                Column("volume", "VARCHAR(36)", "to which volume"),
                Column("machine", "VARCHAR(36)", "to or from which machine"),
                Column("name", "TEXT", "an export name, the name of a new volume, or a size in bytes"),
                Column("job", "VARCHAR(36)", "the id of the job in CloudStack"),
                Column("phase", "VARCHAR(32) NOT NULL", "intended, accepted, or how it ended"),
                Column("remedy", "VARCHAR(64)", "of a failure: what to do next"),
                Column("failure", "MEDIUMTEXT", "of a failure: what was said"),
                Column("at", "BIGINT NOT NULL", "nanoseconds since 1970 (UTC)"),
                Column("evidence", "MEDIUMTEXT NOT NULL", "what was looked at before, or seen after it"),
                Column("counts_as_removal", "BOOLEAN NOT NULL", "0", "1: a step of a removal that nobody has approved"),
            ],
            [
                "PRIMARY KEY (line)", "UNIQUE KEY \"line is there already\" (intent, phase, at)",
                "KEY by_attachment (attachment)", "KEY by_removal (counts_as_removal, at)",
            ]),
        table(
            "open_intents", "effects that are not known to have ended",
            [Column("intent", "VARCHAR(36) NOT NULL", "see ledger")], ["PRIMARY KEY (intent)"]),
        table(
            "status", "what is known of each object; only Hawser writes it",
            [
                attachment, Column("name", "TEXT NOT NULL", "its name"),
                Column("generation", "BIGINT NOT NULL", "of which generation of the object this is said"),
                Column("ready", "BOOLEAN NOT NULL", "1: everything is as it is wanted"),
                Column("reason", "VARCHAR(128) NOT NULL", "why not, in a word"),
                Column("message", "MEDIUMTEXT NOT NULL", "why not, in a sentence"),
                Column("since", "BIGINT NOT NULL", "nanoseconds since 1970 (UTC)"),
                Column("volume", "VARCHAR(36)", "the id of the volume"),
                Column("cloudstack", "TEXT NOT NULL", "where it is in CloudStack"),
                Column("device", "TEXT NOT NULL", "which disk it is here"),
                Column("export", "TEXT NOT NULL", "how its export is"),
                Column("fingerprint", "BIGINT", "of all that was written with it"),
                Column(
                    "contest_machine", "VARCHAR(36)",
                    "somebody undoes what Hawser does: to which machine it was brought"),
                Column("contest_stood_since", "BIGINT", "since when it stood there: nanoseconds since 1970 (UTC)"),
                Column("contest_undone_at", "BIGINT", "when it was undone last: nanoseconds since 1970 (UTC)"),
                Column("contest_times", "BIGINT", "how often"),
                Column(
                    "mover", "VARCHAR(32) NOT NULL", "''",
                    "whose move it is: hawser, cloudstack, kernel, export-server, clients or person; empty when ready"),
                Column("next", "TEXT NOT NULL", "''", "what happens next, in a sentence"),
            ], ["PRIMARY KEY (attachment)"]),
        table(
            "observed_devices", "which disk of the appliance a volume is; only Hawser writes it",
            [
                attachment, Column("volume", "VARCHAR(36) NOT NULL", "the id of the volume"),
                Column("serial", "VARCHAR(64)", "what the disk says of itself: the first 20 digits of the id"),
                Column("kernel_name", "VARCHAR(255) NOT NULL", "vdb"), Column("path", "TEXT NOT NULL", "/dev/vdb"),
                Column("by_id_link", "TEXT", "/dev/disk/by-id/virtio-…"),
                Column("device_number", "VARCHAR(64) NOT NULL", "major:minor"),
                Column("disk_sequence", "BIGINT", "never given to another disk while the machine runs"),
                Column("size_in_bytes", "BIGINT NOT NULL", "as the kernel says"),
            ], ["PRIMARY KEY (attachment)"]),
        table(
            "observed_exports", "what NBD clients can connect to; only Hawser writes it",
            [
                attachment, Column("name", "VARCHAR(255) NOT NULL", "the name that NBD clients use"),
                Column("volume", "VARCHAR(36) NOT NULL", "the id of the volume"),
                Column("read_only", "BOOLEAN NOT NULL", "1: clients may not write"),
                Column("live", "BOOLEAN NOT NULL", "1: the server offers it"),
                Column("clients", "BIGINT", "how many are connected; NULL: unknown"),
            ], ["PRIMARY KEY (attachment)"]),
        table(
            "recorded_events", "what happened; only Hawser writes it",
            [
                Column("line", "BIGINT NOT NULL AUTO_INCREMENT", "the order of the events"),
                Column("at", "BIGINT NOT NULL", "nanoseconds since 1970 (UTC)"),
                Column("attachment", "VARCHAR(36)", "the id of the object; NULL: the node as a whole"),
                Column("name", "TEXT NOT NULL", "its name"),
                Column("severity", "VARCHAR(16) NOT NULL", "Normal or Warning"),
                Column("reason", "VARCHAR(128) NOT NULL", "in a word"),
                Column("message", "MEDIUMTEXT NOT NULL", "in a sentence"),
            ], ["PRIMARY KEY (line)", "KEY by_attachment (attachment)", "KEY by_time (at, name(64))"]),
        table(
            "recorded_drifts", "differences between what is wanted and what is; only Hawser writes it",
            [
                attachment, Column("name", "TEXT NOT NULL", "the name of the object"),
                Column("world", "VARCHAR(32) NOT NULL", "where it was seen"),
                Column("kind", "VARCHAR(64) NOT NULL", "what differs"),
                Column("wanted", "MEDIUMTEXT NOT NULL", "what is wanted"),
                Column("observed", "MEDIUMTEXT NOT NULL", "what is"),
                Column("seen_at", "BIGINT NOT NULL", "nanoseconds since 1970 (UTC)"),
                Column("ended_at", "BIGINT", "nanoseconds since 1970 (UTC); NULL: it is there"),
                Column("repaired_by", "TEXT NOT NULL", "which step ended it"),
            ], ["PRIMARY KEY (attachment, world, kind, seen_at)", "KEY by_end (ended_at)"]),
        table(
            "node_leases", "which daemon may act for a node; only Hawser writes it",
            [
                Column("node", "VARCHAR(255) NOT NULL", "the node"),
                Column("epoch", "BIGINT NOT NULL", "goes up with every taking"),
                Column("nonce", "VARCHAR(36) NOT NULL", "chosen by the taker: epoch and nonce are the holding"),
                Column("holder", "TEXT NOT NULL", "which process, for people"),
                Column("beat", "BIGINT NOT NULL", "goes up while the holder lives"),
                Column(
                    "lifetime", "BIGINT NOT NULL", "nanoseconds after which a holder that does not beat has lost it"),
                Column("released", "BOOLEAN NOT NULL", "0", "1: it can be taken at once"),
                Column("taken_at", "BIGINT NOT NULL", "by the clock of the server, for people: nanoseconds since 1970"),
                Column(
                    "renewed_at", "BIGINT NOT NULL", "by the clock of the server, for people: nanoseconds since 1970"),
            ], ["PRIMARY KEY (node)"]),
    ]

    // MARK: View

    private static let columns = (["id"] + (written + kept).map(\.name)).joined(separator: ", ")

    private static let view = """
        CREATE OR REPLACE VIEW wanted_volume_attachments AS
            SELECT \(columns), 0 AS departing, NULL AS departing_since FROM desired_volume_attachments
            UNION ALL
            SELECT \(columns), 1, departing_since FROM departing_volume_attachments
        """

    /// Into a temporary table, so that a view of one table cannot be written either.
    private static let views = StoreViews { nanoseconds in
        "CAST(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL (\(nanoseconds)) DIV 1000 MICROSECOND AS DATETIME(3))"
    }.all.map { "CREATE OR REPLACE ALGORITHM = TEMPTABLE VIEW \($0.name) AS \($0.selection)" }

    // MARK: Triggers

    private static func trigger(_ name: String, _ event: String, _ table: String, _ statements: [String]) -> String {
        """
        CREATE OR REPLACE TRIGGER \(name) \(event) ON \(table) FOR EACH ROW BEGIN
            \(statements.map { "\($0);" }.joined(separator: "\n    "))
        END
        """
    }

    private static func refusal(_ condition: String, _ words: String) -> String {
        "IF \(condition) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '\(words)'; END IF"
    }

    private static func logging(_ object: String) -> String {
        "INSERT INTO desired_changes (attachment) VALUES (\(object))"
    }

    private static func same(_ columns: [String]) -> String {
        columns.map { "NEW.\($0) <=> OLD.\($0)" }.joined(separator: " AND ")
    }

    /// After the row was written: then whoever deleted another row with the same name has committed, and a read that locks sees
    /// that whatever this transaction has seen before.
    private static let refusingWhatDeparts = [
        ("id = NEW.id", StoreSchema.Refusal.name),
        ("name = NEW.name", StoreSchema.Refusal.name),
        ("volume_id = NEW.volume_id", StoreSchema.Refusal.volume),
        ("export_name = NEW.export_name", StoreSchema.Refusal.export),
    ].map { condition, words in
        refusal(
            "EXISTS (SELECT 1 FROM departing_volume_attachments WHERE \(condition) LOCK IN SHARE MODE)", words)
    }

    private static let triggers =
        [
            trigger(
                "desired_inserted", "AFTER INSERT", "desired_volume_attachments",
                refusingWhatDeparts + [logging("NEW.id")]),
            trigger(
                "desired_updating", "BEFORE UPDATE", "desired_volume_attachments",
                [
                    refusal("NEW.id <> OLD.id", StoreSchema.Refusal.identity),
                    refusal(
                        "NEW.volume_size_in_bytes < OLD.volume_size_in_bytes "
                            + "OR NEW.template_size_in_bytes < OLD.template_size_in_bytes",
                        StoreSchema.Refusal.shrinking),
                    """
                    IF \(same(written.map(\.name))) THEN
                            SET NEW.generation = OLD.generation, NEW.updated_at = OLD.updated_at;
                        ELSE
                            SET NEW.generation = OLD.generation + 1, NEW.updated_at = \(now),
                                NEW.removal_approved = IF(\(same(StoreSchema.approvedColumns)), OLD.removal_approved, 0);
                        END IF
                    """,
                ]),
            trigger(
                "desired_updated", "AFTER UPDATE", "desired_volume_attachments",
                [
                    """
                    IF NOT (\(same(["name", "volume_id", "export_name"]))) THEN
                            \(refusingWhatDeparts.dropFirst().joined(separator: ";\n        "));
                        END IF
                    """,
                    """
                    IF NOT (\(same(["generation", "removal_approved"]))) THEN
                            \(logging("NEW.id"));
                        END IF
                    """,
                ]),
            trigger(
                "desired_deleted", "AFTER DELETE", "desired_volume_attachments",
                [
                    """
                    REPLACE INTO departing_volume_attachments (id, \(written.map(\.name).joined(separator: ", ")),
                                generation, updated_at, departing_since)
                            VALUES (OLD.id, \(written.map { "OLD.\($0.name)" }.joined(separator: ", ")),
                                OLD.generation + 1, \(now), \(now))
                    """
                ]),
        ]
        + [
            ("departing_volume_attachments", "departing", "id"), ("suspensions", "suspension", "attachment"),
            ("in_use_overrides", "override", "attachment"),
        ]
        .flatMap { table, name, column in
            [
                trigger("\(name)_inserted", "AFTER INSERT", table, [logging("NEW.\(column)")]),
                trigger("\(name)_updated", "AFTER UPDATE", table, [logging("NEW.\(column)")]),
                trigger("\(name)_deleted", "AFTER DELETE", table, [logging("OLD.\(column)")]),
            ]
        }
        + ["INSERT", "UPDATE", "DELETE"].map { event in
            trigger("protection_\(event.lowercased())", "AFTER \(event)", "protections", [logging("NULL")])
        }

    /// How many there are: fewer mean that somebody has taken one away.
    static var triggerCount: Int { triggers.count }

    /// What Hawser writes itself.
    static let writtenTables = [
        "desired_volume_attachments", "departing_volume_attachments", "desired_changes", "suspensions",
        "in_use_overrides", "protections", "bindings", "ledger", "open_intents", "status", "observed_devices",
        "observed_exports", "recorded_events", "recorded_drifts", "node_leases",
    ]
}
