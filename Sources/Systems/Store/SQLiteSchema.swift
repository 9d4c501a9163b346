import Reconciliation
import SQL

/// The tables in a file of SQLite's, and how an older file becomes a newer one, in one transaction.
///
/// ``StoreSchema`` tells what they are for.
enum SQLiteSchema {
    /// Brings the file to the present version.
    static func migrate(_ database: any SQLConnection) throws {
        try database.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT")
        try database.transaction { () throws in
            let found = Int(try database.run("SELECT max(version) FROM schema_version").first?.first?.integer ?? 0)
            if found > StoreSchema.version {
                throw StoreError.tooNew(found: found, understood: StoreSchema.version)
            }
            guard found < StoreSchema.version else { return }
            for step in steps[found...] { try database.execute(step) }
            try database.run("INSERT INTO schema_version VALUES (?)", [.integer(Int64(StoreSchema.version))])
        } wrap: {
            $0
        }
    }

    /// What makes each version from the one before; a step that has once been released is never changed.
    static let steps = [first, second, third, fourth, fifth, sixth, seventh]

    /// What lies beside the objects puts them before the loop whoever changes it; a status carries a fingerprint of what was
    /// written with it; and the objects of the followed directory, and those that were forgotten since, are found without reading all.
    private static let fourth = """
        ALTER TABLE status ADD COLUMN fingerprint INTEGER;
        CREATE INDEX forgotten_revisions ON forgotten_attachments (revision);
        CREATE INDEX desired_from_directory ON desired_volume_attachments (name)
            WHERE source GLOB 'directory:*' AND departing = 0;
        \(["suspensions", "in_use_overrides"].map(touching).joined())
        \(["INSERT", "UPDATE", "DELETE"].map(raisingRevision).joined())
        """

    /// BRAKE: a removal that was approved, for as long as the object stays what it was then, and the steps of those that were
    /// not.
    private static let fifth = """
        ALTER TABLE desired_volume_attachments ADD COLUMN removal_approved INTEGER NOT NULL DEFAULT 0
            CHECK (removal_approved IN (0, 1));
        DROP TRIGGER desired_updated;
        CREATE TRIGGER desired_updated AFTER UPDATE OF name, volume_id, volume_name, volume_zone, volume_size_in_bytes,
            template_name, template_size_in_bytes, template_disk_offering, template_zone, vm, attach_as, export_name,
            export_read_only, detach_when_in_use, mode, deletion_policy, deletion_grace_seconds, labels, source, departing
            ON desired_volume_attachments
        BEGIN
            UPDATE desired_revision SET value = value + 1;
            UPDATE desired_volume_attachments
                SET generation = old.generation + 1, revision = (SELECT value FROM desired_revision),
                    removal_approved = CASE WHEN new.volume_id IS old.volume_id AND new.volume_name IS old.volume_name
                        AND new.volume_zone IS old.volume_zone AND new.vm IS old.vm AND new.attach_as IS old.attach_as
                        AND new.export_name IS old.export_name AND new.export_read_only IS old.export_read_only
                        AND new.mode IS old.mode AND new.deletion_policy IS old.deletion_policy
                        AND new.departing IS old.departing THEN old.removal_approved ELSE 0 END,
                    departing_since = CASE WHEN new.departing = 0 THEN NULL
                        ELSE coalesce(old.departing_since, \(now)) END
                WHERE id = new.id;
        END;
        CREATE TRIGGER desired_approved AFTER UPDATE OF removal_approved ON desired_volume_attachments
            WHEN old.removal_approved <> new.removal_approved
        BEGIN
            UPDATE desired_revision SET value = value + 1;
            UPDATE desired_volume_attachments SET revision = (SELECT value FROM desired_revision) WHERE id = new.id;
        END;
        CREATE INDEX desired_approvals ON desired_volume_attachments (id) WHERE removal_approved = 1 AND departing = 0;
        ALTER TABLE ledger ADD COLUMN counts_as_removal INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX ledger_removals ON ledger (at) WHERE counts_as_removal = 1;
        """

    /// How often in a row somebody undid what Hawser did: a restart does not begin the fight anew.
    private static let sixth = """
        ALTER TABLE status ADD COLUMN contest_machine TEXT;
        ALTER TABLE status ADD COLUMN contest_stood_since INTEGER;
        ALTER TABLE status ADD COLUMN contest_undone_at INTEGER;
        ALTER TABLE status ADD COLUMN contest_times INTEGER;
        """

    private static func raisingRevision(_ event: String) -> String {
        """
        CREATE TRIGGER protections_\(event.lowercased()) AFTER \(event) ON protections BEGIN
            UPDATE desired_revision SET value = value + 1;
        END;

        """
    }

    /// Triggers that put an object before the loop again, although what is wanted has not changed.
    private static func touching(_ table: String) -> String {
        [("INSERT", "new"), ("UPDATE", "new"), ("DELETE", "old")].map { event, row in
            """
            CREATE TRIGGER \(table)_\(event.lowercased()) AFTER \(event) ON \(table) BEGIN
                UPDATE desired_revision SET value = value + 1;
                UPDATE desired_volume_attachments SET revision = (SELECT value FROM desired_revision)
                    WHERE id = \(row).attachment;
            END;

            """
        }.joined()
    }

    /// Modes, sizes, deletion of data, and what people allow or forbid beside the objects: kept apart from them, so that
    /// applying an object again changes none of it.
    private static let third = """
        ALTER TABLE desired_volume_attachments ADD COLUMN volume_size_in_bytes INTEGER
            CHECK (volume_size_in_bytes > 0);
        ALTER TABLE desired_volume_attachments ADD COLUMN attach_as TEXT NOT NULL DEFAULT 'Data';
        ALTER TABLE desired_volume_attachments ADD COLUMN mode TEXT NOT NULL DEFAULT 'Enforce';
        ALTER TABLE desired_volume_attachments ADD COLUMN deletion_policy TEXT NOT NULL DEFAULT 'Retain';
        ALTER TABLE desired_volume_attachments ADD COLUMN deletion_grace_seconds INTEGER NOT NULL DEFAULT 86400
            CHECK (deletion_grace_seconds >= 0);
        ALTER TABLE desired_volume_attachments ADD COLUMN departing_since INTEGER;

        DROP TRIGGER desired_updated;
        CREATE TRIGGER desired_updated AFTER UPDATE OF name, volume_id, volume_name, volume_zone, volume_size_in_bytes,
            template_name, template_size_in_bytes, template_disk_offering, template_zone, vm, attach_as, export_name,
            export_read_only, detach_when_in_use, mode, deletion_policy, deletion_grace_seconds, labels, source, departing
            ON desired_volume_attachments
        BEGIN
            UPDATE desired_revision SET value = value + 1;
            UPDATE desired_volume_attachments
                SET generation = old.generation + 1, revision = (SELECT value FROM desired_revision),
                    departing_since = CASE WHEN new.departing = 0 THEN NULL
                        ELSE coalesce(old.departing_since, \(now)) END
                WHERE id = new.id;
        END;
        DROP TRIGGER desired_deleted;
        CREATE TRIGGER desired_deleted AFTER DELETE ON desired_volume_attachments WHEN old.departing = 0 BEGIN
            INSERT INTO desired_volume_attachments (id, name, volume_id, volume_name, volume_zone, volume_size_in_bytes,
                template_name, template_size_in_bytes, template_disk_offering, template_zone, vm, attach_as, export_name,
                export_read_only, detach_when_in_use, mode, deletion_policy, deletion_grace_seconds, labels, source,
                departing, departing_since, generation)
            VALUES (old.id, old.name, old.volume_id, old.volume_name, old.volume_zone, old.volume_size_in_bytes,
                old.template_name, old.template_size_in_bytes, old.template_disk_offering, old.template_zone, old.vm,
                old.attach_as, old.export_name, old.export_read_only, old.detach_when_in_use, old.mode,
                old.deletion_policy, old.deletion_grace_seconds, old.labels, old.source, 1, \(now), old.generation + 1);
        END;
        CREATE TRIGGER desired_never_shrinks BEFORE UPDATE OF volume_size_in_bytes, template_size_in_bytes
            ON desired_volume_attachments
            WHEN new.volume_size_in_bytes < old.volume_size_in_bytes
                OR new.template_size_in_bytes < old.template_size_in_bytes
        BEGIN
            SELECT RAISE(ABORT, 'volumes never shrink: write at least the size that was written before');
        END;

        CREATE TABLE suspensions (
            attachment TEXT NOT NULL PRIMARY KEY,
            reason TEXT NOT NULL,
            until INTEGER
        ) STRICT;
        CREATE TABLE in_use_overrides (
            attachment TEXT NOT NULL PRIMARY KEY,
            volume TEXT NOT NULL,
            disk_sequence INTEGER,
            reason TEXT NOT NULL,
            expires_at INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE protections (volume TEXT NOT NULL PRIMARY KEY, reason TEXT NOT NULL) STRICT;
        """

    /// Whole nanoseconds since 1970, from a clock that gives milliseconds (SQLite, "Date And Time Functions").
    static let now = "CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000000"

    /// Where each attachment was last seen to be, for people and programs that read the store.
    private static let second = """
        CREATE TABLE device_mappings (
            attachment TEXT NOT NULL PRIMARY KEY,
            volume TEXT NOT NULL,
            serial TEXT,
            kernel_name TEXT NOT NULL,
            path TEXT NOT NULL,
            by_id_link TEXT,
            device_number TEXT NOT NULL,
            disk_sequence INTEGER,
            size_in_bytes INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE exports (
            attachment TEXT NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            volume TEXT NOT NULL,
            read_only INTEGER NOT NULL,
            live INTEGER NOT NULL,
            clients INTEGER
        ) STRICT;
        """

    private static let first = """
        CREATE TABLE desired_volume_attachments (
            id TEXT NOT NULL PRIMARY KEY DEFAULT (lower(
                hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-8' ||
                substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))) CHECK (length(id) = 36),
            name TEXT NOT NULL UNIQUE,
            volume_id TEXT,
            volume_name TEXT,
            volume_zone TEXT,
            template_name TEXT,
            template_size_in_bytes INTEGER CHECK (template_size_in_bytes > 0),
            template_disk_offering TEXT,
            template_zone TEXT,
            vm TEXT NOT NULL DEFAULT 'self',
            export_name TEXT,
            export_read_only INTEGER NOT NULL DEFAULT 0 CHECK (export_read_only IN (0, 1)),
            detach_when_in_use TEXT NOT NULL DEFAULT 'Wait',
            labels TEXT NOT NULL DEFAULT '',
            source TEXT NOT NULL DEFAULT 'row',
            departing INTEGER NOT NULL DEFAULT 0 CHECK (departing IN (0, 1)),
            generation INTEGER NOT NULL DEFAULT 1,
            revision INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE UNIQUE INDEX desired_export_names ON desired_volume_attachments (export_name)
            WHERE export_name IS NOT NULL;
        CREATE UNIQUE INDEX desired_volumes ON desired_volume_attachments (volume_id) WHERE volume_id IS NOT NULL;
        CREATE INDEX desired_revisions ON desired_volume_attachments (revision);
        CREATE TABLE desired_revision (value INTEGER NOT NULL) STRICT;
        INSERT INTO desired_revision VALUES (0);
        CREATE TABLE forgotten_attachments (id TEXT NOT NULL PRIMARY KEY, revision INTEGER NOT NULL) STRICT;

        CREATE TRIGGER desired_inserted AFTER INSERT ON desired_volume_attachments BEGIN
            UPDATE desired_revision SET value = value + 1;
            UPDATE desired_volume_attachments SET revision = (SELECT value FROM desired_revision) WHERE id = new.id;
        END;
        CREATE TRIGGER desired_updated AFTER UPDATE OF name, volume_id, volume_name, volume_zone, template_name,
            template_size_in_bytes, template_disk_offering, template_zone, vm, export_name, export_read_only,
            detach_when_in_use, labels, source, departing ON desired_volume_attachments
        BEGIN
            UPDATE desired_revision SET value = value + 1;
            UPDATE desired_volume_attachments
                SET generation = old.generation + 1, revision = (SELECT value FROM desired_revision) WHERE id = new.id;
        END;
        -- A deleted row is a wish: the object departs, and is forgotten when its export and attachment are gone.
        CREATE TRIGGER desired_deleted AFTER DELETE ON desired_volume_attachments WHEN old.departing = 0 BEGIN
            INSERT INTO desired_volume_attachments (id, name, volume_id, volume_name, volume_zone, template_name,
                template_size_in_bytes, template_disk_offering, template_zone, vm, export_name, export_read_only,
                detach_when_in_use, labels, source, departing, generation)
            VALUES (old.id, old.name, old.volume_id, old.volume_name, old.volume_zone, old.template_name,
                old.template_size_in_bytes, old.template_disk_offering, old.template_zone, old.vm, old.export_name,
                old.export_read_only, old.detach_when_in_use, old.labels, old.source, 1, old.generation + 1);
        END;
        CREATE TRIGGER desired_forgotten AFTER DELETE ON desired_volume_attachments WHEN old.departing = 1 BEGIN
            UPDATE desired_revision SET value = value + 1;
            INSERT OR REPLACE INTO forgotten_attachments VALUES (old.id, (SELECT value FROM desired_revision));
        END;

        CREATE TABLE bindings (attachment TEXT NOT NULL PRIMARY KEY, volume TEXT NOT NULL) STRICT;
        CREATE TABLE ledger (
            line INTEGER PRIMARY KEY AUTOINCREMENT,
            intent TEXT NOT NULL,
            attachment TEXT NOT NULL,
            verb TEXT NOT NULL,
            volume TEXT,
            machine TEXT,
            name TEXT,
            job TEXT,
            phase TEXT NOT NULL,
            remedy TEXT,
            failure TEXT,
            at INTEGER NOT NULL,
            evidence TEXT NOT NULL
        ) STRICT;
        CREATE INDEX ledger_intents ON ledger (intent);
        CREATE INDEX ledger_attachments ON ledger (attachment);
        CREATE TABLE open_intents (intent TEXT NOT NULL PRIMARY KEY) STRICT;
        CREATE TABLE status (
            attachment TEXT NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            generation INTEGER NOT NULL,
            ready INTEGER NOT NULL,
            reason TEXT NOT NULL,
            message TEXT NOT NULL,
            since INTEGER NOT NULL,
            volume TEXT,
            cloudstack TEXT NOT NULL,
            device TEXT NOT NULL,
            export TEXT NOT NULL
        ) STRICT;
        CREATE TABLE events (
            line INTEGER PRIMARY KEY AUTOINCREMENT,
            at INTEGER NOT NULL,
            attachment TEXT,
            name TEXT NOT NULL,
            severity TEXT NOT NULL,
            reason TEXT NOT NULL,
            message TEXT NOT NULL
        ) STRICT;
        CREATE INDEX event_attachments ON events (attachment);
        CREATE TABLE drifts (
            attachment TEXT NOT NULL,
            name TEXT NOT NULL,
            world TEXT NOT NULL,
            kind TEXT NOT NULL,
            wanted TEXT NOT NULL,
            observed TEXT NOT NULL,
            seen_at INTEGER NOT NULL,
            ended_at INTEGER,
            repaired_by TEXT NOT NULL,
            PRIMARY KEY (attachment, world, kind, seen_at)
        ) STRICT;
        """
}
