extension SQLiteSchema {
    /// What is wanted and what departs stand in two tables, as in a database whose triggers cannot change their own; what
    /// changed stands in a log; and a store that several share has leases.
    static let seventh = """
        \(oldTriggers.map { "DROP TRIGGER \($0);" }.joined(separator: "\n"))
        DROP INDEX desired_export_names;
        DROP INDEX desired_volumes;
        DROP INDEX desired_revisions;
        DROP INDEX desired_from_directory;
        DROP INDEX desired_approvals;
        ALTER TABLE desired_volume_attachments RENAME TO desired_until_6;
        ALTER TABLE device_mappings RENAME TO observed_devices;
        ALTER TABLE exports RENAME TO observed_exports;
        ALTER TABLE events RENAME TO recorded_events;
        ALTER TABLE drifts RENAME TO recorded_drifts;
        ALTER TABLE status ADD COLUMN mover TEXT NOT NULL DEFAULT '';
        ALTER TABLE status ADD COLUMN next TEXT NOT NULL DEFAULT '';
        -- So that it is written anew, with these two, when it is known again.
        UPDATE status SET fingerprint = ~fingerprint WHERE ready = 0;

        CREATE TABLE desired_volume_attachments (
            id TEXT NOT NULL PRIMARY KEY DEFAULT (lower(
                hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-8' ||
                substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))) CHECK (length(id) = 36),
            name TEXT NOT NULL UNIQUE,
            volume_id TEXT,
            volume_name TEXT,
            volume_zone TEXT,
            volume_size_in_bytes INTEGER CHECK (volume_size_in_bytes > 0),
            template_name TEXT,
            template_size_in_bytes INTEGER CHECK (template_size_in_bytes > 0),
            template_disk_offering TEXT,
            template_zone TEXT,
            vm TEXT NOT NULL DEFAULT 'self',
            attach_as TEXT NOT NULL DEFAULT 'Data',
            export_name TEXT,
            export_read_only INTEGER NOT NULL DEFAULT 0 CHECK (export_read_only IN (0, 1)),
            detach_when_in_use TEXT NOT NULL DEFAULT 'Wait',
            mode TEXT NOT NULL DEFAULT 'Enforce',
            deletion_policy TEXT NOT NULL DEFAULT 'Retain',
            deletion_grace_seconds INTEGER NOT NULL DEFAULT 86400 CHECK (deletion_grace_seconds >= 0),
            labels TEXT NOT NULL DEFAULT '',
            source TEXT NOT NULL DEFAULT 'row',
            removal_approved INTEGER NOT NULL DEFAULT 0 CHECK (removal_approved IN (0, 1)),
            generation INTEGER NOT NULL DEFAULT 1,
            updated_at INTEGER NOT NULL DEFAULT (\(now))
        ) STRICT;
        CREATE TABLE departing_volume_attachments (
            id TEXT NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            volume_id TEXT,
            volume_name TEXT,
            volume_zone TEXT,
            volume_size_in_bytes INTEGER,
            template_name TEXT,
            template_size_in_bytes INTEGER,
            template_disk_offering TEXT,
            template_zone TEXT,
            vm TEXT NOT NULL,
            attach_as TEXT NOT NULL,
            export_name TEXT,
            export_read_only INTEGER NOT NULL,
            detach_when_in_use TEXT NOT NULL,
            mode TEXT NOT NULL,
            deletion_policy TEXT NOT NULL,
            deletion_grace_seconds INTEGER NOT NULL,
            labels TEXT NOT NULL,
            source TEXT NOT NULL,
            removal_approved INTEGER NOT NULL DEFAULT 0 CHECK (removal_approved IN (0, 1)),
            generation INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            departing_since INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE desired_changes (
            revision INTEGER PRIMARY KEY AUTOINCREMENT,
            attachment TEXT,
            at INTEGER NOT NULL DEFAULT (\(now))
        ) STRICT;
        CREATE TABLE replaced_rows (id TEXT NOT NULL) STRICT;
        CREATE TABLE node_leases (
            node TEXT NOT NULL PRIMARY KEY,
            epoch INTEGER NOT NULL,
            nonce TEXT NOT NULL,
            holder TEXT NOT NULL,
            beat INTEGER NOT NULL,
            lifetime INTEGER NOT NULL,
            released INTEGER NOT NULL DEFAULT 0,
            taken_at INTEGER NOT NULL,
            renewed_at INTEGER NOT NULL
        ) STRICT;

        INSERT INTO desired_volume_attachments (id, \(columns), removal_approved, generation)
            SELECT id, \(columns), removal_approved, generation FROM desired_until_6 WHERE departing = 0;
        INSERT INTO departing_volume_attachments (id, \(columns), removal_approved, generation, updated_at, departing_since)
            SELECT id, \(columns), removal_approved, generation, \(now), coalesce(departing_since, \(now))
            FROM desired_until_6 WHERE departing = 1;
        DROP TABLE desired_until_6;
        DROP TABLE forgotten_attachments;
        DROP TABLE desired_revision;
        -- So that it is never empty: what is missing before its first line was taken out of it.
        INSERT INTO desired_changes (attachment) VALUES (NULL);

        CREATE VIEW wanted_volume_attachments AS
            SELECT id, \(columns), removal_approved, generation, updated_at, 0 AS departing, NULL AS departing_since
            FROM desired_volume_attachments
            UNION ALL
            SELECT id, \(columns), removal_approved, generation, updated_at, 1, departing_since
            FROM departing_volume_attachments;
        \(views)

        CREATE UNIQUE INDEX desired_export_names ON desired_volume_attachments (export_name)
            WHERE export_name IS NOT NULL;
        CREATE UNIQUE INDEX desired_volumes ON desired_volume_attachments (volume_id) WHERE volume_id IS NOT NULL;
        CREATE INDEX desired_from_directory ON desired_volume_attachments (name) WHERE \(StoreSchema.isFromDirectory);
        CREATE INDEX desired_approvals ON desired_volume_attachments (id) WHERE removal_approved = 1;
        CREATE INDEX departing_names ON departing_volume_attachments (name);
        CREATE INDEX departing_export_names ON departing_volume_attachments (export_name);
        CREATE INDEX departing_volumes ON departing_volume_attachments (volume_id);
        CREATE INDEX event_times ON recorded_events (at, name);

        -- A REPLACE deletes what is in its way without a word to any trigger: it is noted before and missed afterwards.
        CREATE TRIGGER desired_inserting BEFORE INSERT ON desired_volume_attachments BEGIN
            DELETE FROM replaced_rows;
            INSERT INTO replaced_rows SELECT id FROM desired_volume_attachments WHERE id = new.id OR name = new.name
                OR volume_id = new.volume_id OR export_name = new.export_name;
        END;
        CREATE TRIGGER desired_inserted AFTER INSERT ON desired_volume_attachments BEGIN
            SELECT RAISE(ABORT, '\(StoreSchema.Refusal.replacing)') WHERE EXISTS (SELECT 1 FROM replaced_rows);
            \(refusingWhatDeparts)
            INSERT INTO desired_changes (attachment) VALUES (new.id);
        END;
        CREATE TRIGGER desired_identity BEFORE UPDATE OF id ON desired_volume_attachments WHEN new.id <> old.id BEGIN
            SELECT RAISE(ABORT, '\(StoreSchema.Refusal.identity)');
        END;
        CREATE TRIGGER desired_claiming BEFORE UPDATE OF name, volume_id, export_name ON desired_volume_attachments BEGIN
            DELETE FROM replaced_rows;
            INSERT INTO replaced_rows SELECT id FROM desired_volume_attachments WHERE id <> new.id AND (name = new.name
                OR volume_id = new.volume_id OR export_name = new.export_name);
        END;
        CREATE TRIGGER desired_claimed AFTER UPDATE OF name, volume_id, export_name ON desired_volume_attachments BEGIN
            SELECT RAISE(ABORT, '\(StoreSchema.Refusal.replacing)') WHERE EXISTS (SELECT 1 FROM replaced_rows);
            \(refusingWhatDeparts)
        END;
        CREATE TRIGGER desired_never_shrinks BEFORE UPDATE OF volume_size_in_bytes, template_size_in_bytes
            ON desired_volume_attachments
            WHEN new.volume_size_in_bytes < old.volume_size_in_bytes
                OR new.template_size_in_bytes < old.template_size_in_bytes
        BEGIN
            SELECT RAISE(ABORT, '\(StoreSchema.Refusal.shrinking)');
        END;
        CREATE TRIGGER desired_updated AFTER UPDATE OF \(columns) ON desired_volume_attachments
            WHEN NOT (\(same(columnNames)))
        BEGIN
            UPDATE desired_volume_attachments SET generation = old.generation + 1, updated_at = \(now),
                removal_approved = CASE WHEN \(same(StoreSchema.approvedColumns)) THEN old.removal_approved ELSE 0 END
                WHERE id = new.id;
            INSERT INTO desired_changes (attachment) VALUES (new.id);
        END;
        CREATE TRIGGER desired_approved AFTER UPDATE OF removal_approved ON desired_volume_attachments
            WHEN new.removal_approved <> old.removal_approved
        BEGIN
            INSERT INTO desired_changes (attachment) VALUES (new.id);
        END;
        CREATE TRIGGER desired_deleted AFTER DELETE ON desired_volume_attachments BEGIN
            REPLACE INTO departing_volume_attachments (id, \(columns), generation, updated_at, departing_since)
            VALUES (old.id, \(columnNames.map { "old.\($0)" }.joined(separator: ", ")), old.generation + 1, \(now), \(now));
        END;
        \(logging("departing_volume_attachments", "id"))
        \(logging("suspensions", "attachment"))
        \(logging("in_use_overrides", "attachment"))
        \(["INSERT", "UPDATE", "DELETE"].map(loggingProtection).joined(separator: "\n"))
        """

    private static let views = StoreViews { nanoseconds in
        "strftime('%Y-%m-%d %H:%M:%f', (\(nanoseconds)) / 1000000 / 1000.0, 'unixepoch')"
    }.all.map { "CREATE VIEW \($0.name) AS \($0.selection);" }.joined(separator: "\n")

    private static let oldTriggers =
        [
            "desired_inserted", "desired_updated", "desired_deleted", "desired_forgotten", "desired_never_shrinks",
            "desired_approved",
        ]
        + ["suspensions", "in_use_overrides", "protections"].flatMap { table in
            ["insert", "update", "delete"].map { "\(table)_\($0)" }
        }

    private static let columnNames = [
        "name", "volume_id", "volume_name", "volume_zone", "volume_size_in_bytes", "template_name",
        "template_size_in_bytes", "template_disk_offering", "template_zone", "vm", "attach_as", "export_name",
        "export_read_only", "detach_when_in_use", "mode", "deletion_policy", "deletion_grace_seconds", "labels",
        "source",
    ]
    private static let columns = columnNames.joined(separator: ", ")

    private static func same(_ columns: [String]) -> String {
        columns.map { "new.\($0) IS old.\($0)" }.joined(separator: " AND ")
    }

    private static let refusingWhatDeparts = [
        ("name = new.name OR id = new.id", StoreSchema.Refusal.name),
        ("volume_id = new.volume_id", StoreSchema.Refusal.volume),
        ("export_name = new.export_name", StoreSchema.Refusal.export),
    ].map { condition, words in
        "SELECT RAISE(ABORT, '\(words)') WHERE EXISTS (SELECT 1 FROM departing_volume_attachments WHERE \(condition));"
    }.joined(separator: "\n")

    /// Triggers that put an object before the loop again, whatever happens to a row of the table.
    private static func logging(_ table: String, _ column: String) -> String {
        [("INSERT", "new"), ("UPDATE", "new"), ("DELETE", "old")].map { event, row in
            """
            CREATE TRIGGER \(table)_\(event.lowercased()) AFTER \(event) ON \(table) BEGIN
                INSERT INTO desired_changes (attachment) VALUES (\(row).\(column));
            END;
            """
        }.joined(separator: "\n")
    }

    private static func loggingProtection(_ event: String) -> String {
        """
        CREATE TRIGGER protections_\(event.lowercased()) AFTER \(event) ON protections BEGIN
            INSERT INTO desired_changes (attachment) VALUES (NULL);
        END;
        """
    }
}
