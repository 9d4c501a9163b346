/// What the tables are, in every database.
///
/// People write one of them, with any SQL client: `desired_volume_attachments`, a row for each object that is wanted. Triggers
/// keep its `generation` and see to it that a DELETE is a wish, too: the row then stands among the
/// `departing_volume_attachments`, which only Hawser changes, until what it asked for is taken down. While it stands there, no
/// other object can have its name, its volume or its export name. Both together are the view `wanted_volume_attachments`.
///
/// Whatever changes one of these tables, `suspensions`, `in_use_overrides` or `protections` adds to `desired_changes` which object
/// that was about (none for a protection): a log without a row that all writers would wait for. Its greatest number is the
/// revision of desired state.
///
/// What people read of what Hawser found are views (``StoreViews``); the tables under them are Hawser's own.
///
/// A database may be that of the daemon before Hawser, whose programs go on reading `device_mappings`, `nbd_exports` and others of
/// its tables there: none of these has the name of one of those (``namesOfOldDaemon``).
///
/// All times are whole nanoseconds since 1970 in UTC.
enum StoreSchema {
    static let version = 7

    /// The tables of the daemon before Hawser, and of the programs that share them.
    static let namesOfOldDaemon = [
        "device_mappings", "nbd_exports", "ossea_configs", "ossea_volumes", "replication_jobs", "vm_disks",
        "vm_export_mappings", "vm_replication_contexts", "volume_daemon_metrics", "volume_operation_history",
        "volume_operations",
    ]

    /// What a trigger says to who writes what it refuses. It names no object: SQLite's can only say constant words.
    enum Refusal {
        static let shrinking = "volumes never shrink: write at least the size that was written before"
        static let name = "an object of this name is still being taken down: wait until it is gone"
        static let volume = "this volume is still being taken down for another object: wait until that is gone"
        static let export = "this export name is still being taken down for another object: wait until that is gone"
        static let identity = "the id of an object never changes"
        static let replacing =
            "REPLACE would lose the object that has this name, volume or export name: use UPDATE, or DELETE it first"
    }

    /// What takes back the approval of an object's removal when it changes (BRAKE).
    static let approvedColumns = [
        "volume_id", "volume_name", "volume_zone", "vm", "attach_as", "export_name", "export_read_only", "mode",
        "deletion_policy",
    ]

    /// An object that stands in the followed directory of manifests: `;` is the sign after `:`.
    static let isFromDirectory = "source >= 'directory:' AND source < 'directory;'"
}
